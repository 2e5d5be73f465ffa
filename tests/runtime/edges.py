"""Compares what a model's value_info says of the values between its nodes with what ONNX Runtime computes."""
import contextlib
import math
import os
import re
import tempfile

import onnx
import onnxruntime as ort

import tools


@contextlib.contextmanager
def standard_error(lines):
    """Appends to `lines` what anything, C++ libraries too, writes to standard error."""
    kept = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            lines += file.read().decode(errors="replace").splitlines()


def warnings_of_onnxruntime(path):
    """What ONNX Runtime warns of when it loads a model."""
    options, lines = tools.default_options(), []
    options.log_severity_level = 2
    with standard_error(lines):
        ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return [line for line in lines if "onnxruntime" in line]


def types(graph):
    """Of each value between the nodes, and each output: dtype and sizes; a size is a number, a text or None."""
    found = {}
    for info in [*graph.value_info, *graph.output]:
        tensor = info.type.tensor_type
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        sizes = [d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in tensor.shape.dim]
        found[info.name] = dtype, sizes if tensor.HasField("shape") else None
    return found


def check(path, inputs):
    """Each value between the nodes has a dtype and sizes, and ONNX Runtime gives it those for these inputs."""
    model = onnx.load(str(path))
    graph, said = model.graph, types(model.graph)
    made = [name for node in graph.node for name in node.output if name]
    assert not set(made) - set(said), "values without a type"
    sizes = {}
    for value, array in zip(graph.input, inputs):
        for dim, size in zip(value.type.tensor_type.shape.dim, array.shape):
            if re.fullmatch(r"[A-Za-z_]\w*", dim.dim_param):
                sizes[dim.dim_param] = size

    # All of them as outputs, none of which the model says a word about.
    del graph.value_info[:], graph.output[:]
    for name in made:
        graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(said[name][0]), None))
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    arrays = session.run(made, {i.name: x for i, x in zip(session.get_inputs(), inputs)})
    for name, array in zip(made, arrays):
        dtype, shape = said[name]
        assert array.dtype == dtype, "%s is %s, and value_info says %s" % (name, array.dtype, dtype)
        assert shape is not None and len(shape) == array.ndim, "%s is %s, and value_info says %s" % (name, array.shape, shape)
        meant = [eval(s, {"floor": math.floor}, sizes) if isinstance(s, str) else s for s in shape]
        assert all(m in (None, n) for m, n in zip(meant, array.shape)), "%s is %s, and value_info says %s, %s" % (
            name, array.shape, shape, sizes)
    assert not warnings_of_onnxruntime(path)
