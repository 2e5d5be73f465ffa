"""Quantizations that ONNX Runtime changes when it loads a model, in the engine: DoubleQDQPairsRemover and ClipQuantFusion."""
import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

import program

TYPES = {"uint8": np.uint8, "int8": np.int8}


class Model:
    def __init__(self):
        self.nodes, self.constants = [], []

    def op(self, kind, *inputs):
        names = [i if isinstance(i, str) else self.constant(i) for i in inputs]
        self.nodes.append(helper.make_node(kind, names, ["v%d" % len(self.nodes)]))
        return self.nodes[-1].output[0]

    def constant(self, value):
        self.constants.append(numpy_helper.from_array(np.asarray(value), "c%d" % len(self.constants)))
        return self.constants[-1].name

    def pair(self, x, scale, zero_point):
        parts = [self.constant(np.float32(scale)), self.constant(zero_point)]
        return self.op("DequantizeLinear", self.op("QuantizeLinear", x, *parts), *parts)

    def check(self, outputs, x, folder):
        graph = helper.make_graph(self.nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
                                  [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs], self.constants)
        path = folder / "model.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
        want = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(outputs, {"x": x})
        got = program.run(path, [x], folder)
        assert isinstance(got, list), got
        for a, b in zip(got, want):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("kind", TYPES)
def test_pairs(kind, seed, tmp_path):
    random, limits = np.random.default_rng(seed), np.iinfo(TYPES[kind])
    model, y = Model(), "x"
    for _ in range(random.integers(2, 8)):
        y = model.pair(y, np.exp(random.uniform(-4, -2)), TYPES[kind](random.integers(limits.min, limits.max + 1)))
    model.check([y], random.standard_normal((4, 64)).astype(np.float32) * 4, tmp_path)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("form", ("two types", "read twice", "an output between", "one scale", "with a layer", "signs"))
def test_pairs_that_stay_or_change_a_layer(form, seed, tmp_path):
    random = np.random.default_rng(seed)
    model, x = Model(), random.standard_normal((1, 4, 8, 8)).astype(np.float32)
    first = model.pair("x", 0.03125, np.uint8(114))
    outputs = []
    if form == "read twice":
        outputs.append(model.op("Neg", first))
    if form == "an output between":
        outputs.append(first)
    second = model.pair(first, 0.03125 if form == "one scale" else 0.0625, np.int8(-38) if form == "two types" else np.uint8(90))
    if form == "with a layer":
        second = model.op("Conv", second, random.standard_normal((4, 4, 3, 3)).astype(np.float32), random.standard_normal(4).astype(np.float32))
        second = model.pair(second, 0.05, np.uint8(128))
    if form == "signs":
        second = model.pair(model.op("Neg", second), 0.01, np.uint8(3))
    model.check([*outputs, second], x, tmp_path)


@pytest.mark.parametrize("low, high", [(5e-9, 1.5e-7), (0.0, 1e-7), (-1.0, 1e-7), (5e-9, 1.0), (None, 1e-7), (5e-9, None), (1.3e-7, 1.0)])
@pytest.mark.parametrize("form", ("of a node", "of the input", "scale of one dimension", "read twice"))
def test_clips(form, low, high, tmp_path):
    model, scale, zero = Model(), np.float32(1e-9), np.uint8(0)
    x = (np.random.default_rng(3).standard_normal((4, 64)) * 1e-7).astype(np.float32)
    bounds = [("" if b is None else np.float32(b)) for b in (low, high)]
    clipped = model.op("Clip", "x" if form == "of the input" else model.op("Abs", "x"), *bounds)
    outputs = [model.op("Neg", clipped)] if form == "read twice" else []
    if form == "scale of one dimension":
        scale, zero = scale.reshape(1), zero.reshape(1)
    model.check([*outputs, model.pair(clipped, scale, zero)], x, tmp_path)
