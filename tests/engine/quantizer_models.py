"""Models of ONNX Runtime's quantizer, and how often Octavo's engine answers them as ONNX Runtime does.

    python tests/engine/quantizer_models.py [--only NET/WAY] [--differences] [--save DIR]

runs every net of quantizer_nets.py, quantized in every way below, and clipped models, in ONNX Runtime with its default
options and in `octavo run`, and prints a table.
"""
import argparse
import collections
import concurrent.futures
import fnmatch
import logging
import pathlib
import tempfile
import zlib

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import quantization

import program
import quantizer_nets

U8, S8, U16, S16, S4 = (getattr(quantization.QuantType, name) for name in ("QUInt8", "QInt8", "QUInt16", "QInt16", "QInt4"))
QDQ, QOPERATOR = quantization.QuantFormat.QDQ, quantization.QuantFormat.QOperator
LAYERS = ["Conv", "Gemm", "MatMul"]
ONE_STEP = 1.001  # of the last quantization's scale


def static(form, activations, weights, opset=None, per_channel=False, reduce_range=False, types=None, **extra):
    def quantize(model, shape, path):
        rng = np.random.default_rng(1)
        images = iter([{"x": rng.standard_normal(shape).astype(np.float32)} for _ in range(3)])

        class Images(quantization.CalibrationDataReader):
            def get_next(self):
                return next(images, None)
        if opset:
            model = onnx.version_converter.convert_version(model, opset)
        quantization.quantize_static(model, path, Images(), quant_format=form, activation_type=activations,
                                     weight_type=weights, per_channel=per_channel, reduce_range=reduce_range,
                                     op_types_to_quantize=types, extra_options=extra)
    return quantize


def dynamic(weights, per_channel=False, **extra):
    def quantize(model, shape, path):
        quantization.quantize_dynamic(model, path, weight_type=weights, per_channel=per_channel, extra_options=extra)
    return quantize


def blocks(model, shape, path, size=16):
    """Weights of 4 bits with a scale per 16 rows (MatMulNBits, as the package's own quantizer writes it)."""
    graph = model.graph
    weights = {c.name: numpy_helper.to_array(c) for c in graph.initializer}
    changed = [node for node in graph.node if node.op_type == "MatMul" and node.input[1] in weights]
    if not changed:
        raise ValueError("no MatMul")
    for node in changed:
        w = weights[node.input[1]]
        rows, columns = w.shape
        w = np.pad(w.T, [(0, 0), (0, -rows % size)]).reshape(columns, -1, size)
        scales = np.abs(w).max(-1) / np.float32(7)
        q = (np.rint(w / scales[..., None]) + 8).astype(np.uint8)
        graph.initializer.extend([numpy_helper.from_array(q[..., ::2] | q[..., 1::2] << 4, node.name + ".q"),
                                  numpy_helper.from_array(scales.reshape(-1), node.name + ".s")])
        node.input[1:] = [node.name + ".q", node.name + ".s"]
        node.op_type, node.domain = "MatMulNBits", "com.microsoft"
        node.attribute.extend(helper.make_attribute(key, value) for key, value in (
            ("K", rows), ("N", columns), ("bits", 4), ("block_size", size)))
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    onnx.save(model, str(path))


