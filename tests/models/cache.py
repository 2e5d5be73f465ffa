"""Generated models are kept in build/models (or $OCTAVO_MODELS) between runs, as long as the scripts that make them stay the same."""
import hashlib
import os
import pathlib
import shutil
import sys

REPO = pathlib.Path(__file__).resolve().parents[2]
ROOT = pathlib.Path(os.environ.get("OCTAVO_MODELS", REPO / "build" / "models"))


def key(script, *parameters):
    """A text that changes with the content of `script`, the version of PyTorch and `parameters`."""
    import torch
    digest = hashlib.sha256(pathlib.Path(script).read_bytes())
    digest.update(repr((torch.__version__, sys.version_info[:2], parameters)).encode())
    return digest.hexdigest()


def sealed(folder, key_text):
    seal_file = pathlib.Path(folder) / ".made_by"
    return seal_file.is_file() and seal_file.read_text() == key_text


def seal(folder, key_text):
    """Marks `folder` as complete; it counts as made only from now on."""
    (pathlib.Path(folder) / ".made_by").write_text(key_text)


def fresh(folder):
    """An empty folder in place of whatever is there."""
    shutil.rmtree(folder, ignore_errors=True)
    pathlib.Path(folder).mkdir(parents=True)
    return pathlib.Path(folder)
