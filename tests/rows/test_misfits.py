"""Every row of the registry, with arguments that do not fit: what PyTorch refuses is refused, and what it takes is taken.

    pytest rows/test_misfits.py --all -k 'aten::cat'        100 calls of a row instead of 4
    MISFITS=1000 MISFITS_REPORT=file pytest ...             that many; every disagreement is appended to the file as a line of JSON
"""
import fnmatch
import json
import os
import re

import numpy as np
import pytest

import misfit_lists
import misfits
import model
import reference
import tools

ROWS = {row["operator"]: row for row in json.loads(tools.octavo("ops", "--json").stdout)["operators"]}
QUICK, ALL = 4, 100
REPORT = os.environ.get("MISFITS_REPORT")


def known(listed, name, text):
    return any(fnmatch.fnmatchcase(name, pattern) and re.search(words, text) for pattern, words, _ in listed)


def disagreement(name, asked, got):
    """What is wrong with the reference's answer, or None."""
    if got.startswith("crash"):
        return "crash"
    converts, got = got.split("\t", 1)
    refused = got.startswith("error\t")
    if asked.answer is None:
        return None  # PyTorch ended the process
    if refused and name.split(".")[0] not in got and "forward" not in got:
        return "no place"
    if asked.accepted() and refused:
        return None if known(misfit_lists.REFUSED, name, got) else "refused"
    if not asked.accepted():
        if known(misfit_lists.ACCEPTED, name, asked.answer):
            return None
        if not refused:
            return "accepted"
        return "converted" if converts == "converted" and not known(misfit_lists.CONVERTED, name, asked.answer) else None
    types = [words.split(" ")[:2] for words in got.split("\t")[1:]]
    types = [[dtype, json.loads(sizes)] for dtype, sizes in types]
    return None if types == asked.answer or known(misfit_lists.OTHER_TYPES, name, got) else "other types"


@pytest.mark.parametrize("name", ROWS)
def test_accepts_what_pytorch_accepts(name, tmp_path, request):
    count = int(os.environ.get("MISFITS", ALL if request.config.getoption("--all") else QUICK))
    try:
        asked = misfits.cases(ROWS[name], count, tmp_path)
    except model.Missing:
        return
    answers = reference.answers([(a.path, [(spec, np.load(path)) for spec, path in a.inputs]) for a in asked], "--convert")
    wrong = []
    for case, got in zip(asked, answers):
        what = disagreement(name, case, got)
        if what:
            wrong.append({"row": name, "index": case.index, "what": what, "octavo": got, "pytorch": case.answer, "graph": case.text,
                          "inputs": case.inputs, "path": case.path})
    if REPORT:
        with open(REPORT, "a") as report:
            report.write(json.dumps({"row": name, "calls": len(asked), "accepted": sum(a.accepted() for a in asked)}) + "\n")
            report.writelines(json.dumps(line) + "\n" for line in wrong)
    assert not wrong, "%d of %d calls, the first:\n%s" % (len(wrong), len(asked), "\n".join("%s: %s" % pair for pair in wrong[0].items()))
