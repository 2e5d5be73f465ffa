"""The tools of the runtime suite are this suite's, too; so are its models."""
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "runtime"))
import tools  # noqa: E402


def pytest_configure(config):
    if not os.access(tools.OCTAVO, os.X_OK):
        pytest.exit("%s is not there: build it first (cmake --preset release && cmake --build --preset release), "
                    "or name it in OCTAVO" % tools.OCTAVO, returncode=2)
    if "OCTAVO_MODELS" in os.environ:
        return  # made before
    made = subprocess.run([sys.executable, str(tools.REPO / "tests" / "models" / "layer_models.py")])
    if made.returncode:
        pytest.exit("tests/models/layer_models.py failed", returncode=2)
