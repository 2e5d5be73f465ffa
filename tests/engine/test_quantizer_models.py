"""Models of ONNX Runtime's own quantizer (QDQ, as it writes them), in the engine, against ONNX Runtime itself."""
import itertools
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import quantization

import program

sys.path.insert(0, str(program.REPO / "tests" / "runtime"))
import tools  # noqa: E402

IMAGE = (2, 3, 17, 15)


def network(rng):
    """Float: convolutions (strided, depthwise, grouped), a residual sum, pools, a concatenation, activations, Gemm, MatMul."""
    constants, nodes = [], []

    def constant(name, *shape, by=1.0):
        constants.append(numpy_helper.from_array((rng.standard_normal(shape) * by).astype(np.float32), name))
        return name

    def node(operator, inputs, output, **attributes):
        nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def conv(x, name, out, into, kernel, **attributes):
        w = constant(name + ".w", out, into, kernel, kernel, by=1 / np.sqrt(into * kernel * kernel))
        return node("Conv", [x, w, constant(name + ".b", out, by=0.1)], name, kernel_shape=[kernel] * 2, **attributes)

    x = node("Relu", [conv("x", "c1", 16, 3, 3, pads=[1] * 4, strides=[2, 2])], "r1")
    y = node("Relu", [conv(x, "c2", 16, 1, 3, pads=[1] * 4, group=16)], "r2")
    y = conv(y, "c3", 16, 4, 1, group=4)
    x = node("Relu", [node("Add", [x, y], "sum")], "r3")
    a = node("MaxPool", [x], "max", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    b = node("AveragePool", [x], "average", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4, count_include_pad=1)
    x = node("Concat", [a, b], "both", axis=1)
    g = node("Sigmoid", [conv(node("GlobalAveragePool", [x], "squeezed"), "c4", 32, 32, 1)], "gate")
    x = node("Mul", [x, g], "excited")
    x = node("Clip", [x, constant_scalar(constants, "low", 0), constant_scalar(constants, "high", 6)], "clipped")
    x = node("Flatten", [node("GlobalAveragePool", [x], "pooled")], "flat")
    x = node("Relu", [node("Gemm", [x, constant("fc.w", 20, 32, by=0.2), constant("fc.b", 20, by=0.1)], "fc", transB=1)], "r4")
    node("MatMul", [x, constant("mm.w", 20, 10, by=0.3)], "y")
    graph = helper.make_graph(nodes, "network", [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(IMAGE))],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [IMAGE[0], 10])], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    return model


def constant_scalar(constants, name, value):
    constants.append(numpy_helper.from_array(np.float32(value), name))
    return name


class Images(quantization.CalibrationDataReader):
    def __init__(self):
        rng = np.random.default_rng(1)
        self.images = iter([{"x": rng.standard_normal(IMAGE).astype(np.float32)} for _ in range(4)])

    def get_next(self):
        return next(self.images, None)


ACTIVATIONS = {"u8": quantization.QuantType.QUInt8, "s8": quantization.QuantType.QInt8}
WAYS = list(itertools.product(ACTIVATIONS, ("tensor", "channel"), ("asymmetric", "symmetric")))


@pytest.mark.parametrize("activation, weights, zero_points", WAYS)
def test_qdq_of_the_quantizer(activation, weights, zero_points, tmp_path):
    onnx.save(network(np.random.default_rng(2)), str(tmp_path / "float.onnx"))
    quantization.quantize_static(
        str(tmp_path / "float.onnx"), str(tmp_path / "model.onnx"), Images(), quant_format=quantization.QuantFormat.QDQ,
        activation_type=ACTIVATIONS[activation], weight_type=quantization.QuantType.QInt8, per_channel=weights == "channel",
        extra_options={"ActivationSymmetric": zero_points == "symmetric"})
    x = (np.random.default_rng(3).standard_normal(IMAGE) * 1.5).astype(np.float32)
    want = tools.run(tmp_path / "model.onnx", [x])[0]
    assert len(np.unique(want)) > 5, "says nothing"
    got = program.run(tmp_path / "model.onnx", [x], tmp_path)
    assert isinstance(got, list), got
    np.testing.assert_array_equal(got[0], want)
    # Node by node, without fusion, it is the float network between roundings: a few flips, which add up at the end.
    literal = program.run(tmp_path / "model.onnx", [x], tmp_path, "--no-fuse")
    assert isinstance(literal, list), literal
    step = np.diff(np.unique(want)).min()
    assert np.abs(literal[0] - want).max() <= 2 * step
    # `octavo convert` moves it to its own forms, and to the Caffe2 dialect where that can say it, with the same numbers.
    dialects = ["qdq"] + (["caffe2"] if activation == "u8" and weights == "tensor" else [])
    for dialect in dialects:
        tools.octavo("convert", tmp_path / "model.onnx", "-o", tmp_path / "converted.onnx", "--dialect", dialect)
        got = tools.run(tmp_path / "converted.onnx", [x]) if dialect == "qdq" else program.run(tmp_path / "converted.onnx", [x], tmp_path)
        assert isinstance(got, list), got
        np.testing.assert_array_equal(got[0], want, dialect)
