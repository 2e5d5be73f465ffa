"""Makes the models that the tests need, once, before the tests are listed."""
import os
import subprocess
import sys

import pytest

import tools


def pytest_configure(config):
    if not os.access(tools.OCTAVO, os.X_OK):
        pytest.exit("%s is not there: build it first (cmake --preset release && cmake --build --preset release), "
                    "or name it in OCTAVO" % tools.OCTAVO, returncode=2)
    if "OCTAVO_MODELS" in os.environ:
        return  # made by another PyTorch than this one
    for script in ("layer_models.py", "flow_models.py"):
        made = subprocess.run([sys.executable, str(tools.REPO / "tests" / "models" / script)])
        if made.returncode:
            pytest.exit("tests/models/%s failed" % script, returncode=2)
