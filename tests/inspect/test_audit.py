"""`octavo inspect --audit` on files that PyTorch saves here: nothing in plain data, and what is there where modules are pickled."""
import os
import re
import subprocess
import sys

import pytest

import tools

SAVE = tools.REPO / "tests" / "same_model" / "save_files.py"
PYTHONS = [python for python in (sys.executable, os.environ.get("OCTAVO_PYTORCH")) if python]


@pytest.mark.parametrize("python", PYTHONS)
def test_saved_files(python, tmp_path):
    subprocess.run([python, str(SAVE), str(tmp_path)], check=True, capture_output=True)
    clean = sorted((tmp_path / "clean").iterdir())
    found = sorted((tmp_path / "found").iterdir())
    assert len(clean) > 50 and len(found) > 10
    for path in clean:
        done = tools.octavo("inspect", path, "--audit", check=False)
        assert done.returncode == 0, (path.name, done.stdout, done.stderr)
    for path in found:
        name = re.sub(r"_legacy|_protocol_\d", "", path.stem.split("-", 1)[1])
        done = tools.octavo("inspect", path, "--audit", check=False)
        assert done.returncode == 1 and name in done.stdout, (path.name, done.stdout, done.stderr)
        assert len(done.stdout.splitlines()) == 1, done.stdout
