"""Models of other software, converted for another runtime: nodes are kept, only what that runtime wants is changed, and
the report names every node whose numbers differ in ONNX Runtime."""
import json
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

import kept
import tools

sys.path.append(str(tools.REPO / "tests" / "engine"))
import quantizer_models  # noqa: E402
import quantizer_nets  # noqa: E402

S8, U8 = quantizer_models.S8, quantizer_models.U8
SYMMETRIC = {
    "qdq-u8s8": quantizer_models.static(quantizer_models.QDQ, U8, S8, ActivationSymmetric=True),
    "qdq-u8u8": quantizer_models.static(quantizer_models.QDQ, U8, U8, ActivationSymmetric=True, WeightSymmetric=True),
    "qdq-s8s8-channel": quantizer_models.WAYS["qdq-s8s8-channel-symmetric"],
    "qop-u8u8": quantizer_models.static(quantizer_models.QOPERATOR, U8, U8, ActivationSymmetric=True, WeightSymmetric=True),
    "qop-s8s8": quantizer_models.WAYS["qop-s8s8"],
}
SOME_NETS = {"conv", "residual", "pools", "gate", "pad", "matmul"}
SOME_WAYS = {"qdq-u8u8", "qdq-u8s8-float-bias", "qop-s8s8", "qdq-s8s8-layers", "qdq-u16s8"}


def cases(ways, some_ways):
    return [pytest.param(net, way, id=net + "-" + way,
                         marks=() if net in SOME_NETS and way in some_ways else pytest.mark.long)
            for net in quantizer_nets.NETS for way in ways]


def quantized(net, way, path):
    """Feeds for a quantized model that ONNX Runtime loads; None where there is none."""
    model, shape = quantizer_nets.make(net)
    try:
        way(model, shape, path)
        quantizer_models.session(path)
    except Exception:  # the quantizer's own, or ONNX Runtime's
        return None
    return [{"x": x} for x in quantizer_models.inputs(net, shape, 3)]


def converted(given, folder, target):
    """The new file's path and the report; the error's text if it was refused."""
    out = folder / (target + ".onnx")
    run = tools.octavo("convert", given, "-o", out, "--target", target, "--json", check=False)
    if run.returncode:
        assert run.returncode == 3, run.stderr
        return None, run.stdout + run.stderr
    return out, json.loads(run.stdout)


def assert_said_what_differs(given, out, report, feeds):
    same = all(a.tobytes() == b.tobytes() for x, y in zip(kept.answers(given, feeds), kept.answers(out, feeds))
               for a, b in zip(x, y))
    assert same or report["not_identical"]
    assert (report["identical_in"] == "onnxruntime") == (not report["not_identical"])
    names = {node.name for node in onnx.load(str(out)).graph.node}
    for line in report["not_identical"]:
        assert line.split(" at node ")[1].split(":")[0] in names


def assert_symmetric(path):
    model = onnx.load(str(path))
    onnx.checker.check_model(model, full_check=True)
    constants = {c.name: c for c in model.graph.initializer}
    types = {v.name: v.type.tensor_type.elem_type for v in model.graph.value_info}
    for node in model.graph.node:
        if node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
            assert not node.domain
            assert all(types.get(name, TensorProto.FLOAT) not in (TensorProto.INT8, TensorProto.UINT8) for name in node.input)
            continue
        zero = constants[node.input[2]]
        assert zero.data_type == TensorProto.INT8 and not numpy_helper.to_array(zero).any()
        if node.op_type == "DequantizeLinear" and node.input[0] in constants:
            assert constants[node.input[0]].data_type == TensorProto.INT8


@pytest.mark.parametrize("net, way", cases(SYMMETRIC, SYMMETRIC))
def test_tensorrt(net, way, tmp_path):
    given = tmp_path / "given.onnx"
    feeds = quantized(net, SYMMETRIC[way], given)
    if feeds is None:
        return
    out, report = converted(given, tmp_path, "tensorrt")
    if out is None:
        assert ("TensorRT" in report or "are int8 and cannot be made uint8" in report) and " at node" in report + " at node"
        return
    assert_symmetric(out)
    assert_said_what_differs(given, out, report, feeds)


