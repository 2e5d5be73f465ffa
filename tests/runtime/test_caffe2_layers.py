"""Each single-layer model in the Caffe2 dialect, run by the plain interpreter of tests/caffe2, gives PyTorch's answer."""
import sys

import numpy as np
import onnx
import pytest

import tools

sys.path.insert(0, str(tools.REPO / "tests" / "caffe2"))
from interpreter import INT8, Int8Tensor, Interpreter  # noqa: E402

FOLDERS = sorted(f.parent for f in (tools.MODELS / "layers").glob("*/case.json"))
# Float layers have no operator of the dialect: ONNX's own of opset 9, which test_layers.py has of later ones.
CASES = [pytest.param(f, id=f.name, marks=[pytest.mark.long] if f.name.startswith(("float_", "alias_")) else [])
         for f in FOLDERS]
PER_CHANNEL_PRODUCTS = tuple("dequantized_" + name for name in (
    "addmm", "after", "attention", "before", "einsum", "linear_1d", "linear_2d", "linear_3d", "linear_4d"))
# What neither the dialect nor opset 9 can say, with a part of the message.  This list may only get shorter.
REFUSED = {
    "quint8 activations only": {"dequantize_list", "quantized_pad_max_pool", *(f.name for f in FOLDERS if f.name.startswith("quantized_twice") and "qint8" in f.name), *(f.name for f in FOLDERS if "signed" in f.name.split("_"))} -
    {"quantized_input_signed"},
    "does not support constants of type": {f.name for f in FOLDERS if f.name.startswith(PER_CHANNEL_PRODUCTS) or (
        f.name.startswith("dequantized_product_") and "per_channel" in f.name)},
    "does not support quantized inputs": {f.name for f in FOLDERS if f.name.startswith("quantized_input")} | {"quantized_and_float"},
    "cannot read the integer values": {"int_repr"},
    "caffe2 dialect (opset 9) has no": {"alias_cumsum", "alias_floor_divide", "alias_fmod",
                                          "alias_integer_remainder", "alias_remainder", "float_einsum", "float_gather", "float_round"},
    "supports per-tensor activations only": {f.name for f in FOLDERS if f.name.startswith("alias_fake_quantize_channels")},
    "needs ONNX opset": {"alias_grid_sample", "grid_sample", "grid_sample_border"},
}


def through_float(model):
    """Whether an Int8Quantize has another operand than a graph input: an operator that the dialect has no form of."""
    inputs = {i.name for i in model.graph.input}
    return any(n.op_type == "Int8Quantize" and n.input[0] not in inputs for n in model.graph.node if n.domain == INT8)


@pytest.mark.parametrize("folder", CASES)
def test_equals_pytorch(folder, tmp_path):
    case, want = tools.case(folder), tools.arrays(folder, "out")
    specs = [word for i in case["inputs"] for word in ("--input", i["spec"])]
    run = tools.octavo("export", folder / (case["forms"][0] + ".pt"), "-o", tmp_path / "out.onnx", "--dialect", "caffe2",
                       "--per-channel-weights", "requantize", "--quiet", *specs, check=False)
    reasons = [reason for reason, names in REFUSED.items() if case["name"] in names]
    if reasons:
        assert run.returncode == 3 and reasons[0] in run.stderr
        return
    assert run.returncode == 0, run.stderr
    model = onnx.load(str(tmp_path / "out.onnx"))
    got = Interpreter(model, "pytorch").run(tools.arrays(folder, "in"))
    assert len(got) == len(want)
    for value, answer, output in zip(got, want, case["outputs"]):
        quantized = output["quantization"]
        assert isinstance(value, Int8Tensor) == bool(quantized)
        if quantized:
            assert (value.scale, value.zero_point) == (np.float32(quantized["scale"]), quantized["zero_point"])
            value = value.data
        assert value.shape == answer.shape
        if answer.dtype.kind not in "iub":
            tools.assert_same(np.asarray(value), answer)
            continue
        differ, most = tools.difference(value, answer)
        if "per_channel" in case["name"]:  # one scale for all channels
            assert most <= 2
        elif quantized and through_float(model):  # a result at a tie rounds to either side
            assert most <= 1 and differ <= 0.13 * answer.size
        else:
            assert differ == 0, "%d of %d elements differ, by %d at most" % (differ, answer.size, most)
