"""Nodes for every operator of the engine, whole ones and ones whose shapes, types, attributes or counts do not fit."""
import copy
import dataclasses

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

MICROSOFT = "com.microsoft"


@dataclasses.dataclass
class Node:
    """A node with the arrays that it reads; None: an input that is left out."""
    op: str
    inputs: list
    attributes: dict = dataclasses.field(default_factory=dict)
    outputs: int = 1
    opset: int = 17
    domain: str = ""
    changes: list = dataclasses.field(default_factory=list)
    empty_output: bool = False  # the first output has no name
    spoilt: str = ""  # what is wrong with the first attribute


def f(*shape):
    count = int(np.prod(shape)) if shape else 1
    return ((np.arange(count, dtype=np.float32) % 7 - 2) / 2).reshape(shape)


def pos(*shape):
    return np.abs(f(*shape)) + np.float32(0.25)


def u(*shape):
    count = int(np.prod(shape)) if shape else 1
    return (np.arange(count) * 37 % 251).astype(np.uint8).reshape(shape)


def s(*shape):
    return (u(*shape).astype(np.int16) - 125).astype(np.int8)


def i(*values):
    return np.array(values, np.int64)


def b(*shape):
    return u(*shape) % 2 == 0


def scale(value=0.5):
    return np.float32(value)


def zero(value=3):
    return np.uint8(value)


