"""The models in older releases of ONNX Runtime: the oldest that docs/onnxruntime.md names, and one between."""
import os
import pathlib
import subprocess
import sys

import pytest

import tools

# docs/onnxruntime.md, "Releases": a window at the end of an image of open size, up to 1.28.
KNOWN = ("test_layers.py::test_open_sizes[float_avg_pool2d_ceil]",)
SUITES = ("test_layers.py", "test_flows.py", "test_random_models.py", "test_torchvision.py")


@pytest.mark.long
@pytest.mark.parametrize("version", ["1.22.1", "1.28.0"])
def test_release(version, tmp_path):
    folder = tools.REPO / "build" / ("onnxruntime-" + version)
    if not (folder / "made").exists():  # beside this environment's own packages, among them PyTorch
        pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--upgrade", "--target", str(folder)]
        if subprocess.run([*pip, "onnxruntime==" + version]).returncode:
            pytest.skip("onnxruntime %s is not to be had from PyPI here" % version)
        (folder / "made").touch()
    here = pathlib.Path(__file__).parent
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", "--tb=short"]
    command += ["--deselect=runtime/" + test for test in KNOWN]  # from tests/, which has pytest.ini
    command += [str(here / suite) for suite in SUITES]
    run = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(folder), "OCTAVO_REPORTS": str(tmp_path)})
    assert run.returncode == 0
