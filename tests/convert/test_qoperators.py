"""Each QOperator of ONNX Runtime, written with QuantizeLinear and DequantizeLinear: the same bits in ONNX Runtime, or an
error that names the node."""
import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import kept
import tools

RANDOM = np.random.default_rng(11)
X, W, Y = np.float32(0.031), np.float32(0.0047), np.float32(0.043)
CHANNELS = np.float32([0.0047, 0.0031, 0.006, 0.0025])
WEIGHT = RANDOM.integers(-127, 128, (4, 4, 3, 3)).astype(np.int8)
GROUPED = RANDOM.integers(-127, 128, (4, 1, 3, 3)).astype(np.int8)
MATRIX = RANDOM.integers(-127, 128, (8, 4)).astype(np.int8)
BIAS = RANDOM.integers(-2000, 2000, 4).astype(np.int32)
MASK = RANDOM.integers(0, 2, (1, 4, 9, 8)).astype(bool)


def builders(zero):
    """name: (domain, inputs with "x" and "y" for quantized values, attributes, shape); zero makes a zero point."""
    x, y, other = [X, zero(3)], [Y, zero(-6)], [np.float32(0.017), zero(20)]
    weight = [WEIGHT, W, np.int8(0)]
    channels = [WEIGHT, CHANNELS, np.zeros(4, np.int8)]
    conv = dict(kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    rows = [6, 8]
    return {
        "QLinearConv": ("", ["x", *x, *weight, *y], conv, kept.IMAGE),
        "QLinearConv bias": ("", ["x", *x, *weight, *y, BIAS], conv, kept.IMAGE),
        "QLinearConv channels": ("", ["x", *x, *channels, *y, BIAS], dict(conv, strides=[2, 2]), kept.IMAGE),
        "QLinearConv groups": ("", ["x", *x, GROUPED, CHANNELS, np.zeros(4, np.int8), *y], dict(conv, group=4), kept.IMAGE),
        "QLinearMatMul": ("", ["x", *x, MATRIX, W, np.int8(0), *y], {}, rows),
        "QLinearMatMul columns": ("", ["x", *x, MATRIX, CHANNELS, np.zeros(4, np.int8), *y], {}, rows),
        "QGemm": ("com.microsoft", ["x", *x, MATRIX, W, np.int8(0), BIAS, *y], {}, rows),
        "QGemm transB": ("com.microsoft", ["x", *x, MATRIX.T.copy(), CHANNELS, np.zeros(4, np.int8), BIAS, *y],
                         dict(transB=1), rows),
        "QLinearAdd": ("com.microsoft", ["x", *x, "y", *other, *y], {}, kept.IMAGE),
        "QLinearMul": ("com.microsoft", ["x", *x, "y", *other, *y], {}, kept.IMAGE),
        "QLinearAveragePool": ("com.microsoft", ["x", *x, *y], dict(kernel_shape=[3, 3], strides=[2, 2]), kept.IMAGE),
        "QLinearAveragePool pads": ("com.microsoft", ["x", *x, *y], dict(kernel_shape=[3, 3], pads=[1, 1, 1, 1]), kept.IMAGE),
        "QLinearGlobalAveragePool": ("com.microsoft", ["x", *x, *y], {}, kept.IMAGE),
        "QLinearSigmoid": ("com.microsoft", ["x", *x, np.float32(1 / 256), zero(-128)], {}, kept.IMAGE),
        "QLinearLeakyRelu": ("com.microsoft", ["x", *x, *y], dict(alpha=0.3), kept.IMAGE),
        "QLinearConcat": ("com.microsoft", [*y, "x", *x, "y", *other], dict(axis=1), kept.IMAGE),
        "QLinearSoftmax": ("com.microsoft", ["x", *x, np.float32(1 / 256), zero(-128)], dict(axis=-1, opset=13), kept.IMAGE),
        "QLinearWhere": ("com.microsoft", [MASK, "x", *x, "y", *other, *y], {}, kept.IMAGE),
    }


def zero_point(signed):
    return lambda value: np.int8(value) if signed else np.uint8(value + 128)


def model(path, name, signed, opset=17):
    domain, inputs, attributes, shape = builders(zero_point(signed))[name]
    g = kept.Graph()
    zero = zero_point(signed)
    quantized = {"x": lambda: g.op("QuantizeLinear", "x", X, zero(3)),
                 "y": lambda: g.op("QuantizeLinear", g.op("Neg", "x"), np.float32(0.017), zero(20))}
    inputs = [quantized[i]() if isinstance(i, str) else i for i in inputs]
    y = g.op(name.split()[0], *inputs, domain=domain, **attributes)
    softmax = name in ("QLinearSigmoid", "QLinearSoftmax")
    y = g.op("DequantizeLinear", y, np.float32(1 / 256) if softmax else Y, zero(-128 if softmax else -6))
    g.save(path, [(y, kept.FLOAT)], opset, inputs=[("x", TensorProto.FLOAT, shape)])
    made = onnx.load(str(path))
    made.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    onnx.save(made, str(path))
    return path


@pytest.mark.parametrize("signed", (False, True))
@pytest.mark.parametrize("name", builders(np.int8))
def test_same_answers(name, signed, tmp_path):
    given = model(tmp_path / "given.onnx", name, signed)
    feeds = kept.draw(onnx.load(str(given)), 6)
    try:
        kept.answers(given, feeds)
    except Exception:
        assert signed, "ONNX Runtime has each of them for uint8"
        return
    for opset in (None, 13, 18, 21):
        run = kept.convert(given, tmp_path, *(("--opset", opset) if opset else ()), check=False)
        if not hasattr(run, "exists"):
            assert run.returncode == 3 and name.split()[0] in run.stderr and "node n" in run.stderr
            assert name in MAY_BE_REFUSED, run.stderr
            continue
        assert not {n.op_type for n in onnx.load(str(run)).graph.node} & {name.split()[0]}
        lines = json.loads(tools.octavo("convert", given, "-o", tmp_path / "b.onnx", *(
            ("--opset", opset) if opset else ()), "--json").stdout)["not_identical"]
        if signed and name.split()[0] in ROUND_WITH_ZERO_POINT:
            assert [line.split(":")[0] for line in lines] == ["%s at node n%d" % (name.split()[0], 1 if "Pool" in name else 3)]
            run = kept.convert(given, tmp_path, "--numbers", "exact", check=False)
            assert run.returncode == 3 and "ONNX Runtime adds the zero point before it rounds" in run.stderr
        else:
            assert lines == []
            kept.assert_same_answers(given, run, feeds)


MAY_BE_REFUSED = ()
# int8 becomes uint8, and these add the zero point in float32 before they round: rare ties differ.
ROUND_WITH_ZERO_POINT = ("QLinearAdd", "QLinearMul", "QLinearAveragePool")


# ONNX Runtime has these, too, as far as its registry goes; none is written with QuantizeLinear and DequantizeLinear.
@pytest.mark.parametrize("kind", ("QLinearReduceMean", "QAttention", "QEmbedLayerNormalization", "MatMulInteger16"))
def test_what_has_no_such_form_is_named(kind, tmp_path):
    g = kept.Graph()
    q = g.op("QuantizeLinear", "x", X, np.uint8(131))
    y = g.op("DequantizeLinear", g.op(kind, q, X, np.uint8(131), Y, np.uint8(122), domain="com.microsoft"), Y, np.uint8(122))
    g.save(tmp_path / "given.onnx", [(y, kept.FLOAT)])
    made = onnx.load(str(tmp_path / "given.onnx"))
    made.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    onnx.save(made, str(tmp_path / "given.onnx"))
    run = kept.convert(tmp_path / "given.onnx", tmp_path, check=False)
    assert run.returncode == 3 and "com.microsoft::%s: this operator cannot be written with" % kind in run.stderr
    assert "node n1" in run.stderr


def test_channels_last_is_named(tmp_path):
    given = model(tmp_path / "given.onnx", "QLinearGlobalAveragePool", False)
    made = onnx.load(str(given))
    next(n for n in made.graph.node if n.op_type == "QLinearGlobalAveragePool").attribute.append(
        helper.make_attribute("channels_last", 1))
    onnx.save(made, str(given))
    run = kept.convert(given, tmp_path, check=False)
    assert run.returncode == 3 and "channels-last" in run.stderr and "node n" in run.stderr


def test_every_qoperator_is_known():
    """The names in the source are those of this test."""
    source = (tools.REPO / "src" / "octavo" / "onnx" / "qoperator.cc").read_text()
    names = {name.split()[0] for name in builders(np.int8)}
    assert all('"%s"' % name in source for name in names)
