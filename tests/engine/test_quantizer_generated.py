"""Models of ONNX Runtime's quantizer (quantizer_models.py) and drawn operators (between_quantizers.py): `octavo run`
against ONNX Runtime with its default options."""
import fnmatch

import numpy as np
import pytest

import between_quantizers
import program
import quantizer_models

# Models whose float32 sums have an order that depends on the CPU, or whose functions are approximations that the engine
# does not repeat to the bit: floats within 1e-5 of their root mean square, integers at most one step off, at a tie.
NEAR = {
    "*/blocks": "MatMulNBits adds blocks of products",
    "*/qdq-?16s8*": "MatMulNBits, Softplus, Elu and float sums before 16-bit integers, whose steps are small",
    "layernorm/*": "LayerNormalization",
    "attention/dynamic-*": "FusedMatMul, Softmax", "softmax/dynamic-*": "Softmax",
    "residual/dynamic-*": "GlobalAveragePool", "gate/dynamic-*": "QuickGelu", "transposed/dynamic-*": "float ConvTranspose",
}
# Behind one such step the rest of the network adds more.
BEHIND_A_STEP = {"activations/qdq-?16s8*", "gelu/qdq-?16s8*"}
NOT_MADE = {"*/blocks"}  # a net without MatMul


def is_in(name, patterns):
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def check(name, tmp_path):
    verdict, note = quantizer_models.compare(name, tmp_path)
    if verdict == "not made" and is_in(name, NOT_MADE):
        return
    allowed = {"equal"}
    if is_in(name, NEAR):
        allowed |= {"close", "step"}
    if is_in(name, BEHIND_A_STEP):
        allowed.add("differ")
    assert verdict in allowed, "%s: %s %s" % (name, verdict, note)


# Every net and every way at least twice, and every fourth clipped model.
QUICK = [name for i, name in enumerate(quantizer_models.NAMES) if i % 7 == 3 or ("clipped" in name and i % 4 == 0)]


@pytest.mark.parametrize("name", QUICK)
def test_model(name, tmp_path):
    check(name, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in quantizer_models.NAMES if name not in QUICK])
def test_other_model(name, tmp_path):
    check(name, tmp_path)


def differing(operator, seeds, folder):
    for seed in seeds:
        answer = between_quantizers.compare(operator, seed, folder)
        if isinstance(answer, str):
            assert answer.startswith("ONNX Runtime: "), "%s, seed %d: %s" % (operator, seed, answer)
            continue
        count, distance, elements = answer
        if operator in between_quantizers.NEAR:
            assert distance <= quantizer_models.ONE_STEP and count <= max(1, elements // 50), (operator, seed, answer)
        else:
            assert count == 0, (operator, seed, answer)


@pytest.mark.parametrize("operator", between_quantizers.OPERATORS)
def test_operator(operator, tmp_path):
    differing(operator, range(6), tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("operator", between_quantizers.OPERATORS)
def test_operator_often(operator, tmp_path):
    differing(operator, range(6, 150), tmp_path)


def test_drawn_models_say_something():
    for operator in between_quantizers.OPERATORS:
        model, inputs = between_quantizers.drawn(operator, 0)
        assert inputs and any(node.op_type == "QuantizeLinear" for node in model.graph.node)


def test_not_a_number_becomes_the_lowest_level(tmp_path):
    """In both, for every type of integers; infinities saturate."""
    from onnx import helper, numpy_helper, TensorProto
    import onnx
    for dtype, opset in (("uint8", 17), ("int8", 17), ("uint16", 21), ("int16", 21)):
        kind = np.dtype(dtype)
        graph = helper.make_graph(
            [helper.make_node("QuantizeLinear", ["x", "s", "z"], ["y"])], "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [6])],
            [helper.make_tensor_value_info("y", helper.np_dtype_to_tensor_dtype(kind), [6])],
            [numpy_helper.from_array(np.float32(0.1), "s"), numpy_helper.from_array(kind.type(7), "z")])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
        onnx.save(model, str(tmp_path / "q.onnx"))
        x = np.float32([np.nan, np.inf, -np.inf, 0.05, 0.25, -0.15])
        want = quantizer_models.session(tmp_path / "q.onnx").run(None, {"x": x})[0]
        for options in ((), ("--no-fuse",)):
            np.testing.assert_array_equal(program.run(tmp_path / "q.onnx", [x], tmp_path, *options)[0], want, dtype)


def test_clip_that_is_removed_is_no_reader(tmp_path):
    """The bias becomes integers, although a Clip that ONNX Runtime removes stood before the QuantizeLinear."""
    differing("ConvTranspose", [16], tmp_path)