def table():
    """Each operator's nodes that fit."""
    n = []

    def add(ops, inputs, outputs=1, opset=17, domain="", **attributes):
        for op in ops.split():
            n.append(Node(op, inputs, attributes, outputs, opset, domain))

    add("Relu LeakyRelu Elu Celu Selu ThresholdedRelu HardSigmoid HardSwish Shrink Sigmoid Softplus Softsign Abs Neg "
        "Sign Reciprocal Sqrt Exp Log Floor Ceil Round Erf Sin Cos Tan Asin Acos Atan Sinh Cosh Tanh Asinh Acosh Atanh "
        "IsNaN IsInf Identity Shape Size NonZero", [f(2, 3)])
    add("Mish", [f(2, 3)], opset=18)
    add("Gelu", [f(2, 3)], opset=20)
    add("Swish", [f(2, 3)], opset=24)
    add("Gelu QuickGelu", [f(2, 3)], domain=MICROSOFT)
    add("Add Sub Mul Div Pow Min Max Sum Mean PRelu Equal Greater GreaterOrEqual Less LessOrEqual",
        [f(2, 3), pos(3)])
    add("Mod", [i(5, 7, 9), i(2, 3, 4)])
    add("Mod", [f(2, 3), pos(3)], fmod=1)
    add("Clip", [f(2, 3), np.float32(-1), np.float32(1)])
    add("Clip", [f(2, 3)], opset=10, min=-1.0, max=1.0)
    add("And Or Xor", [b(2, 3), b(3)])
    add("Not", [b(2, 3)])
    add("BitwiseAnd BitwiseOr BitwiseXor", [i(1, 2, 3), i(3, 2, 1)], opset=18)
    add("BitwiseNot", [i(1, 2, 3)], opset=18)
    add("BitShift", [np.array([1, 2], np.uint32), np.array([1, 30], np.uint32)], direction="LEFT")
    add("Where", [b(2, 3), f(2, 3), f(3)])
    add("Cast", [f(2, 3)], to=7)
    add("CastLike", [f(2, 3), i(1)])
    add("Softmax LogSoftmax Hardmax", [f(2, 3)], axis=-1)
    add("Softmax", [f(2, 3, 4)], opset=11, axis=1)
    add("Conv", [f(1, 4, 5, 5), f(4, 2, 3, 3), f(4)], group=2, pads=[1, 1, 1, 1], strides=[1, 2])
    add("Conv", [f(1, 2, 7), f(3, 2, 3)], dilations=[2], kernel_shape=[3])
    add("Conv", [f(1, 2, 5, 5), f(2, 2, 3, 3)], auto_pad="SAME_UPPER")
    add("ConvTranspose", [f(1, 4, 3, 3), f(4, 2, 3, 3), f(4)], group=2, strides=[2, 2], output_padding=[1, 1])
    add("ConvTranspose", [f(1, 2, 3, 3), f(2, 2, 3, 3)], output_shape=[6, 6], strides=[2, 2])
    add("ConvInteger", [u(1, 2, 5, 5), u(3, 2, 3, 3), zero(), zero(1)], pads=[1, 1, 1, 1])
    add("QLinearConv", [u(1, 2, 5, 5), scale(), zero(), s(3, 2, 3, 3), scale(), np.int8(0), scale(), zero(),
                        np.array([1, 2, 3], np.int32)])
    add("QLinearConv", [u(1, 2, 5, 5), scale(), zero(), s(3, 2, 3, 3), pos(3), np.zeros(3, np.int8), scale(), zero()],
        pads=[1, 1, 1, 1])
    add("MatMul", [f(2, 3, 4), f(4, 5)])
    add("Gemm", [f(2, 3), f(4, 3), f(4)], transB=1)
    add("Gemm", [f(3, 2), f(3, 4)], transA=1, alpha=0.5)
    add("MatMulInteger", [u(2, 3), u(3, 4), zero(), zero(2)])
    add("MatMulInteger", [u(2, 3), s(3, 4), zero(), np.zeros(4, np.int8)])
    add("QLinearMatMul", [u(2, 3), scale(), zero(), u(3, 4), scale(), zero(), scale(), zero()])
    add("QLinearMatMul", [u(2, 3), scale(), zero(), s(3, 4), pos(4), np.zeros(4, np.int8), scale(), zero()])
    add("QGemm", [u(2, 3), scale(), zero(), u(4, 3), scale(), zero(), np.array([1, 2, 3, 4], np.int32), scale(), zero()],
        domain=MICROSOFT, transB=1)
    add("QGemm", [u(2, 3), scale(), zero(), s(3, 4), pos(4), np.zeros(4, np.int8)], domain=MICROSOFT)
    add("MatMulIntegerToFloat", [u(2, 3), u(3, 4), scale(), scale(), zero(), zero(), f(4)], domain=MICROSOFT)
    add("DynamicQuantizeMatMul", [f(2, 3), u(3, 4), scale(), zero(), f(4)], domain=MICROSOFT)
    add("MatMulNBits", [f(2, 32), u(4, 2, 8), pos(4, 2), u(4, 1)], domain=MICROSOFT, K=32, N=4, bits=4, block_size=16)
    add("QLinearAdd QLinearMul", [u(2, 3), scale(), zero(), u(3), scale(), zero(), scale(), zero()], domain=MICROSOFT)
    add("QLinearSigmoid QLinearLeakyRelu", [u(2, 3), scale(), zero(), scale(), zero()], domain=MICROSOFT)
    add("QLinearConcat", [scale(), zero(), u(2, 3), scale(), zero(), u(2, 4), scale(0.25), zero()], domain=MICROSOFT,
        axis=1)
    add("QLinearWhere", [b(2, 3), u(2, 3), scale(), zero(), u(3), scale(), zero(), scale(), zero()], domain=MICROSOFT)
    add("QLinearSoftmax", [u(2, 3), scale(), zero(), scale(), zero()], domain=MICROSOFT, axis=-1, opset=13)
    n[-1].attributes, n[-1].opset = {"axis": -1, "opset": 13}, 17
    add("QLinearGlobalAveragePool", [u(1, 2, 3, 3), scale(), zero(), scale(), zero()], domain=MICROSOFT, channels_last=0)
    add("QLinearAveragePool", [u(1, 2, 5, 5), scale(), zero(), scale(), zero()], domain=MICROSOFT, kernel_shape=[3, 3],
        pads=[1, 1, 1, 1], strides=[2, 2])
    add("MaxPool", [f(1, 2, 5, 5)], outputs=2, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2])
    add("MaxPool", [u(1, 2, 7)], kernel_shape=[3], dilations=[2], ceil_mode=1)
    add("AveragePool", [f(1, 2, 5, 5)], kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1, ceil_mode=1)
    add("AveragePool", [f(1, 2, 6, 6)], opset=19, kernel_shape=[2, 2], dilations=[2, 2])
    add("MaxPool", [f(1, 2, 6, 6)], kernel_shape=[2, 2], dilations=[2, 2], auto_pad="SAME_LOWER")
    add("GlobalAveragePool GlobalMaxPool", [f(1, 2, 3, 3)])
    add("BatchNormalization", [f(2, 3, 4), pos(3), f(3), f(3), pos(3)])
    add("InstanceNormalization", [f(2, 3, 4), pos(3), f(3)])
    add("GroupNormalization", [f(2, 4, 3), pos(4), f(4)], opset=21, num_groups=2)
    add("GroupNormalization", [f(2, 4, 3), pos(2), f(2)], opset=18, num_groups=2)
    add("LayerNormalization", [f(2, 3, 4), pos(4), f(4)], axis=-1)
    add("LRN", [f(1, 4, 3, 3)], size=3)
    add("LpNormalization", [f(2, 3)], axis=1, p=2)
    add("Transpose", [f(2, 3, 4)], perm=[2, 0, 1])
    add("Concat", [f(2, 3), f(2, 1)], axis=1)
    add("Split", [f(4, 3), i(1, 3)], outputs=2, axis=0)
    add("Split", [f(4, 3)], outputs=2, opset=11, axis=0, split=[2, 2])
    add("Split", [f(4, 3)], outputs=2, opset=18, num_outputs=2)
    add("Slice", [f(4, 5), i(1, 0), i(3, 4), i(0, 1), i(1, 2)])
    add("Slice", [f(4, 5)], opset=9, starts=[1], ends=[3], axes=[1])
    add("Tile", [f(2, 3), i(2, 1)])
    add("DepthToSpace", [f(1, 8, 2, 3)], blocksize=2, mode="CRD")
    add("SpaceToDepth", [f(1, 2, 4, 6)], blocksize=2)
    add("Gather", [f(4, 3), i(0, -1)], axis=0)
    add("GatherElements", [f(3, 3), np.array([[0, 1, 2], [2, -1, 0]], np.int64)], axis=0)
    add("GatherND", [f(2, 3, 4), np.array([[0, 1], [1, 2]], np.int64)])
    add("GatherND", [f(2, 3, 4), np.array([[1], [2]], np.int64)], batch_dims=1)
    add("ScatterElements Scatter", [f(3, 3), np.array([[0, 1, 2]], np.int64), f(1, 3)], axis=0, opset=10)
    for node in n[-2:]:
        node.opset = 18 if node.op == "ScatterElements" else 10
    add("ScatterND", [f(4, 3), np.array([[1], [3]], np.int64), f(2, 3)], reduction="add")
    add("OneHot", [i(0, 2, 1), i(3), f(2)], axis=-1)
    add("Pad", [f(2, 3), i(1, 0, 0, 1), np.float32(2)], mode="constant")
    add("Pad", [f(4, 5), i(1, 2, 0, 1)], mode="reflect")
    add("Pad", [f(4, 5), i(-1, 2, 0, -1)], mode="edge")
    add("Pad", [f(4, 5), i(1, 2), None, i(1)], opset=18)
    add("Pad", [f(4, 5)], opset=2, pads=[1, 0, 0, 1])
    add("Trilu", [f(3, 4), np.int64(1)], upper=0)
    add("EyeLike", [f(3, 4)], k=1)
    add("Einsum", [f(2, 3), f(3, 4)], equation="ij,jk->ik")
    add("Einsum", [f(2, 3, 3)], equation="...ii->...i")
    add("GridSample", [f(1, 2, 4, 4), f(1, 3, 3, 2)], mode="bilinear", padding_mode="border")
    add("Resize", [f(1, 2, 4, 4), None, np.array([1, 1, 2, 2], np.float32)], mode="linear")
    add("Resize", [f(1, 2, 4, 4), None, None, i(1, 2, 7, 3)], mode="nearest")
    add("Resize", [f(1, 2, 4, 4), None, np.array([1, 1, 2, 2], np.float32)], mode="cubic",
        coordinate_transformation_mode="pytorch_half_pixel")
    add("Resize", [f(1, 2, 4, 4), None, None, i(5, 6)], opset=18, mode="linear", axes=[2, 3])
    add("Resize", [f(1, 1, 4, 4), np.array([0, 0, .2, .2, 1, 1, .8, .8], np.float32), None, i(1, 1, 3, 3)],
        coordinate_transformation_mode="tf_crop_and_resize")
    add("Upsample", [f(1, 1, 2, 2), np.array([1, 1, 2, 3], np.float32)], opset=9, mode="nearest")
    add("ReduceSum", [f(2, 3, 4), i(1, -1)], keepdims=0)
    add("ReduceMean ReduceProd ReduceMax ReduceMin ReduceSumSquare ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp",
        [pos(2, 3, 4)], axes=[1, -1])
    add("ReduceMean ReduceMax ReduceL2", [pos(2, 3, 4), i(0, 2)], opset=18, noop_with_empty_axes=1)
    add("ArgMax ArgMin", [f(2, 3)], axis=1, keepdims=0)
    add("CumSum", [f(2, 3), np.int64(1)], exclusive=1)
    add("TopK", [f(2, 5), i(3)], outputs=2, axis=-1)
    add("Reshape", [f(2, 6), i(3, -1)])
    add("Reshape", [f(2, 6), i(0, 2, -1)])
    add("Flatten", [f(2, 3, 4)], axis=2)
    add("Squeeze", [f(2, 1, 3, 1), i(1, -1)])
    add("Squeeze", [f(2, 1, 3, 1)], opset=11, axes=[1])
    add("Unsqueeze", [f(2, 3), i(0, -1)])
    add("Unsqueeze", [f(2, 3)], opset=11, axes=[0, 3])
    add("Dropout", [f(2, 3), np.float32(0.5)], outputs=2)
    add("Constant", [], value=numpy_helper.from_array(f(2, 3)))
    add("ConstantOfShape", [i(2, 3)], value=numpy_helper.from_array(f(1)))
    add("Range", [np.int64(0), np.int64(9), np.int64(2)])
    add("Range", [np.float32(5), np.float32(1), np.float32(-0.5)])
    add("Expand", [f(3, 1), i(2, 3, 4)])
    add("QuantizeLinear", [f(2, 3), scale(), zero()])
    add("QuantizeLinear", [f(2, 3), pos(3), np.zeros(3, np.int8)], axis=1)
    add("QuantizeLinear", [f(2, 4), pos(2, 2), np.zeros((2, 2), np.uint8)], opset=21, axis=1, block_size=2)
    add("DequantizeLinear", [u(2, 3), scale(), zero()])
    add("DequantizeLinear", [s(2, 3), pos(2), np.zeros(2, np.int8)], axis=0)
    add("DequantizeLinear", [s(2, 4), pos(2, 2), np.zeros((2, 2), np.int8)], opset=21, axis=1, block_size=2)
    add("QuantizeLinear", [f(2, 3), scale(), np.uint16(3)], domain=MICROSOFT)
    add("DequantizeLinear", [s(2, 3), pos(3), np.zeros(3, np.int8)], domain=MICROSOFT, axis=1)
    add("DynamicQuantizeLinear", [f(2, 3)], outputs=3)
    return n


