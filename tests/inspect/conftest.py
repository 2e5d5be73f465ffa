"""The suite inspects the models that tests/runtime runs, with its tools."""
import importlib.util
import pathlib
import sys

RUNTIME = pathlib.Path(__file__).resolve().parents[1] / "runtime"
sys.path.append(str(RUNTIME))

spec = importlib.util.spec_from_file_location("runtime_conftest", RUNTIME / "conftest.py")
runtime = importlib.util.module_from_spec(spec)
spec.loader.exec_module(runtime)
pytest_configure = runtime.pytest_configure
