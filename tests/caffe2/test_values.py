"""The Caffe2 dialect by what it computes: models of models.py in a plain interpreter of the dialect (interpreter.py),
against PyTorch 1.13's answers; and the former exporter's files where they are wrong."""
import numpy as np
import onnx
import pytest

from interpreter import Int8Tensor, Interpreter, Refused
from test_same_nodes import CASES, DATA, export

ANSWERS = np.load(DATA / "answers.npz")
RIGHT = [c for c in CASES if not c["refused"]]
WRONG = [c for c in CASES if c["expect"] == "differs"]
# Averages and products that go through float: sums of reals that lie at a tie round to either side of it.
TIES = {"avg_not_square", "avg_ceil_mode", "avg_without_padding", "avg_divisor", "mul"}
# What follows a convolution can make more of its one step: a sigmoid's slope, a float layer.
AMPLIFIED = {"conv_sigmoid", "small_model"}


def steps_apart(model, case, arithmetic):
    """How many steps of its quantization each element of the model's answer is from PyTorch's."""
    interpreter = Interpreter(model, arithmetic)
    got = interpreter.run([ANSWERS["%s:%d" % (case["name"], i)] for i in range(len(case["inputs"]))])[0]
    want = ANSWERS[case["name"]]
    assert not isinstance(got, Int8Tensor) and got.shape == want.shape, "shape %s, not %s" % (got.shape, want.shape)
    scale = interpreter.last_dequantized.scale
    return np.abs(got.astype(np.float64) - want) / scale


@pytest.mark.parametrize("case", RIGHT, ids=lambda c: c["name"])
def test_equals_pytorch(case, tmp_path):
    """Exactly with PyTorch's rounding, but for TIES; with Caffe2's own, which rounds sums twice, to one step."""
    run = export(case, tmp_path / "ours.onnx")
    assert run.returncode == 0, run.stderr
    model = onnx.load(str(tmp_path / "ours.onnx"))
    apart = steps_apart(model, case, "pytorch")
    assert apart.max(initial=0) < (1.001 if case["name"] in TIES else 1e-3) and (apart > 0.5).mean() < 0.07
    if case["name"] not in AMPLIFIED:
        assert steps_apart(model, case, "caffe2").max(initial=0) < 1.001


@pytest.mark.parametrize("case", RIGHT, ids=lambda c: c["name"])
def test_types_of_the_values_between_the_nodes(case, tmp_path):
    """value_info has what the interpreter computes; the former exporter's had names and no types."""
    run = export(case, tmp_path / "ours.onnx")
    assert run.returncode == 0, run.stderr
    model = onnx.load(str(tmp_path / "ours.onnx"))
    interpreter = Interpreter(model)
    interpreter.run([ANSWERS["%s:%d" % (case["name"], i)] for i in range(len(case["inputs"]))])
    outputs = {o.name for o in model.graph.output}
    said = {v.name: v.type.tensor_type for v in model.graph.value_info}
    for name in (name for node in model.graph.node for name in node.output if name and name not in outputs):
        value = interpreter.values[name]
        array = np.asarray(value.data if isinstance(value, Int8Tensor) else value)
        assert onnx.helper.tensor_dtype_to_np_dtype(said[name].elem_type) == array.dtype, name
        assert [d.dim_value for d in said[name].shape.dim] == list(array.shape), name


@pytest.mark.parametrize("case", WRONG, ids=lambda c: c["name"])
def test_the_former_one_is_wrong(case):
    """Why ours is not the same there: the former exporter's file cannot run, or says something else."""
    model = onnx.load(str(DATA / (case["name"] + ".wrong.onnx")))
    try:
        apart = steps_apart(model, case, "pytorch")
    except (Refused, AssertionError):
        return
    assert apart.max() > 1.5


@pytest.mark.parametrize("case", [c for c in CASES if c["refused"]], ids=lambda c: c["name"])
def test_refused_with_a_reason(case, tmp_path):
    run = export(case, tmp_path / "ours.onnx")
    assert run.returncode == 3 and not (tmp_path / "ours.onnx").exists()
    words = {"conv_per_channel": "--per-channel-weights requantize", "linear_per_channel": "--per-channel-weights requantize",
             "signed_activations": "quint8 activations only", "quantized_input": "does not support quantized inputs"}
    assert words[case["name"]] in run.stderr


@pytest.mark.parametrize("name", ["conv_per_channel", "linear_per_channel"])
def test_requantized_weights_lose_little(name, tmp_path):
    case = next(c for c in CASES if c["name"] == name)
    run = export(case, tmp_path / "ours.onnx", "--per-channel-weights", "requantize")
    assert run.returncode == 0, run.stderr
    apart = steps_apart(onnx.load(str(tmp_path / "ours.onnx")), case, "pytorch")
    assert apart.max() < 2.5 and apart.mean() < 0.5
