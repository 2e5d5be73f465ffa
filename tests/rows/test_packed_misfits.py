"""Packed weights that do not fit, in the archive and packed by the program: what PyTorch refuses is refused, and what it takes is taken."""
import json
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

import reference

SCRIPT = pathlib.Path(__file__).with_name("packed_misfits.py")
QUICK, ALL = 40, 1500

# What Octavo refuses and PyTorch takes, in Octavo's words, and why.
REFUSED = {
    "the layer expects": "qnnpack does not look at the rest, or reads on",
    "the input has": "qnnpack does not look at the rest, or reads on",
    "must be positive": "negative padding and dilation",
    "is out of range|cannot be": "numbers of a window",
    "values": "the number of dimensions in the archive is not looked at",
    "must be smaller than the stride": "which float convolutions refuse, too",
    "cannot be divided into": "the last groups would have fewer channels",
    "quantized along dimension|per output channel": "PyTorch takes the scales for those of the output channels",
    "scales": "which PyTorch does not count",
    "computed at run time": "a weight with a height that the program computes",
}


def answers(kind, count, folder):
    """(index, path, shape, text, answer): the answer is a shape, an error, or None where PyTorch ended."""
    found, start = [], 0
    while start < count:
        made = subprocess.run([sys.executable, str(SCRIPT), str(folder), kind, str(count), str(start)], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
        lines = [json.loads(line) for line in made.stdout.splitlines()]
        assert lines, "no answer to case %d" % start
        found += [(*case, lines[i + 1] if i + 1 < len(lines) else None) for i, case in enumerate(lines) if i % 2 == 0]
        start = found[-1][0] + 1
    return found


@pytest.mark.parametrize("kind", ["archive", "program"])
def test_accepts_what_pytorch_accepts(kind, tmp_path, request):
    count = ALL if request.config.getoption("--all") else QUICK
    cases = answers(kind, count, tmp_path)
    got = reference.run([(path, [("float32[%s]" % ",".join(map(str, shape)), np.ones(shape, np.float32))]) for _, path, shape, *_ in cases])
    wrong, taken = [], 0
    for (index, _, _, text, want), have in zip(cases, got):
        refused = isinstance(have, str)
        taken += isinstance(want, list)
        if refused and have.startswith("crash"):
            wrong.append("crash")
        elif want is None:
            continue
        elif isinstance(want, list) and refused and not re.search("|".join(REFUSED), have):
            wrong.append("refused: " + have)
        elif isinstance(want, str) and not refused and "qnnp_status_success" not in want:
            wrong.append("taken: " + want)
        elif isinstance(want, list) and not refused and list(have[0].values.shape) != want:
            wrong.append("other shape: %s %s" % (have[0].values.shape, want))
        else:
            continue
        wrong[-1] = "case %d, %s, %s" % (index, text, wrong[-1])
    assert not wrong, "%d of %d: %s" % (len(wrong), len(cases), wrong[0])
    assert taken > count / 5
