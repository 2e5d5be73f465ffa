"""`verify --runtime onnxruntime`: its word is ONNX Runtime's, and the first layer that differs is named."""
import json
import os
import stat
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

import tools

DIGITS = tools.REPO / "examples" / "digits"
RUNTIME = ("--runtime", "onnxruntime", "--python", sys.executable)
NAME = "onnxruntime %s (CPU)" % ort.__version__


def verify(*words, code, **options):
    run = tools.octavo("verify", *words, *RUNTIME, "--json", check=False, **options)
    assert run.returncode == code, run.stdout + run.stderr
    return json.loads(run.stdout)


def first(report):
    """Operator and place of the first layers that differ."""
    return [(layer["operator"], layer["place"]) for layer in report["layers"] if layer["first_to_differ"]]


def session(path, inputs):
    runtime = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return runtime.run(None, dict(zip((value.name for value in runtime.get_inputs()), inputs)))


def quantized(name, scale, zero_point):
    return [numpy_helper.from_array(np.float32(scale), name + "_scale"), numpy_helper.from_array(np.uint8(zero_point), name + "_zero")]


def quantize(x, y, name):
    return helper.make_node("QuantizeLinear", [x, name + "_scale", name + "_zero"], [y], "quantize_" + name)


def dequantize(x, y, name, node=None):
    return helper.make_node("DequantizeLinear", [x, name + "_scale", name + "_zero"], [y], node or "dequantize_" + name)


def save(path, nodes, inputs, outputs, initializers, opset=17):
    values = [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in inputs]
    results = [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in outputs]
    graph = helper.make_graph(nodes, "graph", values, results, initializers)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), str(path))
    return path


def weights(seed=0, shape=(64, 32)):
    return np.random.default_rng(seed).integers(-127, 128, shape).astype(np.int8)


def dense(path, weight, integers):
    """x -> Relu -> MatMul -> Sigmoid, the weight as float32 or as int8 with DequantizeLinear."""
    nodes, initializers = [], []
    if integers:
        initializers = [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(np.float32(0.01), "w_scale"),
                        numpy_helper.from_array(np.int8(0), "w_zero")]
        nodes = [dequantize("w", "weight", "w")]
    else:
        initializers = [numpy_helper.from_array(weight.astype(np.float32) * np.float32(0.01), "weight")]
    nodes += [helper.make_node("Relu", ["x"], ["r"], "start"), helper.make_node("MatMul", ["r", "weight"], ["m"], "matmul"),
              helper.make_node("Sigmoid", ["m"], ["y"], "end")]
    return save(path, nodes, [("x", TensorProto.FLOAT, ["N", 8, 64])], [("y", TensorProto.FLOAT, ["N", 8, 32])], initializers)


def chain(path, changed=None, outputs=("y",), layers=6):
    """Quantized MatMul layers one after another; `changed` has another weight."""
    initializers, nodes = quantized("x", 0.05, 128), [quantize("x", "q0", "x")]
    for i in range(layers):
        weight = weights(i, (16, 16))
        if i == changed:
            weight[3] = np.roll(weight[3], 1)
        w, value = "w%d" % i, "v%d" % (i + 1)
        initializers += [numpy_helper.from_array(weight, w), numpy_helper.from_array(np.float32(0.004), w + "_scale"),
                         numpy_helper.from_array(np.int8(0), w + "_zero"), *quantized(value, 0.05, 120 + i)]
        nodes += [dequantize("q%d" % i, "d%d" % i, "x" if i == 0 else "v%d" % i, "dequantize%d" % i), dequantize(w, w + "_real", w),
                  helper.make_node("MatMul", ["d%d" % i, w + "_real"], ["m%d" % i], "matmul%d" % i),
                  quantize("m%d" % i, "q%d" % (i + 1), value)]
    nodes += [dequantize("q%d" % layers, "y", "v%d" % layers, "last"), dequantize("q2", "early", "v2", "early"),
              helper.make_node("Identity", ["q3"], ["raw"], "raw")]
    types = {"y": TensorProto.FLOAT, "early": TensorProto.FLOAT, "raw": TensorProto.UINT8}
    return save(path, nodes, [("x", TensorProto.FLOAT, ["N", 16])], [(name, types[name], ["N", 16]) for name in outputs], initializers)


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return tools.export(DIGITS / "digits.pt", tmp_path_factory.mktemp("digits") / "digits.onnx", ["x:float32[N,1,8,8]"])


