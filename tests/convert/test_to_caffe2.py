"""From qdq to the Caffe2 dialect: the same nodes as a straight export where the qdq model still says all of it, and the
same numbers where it does not."""
import json
import sys

import numpy as np
import onnx
import pytest

import kept
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


@pytest.mark.parametrize("kind, attributes, same_scale, says", [
    ("AveragePool", {"kernel_shape": [3, 3]}, True, "adds the zero point before it rounds"),
    ("LeakyRelu", {"alpha": 0.3}, True, "divides by the scale"),
    ("Sigmoid", {}, False, "approximates it in float32"),
    ("Softmax", {"axis": -1}, False, "float32 exponentials"),
    ("GlobalAveragePool", {}, True, "x / (y · count)"),
    ("MaxPool", {"kernel_shape": [2, 2]}, True, None),
    ("Relu", {}, True, None),
    ("Transpose", {"perm": [0, 1, 3, 2]}, True, None)])
def test_what_means_another_number_is_named(kind, attributes, same_scale, says, tmp_path):
    """A file of other software means what ONNX Runtime computes, a Caffe2 model what PyTorch's qnnpack does."""
    given = kept.between_integers(tmp_path / "given.onnx", kind, same_scale=same_scale, **attributes)
    run = tools.octavo("convert", given, "-o", tmp_path / "caffe2.onnx", "--dialect", "caffe2")
    lines = [line for line in run.stdout.splitlines() if " at node " in line]
    # The QuantizeLinear of the input multiplies by the reciprocal in PyTorch.
    assert "QuantizeLinear at node n0" in lines[0] and "rounded reciprocal" in lines[0]
    assert [says in line and line.startswith("  %s at node n2: ONNX Runtime " % kind) for line in lines[1:]] == (
        [True] if says else [])
    assert not any(line.startswith("exact") for line in run.stdout.splitlines())
    report = json.loads(tools.octavo("convert", given, "-o", tmp_path / "caffe2.onnx", "--dialect", "caffe2", "--json").stdout)
    assert report["not_identical"] == [line.strip() for line in lines]
    assert report["identical_in"] is None and any("%d node" % len(lines) in warning for warning in report["warnings"])


@pytest.mark.parametrize("scales, same", [((0.5, 0.0078125, 0.125), True), ((0.031, 0.0021, 0.135), False)])
def test_layers_with_equal_multipliers_are_not_named(scales, same, tmp_path):
    x_scale, w_scale, y_scale = map(np.float32, scales)
    g = kept.Graph()
    weight = np.random.default_rng(4).integers(-127, 128, (3, 4, 3, 3)).astype(np.int8)
    w = g.op("DequantizeLinear", weight, w_scale, np.int8(0))
    b = g.op("DequantizeLinear", np.int32([1, -2, 3]), x_scale * w_scale)
    y = g.quantized(g.op("Conv", g.quantized("x", x_scale, np.uint8(128)), w, b), y_scale, np.uint8(128))
    given = g.save(tmp_path / "given.onnx", [(y, kept.FLOAT)])
    report = json.loads(tools.octavo("convert", given, "-o", tmp_path / "caffe2.onnx", "--dialect", "caffe2", "--json").stdout)
    multiplied = [np.float32(x_scale * w_scale) / y_scale, np.float32(x_scale * w_scale) * (np.float32(1) / y_scale)]
    assert (multiplied[0] == multiplied[1]) == same
    assert any(line.startswith("Conv at node") for line in report["not_identical"]) != same
    if same:  # powers of two
        assert report["not_identical"] == [] and "exact" not in json.dumps(report["warnings"])
        feed = kept.draw(onnx.load(str(given)), 1)[0]
        np.save(tmp_path / "x.npy", feed["x"])
        tools.octavo("run", tmp_path / "caffe2.onnx", "--input", tmp_path / "x.npy", "-o", tmp_path / "out", "--quiet")
        [result] = (tmp_path / "out").glob("*.npy")
        np.testing.assert_array_equal(np.load(result), kept.answers(given, [feed])[0][0])
