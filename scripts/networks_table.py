#!/usr/bin/env python3
"""Writes the table of docs/differences.md about networks of other packages.

    networks_table.py [REPORT]

REPORT (default: build/reports/networks.json) is what tests/networks left.
"""
import argparse
import collections
import json
import pathlib

REPO = pathlib.Path(__file__).resolve().parents[1]
DOCUMENT = REPO / "docs" / "differences.md"
BEGIN, END = "<!-- written by scripts/networks_table.py -->\n", "<!-- end -->\n"
ENGINE = "qnnpack-x86"


def table(results):
    exact = [r for r in results if r["exact"]]
    lines = ["| networks | said to be exact | of those, differ from PyTorch | equal in all elements |", "|---|---|---|---|",
             "| %d | %d | %d | %d |" % (len(results), len(exact), sum(r["differ"] > 0 for r in exact),
                                        sum(r["differ"] == 0 for r in results)),
             "", "| operators that are not exact | elements that differ | networks |", "|---|---|---|"]
    groups = collections.defaultdict(list)
    for r in results:
        if not r["exact"]:
            groups[tuple(r["why"])].append(r)
    for why, found in sorted(groups.items(), key=lambda group: (-len(group[1]), group[0])):
        differ = sorted(r["differ"] for r in found)
        spread = "%d" % differ[0] if differ[0] == differ[-1] else "%d to %d" % (differ[0], differ[-1])
        lines.append("| %s | %s of %s | %s |" % (", ".join("`%s`" % op for op in why), spread, found[0]["of"],
                                             ", ".join(r["network"] for r in found)))
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", nargs="?", default=REPO / "build" / "reports" / "networks.json", metavar="REPORT")
    results = [r for r in json.loads(pathlib.Path(parser.parse_args().report).read_text()) if r["engine"] == ENGINE]
    before, rest = DOCUMENT.read_text().split(BEGIN)
    DOCUMENT.write_text(before + BEGIN + "\n" + table(results) + "\n" + END + rest.split(END, 1)[1])


if __name__ == "__main__":
    main()