INTEGERS = [0, 1, -1, 2, 3, -2, 5, 7, 100, -100, 2**31 - 1, -2**31, 2**40, 2**62, -2**63, 2**63 - 1]
DTYPES = ["float32", "float64", "float16", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "bool"]


def change_shape(node, rng):
    places = [k for k, x in enumerate(node.inputs) if x is not None]
    if not places:
        return
    k = places[rng.integers(len(places))]
    x = np.asarray(node.inputs[k])
    shape = list(x.shape)
    way = rng.integers(6)
    if way == 0 and shape:
        d = rng.integers(len(shape))
        shape[d] = max(0, shape[d] + int(rng.choice([-1, 1, 2])))
    elif way == 1 and shape:
        shape[rng.integers(len(shape))] = int(rng.choice([0, 1]))
    elif way == 2 and shape:
        del shape[rng.integers(len(shape))]
    elif way == 3:
        shape.insert(rng.integers(len(shape) + 1), int(rng.choice([0, 1, 2])))
    elif way == 4:
        shape = []
    else:
        shape = [0] if rng.integers(2) else [1]
    source = x.ravel() if x.size else np.zeros(1, x.dtype)
    node.inputs[k] = np.resize(source, shape).astype(x.dtype)
    node.changes.append("input %d is %s" % (k, shape))


