"""Needs a Python with PyTorch for x86 from PyPI: build/venv-newest, which scripts/test --pytorch makes, or OCTAVO_PYTORCH."""
import os
import pathlib
import subprocess
import sys

import pytest

REPO = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / "tests" / "runtime"))
sys.path.insert(0, str(REPO / "tests" / "models"))


def pytest_configure(config):
    python = pathlib.Path(os.environ.get("OCTAVO_PYTORCH", REPO / "build" / "venv-newest" / "bin" / "python"))
    if not os.access(python, os.X_OK):
        pytest.exit("%s is not there: scripts/test --pytorch makes it; or name a Python with pip's PyTorch in OCTAVO_PYTORCH"
                    % python, returncode=2)
    engines = subprocess.run([python, "-c", "import torch; print(*torch.backends.quantized.supported_engines)"],
                             check=True, capture_output=True, text=True).stdout.split()
    if "fbgemm" not in engines:
        pytest.exit("the PyTorch of %s has no engines for x86" % python, returncode=2)
    os.environ["OCTAVO_PYTORCH"] = str(python)
