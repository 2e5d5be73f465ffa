"""From qdq to the Caffe2 dialect: the same nodes as a straight export where the qdq model still says all of it, and the
same numbers where it does not."""
import json
import sys

import numpy as np
import onnx
import pytest

import tools

sys.path.append(str(tools.REPO / "tests" / "caffe2"))
from test_same_nodes import canonical  # noqa: E402

DATA = tools.REPO / "tests" / "data" / "caffe2"
CASES = [c for c in json.loads((DATA / "cases.json").read_text()) if c["expect"] == "same"]
# What the qdq dialect does not say: slices over all of a dimension, a size that a reshape infers, the last bit of a
# double scale of a bias that is not there.
SAID_OTHERWISE = {"slice", "slice_two", "slice_all", "slice_past_the_end", "slice_relu", "reshape_infer", "small_model"}


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_former_exporters_nodes(case, tmp_path):
    words = [word for spec in case["inputs"] for word in ("--input", spec)]
    tools.octavo("export", *tools.QNNPACK, DATA / (case["name"] + ".pt"), "-o", tmp_path / "qdq.onnx", "--quiet", "--numbers", "plain",
                 *words)
    tools.octavo("convert", tmp_path / "qdq.onnx", "-o", tmp_path / "back.onnx", "--dialect", "caffe2", "--quiet")
    ours, theirs = onnx.load(str(tmp_path / "back.onnx")), onnx.load(str(DATA / (case["name"] + ".onnx")))
    if case["name"] in SAID_OTHERWISE:
        assert canonical(ours) != canonical(theirs), "take it off the list"
    else:
        assert canonical(ours) == canonical(theirs)


FOLDERS = sorted(f.parent for f in (tools.MODELS / "layers").glob("*/case.json"))
SEVERAL = [f for f in FOLDERS if any(n.startswith("quantized::") for n in tools.case(f)["operators"])]
# Of a transposed convolution in steps the weight's scale is left in a product only.
ONE_STEP = ("conv_transpose",)


@pytest.mark.parametrize("folder", SEVERAL, ids=lambda f: f.name)
def test_there_and_back(folder, tmp_path):
    """qdq, Caffe2, qdq: the numbers of the first."""
    case = tools.case(folder)
    forms = case["forms"]
    model = folder / (("traced" if "traced" in forms else forms[0]) + ".pt")
    first = tools.export(model, tmp_path / "first.onnx", [i["spec"] for i in case["inputs"]], "--numbers", "plain")
    run = tools.octavo("convert", first, "-o", tmp_path / "caffe2.onnx", "--dialect", "caffe2", "--numbers", "plain", "--quiet",
                       check=False)
    if run.returncode:
        assert run.returncode == 3
        return
    tools.octavo("convert", tmp_path / "caffe2.onnx", "-o", tmp_path / "last.onnx", "--numbers", "plain", "--quiet")
    inputs = tools.arrays(folder, "in")
    for value, expected in zip(tools.run(tmp_path / "last.onnx", inputs), tools.run(first, inputs)):
        assert value.shape == expected.shape and value.dtype == expected.dtype
        if value.dtype.kind in "iub":
            assert tools.difference(value, expected)[1] <= folder.name.startswith(ONE_STEP)
        else:
            tools.assert_same(value, expected)


# Twice the scale: every second number is a tie, and an export looks the integers up (src/octavo/ops/integer_table.h).
@pytest.mark.parametrize("kind, lowest, scale, zero, result_zero", [
    ("quint8", 0, 0.05, 7, 3), ("qint8", -128, 0.018795345195964538, -77, 20)])
@pytest.mark.parametrize("dialect", ["caffe2", "qdq"])
def test_a_table_of_integers(kind, lowest, scale, zero, result_zero, dialect, tmp_path):
    torch = pytest.importorskip("torch", reason="needs PyTorch")
    torch.backends.quantized.engine = "qnnpack"

    class Tied(torch.nn.Module):
        def forward(self, x):
            q = torch.quantize_per_tensor(x, scale, zero, getattr(torch, kind))
            return torch.ops.quantized.hardswish(q, 2 * scale, result_zero).dequantize()

    x = ((torch.arange(lowest, lowest + 256) - zero) * scale).repeat(2, 1)
    module = torch.jit.trace(Tied(), (x,), check_trace=False)
    module.save(str(tmp_path / "model.pt"))
    first = tools.export(tmp_path / "model.pt", tmp_path / "first.onnx", ["float32[2,256]"])
    assert "Gather" in {node.op_type for node in onnx.load(str(first)).graph.node}, "these numbers need no table"
    run = tools.octavo("convert", first, "-o", tmp_path / "converted.onnx", "--dialect", dialect, "--quiet", check=False)
    if (kind, dialect) == ("qint8", "caffe2"):
        assert run.returncode == 3 and "quint8 activations only" in run.stderr
        return
    assert run.returncode == 0, run.stderr
    np.save(tmp_path / "x.npy", x.numpy())
    tools.octavo("run", tmp_path / "converted.onnx", "--input", tmp_path / "x.npy", "-o", tmp_path, "--quiet")
    assert tools.difference(np.load(tmp_path / "y0.npy"), module(x).numpy(), 2 * scale)[0] == 0
