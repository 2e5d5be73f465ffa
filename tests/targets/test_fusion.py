"""Which groups DequantizeLinear, operator, QuantizeLinear become one kernel in ONNX Runtime, and which stay float."""
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from tools import F32, VERSION, constant, dtype

IMAGE = [1, 8, 6, 6]
QUANTIZED, WEIGHT, BIAS = "x", "w", "b"  # anything else: a constant as it is


def optimized(tmp_path, op, inputs, attributes, signed, out_zero=None, moves=False, relu=False, quantize=True,
              per_channel=False):
    """The operators left; inputs: pairs of a kind and a shape, or constants."""
    t = dtype(signed)
    nodes, initializers, graph_inputs, names = [], [], [], []

    def named(name, value):
        initializers.append(constant(name, value))
        return name

    for i, item in enumerate(inputs):
        kind, shape = item if isinstance(item, tuple) else (None, item)
        if kind is None:
            names.append("" if shape is None else named("k%d" % i, shape))
            continue
        if kind == QUANTIZED:
            graph_inputs.append(helper.make_tensor_value_info("x%d" % i, helper.np_dtype_to_tensor_dtype(np.dtype(t)), shape))
            zero = 3 if moves else 0 if signed else 128
            parts = ["x%d" % i, named("s%d" % i, F32(0.02 + (0 if moves else 0.001 * i))), named("z%d" % i, t(zero))]
        elif kind == WEIGHT:
            scale, zero = (np.full(shape[0], 0.01, F32), np.zeros(shape[0], np.int8)) if per_channel else (F32(0.01), np.int8(0))
            parts = [named("w", np.ones(shape, np.int8)), named("ws", scale), named("wz", zero)]
        else:
            parts = [named("b", np.zeros(shape, np.int32)), named("bs", F32(0.0002))]
        axis = {"axis": 0} if kind == WEIGHT and per_channel else {}
        nodes.append(helper.make_node("DequantizeLinear", parts, ["d%d" % i], **axis))
        names.append("d%d" % i)
    if op == "Where":
        graph_inputs.append(helper.make_tensor_value_info("condition", onnx.TensorProto.BOOL, IMAGE))
        names = ["condition"] + names
    nodes.append(helper.make_node(op, names, ["f"], **attributes))
    last, out_type = "f", onnx.TensorProto.FLOAT
    if relu:
        nodes.append(helper.make_node("Relu", [last], ["r"]))
        last = "r"
    if quantize:
        zero = 3 if moves else (0 if signed else 128) if out_zero is None else out_zero
        nodes.append(helper.make_node("QuantizeLinear", [last, named("so", F32(0.02 if moves else 0.05)), named("zo", t(zero))],
                                      ["y"]))
        last, out_type = "y", helper.np_dtype_to_tensor_dtype(np.dtype(t))
    graph = helper.make_graph(nodes, "g", graph_inputs, [helper.make_tensor_value_info(last, out_type, None)], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    left = [node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node]
    return [name for name in left if name not in ("Transpose", "ReorderInput", "ReorderOutput")] or left


X = (QUANTIZED, IMAGE)
CONV = [X, (WEIGHT, [16, 8, 3, 3]), (BIAS, [16])]
GEMM = [(QUANTIZED, [4, 8]), (WEIGHT, [16, 8]), (BIAS, [16])]
MATMUL = [(QUANTIZED, [4, 8]), (WEIGHT, [8, 16])]
FLOAT = {"DequantizeLinear", "QuantizeLinear"}
UNFUSED_LINEAR = VERSION >= (1, 27)

# operator, inputs, attributes, further arguments, kernel (None: stays float)
BOTH_TYPES = [
    ("Gemm", GEMM, {"transB": 1}, {}, "QGemm"),
    ("Gemm", GEMM, {"transB": 1}, {"per_channel": True}, "QGemm"),
    ("Gemm", GEMM, {"transB": 1}, {"quantize": False}, "QGemm"),
    ("Add", [X, X], {}, {}, "QLinearAdd"),
    ("Mul", [X, X], {}, {}, "QLinearMul"),
    ("Concat", [X, X], {"axis": 1}, {}, "QLinearConcat"),
    ("Where", [X, X], {}, {}, "QLinearWhere"),
    ("AveragePool", [X], {"kernel_shape": [2, 2]}, {}, "QLinearAveragePool"),
    ("GlobalAveragePool", [X], {}, {}, "QLinearGlobalAveragePool"),
    ("Sigmoid", [X], {}, {}, "QLinearSigmoid"),
    ("LeakyRelu", [X], {}, {}, "QLinearLeakyRelu"),
    ("Softmax", [X], {"axis": -1}, {}, "QLinearSoftmax"),
    ("MaxPool", [X], {"kernel_shape": [2, 2]}, {"moves": True}, "MaxPool"),
    ("ReduceMax", [X], {"axes": [2, 3]}, {"moves": True}, "ReduceMax"),
    ("Reshape", [X, np.int64([1, -1])], {}, {"moves": True}, "Reshape"),
    ("Flatten", [X], {}, {"moves": True}, "Flatten"),
    ("Transpose", [X], {"perm": [0, 2, 3, 1]}, {"moves": True}, "Transpose"),
    ("Squeeze", [X, np.int64([0])], {}, {"moves": True}, "Squeeze"),
    ("Unsqueeze", [X, np.int64([0])], {}, {"moves": True}, "Unsqueeze"),
    ("Slice", [X, np.int64([1]), np.int64([3]), np.int64([1])], {}, {"moves": True}, "Slice"),
    ("Gather", [X, np.int64([1, 2])], {"axis": 1}, {"moves": True}, "Gather"),
    ("Tile", [X, np.int64([1, 2, 1, 1])], {}, {"moves": True}, "Tile"),
    ("Expand", [X, np.int64([2, 8, 6, 6])], {}, {"moves": True}, "Expand"),
    ("Resize", [X, None, F32([1, 1, 2, 2])], {"mode": "nearest"}, {"moves": True}, "Resize"),
    ("Resize", [X, None, F32([1, 1, 2, 2])], {"mode": "linear"}, {"moves": True}, None if UNFUSED_LINEAR else "Resize"),
    ("MaxPool", [X], {"kernel_shape": [2, 2]}, {}, None),
    ("Reshape", [X, np.int64([1, -1])], {}, {}, None),
    ("Pad", [X, np.int64([0, 0, 1, 1, 0, 0, 1, 1])], {}, {"moves": True}, None),
    ("ConvTranspose", [X, (WEIGHT, [8, 16, 3, 3])], {}, {}, None),
    ("Conv", CONV, {}, {"quantize": False}, None),
    ("Conv", CONV, {}, {"relu": True, "out_zero": 5}, None),
    ("Add", [X, X], {}, {"relu": True, "out_zero": 5}, None),
    ("ReduceMean", [X], {"axes": [2, 3]}, {}, None),
    ("Relu", [X], {}, {}, None),
] + [(op, [X] * (1 + (op in ("Sub", "Div"))), {}, {}, None)
     for op in ("Sub", "Div", "HardSigmoid", "HardSwish", "Tanh", "Elu", "Erf", "Exp", "Sqrt", "Clip")]
UINT8 = [
    ("Conv", CONV, {}, {}, "QLinearConv"),
    ("Conv", CONV, {}, {"per_channel": True}, "QLinearConv"),
    ("Conv", CONV, {}, {"relu": True, "out_zero": 0}, "QLinearConv"),
    ("Add", [X, X], {}, {"relu": True, "out_zero": 0}, "QLinearAdd"),
    ("MatMul", MATMUL, {}, {}, "QLinearMatMul"),
    ("MatMul", [(QUANTIZED, [4, 8]), (QUANTIZED, [8, 4])], {}, {}, "QLinearMatMul"),
    ("MatMul", MATMUL, {}, {"quantize": False}, "MatMulIntegerToFloat"),
]
# Of an int8 graph input: inside a graph, int8 activations between a QuantizeLinear and a DequantizeLinear are made uint8.
INT8 = [("Conv", CONV, {}, {}, None), ("MatMul", MATMUL, {}, {}, None)]


@pytest.mark.parametrize("signed, case", [(signed, case) for signed in (False, True)
                                          for case in BOTH_TYPES + (INT8 if signed else UINT8)],
                         ids=lambda value: value if not isinstance(value, tuple) else value[0])
def test_fusion(tmp_path, signed, case):
    op, inputs, attributes, more, kernel = case
    left = optimized(tmp_path, op, inputs, attributes, signed, **more)
    if kernel is None:
        assert "DequantizeLinear" in left and not any(name.startswith(("QLinear", "QGemm")) for name in left), left
    else:
        assert left == [kernel]
