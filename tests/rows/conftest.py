"""The suite runs programs with the tools of tests/runtime and draws numbers as tests/numbers does."""
import os
import pathlib
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path += [str(TESTS / "runtime"), str(TESTS / "numbers")]
import tools  # noqa: E402


def pytest_configure(config):
    if not os.access(tools.OCTAVO, os.X_OK):
        pytest.exit("%s is not there: build it first (cmake --preset release && cmake --build --preset release), "
                    "or name it in OCTAVO" % tools.OCTAVO, returncode=2)