def change_dtype(node, rng):
    places = [k for k, x in enumerate(node.inputs) if x is not None]
    if not places:
        return
    k = places[rng.integers(len(places))]
    dtype = str(rng.choice(DTYPES))
    with np.errstate(all="ignore"):
        node.inputs[k] = np.asarray(node.inputs[k]).astype(dtype)
    node.changes.append("input %d is %s" % (k, dtype))


def change_values(node, rng):
    """Integers that say what to do: indices, axes, sizes."""
    places = [k for k, x in enumerate(node.inputs) if x is not None and np.asarray(x).dtype == np.int64 and np.size(x)]
    if not places:
        places = [k for k, x in enumerate(node.inputs) if x is not None and k and np.size(x) and
                  np.asarray(x).dtype == np.float32]
    if not places:
        return
    k = places[rng.integers(len(places))]
    x = np.array(node.inputs[k])
    at = np.unravel_index(rng.integers(x.size), x.shape)
    value = rng.choice([0, -1, np.inf, -np.inf, np.nan, 1e30, 1e-30, 2.5]) if x.dtype == np.float32 else int(
        INTEGERS[rng.integers(len(INTEGERS))])
    x[at] = value
    node.inputs[k] = x
    node.changes.append("input %d has the value %s" % (k, value))


def change_count(node, rng):
    way = rng.integers(6)
    if way == 0 and node.inputs:
        node.inputs = node.inputs[:rng.integers(len(node.inputs))]
        node.changes.append("%d inputs" % len(node.inputs))
    elif way == 1:
        node.inputs = node.inputs + [node.inputs[0] if node.inputs else f(2)] * int(rng.integers(1, 3))
        node.changes.append("%d inputs" % len(node.inputs))
    elif way == 2 and node.inputs:
        k = rng.integers(len(node.inputs))
        node.inputs[k] = None
        node.changes.append("input %d is left out" % k)
    elif way == 3:
        node.outputs = int(rng.choice([0, 1, 2, 3, 5]))
        node.changes.append("%d outputs" % node.outputs)
    elif way == 4 and node.outputs > 1:
        node.empty_output = True
        node.changes.append("the first output has no name")


