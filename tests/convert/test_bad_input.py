"""What cannot be converted is an error that names the operator and the node, and nothing is written."""
import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import tools

INT8 = "org.pytorch._caffe2"


def quantize(output="q", name="x"):
    return helper.make_node("Int8Quantize", [name], [output], domain=INT8, Y_scale=0.5, Y_zero_point=3)


def dequantize(name, output="y"):
    return helper.make_node("Int8Dequantize", [name], [output], domain=INT8)


def int8(op, inputs, output, **attributes):
    return helper.make_node(op, inputs, [output], name="here", domain=INT8, **attributes)


def fill(output, shape, values, scale=0.25, zero=128):
    return helper.make_node("Int8GivenTensorFill", [], [output], domain=INT8, name="fill", shape=shape, Y_scale=scale,
                            Y_zero_point=zero, values=bytes(values))


def model(nodes, path, opset=9, outputs=("y",), initializers=()):
    graph = helper.make_graph(nodes, "graph", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 6, 1])],
                              [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs],
                              initializer=list(initializers))
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid(INT8, 1)])
    path.write_bytes(made.SerializeToString())
    return path


def refused(path, tmp_path, *says, code=3, options=()):
    before = sorted(p.name for p in tmp_path.iterdir())
    run = tools.octavo("convert", path, "-o", tmp_path / "out.onnx", *options, check=False)
    assert run.returncode == code, run.stderr
    assert run.stderr.startswith("octavo: cannot convert ") and len(run.stderr) < 20000
    for text in says:
        assert text in run.stderr, run.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == before


Q = {"Y_scale": 0.5, "Y_zero_point": 3}
CASES = {
    "unknown": ([int8("Int8Nothing", ["q"], "r")], ("Int8Nothing", "node here")),
    "other_scale": ([int8("Int8Relu", ["q"], "r", Y_scale=0.25, Y_zero_point=3)], ("Int8Relu", "node here", "same")),
    "no_scale": ([int8("Int8Relu", ["q"], "r")], ("Int8Relu", "node here")),
    "not_quantized": ([int8("Int8Relu", ["x"], "r", **Q)], ("Int8Relu", "node here", "must be an Int8 tensor")),
    "plain_operator": ([helper.make_node("Tanh", ["q"], ["r"], name="here")], ("Tanh", "node here", "quantized")),
    "aten": ([helper.make_node("ATen", ["q"], ["r"], name="here", domain="org.pytorch.aten", operator="flatten")],
             ("aten::flatten", "node here")),
    "bytes": ([fill("r", [2, 2], range(3))], ("Int8GivenTensorFill", "3 values")),
    "huge": ([fill("r", [1 << 40, 1 << 40], range(3))], ("Int8GivenTensorFill", "3 values")),
    "zero_point": ([fill("r", [1], range(1), zero=300)], ("Int8GivenTensorFill", "zero point 300")),
    "scale": ([fill("r", [1], range(1), scale=-1.0)], ("Int8GivenTensorFill", "scale")),
    "conv_window": ([fill("w", [1, 2, 2, 1], range(4)),
                     int8("Int8Conv", ["q", "w"], "r", order="NHWC", kernels=[3, 3], strides=[1, 1], **Q)],
                    ("Int8Conv", "node here", "3 x 3")),
    "conv_channels": ([fill("w", [1, 2, 2, 5], range(20)),
                       int8("Int8Conv", ["q", "w"], "r", order="NHWC", kernels=[2, 2], **Q)],
                      ("Int8Conv", "node here")),
    "conv_weight_rank": ([fill("w", [4], range(4)), int8("Int8Conv", ["q", "w"], "r", order="NHWC", **Q)],
                         ("Int8Conv", "node here", "rank 4")),
    "conv_strides": ([fill("w", [1, 2, 2, 1], range(4)),
                      int8("Int8Conv", ["q", "w"], "r", order="NHWC", kernels=[2, 2], strides=[1, 1, 1], **Q)],
                     ("Int8Conv", "node here", "strides")),
    "conv_groups": ([fill("w", [1, 2, 2, 1], range(4)),
                     int8("Int8Conv", ["q", "w"], "r", order="NHWC", kernels=[2, 2], group=0, **Q)],
                    ("Int8Conv", "node here", "group")),
    "attribute_kind": ([int8("Int8Slice", ["q"], "r", dim="a", **Q)], ("Int8Slice", "node here", "dim")),
    "slice": ([int8("Int8Slice", ["q"], "r", dim=1, start_idx=3, end_idx=1, **Q)], ("Int8Slice", "node here")),
    "slice_dim": ([int8("Int8Slice", ["q"], "r", dim=9, **Q)], ("Int8Slice", "node here")),
    "axes": ([int8("Int8Transpose", ["q"], "r", axes=[0, 0, 1, 2], **Q)], ("Int8Transpose", "node here")),
    "axes_rank": ([int8("Int8Transpose", ["q"], "r", axes=[1, 0], **Q)], ("Int8Transpose", "node here")),
    "reshape": ([int8("Int8Reshape", ["q"], "r", shape=[7, 7], **Q)], ("Int8Reshape", "node here")),
    "resize": ([int8("Int8ResizeNearest", ["q"], "r", output_size=[3, 2], **Q)],
               ("Int8ResizeNearest", "node here", "integers only")),
    "resize_huge": ([int8("Int8ResizeNearest", ["q"], "r", output_size=[1 << 62, 1 << 62], **Q)],
                    ("Int8ResizeNearest", "node here")),
    "pool_window": ([int8("Int8MaxPool", ["q"], "r", kernel=9, order="NHWC", **Q)], ("Int8MaxPool", "node here")),
}


