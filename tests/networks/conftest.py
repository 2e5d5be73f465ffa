"""Needs the packages of tests/requirements-networks.txt, and OCTAVO_PYTORCH: a Python with pip's PyTorch.  scripts/test --all has both."""
import os
import pathlib
import sys

import pytest

REPO = pathlib.Path(__file__).resolve().parents[2]
for folder in ("models", "runtime", "engines"):
    sys.path.insert(0, str(REPO / "tests" / folder))


def pytest_configure(config):
    if not os.access(os.environ.get("OCTAVO_PYTORCH", ""), os.X_OK):
        pytest.exit("OCTAVO_PYTORCH names no Python with pip's PyTorch (scripts/test --all sets it)", returncode=2)
