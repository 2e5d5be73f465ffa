#!/usr/bin/python3
"""Writes tests/data/schemas.txt: PyTorch's schemas of the operators that have rows.

    make_schemas.py NAME...     e.g. $(build/release/octavo ops --json | jq -r '.operators[].operator')
    make_schemas.py --aliases   the first part of tests/data/aliases.txt instead; the second is found by tests/rows/test_aliases.py

Needs PyTorch 1.13 (Debian: python3-torch); src/octavo/ops/coverage_test.cc compares the rows with them.
"""
import pathlib
import sys

import torch

FILE = pathlib.Path(__file__).resolve().parents[1] / "data" / "schemas.txt"
ALIASES = FILE.with_name("aliases.txt")


def annotated():
    """PyTorch's schemas of which a result may be a view of a tensor that the operator only reads."""
    for schema in torch._C._jit_get_all_schemas():
        given = [a for a in schema.arguments if a.alias_info is not None]
        made = [r for r in schema.returns if r.alias_info is not None and "Tensor" in str(r.type)]
        if schema.name.startswith(("aten::", "quantized::")) and made and not any(a.alias_info.is_write for a in given):
            if any("Tensor" in str(a.type) and "Dict" not in str(a.type) for a in given):
                yield str(schema)


def write_aliases():
    unannotated = ALIASES.read_text().split("\n\n")[1]
    ALIASES.write_text("\n".join(sorted(annotated())) + "\n\n" + unannotated)


def main():
    if sys.argv[1:] == ["--aliases"]:
        return write_aliases()
    lines = set()
    for name in sorted(set(sys.argv[1:])):
        for schema in torch._C._jit_get_schemas_for_operator(name.split(".")[0]):
            overload = schema.overload_name
            # The importer reads aten's out forms as the plain ones; named dimensions have no rows.
            if not name.startswith("aten::") or not (overload.endswith("out") and not overload.endswith("layout")
                                                     or "names" in overload or "Dimname" in overload):
                lines.add(str(schema))
    FILE.write_text("".join(line + "\n" for line in sorted(lines)))
    print("%d schemas" % len(lines))


if __name__ == "__main__":
    main()
