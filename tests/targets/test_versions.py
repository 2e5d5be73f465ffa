"""The same tests with older releases of ONNX Runtime."""
import pathlib
import subprocess

import pytest

REPO = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.long
@pytest.mark.parametrize("version", ["1.20.1", "1.22.1", "1.23.2", "1.28.0", "1.31.1"])
def test_version(version):
    folder = REPO / "build" / ("venv-onnxruntime-" + version)
    if not (folder / "made").exists():
        subprocess.run(["/usr/bin/python3", "-m", "venv", "--clear", str(folder)], check=True)
        packages = ["onnxruntime==" + version, "onnx", "numpy", "pytest"]
        pip = subprocess.run([folder / "bin/pip", "install", "-q", "--disable-pip-version-check", *packages])
        if pip.returncode:
            pytest.skip("onnxruntime %s is not to be had from PyPI here" % version)
        (folder / "made").touch()
    command = [folder / "bin/python", "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", "--tb=short",
               str(pathlib.Path(__file__).parent)]
    assert subprocess.run(command).returncode == 0
