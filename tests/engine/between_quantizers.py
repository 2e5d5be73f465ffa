"""Operators between DequantizeLinear and QuantizeLinear, drawn at random: Octavo's engine against ONNX Runtime.

    python tests/engine/between_quantizers.py [--count N] [--only OPERATOR]
"""
import argparse
import collections
import fnmatch
import pathlib
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import program
import quantizer_models

DTYPES = ("uint8", "int8", "uint16", "int16")


class Drawn:
    """One model: graph inputs are integers or floats that the model quantizes; the output is integers or their reals."""

    def __init__(self, rng, dtype, opset):
        self.rng, self.dtype, self.opset = rng, np.dtype(dtype), opset
        self.nodes, self.constants, self.inputs = [], [], {}
        self.domain = "com.microsoft" if self.dtype.itemsize == 2 and opset < 21 else ""

    def constant(self, value):
        self.constants.append(numpy_helper.from_array(np.asarray(value), "c%d" % len(self.constants)))
        return self.constants[-1].name

    def node(self, op, inputs, domain="", outputs=1, **attributes):
        names = ["v%d_%d" % (len(self.nodes), i) for i in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def parameters(self, powers=None):
        """Scale and zero point.  Powers of two make ties."""
        info = np.iinfo(self.dtype)
        wide = 1 if self.dtype.itemsize == 1 else 256
        powers = self.rng.random() < 0.4 if powers is None else powers
        scale = 2.0 ** -int(self.rng.integers(3, 7)) if powers else self.rng.uniform(0.008, 0.08)
        zero = self.rng.choice([info.min, (info.min + info.max + 1) // 2, int(self.rng.integers(info.min, info.max + 1))])
        return [self.constant(np.float32(scale / wide)), self.constant(self.dtype.type(zero))]

    def dequantized(self, shape, parameters=None, kind=None):
        """A float value that is integers': of a graph input, of a quantized float input, or of a constant."""
        kind = kind or self.rng.choice(["float", "float", "integers", "constant"], p=[0.4, 0.3, 0.2, 0.1])
        parameters = parameters or self.parameters()
        info = np.iinfo(self.dtype)
        integers = np.asarray(self.rng.integers(info.min, info.max + 1, shape), self.dtype)
        if kind == "constant":
            value = self.constant(integers)
        elif kind == "integers" and self.dtype.itemsize == 1:
            value = "x%d" % len(self.inputs)
            self.inputs[value] = integers
        else:
            x = "x%d" % len(self.inputs)
            self.inputs[x] = np.asarray(self.rng.standard_normal(shape) * 2, np.float32)
            value = self.node("QuantizeLinear", [x] + parameters, self.domain)
        return self.node("DequantizeLinear", [value] + parameters, self.domain)

    def quantize(self, real, parameters=None):
        parameters = parameters or self.parameters()
        q = self.node("QuantizeLinear", [real] + parameters, self.domain)
        if self.rng.random() < 0.7:
            return self.node("DequantizeLinear", [q] + parameters, self.domain), np.dtype(np.float32)
        return q, self.dtype

    def model(self, output, dtype):
        def info(name, of, shape):
            return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(of), shape)
        graph = helper.make_graph(self.nodes, "drawn", [info(n, a.dtype, a.shape) for n, a in self.inputs.items()],
                                  [info(output, dtype, None)], self.constants)
        return helper.make_model(graph, ir_version=8 if self.opset < 21 else 10, opset_imports=[
            helper.make_opsetid("", self.opset), helper.make_opsetid("com.microsoft", 1)])


def image(d, channels=None):
    rng = d.rng
    return [int(rng.integers(1, 3)), channels or int(rng.choice([3, 8, 16, 5])), int(rng.integers(4, 12)), int(rng.integers(4, 12))]


def same(d, *shapes):
    return [list(shapes[0]) if d.rng.random() < 0.5 else list(shape) for shape in shapes]


def binary(op):
    def make(d):
        a = image(d)
        b = [a, [1, a[1], 1, 1], [a[3]], [], [a[0], a[1], 1, 1], [a[2], 1]][int(d.rng.integers(6))]
        operands = [d.dequantized(a, kind="float"), d.dequantized(b)]
        return d.node(op, operands[::-1] if d.rng.random() < 0.5 else operands)
    return make


def unary(op, **attributes):
    return lambda d: d.node(op, [d.dequantized(image(d), kind="float")], **attributes)


def softmax(d):
    shape = [2, int(d.rng.integers(1, 9)), int(d.rng.choice([1, 5, 20, 64]))]
    return d.node("Softmax", [d.dequantized(shape, kind="float")], axis=int(d.rng.integers(-2, 3)))


def mean(d):
    shape = image(d)
    if d.rng.random() < 0.5:
        shape[2:] = [4, 8]  # sums over powers of two have ties
    axes = [[2, 3], [1], [-1], [0, 2], [1, 3], [0, 1, 2, 3], [0], [1, 2]][int(d.rng.integers(8))]
    keep = int(d.rng.integers(2))
    x = d.dequantized(shape, kind="float")
    if d.opset >= 18:
        return d.node("ReduceMean", [x, d.constant(np.array(axes))], keepdims=keep)
    return d.node("ReduceMean", [x], axes=axes, keepdims=keep)


def pool(d):
    shape = image(d)
    kernel = [int(k) for k in d.rng.integers(1, 5, 2)]
    pads = [int(d.rng.integers(0, min(kernel))) for _ in range(4)]
    if d.rng.random() < 0.2:
        return d.node("AveragePool", [d.dequantized(shape[:2] + [shape[3]], kind="float")], kernel_shape=kernel[:1],
                      strides=[int(d.rng.integers(1, 3))])
    return d.node("AveragePool", [d.dequantized(shape, kind="float")], kernel_shape=kernel, pads=pads,
                  strides=[int(s) for s in d.rng.integers(1, 3, 2)], count_include_pad=int(d.rng.integers(2)))


def resize(d):
    shape = image(d)
    x = d.dequantized(shape, kind="float")
    mode = str(d.rng.choice(["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"]))
    if d.rng.random() < 0.5:
        return d.node("Resize", [x, "", d.constant(np.float32([1, 1] + list(d.rng.choice([0.5, 1, 1.5, 2, 3], 2))))],
                      mode="linear", coordinate_transformation_mode=mode)
    sizes = shape[:2] + [int(s) for s in d.rng.integers(1, 20, 2)]
    return d.node("Resize", [x, "", "", d.constant(np.array(sizes))], mode="linear", coordinate_transformation_mode=mode)


def weights(d, shape, axis, fan):
    """Float, or int8, uint8, per tensor or per channel; answers the value, and its scales where they are integers."""
    real = (d.rng.standard_normal(shape) * fan ** -0.5).astype(np.float32)
    kind = d.rng.choice(["float", "int8", "uint8", "channel"])
    if kind == "float":
        return d.constant(real), None
    scale = np.float32(np.abs(real).max() / 127)
    attributes = {}
    if kind == "channel":
        other = tuple(i for i in range(len(shape)) if i != axis)
        scale = (np.abs(real).max(other) / 127 + 1e-3).astype(np.float32)
        attributes = {"axis": axis}
    spread = scale if scale.ndim == 0 else scale.reshape([-1 if i == axis else 1 for i in range(len(shape))])
    zero = 128 if kind == "uint8" else 0
    dtype = np.uint8 if kind == "uint8" else np.int8
    integers = (np.rint(real / spread) + zero).astype(dtype)
    zeros = np.full(scale.shape, zero, dtype)
    return d.node("DequantizeLinear", [d.constant(integers), d.constant(scale), d.constant(zeros)], **attributes), scale


def bias(d, count, scale, x_scale):
    real = (d.rng.standard_normal(count) * 0.3).astype(np.float32)
    if scale is None or d.rng.random() < 0.4:
        return d.constant(real)
    # ONNX Runtime makes no QLinearConv of a Conv whose bias has another scale.
    scale = (np.float32(x_scale) * scale * d.rng.choice([1, 1, 1, 1.004, 1.3])).astype(np.float32)
    integers = np.rint(real / scale).astype(np.int32)
    attributes = {"axis": 0} if scale.ndim else {}
    return d.node("DequantizeLinear", [d.constant(integers), d.constant(scale), d.constant(np.zeros(scale.shape, np.int32))],
                  **attributes)


def scale_of(d, parameters):
    return numpy_helper.to_array(next(c for c in d.constants if c.name == parameters[0]))


def conv(d):
    group = int(d.rng.choice([1, 1, 2, 8]))
    out, into, kernel = group * int(d.rng.integers(1, 9)), group * int(d.rng.integers(1, 9)), int(d.rng.integers(1, 4))
    parameters = d.parameters()
    x = d.dequantized(image(d, into), parameters, "float")
    w, scale = weights(d, [out, into // group, kernel, kernel], 0, into // group * kernel * kernel)
    inputs = [x, w] + ([bias(d, out, scale, scale_of(d, parameters))] if d.rng.random() < 0.8 else [])
    return d.node("Conv", inputs, group=group, strides=[int(d.rng.integers(1, 3))] * 2, pads=[kernel // 2] * 4)


def transposed(d):
    out, into, kernel = int(d.rng.integers(1, 9)), int(d.rng.integers(2, 9)), int(d.rng.integers(2, 4))
    parameters = d.parameters()
    w, scale = weights(d, [into, out, kernel, kernel], 1, into * 4)
    inputs = [d.dequantized(image(d, into), parameters, "float"), w]
    if d.rng.random() < 0.8:
        inputs.append(bias(d, out, None if scale is None or scale.ndim else scale, scale_of(d, parameters)))
    return d.node("ConvTranspose", inputs, strides=[2, 2])


def gemm(d):
    rows, depth, columns = (int(n) for n in d.rng.integers(2, 40, 3))
    parameters = d.parameters()
    x = d.dequantized([rows, depth], parameters, "float")
    turned = bool(d.rng.integers(2))
    w, scale = weights(d, [columns, depth] if turned else [depth, columns], 0 if turned else 1, depth)
    inputs = [x, w] + ([bias(d, columns, scale, scale_of(d, parameters))] if d.rng.random() < 0.8 else [])
    return d.node("Gemm", inputs, transB=int(turned))


def matmul(d):
    rows, depth, columns = (int(n) for n in d.rng.integers(2, 40, 3))
    batch = [2] if d.rng.random() < 0.5 else []
    x = d.dequantized(batch + [rows, depth], kind="float")
    if d.rng.random() < 0.4:
        return d.node("MatMul", [x, d.dequantized(batch + [depth, columns], kind="float")])
    return d.node("MatMul", [x, weights(d, [depth, columns], 1, depth)[0]])


def concat(d):
    shape = image(d)
    return d.node("Concat", [d.dequantized(shape, kind="float") for _ in range(int(d.rng.integers(2, 4)))], axis=1)


def where(d):
    shape = image(d)
    condition = d.constant(d.rng.random(shape) < 0.5)
    return d.node("Where", [condition, d.dequantized(shape, kind="float"), d.dequantized(shape)])


def batch_norm(d):
    shape = image(d)
    numbers = [d.constant((d.rng.random(shape[1]) + 0.3).astype(np.float32)) for _ in range(4)]
    return d.node("BatchNormalization", [d.dequantized(shape, kind="float")] + numbers)


OPERATORS = {
    "Add": binary("Add"), "Mul": binary("Mul"), "Sub": binary("Sub"), "Div": binary("Div"), "Max": binary("Max"),
    "Sigmoid": unary("Sigmoid"), "LeakyRelu": unary("LeakyRelu", alpha=0.17), "Tanh": unary("Tanh"), "Erf": unary("Erf"),
    "HardSigmoid": unary("HardSigmoid", alpha=1 / 6), "HardSwish": unary("HardSwish"), "Exp": unary("Exp"),
    "Relu": unary("Relu"), "Abs": unary("Abs"), "GlobalAveragePool": unary("GlobalAveragePool"), "Softmax": softmax,
    "ReduceMean": mean, "AveragePool": pool, "Resize": resize, "Conv": conv, "ConvTranspose": transposed, "Gemm": gemm,
    "MatMul": matmul, "Concat": concat, "Where": where, "BatchNormalization": batch_norm}
# Operators that may become MatMulNBits, whose sums have an order that the engine does not follow: at most one step, at a
# tie, of 16-bit integers.
NEAR = {"Gemm", "MatMul"}


def drawn(operator, seed):
    """(model, inputs)"""
    rng = np.random.default_rng([seed, sum(operator.encode())])
    dtype = DTYPES[int(rng.choice(4, p=[0.4, 0.3, 0.15, 0.15]))]
    d = Drawn(rng, dtype, int(rng.choice([13, 17, 21])))
    if d.opset == 13 and operator in ("HardSwish",):
        d.opset = 17
    real = OPERATORS[operator](d)
    if rng.random() < 0.25:
        clip = rng.random() < 0.5
        real = d.node("Clip", [real, d.constant(np.float32(0)), d.constant(np.float32(6))]) if clip else d.node("Relu", [real])
    return d.model(*d.quantize(real)), d.inputs


def compare(operator, seed, folder):
    """(differing elements, largest distance in steps, elements); a text where one of the two refuses."""
    model, inputs = drawn(operator, seed)
    path = folder / "model.onnx"
    onnx.save(model, str(path))
    try:
        want = quantizer_models.session(path).run(None, inputs)[0]
    except Exception as error:  # of several classes
        return "ONNX Runtime: " + str(error).splitlines()[0][:100]
    got = program.run(path, list(inputs.values()), folder)
    if isinstance(got, str):
        return got.strip()
    step = quantizer_models.last_step(path) or 1
    assert got[0].shape == want.shape and got[0].dtype == want.dtype, (got[0].dtype, want.dtype, got[0].shape, want.shape)
    distance = np.abs(got[0].astype(np.float64) - want.astype(np.float64)) / step
    return int((got[0] != want).sum()), float(distance.max(initial=0)), want.size


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20, help="models of each operator")
    parser.add_argument("--only", default="*")
    args = parser.parse_args()
    for operator in OPERATORS:
        if not fnmatch.fnmatch(operator, args.only):
            continue
        models, elements, differing, refused = 0, 0, 0, collections.Counter()
        with tempfile.TemporaryDirectory() as folder:
            for seed in range(args.count):
                answer = compare(operator, seed, pathlib.Path(folder))
                if isinstance(answer, str):
                    refused[answer.replace(folder, "")] += 1
                    continue
                elements += answer[2]
                if answer[0]:
                    models += 1
                    differing += answer[0]
                    print("  %s, seed %d: %d of %d differ, by at most %.3f steps" % ((operator, seed) + (answer[0], answer[2], answer[1])))
        print("%-20s %d of %d models differ, %d of %d elements%s" % (
            operator, models, args.count, differing, elements, "; refused: %s" % dict(refused) if refused else ""), flush=True)


if __name__ == "__main__":
    main()
