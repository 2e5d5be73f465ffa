"""One-node models in ONNX Runtime, and our functions through build/release's onnxruntime_arithmetic."""
import os
import pathlib
import subprocess

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

REPO = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("OCTAVO_ARITHMETIC",
                                      REPO / "build/release/src/octavo/targets/onnxruntime_arithmetic"))
MS = "com.microsoft"
F32 = np.float32
LIMIT = {False: (0, 255), True: (-128, 127)}  # of uint8 and int8
with open("/proc/cpuinfo") as file:
    FLAGS = set(next(line for line in file if line.startswith("flags")).split())  # of this machine's CPU
VERSION = tuple(int(x) for x in onnxruntime.__version__.split(".")[:2])


class Ours:
    """Our functions: ours("add", numbers, arrays, result type)."""

    def __init__(self):
        self.process = subprocess.Popen([str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __call__(self, name, numbers, arrays, result, signed=False):
        payload = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)
        words = [name, "s8" if signed else "u8", str(len(payload))] + [float(x).hex() for x in numbers]
        self.process.stdin.write((" ".join(words) + "\n").encode() + payload)
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "onnxruntime_arithmetic stopped: " + name
        return np.frombuffer(self.process.stdout.read(int(line)), dtype=result)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def constant(name, value):
    return numpy_helper.from_array(np.asarray(value), name)


def session(nodes, inputs, output, initializers=(), opset=17, options=None):
    """A session for `nodes` (helper.make_node); inputs: name to array; output: (name, numpy type)."""
    def info(name, array_type, shape):
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(array_type)), shape)
    graph = helper.make_graph(nodes, "one", [info(name, array.dtype, array.shape) for name, array in inputs.items()],
                              [info(output[0], output[1], None)], list(initializers))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid(MS, 1)],
                              ir_version=8 if opset < 19 else 10)
    if options is None:
        options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def run(nodes, inputs, output, initializers=(), opset=17, options=None):
    return session(nodes, inputs, output, initializers, opset, options).run(None, inputs)[0]


def run_constant(op, parts, output_type, domain=MS, model_opset=17, options=None, **attributes):
    """One node whose inputs are `parts` in order: ("x", array) fed, anything else an initializer, None absent."""
    names, inputs, initializers = [], {}, []
    for i, part in enumerate(parts):
        if part is None:
            names.append("")
        elif isinstance(part, tuple):
            names.append(part[0])
            inputs[part[0]] = part[1]
        else:
            names.append("c%d" % i)
            initializers.append(constant(names[-1], part))
    node = helper.make_node(op, names, ["y"], domain=domain, **attributes)
    return run([node], inputs, ("y", output_type), initializers, model_opset, options)


def dtype(signed):
    return np.int8 if signed else np.uint8


def every_value(signed):
    return np.arange(256, dtype=np.uint8).view(dtype(signed))


def every_pair(signed):
    values = every_value(signed)
    return np.repeat(values, 256), np.tile(values, 256)


def random_scale(random, low=-6.0, high=0.0):
    return F32(10.0 ** random.uniform(low, high))


def zero_point(random, signed):
    return int(random.integers(0, 256)) - (128 if signed else 0)


def quantization(random, signed, low=-4.0, high=0.0):
    return random_scale(random, low, high), zero_point(random, signed)


def differences(ours, theirs):
    ours, theirs = np.asarray(ours).reshape(-1), np.asarray(theirs).reshape(-1)
    assert ours.dtype == theirs.dtype and ours.size == theirs.size, (ours.dtype, theirs.dtype, ours.size, theirs.size)
    if ours.dtype == np.float32:  # to the bit; any NaN is as good as any other
        both_nan = np.isnan(ours) & np.isnan(theirs)
        return int(((ours.view(np.uint32) != theirs.view(np.uint32)) & ~both_nan).sum())
    return int((ours != theirs).sum())
