"""Models that PyTorch's former Caffe2 exporter wrote (tests/data/caffe2), converted to qdq, give PyTorch's answers in
ONNX Runtime; and converted back they are what they were."""
import json
import sys

import numpy as np
import onnx
import pytest
import torch

import tools

sys.path.append(str(tools.REPO / "tests" / "caffe2"))
from test_same_nodes import canonical  # noqa: E402

DATA = tools.REPO / "tests" / "data" / "caffe2"
CASES = [c for c in json.loads((DATA / "cases.json").read_text()) if c["expect"] == "same"]
# A float layer behind the quantized ones, whose sums each runtime orders in its own way.
FLOAT = {"small_model"}


def answers(name, specs):
    torch.backends.quantized.engine = "qnnpack"
    random = np.random.default_rng(len(name))
    shapes = [[int(n) for n in s.split("[")[1].rstrip("]").split(",")] for s in specs]
    inputs = [random.uniform(-1, 1, shape).astype(np.float32) for shape in shapes]
    with torch.no_grad():
        got = torch.jit.load(str(DATA / (name + ".pt")))(*map(torch.from_numpy, inputs))
    return inputs, [t.numpy() for t in (got if isinstance(got, (tuple, list)) else [got])]


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_equals_pytorch(case, tmp_path):
    out = tmp_path / "out.onnx"
    tools.octavo("convert", DATA / (case["name"] + ".onnx"), "-o", out, "--dialect", "qdq", "--quiet")
    tools.check_model(out, allowed=("Cast",))  # to float64 and back: an addition that no scales make exact
    inputs, want = answers(case["name"], case["inputs"])
    assert all(np.unique(w).size > 1 or w.size < 5 for w in want), "an answer that says nothing"
    for value, answer in zip(tools.run(out, inputs), want):
        if case["name"] in FLOAT:
            tools.assert_same(value, answer)
        else:
            np.testing.assert_array_equal(value, answer)


@pytest.mark.parametrize("opset", [13, 15, 18, 21])
def test_every_opset(opset, tmp_path):
    case = next(c for c in CASES if c["name"] == "residual")
    out = tmp_path / "out.onnx"
    tools.octavo("convert", DATA / "residual.onnx", "-o", out, "--opset", opset, "--quiet")
    assert {o.version for o in tools.check_model(out).opset_import if o.domain == ""} == {opset}
    inputs, want = answers("residual", case["inputs"])
    np.testing.assert_array_equal(tools.run(out, inputs)[0], want[0])


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_caffe2_to_caffe2(case, tmp_path):
    """Raised and lowered into the same dialect, the nodes are the same."""
    given, out = DATA / (case["name"] + ".onnx"), tmp_path / "out.onnx"
    tools.octavo("convert", given, "-o", out, "--dialect", "caffe2", "--quiet")
    assert canonical(onnx.load(str(out))) == canonical(onnx.load(str(given)))