def test_equal(digits):
    for second in ((), (digits,)):
        report = verify(DIGITS / "digits.pt", *second, "--input", DIGITS / "images.npy", code=0)
        assert report["equal"] and report["outputs_only"]
        assert report["first"]["runner"] == "reference" and report["second"]["runner"] == NAME
        assert report["runtime"]["name"] == "onnxruntime" and report["runtime"]["version"] == ort.__version__
        assert report["runtime"]["providers"] == ["CPUExecutionProvider"]
        assert report["runtime"]["python"] == "%d.%d.%d" % sys.version_info[:3]
        outputs = [layer for layer in report["layers"] if layer["output"]]
        assert [layer["end_to_end"]["elements"] for layer in outputs] == [3600]
        assert all(layer["compared"] == (layer["input"] or layer["output"]) for layer in report["layers"])


def test_says_what_was_compared(digits):
    text = tools.octavo("verify", DIGITS / "digits.pt", digits, "--input", DIGITS / "images.npy", *RUNTIME).stdout
    assert "digits.onnx (%s)" % NAME in text
    assert "equal: 0 of 3,600 elements differ, in 1 output; the layers before were not compared" in text


def test_all_layers(digits):
    report = verify(DIGITS / "digits.pt", digits, "--input", DIGITS / "images.npy", "--all", code=0)
    assert not report["outputs_only"]
    assert all(layer["compared"] for layer in report["layers"])
    assert all("alone" in layer for layer in report["layers"] if not layer["input"])


