"""Runs octavo and ONNX Runtime, and compares what they answer."""
import collections
import json
import math
import os
import pathlib
import platform
import re
import subprocess

import numpy as np
import onnx
import onnxruntime as ort

REPO = pathlib.Path(__file__).resolve().parents[2]
OCTAVO = os.environ.get("OCTAVO", str(REPO / "build" / "release" / "octavo"))
MODELS = pathlib.Path(os.environ.get("OCTAVO_MODELS", REPO / "build" / "models"))
REPORTS = pathlib.Path(os.environ.get("OCTAVO_REPORTS", REPO / "build" / "reports"))

# What Debian's PyTorch computes, which makes the models and the expected answers of most suites.
QNNPACK = "--engine", "qnnpack"

ort.set_default_logger_severity(3)
CPUINFO = pathlib.Path("/proc/cpuinfo")
VNNI = bool(re.search(r"\bavx(512)?_vnni\b", CPUINFO.read_text())) if CPUINFO.exists() else True


def octavo(*arguments, check=True, **options):
    """Runs the program; a wrong exit code fails the test with what it said."""
    run = subprocess.run([OCTAVO, *map(str, arguments)], capture_output=True, text=True, timeout=300, **options)
    if check:
        assert run.returncode == 0, "octavo %s: exit code %d\n%s" % (
            " ".join(map(str, arguments)), run.returncode, run.stderr)
    return run


def export(model, out, inputs=(), *options):
    """Exports for the engine of Debian's PyTorch, unless the options name another."""
    specs = [word for spec in inputs for word in ("--input", spec)]
    engine = () if "--engine" in options else QNNPACK
    octavo("export", model, "-o", out, "--quiet", *specs, *engine, *options)
    return out


def warnings_of_float_model(run):
    """The warnings of export or inspect, except the one that every model gets which is not quantized."""
    warnings = json.loads(run.stdout)["warnings"]
    assert warnings.pop() == "nothing in this model is quantized: the ONNX model is float32"
    return warnings


def case(folder):
    return json.loads((pathlib.Path(folder) / "case.json").read_text())


def arrays(folder, prefix):
    folder = pathlib.Path(folder)
    return [np.load(folder / ("%s%d.npy" % (prefix, i))) for i in range(len(list(folder.glob(prefix + "[0-9].npy"))))]


def check_model(path, allowed=()):
    """The official checker with shape inference, and the operators that a written model never holds."""
    model = onnx.load(str(path))
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    assert len(inferred.graph.output) == len(model.graph.output)
    constants = {initializer.name for initializer in model.graph.initializer}
    # Weights of float layers are Cast of integers: a runtime computes them once, when it loads the model.
    kinds = collections.Counter(n.op_type for n in model.graph.node if n.op_type != "Cast" or n.input[0] not in constants)
    for forbidden in ("Constant", "Cast"):
        assert forbidden in allowed or not kinds[forbidden], "%d %s nodes" % (kinds[forbidden], forbidden)
    assert model.producer_name == "octavo"
    return model


def quantizations(model):
    """The scale and zero point of quantized graph inputs and outputs, as the model's metadata has them."""
    for entry in model.metadata_props:
        if entry.key == "octavo.quantization":
            return json.loads(entry.value)
    return {}


def default_options():
    """ONNX Runtime's own.  On x86 without VNNI int8 products saturate at 16 bits; there an option makes them exact
    (docs/numbers.md)."""
    options = ort.SessionOptions()
    if platform.machine() == "x86_64" and not VNNI:
        options.add_session_config_entry("session.x64quantprecision", "1")
    return options


def session(path, optimized=None, threads=1, level=ort.GraphOptimizationLevel.ORT_ENABLE_ALL):
    options = default_options()
    options.graph_optimization_level = level
    options.intra_op_num_threads = threads
    if optimized:
        options.optimized_model_filepath = str(optimized)
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run(path, inputs, threads=1):
    s = session(path, threads=threads)
    names = [i.name for i in s.get_inputs()]
    assert len(names) == len(inputs), "graph inputs are %s" % names
    return s.run(None, dict(zip(names, inputs)))


def difference(got, want, step=None):
    """How many elements differ, and by how many steps at most; integers are compared as such."""
    if step:
        got, want = np.rint(got / np.float64(step)), np.rint(want / np.float64(step))
    apart = np.abs(got.astype(np.int64) - want.astype(np.int64))
    return int(np.count_nonzero(apart)), int(apart.max(initial=0))


def assert_same(got, want):
    """Integers are equal; floats are within 1e-5 of their root mean square, and not finite in the same places."""
    assert got.shape == want.shape and got.dtype == want.dtype, (got.shape, want.shape, got.dtype, want.dtype)
    if want.dtype.kind != "f":
        differ, most = difference(got, want)
        assert differ == 0, "%d of %d elements differ, by %d at most" % (differ, want.size, most)
        return
    finite = np.isfinite(want)
    np.testing.assert_array_equal(got[~finite], want[~finite])
    got, want = got[finite].astype(np.float64), want[finite].astype(np.float64)
    if want.size:
        apart, allowed = np.abs(got - want).max(), 1e-5 * math.sqrt(np.mean(want * want))
        assert apart <= allowed, "up to %.3g apart; %.3g is allowed" % (apart, allowed)


def left_over(path, scratch):
    """QuantizeLinear and DequantizeLinear nodes that are left after ONNX Runtime's own optimization: inside the
    int8 part, and at its edges (a QuantizeLinear that a graph input reaches without passing an int8 node, a
    DequantizeLinear from which only graph outputs are reached)."""
    optimized = pathlib.Path(scratch) / "optimized.onnx"
    session(path, optimized)
    graph = onnx.load(str(optimized)).graph
    made_by = {o: n for n in graph.node for o in n.output}
    used_by = collections.defaultdict(list)
    for n in graph.node:
        for i in n.input:
            used_by[i].append(n)
    outputs = {o.name for o in graph.output}
    constants = {i.name for i in graph.initializer}

    def from_input(name):
        """Whether only float nodes lie between the graph inputs and `name`."""
        node = made_by.get(name)
        return node is None or (node.op_type != "DequantizeLinear" and "QLinear" not in node.op_type and
                                all(from_input(i) for i in node.input if i and i not in constants))

    def to_output(name):
        users = used_by[name]
        return all(n.op_type not in ("QuantizeLinear",) and all(to_output(o) for o in n.output) for n in users) and (
            bool(users) or name in outputs)

    inside = edge = 0
    for n in graph.node:
        if n.op_type == "QuantizeLinear":
            at_edge = from_input(n.input[0])
        elif n.op_type == "DequantizeLinear":
            at_edge = to_output(n.output[0])
        else:
            continue
        inside, edge = inside + (not at_edge), edge + at_edge
    return {"inside": inside, "edge": edge, "nodes": len(graph.node),
            "kinds": dict(collections.Counter(n.op_type for n in graph.node))}