WAYS = {
    "qdq-u8u8": static(QDQ, U8, U8),
    "qdq-u8s8": static(QDQ, U8, S8),
    "qdq-s8s8": static(QDQ, S8, S8),
    "qdq-u8s8-channel": static(QDQ, U8, S8, per_channel=True),
    "qdq-s8s8-channel-symmetric": static(QDQ, S8, S8, per_channel=True, ActivationSymmetric=True),
    "qdq-u8u8-asymmetric": static(QDQ, U8, U8, WeightSymmetric=False),
    "qdq-u8s8-reduced": static(QDQ, U8, S8, per_channel=True, reduce_range=True),
    "qdq-u8s8-layers": static(QDQ, U8, S8, types=LAYERS),
    "qdq-s8s8-layers": static(QDQ, S8, S8, per_channel=True, types=LAYERS),
    "qdq-u8s8-kept": static(QDQ, U8, S8, QDQKeepRemovableActivations=True),
    "qdq-s8s8-pairs": static(QDQ, S8, S8, DedicatedQDQPair=True, AddQDQPairToWeight=True),
    "qdq-u8s8-float-bias": static(QDQ, U8, S8, QuantizeBias=False),
    "qdq-u8s8-opset21": static(QDQ, U8, S8, opset=21, ForceQuantizeNoInputCheck=True),
    "qdq-u16s8": static(QDQ, U16, S8, UseQDQContribOps=True),
    "qdq-s16s8-opset21": static(QDQ, S16, S8, opset=21),
    "qdq-u8s4": static(QDQ, U8, S4, opset=21, types=["MatMul", "Gemm", "Conv"]),
    "qop-u8u8": static(QOPERATOR, U8, U8),
    "qop-u8s8": static(QOPERATOR, U8, S8),
    "qop-s8s8": static(QOPERATOR, S8, S8, ActivationSymmetric=True),
    "qop-u8s8-channel": static(QOPERATOR, U8, S8, per_channel=True, reduce_range=True),
    "dynamic-u8": dynamic(U8),
    "dynamic-s8-channel": dynamic(S8, per_channel=True),
    "blocks": blocks,
}


def clipped(before, after, signed, zero_point):
    """QDQ, before ("Conv", "Gemm", "Add", "AveragePool") and a Relu or Clip, as other exporters write it."""
    net = quantizer_nets.Net("clipped")
    zero = np.int8 if signed else np.uint8

    def quantized(x, scale, point):
        parts = [np.float32(scale), zero(point)]
        return net.op("DequantizeLinear", net.op("QuantizeLinear", x, *parts), *parts)
    shape = (24, 16) if before == "Gemm" else quantizer_nets.IMAGE
    x = quantized("x", 0.031, 3 if signed else 131)
    if before in ("Conv", "Gemm"):
        size = (12, 8, 3, 3) if before == "Conv" else (12, 16)
        w = net.op("DequantizeLinear", net.rng.integers(-127, 128, size).astype(np.int8), np.float32(0.0021), np.int8(0))
        b = net.op("DequantizeLinear", net.rng.integers(-3000, 3000, 12).astype(np.int32),
                   np.float32(0.031) * np.float32(0.0021), np.int32(0))
        y = net.op(before, x, w, b, **({"transB": 1} if before == "Gemm" else {}))
    elif before == "Add":
        y = net.op("Add", x, quantized("x", 0.017, -20 if signed else 99))
    else:
        y = net.op("AveragePool", x, kernel_shape=[3, 2], strides=[2, 1])
    if after == "Relu":
        y = net.op("Relu", y)
    elif after is not None:
        y = net.op("Clip", y, np.float32(after[0]), np.float32(after[1]))
    return net.model(quantized(y, 0.027, zero_point), shape), shape


CLIPPED = {"clipped-%s-%s-%s-%d" % (before, "relu" if after == "Relu" else "%g..%g" % after, "s8" if signed else "u8", zero):
           (before, after, signed, zero)
           for before in ("Conv", "Gemm", "Add", "AveragePool")
           for after in ("Relu", (0, 6), (-1, 1.5)) for signed, zero in ((False, 0), (False, 77), (True, -128), (True, -9))}
NAMES = ["%s/%s" % (net, way) for net in quantizer_nets.NETS for way in WAYS] + list(CLIPPED)


def make(name, path):
    """Writes the model; answers its input's shape, or None where the quantizer itself cannot."""
    if name in CLIPPED:
        model, shape = clipped(*CLIPPED[name])
        onnx.save(model, str(path))
        return shape
    net, way = name.split("/")
    model, shape = quantizer_nets.make(net)
    logging.disable(logging.WARNING)
    WAYS[way](model, shape, path)
    return shape