@pytest.mark.parametrize("net, way", cases(quantizer_models.WAYS, SOME_WAYS))
def test_openvino(net, way, tmp_path):
    given = tmp_path / "given.onnx"
    feeds = quantized(net, quantizer_models.WAYS[way], given)
    if feeds is None:
        return
    out, report = converted(given, tmp_path, "openvino")
    if "16" in way:
        assert out is None and "OpenVINO leaves the rounding to" in report
    if out is None:
        return
    assert_said_what_differs(given, out, report, feeds)


# OpenVINO's results of the new file are those of ONNX Runtime of the given one.  OpenVINO of the given file differs in a
# tenth to a third of the elements (the first four) or does not load it.
OPENVINO = [("conv", "qdq-u8u8"), ("residual", "qdq-u8s8"), ("depthwise", "qdq-u8s8-channel"), ("matmul", "qdq-u8u8"),
            ("residual", "qdq-u8s8-float-bias"), ("residual", "qop-u8s8"), ("conv", "qop-u8s8-channel")]


@pytest.mark.parametrize("net, way", OPENVINO)
def test_results_in_openvino(net, way, tmp_path):
    openvino = pytest.importorskip("openvino", reason="no openvino from PyPI here (tests/requirements.txt)")
    given = tmp_path / "given.onnx"
    feeds = quantized(net, quantizer_models.WAYS[way], given)
    out, _ = converted(given, tmp_path, "openvino")
    compiled = openvino.Core().compile_model(str(out), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    step = quantizer_models.last_step(given)
    different = total = 0
    for feed, [expected] in zip(feeds, kept.answers(given, feeds)):
        distance = np.abs(compiled(feed["x"])[0] - expected)
        assert distance.max() < 1.5 * step
        different, total = different + (distance > step / 2).sum(), total + expected.size
    # Processors without VNNI saturate (docs/dialects.md).
    if tools.VNNI:
        assert different <= total // 1000, "%d of %d differ" % (different, total)


def test_tensorrt_refuses_what_is_not_symmetric(tmp_path):
    given = kept.between_integers(tmp_path / "given.onnx", "Relu")
    out, said = converted(given, tmp_path, "tensorrt")
    assert out is None and "uint8 with zero point 131" in said and "ActivationSymmetric" in said
    given = kept.between_integers(tmp_path / "given.onnx", "Relu", signed=True)
    out, said = converted(given, tmp_path, "tensorrt")
    assert out is None and "int8 with zero point 3" in said
    assert not (tmp_path / "tensorrt.onnx").exists()


def test_tensorrt_without_a_zero_point(tmp_path):
    """QuantizeLinear then makes uint8 with zero point 0; DequantizeLinear of int8 reads with 0."""
    g = kept.Graph()
    y = g.op("DequantizeLinear", g.op("QuantizeLinear", "x", np.float32(0.03)), np.float32(0.03))
    given = g.save(tmp_path / "given.onnx", [(y, kept.FLOAT)])
    out, said = converted(given, tmp_path, "tensorrt")
    assert out is None and "is uint8 with zero point 0" in said
    g = kept.Graph()
    y = g.op("DequantizeLinear", g.op("QuantizeLinear", "x", np.float32(0.03), np.int8(0)), np.float32(0.03))
    given = g.save(tmp_path / "given.onnx", [(y, kept.FLOAT)])
    out, said = converted(given, tmp_path, "tensorrt")
    assert said["changes"] == [] and out.read_bytes() == given.read_bytes()


def layer(path, bias, bias_scale=None, weight=None, weight_zero=0, opset=17):
    """A Conv with an int32 bias between uint8 values of zero point 128."""
    g = kept.Graph()
    zero = np.uint8(128)
    if weight is None:
        weight = np.random.default_rng(4).integers(-127, 128, (len(bias), 4, 3, 3)).astype(np.int8)
    x = g.quantized("x", 0.031, zero)
    w = g.op("DequantizeLinear", weight, np.float32(0.0021), weight.dtype.type(weight_zero))
    scale = np.float32(0.031) * np.float32(0.0021) if bias_scale is None else np.float32(bias_scale)
    b = g.op("DequantizeLinear", np.array(bias, np.int32), scale)
    y = g.quantized(g.op("Conv", x, w, b), 0.13, zero)
    return g.save(path, [(y, kept.FLOAT)], opset)


@pytest.mark.parametrize("bias, scale, says", [
    ([100, -3000, 7], None, None),
    ([1 << 22, -(1 << 23), 5], None, None),
    ([1 << 22, 123456789, 5], None, "rounds the float bias of channel 1 to another integer"),
    ([100, -3000, 7], 1e-4, "rounds the float bias of channel 0 to another integer")])
def test_tensorrt_biases(bias, scale, says, tmp_path):
    given = layer(tmp_path / "given.onnx", bias, scale)
    out, report = converted(given, tmp_path, "tensorrt")
    assert_symmetric(out)
    assert "int32 bias written as float32" in report["changes"]
    assert not any(c.data_type == TensorProto.INT32 for c in onnx.load(str(out)).graph.initializer)
    if says is None:
        assert report["not_identical"] == []
        kept.assert_same_answers(given, out)
    else:
        [line] = report["not_identical"]
        assert line.startswith("Conv at node n") and says in line


def test_tensorrt_moves_constants(tmp_path):
    """uint8 weights whose zero point is not 128 become int8 with 0 if the integers fit, and are refused if not."""
    weight = np.random.default_rng(5).integers(20, 220, (3, 4, 3, 3)).astype(np.uint8)
    given = layer(tmp_path / "given.onnx", [1, 2, 3], weight=weight, weight_zero=100)
    out, report = converted(given, tmp_path, "tensorrt")
    assert_symmetric(out)
    assert "constant written as int8 with zero point 0" in report["changes"]
    kept.assert_same_answers(given, out)
    given = layer(tmp_path / "given.onnx", [1, 2, 3], weight=weight, weight_zero=60)
    out, said = converted(given, tmp_path, "tensorrt")
    assert out is None and "is uint8 with zero point 60" in said


def test_tensorrt_operators_on_integers(tmp_path):
    """MaxPool, Reshape and the like between QuantizeLinear and DequantizeLinear; the model's input is integers, too."""
    g = kept.Graph()
    parts = [np.float32(0.031), np.uint8(128)]
    y = g.op("MaxPool", g.op("Transpose", "x", perm=[0, 1, 3, 2]), kernel_shape=[2, 2])
    y = g.op("Pad", y, np.int64([0, 0, 1, 0, 0, 0, 0, 1]), np.uint8(128))
    a, b = g.op("Split", y, np.int64([1, 3]), axis=1, outputs=2)
    y = g.op("DequantizeLinear", g.op("Reshape", a, np.int64([1, -1])), *parts)
    given = g.save(tmp_path / "given.onnx", [(y, kept.FLOAT), (b, TensorProto.UINT8)],
                   inputs=[("x", TensorProto.UINT8, kept.IMAGE)])
    out, report = converted(given, tmp_path, "tensorrt")
    assert_symmetric(out)
    assert {"uint8 input or output x is int8, 128 lower", "uint8 input or output %s is int8, 128 lower" % b} <= set(
        report["changes"])
    feeds = kept.draw(onnx.load(str(given)))
    lower = [{"x": (feed["x"].astype(np.int16) - 128).astype(np.int8)} for feed in feeds]
    for (y, b), (y_new, b_new) in zip(kept.answers(given, feeds), kept.answers(out, lower)):
        np.testing.assert_array_equal(y, y_new)
        np.testing.assert_array_equal(b.astype(np.int16) - 128, b_new)


def test_tensorrt_names_what_it_lacks(tmp_path):
    g = kept.Graph()
    y = g.op("Gelu", g.quantized("x", 0.03, np.int8(0)), domain="com.microsoft")
    given = g.save(tmp_path / "given.onnx", [(y, kept.FLOAT)])
    model = onnx.load(str(given))
    model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    onnx.save(model, str(given))
    out, said = converted(given, tmp_path, "tensorrt")
    assert out is None and "TensorRT has no operators of the domain com.microsoft" in said
    g = kept.Graph()
    y = g.op("ArgMax", g.op("QuantizeLinear", "x", np.float32(0.03), np.int8(0)))
    given = g.save(tmp_path / "given.onnx", [(y, TensorProto.INT64)])
    out, said = converted(given, tmp_path, "tensorrt")
    assert out is None and "ArgMax" in said and "which TensorRT only dequantizes" in said


def test_what_is_said(tmp_path):
    given = kept.quantized_net(tmp_path, "qdq_u8u8")
    said = tools.octavo("convert", given, "-o", tmp_path / "out.onnx", "--target", "openvino").stdout
    assert "changed: uint8 weight written as int8" in said and "qdq for openvino" in said
    assert "but for these nodes:" in said and "Conv at node " in said
    report = converted(given, tmp_path, "openvino")[1]
    assert report["target"] == "openvino" and report["warnings"] == []
