"""docs/symbolic_caffe2.md lists every function of PyTorch 1.13's modules: the names that tests/cli/test_docs.py looks for
are those of the real modules."""
import ast
import importlib.util
import pathlib
import sys

import pytest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from test_docs import SYMBOLS  # noqa: E402


def definitions(module):
    """Functions, classes and the public methods of classes, in the module's source."""
    tree = ast.parse(pathlib.Path(importlib.util.find_spec(module).origin).read_text())
    names = set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {n.name for n in node.body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")}
    return names


@pytest.mark.parametrize("module", sorted(SYMBOLS))
def test_names_are_pytorchs(module):
    assert set(SYMBOLS[module]) == definitions(module)