def options(folder=None):
    made = onnxruntime.SessionOptions()
    made.log_severity_level = 4
    if folder is not None:
        made.optimized_model_filepath = str(folder / "optimized.onnx")
    return made


def session(path, folder=None):
    return onnxruntime.InferenceSession(str(path), options(folder), providers=["CPUExecutionProvider"])


def last_step(path):
    """The scale of the value that the last DequantizeLinear gives; None: the output is another operator's."""
    graph = onnx.load(str(path)).graph
    constants = {c.name: numpy_helper.to_array(c) for c in graph.initializer}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.output[0] == graph.output[0].name and node.input[1] in constants:
            return float(constants[node.input[1]].reshape(-1)[0])
    return None


def inputs(name, shape, count=2):
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return [(rng.standard_normal(shape) * 1.2).astype(np.float32) for _ in range(count)]


def compare(name, folder, save=None):
    """(verdict, note): "equal", "close" (floats, 1e-5 of their root mean square), "step", "differ", "refused"."""
    path = folder / "model.onnx"
    try:
        shape = make(name, path)
    except Exception as error:  # the quantizer's own
        return "not made", "%s: %s" % (type(error).__name__, str(error).splitlines()[0][:90])
    if save is not None:
        onnx.save(onnx.load(str(path)), str(save / (name.replace("/", ".") + ".onnx")))
    try:
        real = session(path, folder)
    except Exception as error:  # what ONNX Runtime itself cannot load
        return "not loaded", str(error).splitlines()[0][:90]
    step, verdict, note = last_step(path), "equal", ""
    order = ["equal", "close", "step", "differ"]
    for x in inputs(name, shape):
        want = real.run(None, {"x": x})[0]
        got = program.run(path, [x], folder)
        if isinstance(got, str):
            return "refused", got.strip()
        got = got[0]
        if got.shape != want.shape or got.dtype != want.dtype:
            return "differ", "%s %s, not %s %s" % (got.dtype, got.shape, want.dtype, want.shape)
        distance = np.abs(got.astype(np.float64) - want.astype(np.float64)).max()
        if (got == want).all():
            now = "equal"
        elif step is None and distance <= 1e-5 * np.sqrt(np.square(want.astype(np.float64)).mean()):
            now = "close"
        elif step is not None and distance <= ONE_STEP * step:
            now = "step"
        else:
            now = "differ"
        if order.index(now) > order.index(verdict):
            verdict = now
            note = "%d of %d, %.3g%s" % ((got != want).sum(), want.size, distance / (step or 1), " steps" if step else "")
    return verdict, note


def shown(name, save):
    with tempfile.TemporaryDirectory() as folder:
        verdict, note = compare(name, pathlib.Path(folder), save)
        optimized = pathlib.Path(folder) / "optimized.onnx"
        runs = ""
        if optimized.exists():
            runs = " ".join("%s*%d" % item for item in sorted(
                collections.Counter(node.op_type for node in onnx.load(str(optimized)).graph.node).items()))
    return name, verdict, note, runs


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="*", help="names with * and ?, as conv/qdq-*")
    parser.add_argument("--differences", action="store_true", help="also says what ONNX Runtime runs where they differ")
    parser.add_argument("--save", type=pathlib.Path, help="a folder for the models")
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    if args.save:
        args.save.mkdir(parents=True, exist_ok=True)
    counts = collections.Counter()
    rows = collections.defaultdict(dict)
    with concurrent.futures.ProcessPoolExecutor(args.processes) as pool:
        names = [name for name in NAMES if fnmatch.fnmatch(name, args.only)]
        for name, verdict, note, runs in pool.map(shown, names, [args.save] * len(names)):
            counts[verdict] += 1
            rows[name.split("/")[0]][name] = verdict
            if verdict != "equal":
                print("%-45s %-10s %s" % (name, verdict, note.replace("\n", " | ")), flush=True)
                if args.differences and verdict in ("step", "differ", "close"):
                    print("      " + runs, flush=True)
    print(", ".join("%d %s" % (count, verdict) for verdict, count in counts.most_common()))


if __name__ == "__main__":
    main()
