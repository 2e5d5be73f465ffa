#!/usr/bin/python3
"""Writes tests/data/schemas.txt: PyTorch's schemas of the operators that have rows.

    make_schemas.py NAME...     e.g. $(build/release/octavo ops --json | jq -r '.operators[].operator')

Needs PyTorch 1.13 (Debian: python3-torch); src/octavo/ops/coverage_test.cc compares the rows with them.
"""
import pathlib
import sys

import torch

FILE = pathlib.Path(__file__).resolve().parents[1] / "data" / "schemas.txt"


def main():
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
