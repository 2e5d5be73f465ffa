"""Models of other software, made by code, and what ONNX Runtime answers for them."""
import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import quantization

import tools

OPSETS = range(13, 22)
IMAGE = [1, 4, 9, 8]


def session(path):
    return ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def draw(model, count=4):
    """Random inputs for a model: integers over their whole range, floats of a normal distribution."""
    constants = {c.name for c in model.graph.initializer}
    random = np.random.default_rng(7)
    drawn = []
    for _ in range(count):
        feed = {}
        for value in model.graph.input:
            if value.name in constants:
                continue
            kind = value.type.tensor_type
            sizes = [d.dim_value or 2 for d in kind.shape.dim]
            dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type)
            if dtype.kind == "f":
                feed[value.name] = (2 * random.standard_normal(sizes)).astype(dtype)
            else:
                limits = np.iinfo(dtype)
                feed[value.name] = random.integers(limits.min, limits.max + 1, sizes).astype(dtype)
        drawn.append(feed)
    return drawn


def answers(path, feeds):
    runner = session(path)
    return [runner.run(None, feed) for feed in feeds]


def assert_same_answers(given, converted, feeds=None):
    """Bit for bit, NaN and signs of zero included."""
    feeds = feeds or draw(onnx.load(str(given)))
    for expected, values in zip(answers(given, feeds), answers(converted, feeds)):
        assert len(expected) == len(values)
        for a, b in zip(expected, values):
            assert a.dtype == b.dtype and a.shape == b.shape
            assert a.tobytes() == b.tobytes(), "%d of %d differ" % ((a != b).sum(), a.size)


def kernels(path, folder):
    """How many nodes of each kind ONNX Runtime runs after its default optimization."""
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    kinds = [node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node]
    return {kind: kinds.count(kind) for kind in kinds if kind.startswith("Q") and kind != "QuantizeLinear"}


class Graph:
    """Builds a model node by node; constants are initializers."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def constant(self, value):
        name = "c%d" % len(self.constants)
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def op(self, kind, *inputs, outputs=1, **attributes):
        names = [i if isinstance(i, str) else self.constant(i) for i in inputs]
        results = ["v%d_%d" % (len(self.nodes), i) for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, names, results, name="n%d" % len(self.nodes), **attributes))
        return results[0] if outputs == 1 else results

    def quantized(self, x, scale, zero_point):
        parts = [np.float32(scale), zero_point]
        return self.op("DequantizeLinear", self.op("QuantizeLinear", x, *parts), *parts)

    def save(self, path, outputs, opset=17, inputs=(("x", TensorProto.FLOAT, IMAGE),), ir_version=8, **options):
        self.nodes[-1].doc_string = "written by hand"
        graph = helper.make_graph(self.nodes, "given", [helper.make_tensor_value_info(*i) for i in inputs],
                                  [helper.make_tensor_value_info(o, t, None) for o, t in outputs],
                                  initializer=self.constants, doc_string="a graph")
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version,
                                  producer_name="other", **options)
        helper.set_model_props(model, {"author": "somebody"})
        try:
            model = onnx.shape_inference.infer_shapes(model)
        except Exception:
            pass  # an old opset
        onnx.save(model, str(path))
        return path


FLOAT = TensorProto.FLOAT


def between_integers(path, kind, *constants, opset=17, signed=False, same_scale=True, **attributes):
    """QuantizeLinear, DequantizeLinear, the operator, QuantizeLinear, DequantizeLinear."""
    zero = np.int8(3) if signed else np.uint8(131)
    g = Graph()
    y = g.op(kind, g.quantized("x", 0.031, zero), *constants, **attributes)
    y = g.quantized(y, 0.031 if same_scale else 0.017, zero)
    return g.save(path, [(y, FLOAT)], opset)


def float_net(path, opset=13, head="Gemm"):
    random = np.random.default_rng(3)
    g = Graph()

    def conv(x, channels, out, relu, **attributes):
        w = (random.standard_normal((out, channels, 3, 3)) / 5).astype(np.float32)
        y = g.op("Conv", x, w, random.standard_normal(out).astype(np.float32) / 4, pads=[1, 1, 1, 1], **attributes)
        return g.op("Relu", y) if relu else y
    a = conv("x", 4, 8, True)
    b = g.op("Add", conv(a, 8, 8, False), a)
    c = g.op("Concat", g.op("Sigmoid", b), g.op("LeakyRelu", b, alpha=0.1), axis=1)
    d = g.op("AveragePool", g.op("MaxPool", c, kernel_shape=[2, 2]), kernel_shape=[2, 2], strides=[2, 2])
    e = g.op("Flatten", g.op("GlobalAveragePool", conv(d, 16, 12, True)))
    w = random.standard_normal((5, 12)).astype(np.float32)
    if head == "Gemm":
        y = g.op("Gemm", e, w, random.standard_normal(5).astype(np.float32), transB=1)
    else:
        y = g.op("Softmax", g.op("MatMul", e, w.T.copy()), axis=-1)
    return g.save(path, [(y, FLOAT)], opset)


QUINT8, QINT8 = quantization.QuantType.QUInt8, quantization.QuantType.QInt8
QDQ, QOPERATOR = quantization.QuantFormat.QDQ, quantization.QuantFormat.QOperator
WAYS = {
    "qdq_u8u8": dict(quant_format=QDQ, activation_type=QUINT8, weight_type=QUINT8),
    "qdq_u8s8": dict(quant_format=QDQ, activation_type=QUINT8, weight_type=QINT8),
    "qdq_s8s8_channel": dict(quant_format=QDQ, activation_type=QINT8, weight_type=QINT8, per_channel=True),
    "qdq_symmetric": dict(quant_format=QDQ, activation_type=QINT8, weight_type=QINT8,
                          extra_options={"ActivationSymmetric": True, "AddQDQPairToWeight": True}),
    "qdq_pairs": dict(quant_format=QDQ, activation_type=QUINT8, weight_type=QINT8, reduce_range=True,
                      extra_options={"DedicatedQDQPair": True}),
    "qoperator_u8u8": dict(quant_format=QOPERATOR, activation_type=QUINT8, weight_type=QUINT8),
    "qoperator_u8s8_channel": dict(quant_format=QOPERATOR, activation_type=QUINT8, weight_type=QINT8, per_channel=True),
    "qoperator_s8s8": dict(quant_format=QOPERATOR, activation_type=QINT8, weight_type=QINT8),
}


def quantized_net(folder, way, head="Gemm", opset=13):
    given, path = float_net(folder / "float.onnx", opset, head), folder / "given.onnx"
    feeds = iter(draw(onnx.load(str(given)), 3))

    class Images(quantization.CalibrationDataReader):
        def get_next(self):
            return next(feeds, None)
    quantization.quantize_static(str(given), str(path), Images(), **WAYS[way])
    return path


def convert(given, folder, *options, name="converted.onnx", **how):
    run = tools.octavo("convert", given, "-o", folder / name, *options, **how)
    return folder / name if run.returncode == 0 else run
