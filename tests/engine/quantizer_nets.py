"""Small float networks for ONNX Runtime's quantizer: one subject each, seeded weights, one input "x", output "y"."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

IMAGE = (2, 8, 13, 11)
ROWS = (2, 6, 16)


class Net:
    """A float model that is being built; values are names."""

    def __init__(self, name, opset=17):
        self.name, self.opset = name, opset
        self.rng = np.random.default_rng(sum(name.encode()))
        self.nodes, self.constants = [], []

    def constant(self, value):
        self.constants.append(numpy_helper.from_array(np.asarray(value), "%s_c%d" % (self.name, len(self.constants))))
        return self.constants[-1].name

    def random(self, *shape, by=1.0):
        return self.constant((self.rng.standard_normal(shape) * by).astype(np.float32))

    def op(self, operator, *inputs, outputs=1, **attributes):
        name = "%s_%d" % (operator, len(self.nodes))
        names = [name + "_out%d" % i for i in range(outputs)]
        inputs = [i if isinstance(i, str) else self.constant(i) for i in inputs]
        self.nodes.append(helper.make_node(operator, inputs, names, name=name, **attributes))
        return names if outputs > 1 else names[0]

    def conv(self, x, out, into, kernel=3, group=1, **attributes):
        shape = [kernel] * 2
        w = self.random(out, into // group, *shape, by=(into // group * kernel * kernel) ** -0.5)
        attributes.setdefault("pads", [kernel // 2] * 4)
        return self.op("Conv", x, w, self.random(out, by=0.1), kernel_shape=shape, group=group, **attributes)

    def linear(self, x, out, into):  # of any rank: MatMul and Add
        return self.op("Add", self.op("MatMul", x, self.random(into, out, by=into ** -0.5)), self.random(out, by=0.1))

    def gemm(self, x, out, into):
        return self.op("Gemm", x, self.random(out, into, by=into ** -0.5), self.random(out, by=0.1), transB=1)

    def model(self, y, shape):
        self.nodes[-1].output[0] = "y"
        assert y == self.nodes[-1].name + "_out0"
        graph = helper.make_graph(self.nodes, self.name,
                                  [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))],
                                  [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)
        return onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)


def ints(*values):
    return np.array(values, np.int64)


def reals(*values):
    return np.array(values, np.float32)


def conv(n):
    x = n.op("Relu", n.conv("x", 16, 8, strides=[2, 2]))
    x = n.op("Relu", n.conv(x, 16, 16, group=4))
    return n.conv(x, 12, 16, 1)


def residual(n):
    x = n.op("Relu", n.conv("x", 16, 8))
    y = n.conv(n.op("Relu", n.conv(x, 16, 16)), 16, 16)
    x = n.op("Relu", n.op("Add", x, y))
    return n.gemm(n.op("Flatten", n.op("GlobalAveragePool", x)), 10, 16)


def depthwise(n):
    def relu6(x):
        return n.op("Clip", x, np.float32(0), np.float32(6))
    x = relu6(n.conv("x", 24, 8, 1))
    x = relu6(n.conv(x, 24, 24, group=24, strides=[2, 2]))
    x = n.conv(x, 16, 24, 1)
    return n.op("Add", x, n.conv(relu6(n.conv(x, 24, 16, 1)), 16, 24, 1))


def transposed(n):
    x = n.op("Relu", n.conv("x", 16, 8))
    x = n.op("ConvTranspose", x, n.random(16, 8, 2, 2, by=0.15), n.random(8, by=0.1), strides=[2, 2])
    return n.conv(n.op("Relu", x), 4, 8, 1)


def mlp(n):
    x = n.op("Relu", n.gemm(n.op("Reshape", "x", ints(12, 16)), 40, 16))
    return n.gemm(n.op("Relu", n.gemm(x, 24, 40)), 10, 24)


def matmul(n):
    return n.linear(n.op("Relu", n.linear("x", 40, 16)), 24, 40)


def softmax(n):
    x = n.op("Softmax", n.linear("x", 20, 16), axis=-1)
    x = n.op("Softmax", n.op("Mul", n.linear(x, 16, 20), reals(3)), axis=1)
    return n.linear(x, 8, 16)


def layernorm(n):
    x = n.linear("x", 24, 16)
    d = n.op("Sub", x, n.op("ReduceMean", x, axes=[-1]))
    v = n.op("Add", n.op("ReduceMean", n.op("Pow", d, reals(2)), axes=[-1]), reals(1e-5))
    x = n.op("Add", n.op("Mul", n.op("Div", d, n.op("Sqrt", v)), n.random(24)), n.random(24))
    x = n.op("Add", x, n.linear(x, 24, 24))
    return n.op("LayerNormalization", x, n.random(24), n.random(24), axis=-1)


def attention(n):
    def heads(x, perm):
        return n.op("Transpose", n.op("Reshape", n.linear(x, 16, 16), ints(2, 6, 2, 8)), perm=perm)
    q, k, v = heads("x", [0, 2, 1, 3]), heads("x", [0, 2, 3, 1]), heads("x", [0, 2, 1, 3])
    weights = n.op("Softmax", n.op("Div", n.op("MatMul", q, k), reals(8 ** 0.5)), axis=-1)
    y = n.op("Reshape", n.op("Transpose", n.op("MatMul", weights, v), perm=[0, 2, 1, 3]), ints(2, 6, 16))
    return n.op("Add", "x", n.linear(y, 16, 16))


def pools(n):
    x = n.op("Relu", n.conv("x", 16, 8))
    a = n.op("AveragePool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    b = n.op("AveragePool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4, count_include_pad=1)
    x = n.op("Add", n.op("Add", a, b), n.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4))
    return n.op("GlobalAveragePool", n.op("AveragePool", x, kernel_shape=[2, 3]))


def resize_nearest(n):
    x = n.op("Resize", n.conv("x", 8, 8), "", reals(1, 1, 2, 2), mode="nearest", nearest_mode="floor",
             coordinate_transformation_mode="asymmetric")
    return n.conv(x, 4, 8)


def resize_linear(n):
    x = n.op("Resize", n.conv("x", 8, 8), "", reals(1, 1, 2, 2), mode="linear")
    x = n.op("Resize", n.conv(x, 4, 8), "", "", ints(2, 4, 20, 30), mode="linear",
             coordinate_transformation_mode="align_corners")
    return n.conv(x, 4, 4, 1)


def mean(n):
    x = n.conv("x", 16, 8)
    a = n.op("ReduceMean", x, axes=[2, 3])
    b = n.op("ReduceMean", x, axes=[1])
    x = n.op("Add", n.op("Add", x, a), b)
    x = n.op("ReduceMean", x, axes=[3], keepdims=0)
    return n.op("ReduceMean", n.op("Add", x, n.op("ReduceMean", x, axes=[0, 2])), axes=[1], keepdims=0)


def concat(n):
    a, b = n.conv("x", 8, 8), n.op("Relu", n.conv("x", 6, 8, 1))
    x = n.op("Concat", a, b, n.op("MaxPool", "x", kernel_shape=[3, 3], pads=[1] * 4), axis=1)
    return n.conv(x, 8, 22, 1)


def gate(n):
    x = n.conv("x", 16, 8)
    g = n.op("Relu", n.conv(n.op("GlobalAveragePool", x), 8, 16, 1))
    x = n.op("Mul", x, n.op("Sigmoid", n.conv(g, 16, 8, 1)))
    return n.op("Mul", x, n.op("Sigmoid", x))


def hardswish(n):
    x = n.op("HardSwish", n.conv("x", 16, 8))
    x = n.conv(x, 16, 16, group=16)
    x = n.op("Mul", x, n.op("HardSigmoid", x, alpha=1 / 6, beta=0.5))
    y = n.op("Mul", x, n.op("Div", n.op("Clip", n.op("Add", x, reals(3)), np.float32(0), np.float32(6)), reals(6)))
    return n.conv(y, 4, 16, 1)


def activations(n):
    x = n.op("LeakyRelu", n.conv("x", 8, 8), alpha=0.1)
    x = n.op("Elu", n.conv(x, 8, 8, 1))
    x = n.op("PRelu", n.conv(x, 8, 8, 1), np.full((8, 1, 1), 0.3, np.float32))
    return n.op("Tanh", n.conv(n.op("Softplus", n.conv(x, 8, 8, 1)), 4, 8, 1))


def shuffle(n):
    a, b = n.op("Split", n.op("Relu", n.conv("x", 16, 8)), ints(8, 8), axis=1, outputs=2)
    x = n.op("Concat", a, n.conv(b, 8, 8, 1), axis=1)
    x = n.op("Transpose", n.op("Reshape", x, ints(2, 2, 8, 13, 11)), perm=[0, 2, 1, 3, 4])
    x = n.op("Slice", n.op("Reshape", x, ints(2, 16, 13, 11)), ints(1), ints(13), ints(1), ints(2))
    return n.conv(n.op("Squeeze", n.op("Unsqueeze", x, ints(0)), ints(0)), 4, 6, 1)


def pad(n):
    x = n.op("Pad", n.op("Relu", n.conv("x", 8, 8)), ints(0, 0, 1, 2, 0, 0, 2, 1), np.float32(0))
    x = n.op("Pad", n.conv(x, 8, 8, pads=[0] * 4), ints(0, 0, 1, 1, 0, 0, 1, 1), mode="reflect")
    return n.conv(x, 4, 8, 1)


def conv1d(n):
    x = n.op("Relu", n.op("Conv", "x", n.random(12, 6, 3, by=0.25), n.random(12, by=0.1), pads=[1, 1]))
    x = n.op("Conv", x, n.random(12, 1, 5, by=0.4), n.random(12, by=0.1), pads=[4, 0], group=12)
    return n.op("AveragePool", n.op("BatchNormalization", n.op("Sub", x, n.random(12, 1)), *(
        reals(*(n.rng.random(12) + 0.5)) for _ in range(4))), kernel_shape=[4], strides=[2])


def gelu(n):
    x = n.linear("x", 32, 16)
    e = n.op("Add", n.op("Erf", n.op("Div", x, reals(2 ** 0.5))), reals(1))
    x = n.linear(n.op("Mul", n.op("Mul", x, e), reals(0.5)), 16, 32)
    return n.op("Where", np.array([[True, False] * 8]), x, n.op("Max", n.op("Min", x, "x"), n.op("Neg", n.op("Abs", x))))


NETS = {f.__name__: (f, ROWS if f in (mlp, matmul, softmax, layernorm, attention, conv1d, gelu) else IMAGE)
        for f in (conv, residual, depthwise, transposed, mlp, matmul, softmax, layernorm, attention, pools, resize_nearest,
                  resize_linear, mean, concat, gate, hardswish, activations, shuffle, pad, conv1d, gelu)}


def make(name):
    """The float model and its input's shape."""
    function, shape = NETS[name]
    net = Net(name)
    return net.model(function(net), shape), shape
