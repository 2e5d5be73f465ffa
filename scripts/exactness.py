#!/usr/bin/env python3
"""Writes the table of docs/numbers.md that states how exact each quantized operator is in ONNX Runtime.

    exactness.py [--check]     --check: writes nothing; fails if the table is not the one of `octavo ops --json`
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys

REPO = pathlib.Path(__file__).resolve().parents[1]
OCTAVO = os.environ.get("OCTAVO", str(REPO / "build" / "release" / "octavo"))
DOCUMENT = REPO / "docs" / "numbers.md"
BEGIN, END = "<!-- written by scripts/exactness.py -->\n", "<!-- end -->\n"


def rows():
    made = subprocess.run([OCTAVO, "ops", "--json"], capture_output=True, text=True, check=True)
    return json.loads(made.stdout)["operators"]


def table():
    operators = {}
    for row in rows():
        if "exactness" in row:
            said = row["exactness"]["by"], row["exactness"]["how"]
            names = operators.setdefault(said, [])
            name = row["operator"].split(".")[0]
            if name not in names:
                names.append(name)
    lines = ["| operators | class | why, and what may differ |", "|---|---|---|"]
    for (by, how), names in sorted(operators.items(), key=lambda entry: (entry[0][0], entry[1])):
        lines.append("| %s | %s | %s |" % (", ".join("`%s`" % name for name in names), by, how))
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    text = DOCUMENT.read_text()
    before, rest = text.split(BEGIN)
    written = before + BEGIN + "\n" + table() + "\n" + END + rest.split(END, 1)[1]
    if check:
        if written != text:
            sys.exit("docs/numbers.md is out of date: run scripts/exactness.py")
    else:
        DOCUMENT.write_text(written)


if __name__ == "__main__":
    main()
