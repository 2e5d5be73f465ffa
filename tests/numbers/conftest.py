"""Makes the models that the tests need, once, before the tests are listed."""
import os
import pathlib
import subprocess
import sys

import pytest

import reference


def pytest_configure(config):
    if not os.access(reference.PROGRAM, os.X_OK):
        pytest.exit("%s is not there: build it first (cmake --preset release && cmake --build --preset release), "
                    "or name it in OCTAVO_REFERENCE_CASES" % reference.PROGRAM, returncode=2)
    if "OCTAVO_MODELS" in os.environ:
        return
    script = pathlib.Path(__file__).resolve().parents[1] / "models" / "layer_models.py"
    if subprocess.run([sys.executable, str(script)]).returncode:
        pytest.exit("tests/models/layer_models.py failed", returncode=2)
