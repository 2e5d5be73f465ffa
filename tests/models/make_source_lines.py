#!/usr/bin/env python3
"""Writes small models whose records *.debug_pkl name the author's own file, with the PyTorch that runs it, and the line
of each operator as PyTorch itself knows it.

    /usr/bin/python3 tests/models/make_source_lines.py    Debian's PyTorch 1.13: tests/data/reader/1.13/lines_*
    python3 tests/models/make_source_lines.py             in an environment with a newer PyTorch
"""
import json
import linecache
import os
import pathlib
import re
import types

import torch

OUT = pathlib.Path(__file__).resolve().parents[1] / "data" / "reader" / ".".join(torch.__version__.split(".")[:2])

# The file that the models say they come from, which need not exist.
LINUX, WINDOWS = "/home/ann/work/small, net.py", "C:\\Users\\ann\\net.py"
SOURCE = '''
import torch
from torch import nn


class Inner(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.tail = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU())

    def forward(self, x):
        # A comment, which scripting keeps.
        y = self.conv(x)  # convolution 0
        y = torch.relu(
            y)
        return self.tail(y) + 1.5  # tail


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Inner()

    def forward(self, x):
        y = self.inner(x)
        return y * 2.0
'''


def module(path):
    """A module of that source, as if it had been read from `path`."""
    made = types.ModuleType("net")
    linecache.cache[path] = (len(SOURCE), None, SOURCE.splitlines(True), path)
    exec(compile(SOURCE, path, "exec"), made.__dict__)
    return made


def place(node):
    """Where PyTorch says that a node of the inlined graph came from: the author's file, or PyTorch's innermost one."""
    places = [(a or c, b or d) for a, b, c, d in
              re.findall(r"([^/\\\n]+\.py)\((\d+)\)|([^/\\\n\"]+\.py)\", line (\d+)", node.sourceRange())]
    own = [p for p in places if p[0].endswith("net.py")]
    return ":".join((own or places)[0])


def save(name, saved):
    path = OUT / f"lines_{name}.pt"
    torch.jit.save(saved, str(path))
    loaded = torch.jit.load(str(path))
    return [[node.kind(), place(node)] for node in loaded.inlined_graph.nodes() if node.kind().startswith("aten::")]


def main():
    torch.manual_seed(0)
    OUT.mkdir(parents=True, exist_ok=True)
    example = torch.randn(1, 1, 5, 5)
    linux, windows = module(LINUX).Net().eval(), module(WINDOWS).Net().eval()
    known = {
        "trace": save("trace", torch.jit.trace(linux, example)),
        "trace_windows": save("trace_windows", torch.jit.trace(windows, example)),
        "library": save("library", torch.jit.trace(linux.inner.tail, torch.randn(1, 4, 5, 5))),
        "script": save("script", torch.jit.script(linux)),
    }
    lines = [f"{json.dumps(k)}: {json.dumps(v)}" for k, v in known.items()]
    (OUT / "lines.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


os.chdir("/")
main()