@pytest.mark.parametrize("name", CASES)
def test_node(name, tmp_path):
    nodes, says = CASES[name]
    last = nodes[-1].output[0]
    refused(model([quantize(), *nodes, dequantize(last)], tmp_path / "bad.onnx"), tmp_path, *says)


def test_all_nodes_are_named(tmp_path):
    nodes = [helper.make_node("Foo", ["x"], ["a"], name="first"), helper.make_node("Bar", ["x"], ["b"], name="second"),
             helper.make_node("Add", ["a", "b"], ["y"], name="third")]
    refused(model(nodes, tmp_path / "bad.onnx"), tmp_path, "Foo", "first", "Bar", "second")


def test_not_onnx(tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    refused(tmp_path / "bad.onnx", tmp_path, "not an ONNX model")
    (tmp_path / "empty.onnx").write_bytes(b"")
    refused(tmp_path / "empty.onnx", tmp_path)
    refused(tmp_path / "missing.onnx", tmp_path, code=4)


def test_truncated(tmp_path):
    whole = (tools.REPO / "tests" / "data" / "caffe2" / "conv_model.onnx").read_bytes()
    for length in range(10, len(whole), max(1, len(whole) // 25)):
        (tmp_path / "bad.onnx").write_bytes(whole[:length])
        run = tools.octavo("convert", tmp_path / "bad.onnx", "-o", tmp_path / "out.onnx", check=False)
        assert run.returncode == 3 and not (tmp_path / "out.onnx").exists()


def test_wrong_metadata(tmp_path):
    q = helper.make_node("DequantizeLinear", ["x", "s", "z"], ["y"], name="here")
    graph = helper.make_graph([q], "graph", [helper.make_tensor_value_info("x", TensorProto.UINT8, [2])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])],
                              initializer=[helper.make_tensor("s", TensorProto.FLOAT, [], [0.5]),
                                           helper.make_tensor("z", TensorProto.UINT8, [], [3])])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    for said in ({"dtype": "qint8", "scale": 0.5, "zero_point": 3}, {"dtype": "quint8", "scale": "a", "zero_point": 3},
                 {"dtype": "quint8", "scale": -0.5, "zero_point": 3}, 7):
        del made.metadata_props[:]
        helper.set_model_props(made, {"octavo.quantization": json.dumps({"x": said})})
        (tmp_path / "bad.onnx").write_bytes(made.SerializeToString())
        refused(tmp_path / "bad.onnx", tmp_path)


def test_usage(tmp_path):
    good = tools.REPO / "tests" / "data" / "caffe2" / "relu.onnx"
    refused(good, tmp_path, "opset", code=2, options=("--opset", 12))
    refused(good, tmp_path, "opset", code=2, options=("--dialect", "caffe2", "--opset", 17))
    copy = tmp_path / "model.onnx"
    copy.write_bytes(good.read_bytes())
    run = tools.octavo("convert", copy, "-o", copy, check=False)
    assert run.returncode == 2 and copy.read_bytes() == good.read_bytes()


def test_json_and_quiet(tmp_path):
    good = tools.REPO / "tests" / "data" / "caffe2" / "relu.onnx"
    said = json.loads(tools.octavo("convert", good, "-o", tmp_path / "a.onnx", "--json").stdout)
    assert said["dialect"] == "qdq" and said["opset"] == 17 and said["output"] == str(tmp_path / "a.onnx")
    assert tools.octavo("convert", good, "-o", tmp_path / "b.onnx", "--quiet").stdout == ""
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    assert onnx.load(str(tmp_path / "a.onnx")).producer_name == "octavo"
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    run = tools.octavo("convert", tmp_path / "bad.onnx", "-o", tmp_path / "c.onnx", "--json", check=False)
    assert run.returncode == 3 and json.loads(run.stdout)["error"]["code"] == "invalid_file"


def test_mutated_files_do_not_crash(tmp_path):
    """One byte changed anywhere: an answer or an error, never a crash."""
    whole = (tools.REPO / "tests" / "data" / "caffe2" / "conv_pool_conv.onnx").read_bytes()
    random = np.random.default_rng(0)
    for _ in range(100):
        changed = bytearray(whole)
        changed[random.integers(len(whole))] = random.integers(256)
        (tmp_path / "bad.onnx").write_bytes(bytes(changed))
        run = tools.octavo("convert", tmp_path / "bad.onnx", "-o", tmp_path / "out.onnx", "--quiet", check=False,
                           errors="replace")
        assert run.returncode in (0, 3), run.stderr
