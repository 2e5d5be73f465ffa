"""Operators whose results share memory with an argument: tests/data/aliases.txt, which the importer's list is held against."""
import json
import os
import pathlib
import re
import sys

import pytest
import torch

import model
import tools
from draw_call import Call

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path.append(str(TESTS / "models"))
from make_schemas import annotated  # noqa: E402

FILE = TESTS / "data" / "aliases.txt"
ROWS = {row["operator"]: row for row in json.loads(tools.octavo("ops", "--json").stdout)["operators"]}
DRAWS = 60


def listed():
    """(schemas of PyTorch that say so, names of operators whose schemas do not say so)"""
    lines = FILE.read_text().splitlines()
    return {line for line in lines if "(" in line}, {line for line in lines if line and "(" not in line}


def storages(values):
    flat = [t for v in values for t in (v if isinstance(v, (list, tuple)) else [v]) if isinstance(t, torch.Tensor)]
    return {t.storage().data_ptr() for t in flat if t.numel() and t.storage().data_ptr()}


def shares(row, index):
    """Whether a drawn call gives a result in an argument's memory; None where PyTorch refuses the draw."""
    torch.backends.quantized.engine = "qnnpack"
    op = model.operator(row)
    try:
        with torch.no_grad():
            values = [v.clone() if isinstance(v, torch.Tensor) else v for v in Call(row, op._schema, index).arguments]
            keywords = {a.name: v for a, v in zip(op._schema.arguments, values) if a.kwarg_only}
            if "out" in op._schema.overload_name or row["operator"].endswith("_out"):
                return False
            made = op(*values[:len(values) - len(keywords)], **keywords)
            return bool(storages(values) & storages([made]))
    except Exception:  # noqa: BLE001 whatever PyTorch says: these arguments make no case
        return None


def any_shares(row):
    """In a child process, which some calls end."""
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os._exit(1 if any(shares(row, index) for index in range(DRAWS)) else 0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


def test_every_annotated_schema_is_listed():
    assert set(annotated()) == listed()[0], "tests/models/make_schemas.py --aliases writes the list"


@pytest.mark.parametrize("name", ROWS)
def test_shared_memory_is_listed(name):
    try:
        model.operator(ROWS[name])
    except model.Missing:
        return
    if name.endswith("_"):
        return  # a write in place, which the importer follows by the name
    schemas, names = listed()
    known = {re.match(r"[\w:]+", schema).group() for schema in schemas} | names
    plain = name.split(".")[0]
    if plain not in known:
        assert not any_shares(ROWS[name]), "%s returns memory of an argument: add it to %s" % (plain, FILE.name)
