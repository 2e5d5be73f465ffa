#!/usr/bin/env python3
"""Writes the traced models of tests/data/traced_inputs.  Only a PyTorch newer than 1.13 saves with a trace what it was
traced with (the record traced_inputs.pkl); these were made by PyTorch 2.13.

    python3 tests/models/make_traced_inputs.py      in an environment with a newer PyTorch

Tests import the classes from here, with whatever PyTorch they run, for the answers at other sizes.
"""

import os
import pathlib
import sys
import warnings
import zipfile
from typing import Dict, List, Tuple

# PyTorch writes the paths of source files into the models: run from here, under a name without a folder.
if __name__ == "__main__" and os.path.isabs(__file__):
    os.chdir(os.path.dirname(__file__))
    name = os.path.basename(__file__)
    os.execv(sys.executable, [sys.executable, "-c", f"__file__ = {name!r}; __name__ = '__main__'; "
                              "exec(compile(open(__file__).read(), __file__, 'exec'))"])

import torch
from torch import nn

OUT = pathlib.Path("..") / "data" / "traced_inputs"


def linear(n, m, seed):
    layer = nn.Linear(n, m)
    with torch.no_grad():
        layer.weight.copy_(torch.sin(torch.arange(n * m) * 1.7 + seed).view(m, n) / 2)
        layer.bias.copy_(torch.cos(torch.arange(m) * 2.3 + seed) / 2)
    return layer


class Nested(nn.Module):
    """A tensor, and tensors inside a tuple, a list and a dict."""

    def forward(self, x, pair: Tuple[torch.Tensor, torch.Tensor], items: List[torch.Tensor],
                named: Dict[str, torch.Tensor]):
        y = torch.relu(x) + pair[0] * pair[1].float()
        return torch.cat([y, items[0], items[1], items[2]]) + named["offset"] * named["a scale"]


class Unrolled(nn.Module):
    """A recurrent cell, called once for each step of the time, which is the first dimension."""

    def __init__(self):
        super().__init__()
        self.input, self.state = linear(6, 6, 1), linear(6, 6, 2)

    def forward(self, x):
        h = torch.zeros(x.shape[1], 6)
        for t in range(x.shape[0]):
            h = torch.tanh(self.input(x[t]) + self.state(h))
        return h


class BakedBatch(nn.Module):
    """The batch as a number of Python."""

    def forward(self, x):
        return torch.relu(x).view(int(x.shape[0]), -1)


class Follows(nn.Module):
    """The batch as the trace has it: any size works."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(2, 3, 3, stride=2), linear(3, 4, 3)
        with torch.no_grad():
            self.conv.weight.copy_(torch.sin(torch.arange(54.) * 1.3).view(3, 2, 3, 3))
            self.conv.bias.copy_(torch.arange(3.) / 4)

    def forward(self, x):
        y = torch.nn.functional.adaptive_avg_pool2d(torch.relu(self.conv(x)), 1)
        return self.fc(y.view(x.size(0), -1))


MODELS = {
    "nested": (Nested, lambda: (torch.zeros(2, 3), (torch.zeros(2, 3), torch.zeros(2, 1, dtype=torch.int64)),
                                [torch.zeros(1, 3), torch.zeros(2, 3), torch.zeros(3, 3)],
                                {"offset": torch.zeros(3), "a scale": torch.zeros(1, 1)})),
    "unrolled": (Unrolled, lambda: (torch.zeros(5, 4, 6),)),
    "baked_batch": (BakedBatch, lambda: (torch.zeros(1, 2, 3, 3),)),
    "follows": (Follows, lambda: (torch.zeros(2, 2, 8, 8),)),
}


def without_paths(file):
    """Takes out the records with the paths of PyTorch's own source files, which are another machine's."""
    with zipfile.ZipFile(file) as archive:
        records = [(info, archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for info, data in records:
            if not info.filename.endswith(".debug_pkl"):
                archive.writestr(zipfile.ZipInfo(info.filename), data)


def main():
    warnings.simplefilter("ignore")
    OUT.mkdir(parents=True, exist_ok=True)
    for name, (cls, inputs) in MODELS.items():
        with torch.no_grad():
            torch.jit.trace(cls().eval(), inputs(), check_trace=False).save(str(OUT / f"{name}.pt"))
        without_paths(OUT / f"{name}.pt")


if __name__ == "__main__":
    main()