def test_what_the_runtime_rewrites(tmp_path):
    """ONNX Runtime computes an int8 MatMul otherwise than its float one, which Octavo's engine does not know."""
    real, integers = dense(tmp_path / "real.onnx", weights(), False), dense(tmp_path / "int8.onnx", weights(), True)
    x = np.random.default_rng(1).normal(size=(2, 8, 64)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    a, b = session(real, [x])[0], session(integers, [x])[0]
    if np.abs(a - b).max() < 1e-4:
        pytest.skip("onnxruntime %s does not rewrite this model" % ort.__version__)
    report = verify(real, integers, "--input", tmp_path / "x.npy", "--repro", tmp_path / "repro", "--save", tmp_path / "saved", code=1)
    assert first(report) == [("MatMul", "matmul")]
    layer = next(layer for layer in report["layers"] if layer["first_to_differ"])
    assert layer["alone"]["differ"] > 0 and layer["end_to_end"]["differ"] > 0
    # What is saved is what ONNX Runtime gives.
    index = json.loads((tmp_path / "saved" / "index.json").read_text())
    output = next(layer["index"] for layer in report["layers"] if layer["output"])
    for side, wanted in (("first", a), ("second", b)):
        file = next(entry["file"] for entry in index["arrays"] if entry["layer"] == output and entry["side"] == side)
        assert np.array_equal(np.load(tmp_path / "saved" / file), wanted)
    # The piece shows the difference in ONNX Runtime.
    data = tmp_path / "repro" / "test_data_set_0"
    tensors = [numpy_helper.to_array(onnx.load_tensor(str(data / name))) for name in ("input_0.pb", "output_0.pb")]
    model = onnx.load(str(tmp_path / "repro" / "model.onnx"))
    onnx.checker.check_model(model)
    assert [node.op_type for node in model.graph.node] == ["DequantizeLinear", "MatMul"]
    assert np.abs(session(tmp_path / "repro" / "model.onnx", tensors[:1])[0] - tensors[1]).max() > 1e-4


@pytest.mark.parametrize("changed", range(6))
def test_the_first_layer_is_named(tmp_path, changed):
    before, after = chain(tmp_path / "before.onnx"), chain(tmp_path / "after.onnx", changed)
    np.save(tmp_path / "x.npy", np.random.default_rng(1).normal(size=(40, 16)).astype(np.float32))
    report = verify(before, after, "--input", tmp_path / "x.npy", code=1)
    assert first(report) == [("MatMul", "matmul%d" % changed)]
    quantized_layers = [layer for layer in report["layers"] if layer["operator"] == "QuantizeLinear" and layer["compared"]]
    assert 0 < len(quantized_layers) < 7  # not all were run
    layer = next(layer for layer in report["layers"] if layer["place"] == "quantize_v%d" % (changed + 1))
    a, b = (session(onnx_until(path, "q%d" % (changed + 1), tmp_path), [np.load(tmp_path / "x.npy")])[0] for path in (before, after))
    assert layer["end_to_end"]["differ"] == (a != b).sum()


def onnx_until(path, name, folder):
    part = folder / ("until_" + path.name)
    onnx.utils.extract_model(str(path), str(part), ["x"], [name], check_model=False)
    return part


def test_several_outputs_and_runs(tmp_path):
    outputs = ("y", "early", "raw")
    before, after = chain(tmp_path / "before.onnx", None, outputs), chain(tmp_path / "after.onnx", 2, outputs)
    report = verify(before, after, "--input", "float32[40,16]", "--runs", "4", code=1)
    assert report["runs"] == 4
    by_name = {layer["name"]: layer for layer in report["layers"] if layer["output"]}
    assert by_name["early"]["end_to_end"]["differ"] == 0 and by_name["raw"]["end_to_end"]["differ"] > 0
    assert by_name["raw"]["end_to_end"]["unit"] == "lsb" and by_name["raw"]["end_to_end"]["elements"] == 4 * 640
    assert first(report) == [("MatMul", "matmul2")]
    assert verify(before, before, "--input", "float32[40,16]", "--runs", "4", code=0)["equal"]


def test_a_difference_of_the_whole_model_only(tmp_path):
    """The Python here stands for a runtime that fuses a model with two outputs into something else."""
    before = chain(tmp_path / "before.onnx", None, ("y", "early"))
    after = chain(tmp_path / "after.onnx", None, ("y", "early"))
    python = tmp_path / "python"
    python.write_text("""#!%s
import os, sys
program = sys.argv[4]
line = "outputs = session.run(None, dict(zip(names, arrays)))"
assert line in program
program = program.replace(line, line + "; outputs = [o + (len(outputs) == 2 and 'after' in paths[words[0]] and i == 0) for i, o in enumerate(outputs)]")
line = "sessions[words[0]] = session"
assert line in program
program = program.replace(line, line + "; paths[words[0]] = path").replace("sessions = {}", "sessions = {}; paths = {}")
os.execv(sys.executable, [sys.executable, *sys.argv[1:4], program, *sys.argv[5:]])
""" % sys.executable)
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    words = ("verify", before, after, "--input", "float32[40,16]", "--runtime", "onnxruntime", "--python", python)
    run = tools.octavo(*words, check=False)
    assert run.returncode == 1, run.stderr
    assert "differs only in the whole model" in run.stdout
    report = json.loads(tools.octavo(*words, "--json", "--repro", tmp_path / "repro", check=False).stdout)
    assert first(report) == [("DequantizeLinear", "last")]
    assert report["warnings"] == ["only the whole model differs, and no part of it, so --repro wrote nothing"]
    assert not (tmp_path / "repro").exists()


def test_quantized_inputs_and_outputs(tmp_path):
    """Integers, as in a model that begins and ends with them."""
    initializers = [*quantized("x", 0.05, 128), *quantized("y", 0.1, 3), numpy_helper.from_array(weights(0, (16, 16)), "w"),
                    numpy_helper.from_array(np.float32(0.01), "w_scale"), numpy_helper.from_array(np.int8(0), "w_zero")]
    nodes = [dequantize("x", "d", "x"), dequantize("w", "v", "w"), helper.make_node("MatMul", ["d", "v"], ["m"], "matmul"), quantize("m", "y", "y")]
    path = save(tmp_path / "integers.onnx", nodes, [("x", TensorProto.UINT8, ["N", 16])], [("y", TensorProto.UINT8, ["N", 16])], initializers)
    model = onnx.load(str(path))
    weight = next(tensor for tensor in model.graph.initializer if tensor.name == "w")
    weight.CopyFrom(numpy_helper.from_array(np.roll(weights(0, (16, 16)), 1), "w"))
    onnx.save(model, str(tmp_path / "changed.onnx"))
    x = np.random.default_rng(0).integers(0, 256, (9, 16)).astype(np.uint8)
    np.save(tmp_path / "x.npy", x)
    assert verify(path, path, "--input", tmp_path / "x.npy", code=0)["elements"] == 144
    report = verify(path, tmp_path / "changed.onnx", "--input", tmp_path / "x.npy", code=1)
    output = next(layer for layer in report["layers"] if layer["output"])
    a, b = session(path, [x])[0].astype(int), session(tmp_path / "changed.onnx", [x])[0].astype(int)
    assert output["end_to_end"]["differ"] == (a != b).sum() and output["end_to_end"]["largest"] == np.abs(a - b).max()


def test_no_module_from_the_working_folder_or_the_models(tmp_path, digits):
    """Nor from where the user's PYTHON* variables say."""
    models, work = tmp_path / "models", tmp_path / "work"
    for folder in (models, work):
        folder.mkdir()
        for module in ("onnxruntime", "numpy", "json", "site", "sitecustomize", "usercustomize", "os", "encodings"):
            (folder / (module + ".py")).write_text("open(%r, 'w').write(__name__)\nraise SystemExit(1)\n" % str(tmp_path / "planted"))
    (models / "digits.onnx").write_bytes(digits.read_bytes())
    environment = {**os.environ, "PYTHONPATH": "%s:%s:." % (models, work), "PYTHONSTARTUP": str(work / "site.py"), "PYTHONUSERBASE": str(work)}
    verify(models / "digits.onnx", models / "digits.onnx", "--input", DIGITS / "images.npy", code=0, cwd=work, env=environment)
    verify("digits.onnx", "digits.onnx", "--input", DIGITS / "images.npy", code=0, cwd=models, env=environment)
    assert not (tmp_path / "planted").exists()
    assert sorted(path.suffix for path in tmp_path.rglob("*") if path.suffix in (".pyc", ".npy")) == []


def test_python_of_the_path(tmp_path, digits):
    """A virtual environment's python3, which is a link, where PATH names it first."""
    folder = os.path.dirname(sys.executable)
    run = tools.octavo("verify", digits, digits, "--input", DIGITS / "images.npy", "--runtime", "onnxruntime", "--json",
                       env={**os.environ, "PATH": folder + os.pathsep + os.environ["PATH"]})
    assert json.loads(run.stdout)["runtime"]["executable"] == os.path.join(folder, "python3")


def test_models_that_the_runtime_refuses(tmp_path, digits):
    model = onnx.load(str(digits))
    model.graph.node[1].op_type = "NoSuchOperator"
    onnx.save(model, str(tmp_path / "bad.onnx"))
    before = sorted(tmp_path.iterdir())
    run = tools.octavo("verify", digits, tmp_path / "bad.onnx", "--input", DIGITS / "images.npy", *RUNTIME, "--save", tmp_path / "saved", check=False)
    assert run.returncode == 3 and run.stdout == ""
    assert "ONNX Runtime %s: " % ort.__version__ in run.stderr and "NoSuchOperator" in run.stderr
    assert len(run.stderr) < 1000 and sorted(tmp_path.iterdir()) == before
    caffe2 = tmp_path / "caffe2.onnx"
    tools.export(DIGITS / "digits.pt", caffe2, ["x:float32[360,1,8,8]"], "--dialect", "caffe2")
    for models in ((DIGITS / "digits.pt", caffe2), (caffe2, digits)):
        run = tools.octavo("verify", *models, "--input", DIGITS / "images.npy", *RUNTIME, check=False)
        assert run.returncode == 3 and "operators of the caffe2 dialect" in run.stderr, run.stderr


def test_external_data(tmp_path):
    """Parts of a model whose tensors lie in another file."""
    for name, changed in (("before", None), ("after", 4)):
        model = onnx.load(str(chain(tmp_path / (name + ".onnx"), changed)))
        onnx.save_model(model, str(tmp_path / (name + ".onnx")), save_as_external_data=True, location=name + ".data", size_threshold=0)
    np.save(tmp_path / "x.npy", np.random.default_rng(1).normal(size=(40, 16)).astype(np.float32))
    report = verify(tmp_path / "before.onnx", tmp_path / "after.onnx", "--input", tmp_path / "x.npy", "--repro", tmp_path / "repro", code=1)
    assert first(report) == [("MatMul", "matmul4")]
    session(tmp_path / "repro" / "model.onnx", [numpy_helper.to_array(onnx.load_tensor(str(tmp_path / "repro" / "test_data_set_0" / "input_0.pb")))])


def test_a_subgraph(tmp_path):
    """The nodes of an If read values of the graph around it."""
    branch = [helper.make_graph([helper.make_node(op, ["r"], ["inner"], op)], op, [],
                                [helper.make_tensor_value_info("inner", TensorProto.FLOAT, None)]) for op in ("Neg", "Abs")]
    for name, factor in (("before", 2.0), ("after", 2.5)):
        nodes = [helper.make_node("Mul", ["x", "factor"], ["r"], "mul"),
                 helper.make_node("If", ["condition"], ["i"], "if", then_branch=branch[0], else_branch=branch[1]),
                 helper.make_node("Sigmoid", ["i"], ["y"], "end")]
        save(tmp_path / (name + ".onnx"), nodes, [("x", TensorProto.FLOAT, ["N", 4])], [("y", TensorProto.FLOAT, ["N", 4])],
             [numpy_helper.from_array(np.float32(factor), "factor"), numpy_helper.from_array(np.bool_(True), "condition")])
    assert verify(tmp_path / "before.onnx", tmp_path / "before.onnx", "--input", "float32[3,4]", code=0)["equal"]
    report = verify(tmp_path / "before.onnx", tmp_path / "after.onnx", "--input", "float32[3,4]", code=1)
    # Octavo does not look into the branches, so it knows no layer before the last one.
    assert first(report) == [("Sigmoid", "end")]


def test_a_pytorch_model_with_another_weight(tmp_path, digits):
    """Side a is PyTorch's reference; one integer of a weight differs."""
    model = onnx.load(str(digits))
    reads = {name for node in model.graph.node if node.op_type == "DequantizeLinear" for name in node.input[:1]}
    tensor = [t for t in model.graph.initializer if t.name in reads and t.data_type == TensorProto.INT8][1]
    changed = numpy_helper.to_array(tensor).copy()
    changed.reshape(-1)[:9] += 3
    tensor.CopyFrom(numpy_helper.from_array(changed, tensor.name))
    onnx.save(model, str(tmp_path / "changed.onnx"))
    real = next(node.output[0] for node in model.graph.node if tensor.name in node.input)
    layer = next(node for node in model.graph.node if real in node.input)
    images = DIGITS / "images.npy"
    report = verify(DIGITS / "digits.pt", tmp_path / "changed.onnx", "--input", images, code=1)
    named = next(entry for entry in report["layers"] if entry["first_to_differ"])
    assert named["place"] and layer.name.startswith(named["place"]), (named, layer.name)
    assert named["alone"]["differ"] > 0
    text = tools.octavo("verify", DIGITS / "digits.pt", tmp_path / "changed.onnx", "--input", images, *RUNTIME, check=False).stdout
    assert "the first layer that differs:" in text and named["place"] in text and "differs by itself, too" in text


def test_hangs_end_with_a_signal(tmp_path, digits):
    """While the real runtime works."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    np.save(tmp_path / "x.npy", np.zeros((200_000, 1, 8, 8), np.float32))
    process = subprocess.Popen([tools.OCTAVO, "verify", str(digits), str(digits), "--input", str(tmp_path / "x.npy"), *RUNTIME], env=environment)
    while not any(path.name.startswith("octavo-") for path in tmp_path.iterdir()):
        assert process.poll() is None
    process.terminate()
    assert process.wait(timeout=30) == -15
    assert [path.name for path in tmp_path.iterdir()] == ["x.npy"]
