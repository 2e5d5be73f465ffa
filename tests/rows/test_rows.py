"""Every row of the registry, with random calls: both dialects against the reference, ONNX Runtime against the engine and PyTorch."""
import fnmatch
import json

import numpy as np
import pytest

import lists
import model
import tools
from compare import integers, spec

ROWS = {row["operator"]: row for row in json.loads(tools.octavo("ops", "--json").stdout)["operators"]}
QUICK, ALL = 2, 20
VERIFIED = {"qdq": ("--dialect", "qdq", "--arithmetic", "pytorch"), "caffe2": ("--dialect", "caffe2", "--arithmetic", "pytorch")}
ERRORS = tuple(getattr(tools.ort.capi.onnxruntime_pybind11_state, name) for name in (
    "Fail", "InvalidArgument", "InvalidGraph", "NotImplemented", "RuntimeException"))


CLASSES = ("construction", "multiplier", "exhaustion", "not exact")


class Refused(Exception):
    """Octavo does not convert these cases."""


def listed(name, patterns):
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


class Model:
    """The saved model of some cases, and its inputs."""

    def __init__(self, name, cases, folder):
        self.name, self.cases, self.folder = name, cases, folder
        folder.mkdir(exist_ok=True)
        self.path = folder / "model.pt"
        self.arrays, self.specs, self.inputs = [], [], []
        for place, (input_name, tensor) in enumerate(model.Graph(cases).save(self.path)):
            self.arrays.append(integers(tensor))
            self.specs.append(spec(input_name, tensor))
            np.save(folder / ("in%d.npy" % place), self.arrays[-1])
            self.inputs += ["--input", "%s@%s" % (folder / ("in%d.npy" % place), self.specs[-1])]

    def run(self, *arguments):
        made = tools.octavo(*arguments, check=False)
        if made.returncode == 3:
            # By its name, or by the line of the model's source that calls it; the former exporter's dialect refuses whole models.
            named = self.name.split(".")[0], " in forward", "caffe2 dialect"
            assert any(word in made.stderr for word in named), "names no operator: " + made.stderr
            raise Refused(made.stderr)
        assert made.returncode in (0, 1), made.stderr
        return made

    def verify(self, way):
        report = json.loads(self.run("verify", *tools.QNNPACK, self.path, *self.inputs, "--json", *VERIFIED[way]).stdout)
        for layer in report["layers"]:
            end = layer["end_to_end"]
            what = "%s: %s" % (layer["operator"], end)
            assert "mismatch" not in end, what
            if listed(self.name, lists.APART[way]):
                assert end["unit"] == "relative" or end["largest"] <= 1, what
            else:
                assert end["differ"] == 0, what

    def in_onnx_runtime(self):
        out, answers = self.folder / "model.onnx", self.folder / "out"
        specs = [word for s in self.specs for word in ("--input", s)]
        nodes = json.loads(self.run("export", *tools.QNNPACK, self.path, "-o", out, "--json", *specs).stdout)["exactness"]
        assert all(node["by"] in CLASSES for node in nodes), "not every node says how exact it is: %s" % nodes
        paths = [word for place in range(len(self.arrays)) for word in ("--input", self.folder / ("in%d.npy" % place))]
        tools.octavo("run", out, *paths, "-o", answers, "--quiet")
        got = tools.run(out, self.arrays)
        want = [(case, t) for case in range(len(self.cases)) for t in self.cases[case].answer]
        for place, value in enumerate(got):
            self.compare(value, np.load(answers / ("y%d.npy" % place)), "engine", place)
            if place < len(want) and not listed(self.name, lists.NOT_PYTORCH):
                case, tensor = want[place]
                self.compare(value, integers(tensor), "onnxruntime", place)
                if tensor.is_quantized and (value != integers(tensor)).any():
                    assert not self.said_exact(nodes, case), "is said to be exact, and output %d differs" % place

    def said_exact(self, nodes, case):
        """Whether the export promised PyTorch's bits for that case."""
        of_row = [node for node in nodes if node["operator"] == self.name.split(".")[0]]
        if len(of_row) == len(self.cases):  # else some write no node
            of_row = [of_row[case]]
        return all(node["exact"] for node in of_row)

    def compare(self, value, want, way, place):
        what = "output %d of ONNX Runtime, other is %s: " % (place, "Octavo's engine" if way == "engine" else "PyTorch")
        assert (value.shape, value.dtype) == (want.shape, want.dtype), what + "%s%s, %s%s" % (
            value.dtype, value.shape, want.dtype, want.shape)
        if value.dtype.kind == "f":
            try:
                tools.assert_same(value, want)
            except AssertionError as e:
                raise AssertionError(what + str(e)) from None
            return
        differ, most = tools.difference(value, want)
        assert most <= (1 if listed(self.name, lists.APART[way]) else 0), what + "%d of %d differ, by %d at most" % (differ, want.size, most)

    def go(self, way):
        if way == "onnxruntime":
            self.in_onnx_runtime()
        else:
            self.verify(way)


def refused(name, cases, way, folder):
    """What Octavo says of the cases that it refuses; the others hold."""
    try:
        Model(name, cases, folder).go(way)
        return []
    except Refused as e:
        return [str(e)] if len(cases) == 1 else [text for case in cases for text in refused(name, [case], way, folder)]
    except (AssertionError, *ERRORS) as e:
        if isinstance(e, ERRORS) and listed(name, lists.NO_KERNEL):
            return [] if len(cases) == 1 else [text for case in cases for text in refused(name, [case], way, folder)]
        raise AssertionError("%s: %s\n%s" % (way, e, "\n".join(case.text() for case in cases))) from None


@pytest.mark.parametrize("name", ROWS)
def test_row(name, tmp_path, request):
    count = ALL if request.config.getoption("--all") else QUICK
    try:
        cases = model.cases(ROWS[name], 1, 200) if name in lists.NOT_DRAWN else model.cases(ROWS[name], count)
    except model.Missing:
        cases = []
    if name in lists.NOT_DRAWN:
        assert not cases, "can be drawn: take it out of tests/rows/lists.py"
        return
    assert len(cases) == count, "PyTorch takes %d of %d draws" % (len(cases), model.TRIES)
    for way in (*VERIFIED, "onnxruntime"):
        texts = refused(name, cases, way, tmp_path)
        if len(texts) == count:
            known = any(limit in text for limit in lists.LIMITS for text in texts)
            assert known or listed(name, lists.REFUSED[way]), "%s: all are refused, %s" % (way, texts[0])
        elif count == ALL and len(texts) < count:
            assert not listed(name, lists.REFUSED[way]), "%s: not all are refused any more" % way


def test_lists_name_rows():
    for patterns in (lists.NOT_DRAWN, lists.NOT_PYTORCH, lists.NO_KERNEL, *lists.REFUSED.values(), *lists.APART.values()):
        assert not [p for p in patterns if not fnmatch.filter(ROWS, p)]