def change_attribute(node, rng):
    names = list(node.attributes)
    if not names or rng.integers(12) == 0:
        name = str(rng.choice(["axis", "alpha", "strange", "block_size", "keepdims", "kernel_shape", "dilations", "to",
                               "auto_pad", "group", "output_padding", "perm", "mode"]))
        node.attributes[name] = [1, [1, 1], [-1], 0.5, "mode", ""][rng.integers(6)]
        node.changes.append("attribute %s=%r" % (name, node.attributes[name]))
        return
    name = names[rng.integers(len(names))]
    value = node.attributes[name]
    way = rng.integers(10)
    if way == 0:
        del node.attributes[name]
        node.changes.append("attribute %s is missing" % name)
        return
    if way == 1:
        node.attributes[name] = [1, 0.5, "text", [1], [0.5], ["a"], numpy_helper.from_array(f(2))][rng.integers(7)]
    elif isinstance(value, list):
        value = list(value)
        if way < 4 or not value:
            value = value[:-1] if rng.integers(2) and value else value + [int(rng.integers(3))]
        elif way < 5:
            value = []
        else:
            value[rng.integers(len(value))] = INTEGERS[rng.integers(len(INTEGERS))]
        node.attributes[name] = value
    elif isinstance(value, int):
        node.attributes[name] = INTEGERS[rng.integers(len(INTEGERS))]
    elif isinstance(value, float):
        node.attributes[name] = float(rng.choice([0, -1, 1e30, np.inf, np.nan]))
    elif isinstance(value, str):
        node.attributes[name] = str(rng.choice(["", "strange", "NOTSET", "VALID", "SAME_UPPER", "ij->ji", "ij,jk->", "i->ii",
                                                "...->", "edge", "reflect", "wrap", "linear", "cubic", "nearest",
                                                "align_corners", "asymmetric", "mul", "max", "CRD", "RIGHT", "ij,ji->ij"]))
    node.changes.append("attribute %s=%r" % (name, node.attributes.get(name)))


def spoil_attribute(node, rng):
    if node.attributes:
        node.spoilt = str(rng.choice(["occurs twice", "has no name", "is a graph", "has another type"]))
        node.changes.append("an attribute " + node.spoilt)


CHANGES = [change_shape, change_shape, change_shape, change_dtype, change_values, change_values, change_count,
           change_attribute, change_attribute, spoil_attribute]
# Operators between DequantizeLinear and QuantizeLinear, of which the engine makes one step.
BETWEEN_QUANTIZERS = {"Conv", "ConvTranspose", "Gemm", "MatMul", "Add", "Mul", "AveragePool", "GlobalAveragePool",
                      "Concat", "Sigmoid", "LeakyRelu", "Relu", "Clip", "Softmax", "Resize", "Transpose", "Reshape",
                      "MaxPool", "Where", "Split", "Slice", "Pad", "ReduceMean", "Flatten", "Squeeze", "Gather", "Sub",
                      "Div", "HardSigmoid", "HardSwish", "PRelu", "Tanh", "Tile", "Expand", "InstanceNormalization",
                      "LayerNormalization", "BatchNormalization", "Identity", "Unsqueeze", "DepthToSpace"}


