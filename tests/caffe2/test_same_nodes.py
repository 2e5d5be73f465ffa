"""The Caffe2 dialect against the graphs that PyTorch's former exporter wrote (tests/data/caffe2, see make_expected.py):
node for node where those are right, and another, valid graph where they are wrong or missing."""
import json
import os
import pathlib
import subprocess

import onnx
import pytest

REPO = pathlib.Path(__file__).resolve().parents[2]
OCTAVO = os.environ.get("OCTAVO", str(REPO / "build" / "release" / "octavo"))
DATA = REPO / "tests" / "data" / "caffe2"
CASES = json.loads((DATA / "cases.json").read_text())
INT8 = "org.pytorch._caffe2"


def export(case, out, *options):
    inputs = [word for spec in case["inputs"] for word in ("--input", spec)]
    return subprocess.run([OCTAVO, "export", str(DATA / (case["name"] + ".pt")), "-o", str(out), "--dialect", "caffe2",
                           "--quiet", *inputs, *options], capture_output=True, text=True, timeout=60)


def tensor(proto):
    array = onnx.numpy_helper.to_array(proto)
    return (str(array.dtype), array.shape, array.tobytes())


def canonical(model):
    """Nodes in order, each (domain, operator, attributes in order, inputs); values are named by where they come from."""
    graph, known, nodes = model.graph, {}, []
    for proto in graph.initializer:
        known[proto.name] = tensor(proto)
    for value in graph.input:
        known.setdefault(value.name, "input %d" % sum(str(v).startswith("input") for v in known.values()))
    for node in graph.node:
        if node.op_type == "Constant" and not node.domain:
            known[node.output[0]] = tensor(node.attribute[0].t)
            continue
        attributes = [(a.name, a.type, onnx.helper.get_attribute_value(a)) for a in node.attribute]
        for i, output in enumerate(node.output):
            known[output] = "node %d output %d" % (len(nodes), i)
        nodes.append((node.domain, node.op_type, attributes, [known[name] if name else None for name in node.input]))
    return nodes, [known[value.name] for value in graph.output]


def scales(model):
    """Of each value: (scale, zero point) where an Int8 node made it, None where another did."""
    made = {}
    for node in model.graph.node:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        for output in node.output:
            quantized = node.domain == INT8 and "Y_scale" in attributes
            made[output] = (attributes["Y_scale"], attributes["Y_zero_point"]) if quantized else None
    return made


@pytest.mark.parametrize("case", [c for c in CASES if c["expect"] == "same"], ids=lambda c: c["name"])
def test_same_nodes(case, tmp_path):
    run = export(case, tmp_path / "ours.onnx")
    assert run.returncode == 0, run.stderr
    ours, theirs = onnx.load(str(tmp_path / "ours.onnx")), onnx.load(str(DATA / (case["name"] + ".onnx")))
    assert canonical(ours) == canonical(theirs)
    assert ours.ir_version == theirs.ir_version
    assert {(o.domain, o.version) for o in ours.opset_import} == {(o.domain, o.version) for o in theirs.opset_import}


@pytest.mark.parametrize("case", [c for c in CASES if c["expect"] != "same" and not c["refused"]], ids=lambda c: c["name"])
def test_right_where_it_was_wrong(case, tmp_path):
    """What the dialect cannot run never stands in a graph of ours."""
    run = export(case, tmp_path / "ours.onnx")
    assert run.returncode == 0, run.stderr
    model = onnx.load(str(tmp_path / "ours.onnx"))
    made = scales(model)
    for node in model.graph.node:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        if node.domain != INT8:
            assert not any(made.get(name) for name in node.input), "%s reads an Int8 edge" % node.op_type
            continue
        own = (attributes["Y_scale"], attributes["Y_zero_point"]) if "Y_scale" in attributes else None
        if node.op_type in ("Int8Concat", "Int8Relu", "Int8MaxPool", "Int8Reshape", "Int8Slice", "Int8Transpose",
                            "Int8ResizeNearest"):
            for name in node.input:
                assert made.get(name) in (None, own), "%s changes the quantization" % node.op_type
        if node.op_type in ("Int8MaxPool", "Int8AveragePool"):
            assert attributes["strides"] and attributes["kernel"] > 1
        if node.op_type == "Int8Concat":
            assert attributes["axis"] >= 0
        if node.op_type == "Int8Slice":
            assert attributes["dim"] >= 0 and 0 <= attributes["start_idx"] <= attributes["end_idx"]
        if node.op_type == "Int8ResizeNearest":
            assert len(attributes["output_size"]) == 2
        if node.op_type in ("Int8Conv", "Int8ConvRelu", "Int8FC"):
            x, w = made[node.input[0]], made[node.input[1]]
            assert x[0] * w[0] / own[0] < 1