def draw(nodes, rng):
    """A node of `nodes`, changed in no place, one or two."""
    node = copy.deepcopy(nodes[rng.integers(len(nodes))])
    for _ in range(int(rng.choice([0, 1, 1, 1, 1, 2]))):
        CHANGES[rng.integers(len(CHANGES))](node, rng)
    return node


def is_real(x):
    return x is not None and np.asarray(x).dtype == np.float32


class Writer:
    """A model of one node.  Its inputs are graph inputs, whose declared shapes may be open, or initializers."""

    def __init__(self, node, rng):
        self.node, self.rng = node, rng
        self.nodes, self.infos, self.constants, self.feeds = [], [], [], {}

    def value(self, name, array):
        array = np.asarray(array)
        if self.rng.integers(2):
            self.constants.append(numpy_helper.from_array(array, name))
            return name
        shape = [None, list(array.shape), list(array.shape), ["d%s%d" % (name, d) for d in range(array.ndim)]][
            self.rng.integers(4)]
        self.infos.append(helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), shape))
        self.feeds[name] = array
        return name

    def spoil(self, attributes):
        if not self.node.spoilt or not attributes:
            return
        if self.node.spoilt == "occurs twice":
            attributes.append(attributes[0])
        elif self.node.spoilt == "has no name":
            attributes[0].name = ""
        elif self.node.spoilt == "is a graph":
            body = helper.make_graph([helper.make_node("Relu", ["x0"], ["b"])], "body", [], [onnx.ValueInfoProto(name="b")])
            attributes.append(helper.make_attribute("body", body))
        else:
            types = [k for k in range(15) if k != attributes[0].type]
            attributes[0].type = types[self.rng.integers(len(types))]

    def model(self):
        node = self.node
        between = not node.domain and node.op in BETWEEN_QUANTIZERS and node.opset >= 13 and self.rng.integers(2)
        names = []
        for k, x in enumerate(node.inputs):
            if x is None:
                names.append("")
            elif between and is_real(x) and np.ndim(x) and self.rng.integers(5):
                integers = np.clip(np.nan_to_num(np.asarray(x) * 8), -100, 100)
                integers = integers.astype(np.int8) if k else (integers + 100).astype(np.uint8)
                self.constants.append(numpy_helper.from_array(np.float32(0.125), "s%d" % k))
                self.constants.append(numpy_helper.from_array(np.asarray(0 if k else 100, integers.dtype), "z%d" % k))
                self.nodes.append(helper.make_node("DequantizeLinear", [self.value("i%d" % k, integers), "s%d" % k,
                                                                        "z%d" % k], ["x%d" % k], name="dequantize%d" % k))
                names.append("x%d" % k)
            else:
                names.append(self.value("x%d" % k, x))
        outputs = ["y%d" % k for k in range(node.outputs)]
        if outputs and node.empty_output:
            outputs[0] = ""
        self.nodes.append(helper.make_node(node.op, names, outputs, name="node", domain=node.domain, **node.attributes))
        self.spoil(self.nodes[-1].attribute)
        results = [name for name in outputs if name]
        if between and results:
            self.constants.append(numpy_helper.from_array(np.float32(0.25), "sy"))
            self.constants.append(numpy_helper.from_array(np.uint8(90), "zy"))
            self.nodes.append(helper.make_node("QuantizeLinear", [results[0], "sy", "zy"], ["q"], name="quantize"))
            results[0] = "q"
        self.infos.append(helper.make_tensor_value_info("unused", TensorProto.FLOAT, [1]))
        self.feeds["unused"] = np.zeros(1, np.float32)
        self.nodes.append(helper.make_node("Identity", ["unused"], ["same"]))
        graph = helper.make_graph(self.nodes, "g", self.infos, [onnx.ValueInfoProto(name=name) for name in results + ["same"]],
                                  self.constants)
        opsets = [helper.make_opsetid("", node.opset)] + ([helper.make_opsetid(MICROSOFT, 1)] if node.domain else [])
        model = helper.make_model(graph, opset_imports=opsets)
        model.ir_version = 10
        return model, self.feeds
