"""src/octavo/targets/onnxruntime against the real ONNX Runtime: every input where there are 256 or 65,536 of
them, random and near-tie ones otherwise."""
import numpy as np
import pytest

from tools import (F32, LIMIT, differences, dtype, every_pair, every_value, quantization, random_scale, run_constant,
                   zero_point)

BOTH = pytest.mark.parametrize("signed", [False, True], ids=["uint8", "int8"])


# ---- QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear

def near_ties(random, scale, size):
    """Values around the middle between two steps, and their neighbours in float32."""
    middle = ((random.integers(-400, 400, size) + 0.5) * np.float64(scale)).astype(F32)
    values = [middle]
    for _ in range(2):
        values += [np.nextafter(values[-1], F32(np.inf)), np.nextafter(middle, F32(-np.inf))]
    return np.concatenate(values)


@BOTH
@pytest.mark.parametrize("opset", [13, 19, 21])
def test_quantize_linear(ours, signed, opset):
    random = np.random.default_rng(1)
    for _ in range(20):
        scale, zero = quantization(random, signed, -5, 1)
        values = np.concatenate([near_ties(random, scale, 2000), (random.standard_normal(4000) * 100 * scale).astype(F32),
                                 F32([0, -0.0, 1e38, -1e38, np.inf, -np.inf, 1e-40, np.nan])])
        theirs = run_constant("QuantizeLinear", [("x", values), scale, dtype(signed)(zero)], dtype(signed), "", opset)
        assert differences(ours("quantize", [scale, zero], [values], dtype(signed), signed), theirs) == 0


@BOTH
@pytest.mark.parametrize("opset", [13, 21])
def test_dequantize_linear(ours, signed, opset):
    random = np.random.default_rng(2)
    for _ in range(30):
        scale, zero = quantization(random, signed, -9, 3)
        values = every_value(signed)
        theirs = run_constant("DequantizeLinear", [("x", values), scale, dtype(signed)(zero)], F32, "", opset)
        assert differences(ours("dequantize", [scale, zero], [values], F32, signed), theirs) == 0


def test_dequantize_linear_of_int32(ours):
    random = np.random.default_rng(3)
    values = random.integers(-2**31, 2**31, 5000).astype(np.int32)
    for _ in range(10):
        scale = random_scale(random)
        theirs = run_constant("DequantizeLinear", [("x", values), scale], F32, "", 13)
        assert differences(ours("dequantize_int32", [scale, 0], [values], F32), theirs) == 0


def test_dynamic_quantize_linear(ours):
    import onnxruntime
    from onnx import TensorProto, helper
    random = np.random.default_rng(4)
    graph = helper.make_graph(
        [helper.make_node("DynamicQuantizeLinear", ["x"], ["y", "scale", "zero"])], "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None])],
        [helper.make_tensor_value_info(name, t, None) for name, t in
         (("y", TensorProto.UINT8), ("scale", TensorProto.FLOAT), ("zero", TensorProto.UINT8))])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    ends = np.stack([-random.uniform(0, 2, 4000000), random.uniform(0, 2, 4000000)], 1).astype(F32)
    scale = (ends[:, 1] - ends[:, 0]) / F32(255)
    near = np.rint(-ends[:, 0] / scale) != np.rint(-ends[:, 0] * (1 / scale))  # zero points near a tie
    assert near.sum() > 3
    for i in range(400):
        x = (random.standard_normal(64) * random_scale(random, -3, 3) + random.uniform(-2, 2)).astype(F32)
        if i % 50 == 0:
            x[:] = 0
        elif i % 50 < 25 and i // 50 * 24 + i % 50 - 1 < near.sum():
            x = np.concatenate([ends[near][i // 50 * 24 + i % 50 - 1], F32([0])])
        y, scale, zero = session.run(None, {"x": x})
        expected = ours("dynamic_quantization", [], [F32([x.min(), x.max()])], F32)
        assert (scale, zero) == (expected[0], expected[1]), (x.min(), x.max())
        assert differences(ours("quantize", [scale, zero], [x], np.uint8), y) == 0


# ---- Convolution, Gemm, MatMul: from the accumulator on

def accumulators(random, multiplier, signed, y_zero):
    """Per channel one accumulator, near a tie between two results, in float64."""
    low, high = LIMIT[signed]
    target = random.integers(low - 2, high + 3, multiplier.size) - y_zero + random.choice([0.5, -0.5], multiplier.size)
    near = np.rint(target / multiplier.astype(np.float64)) + random.integers(-2, 3, multiplier.size)
    return np.clip(near, -2**31, 2**31 - 1).astype(np.int32)


def conv(x_scale, x_zero, w_scales, y_scale, y_zero, bias, signed):
    """A 1x1 convolution of an input at its zero point: its accumulators are the biases."""
    t = dtype(signed)
    channels = bias.size
    x = np.full((1, 1, 1, 1), x_zero, t)
    w = np.ones((channels, 1, 1, 1), np.int8)
    return run_constant("QLinearConv", [("x", x), x_scale, t(x_zero), w, w_scales, np.zeros(channels, np.int8),
                                        y_scale, t(y_zero), bias], t, "")


@BOTH
def test_conv_requantization(ours, signed):
    random = np.random.default_rng(5)
    for i in range(16):
        n = 8192
        x_scale, y_scale = random_scale(random, -3, 0), random_scale(random, -3, 0)
        w_scales = (10.0 ** random.uniform(-5, 0, n)).astype(F32)
        multiplier = (x_scale * w_scales) / y_scale
        y_zero, x_zero = zero_point(random, signed), zero_point(random, signed)
        bias = accumulators(random, multiplier, signed, y_zero)
        if i % 4 == 3:
            bias = random.integers(-2**31, 2**31, n).astype(np.int32)
        theirs = conv(x_scale, x_zero, w_scales, y_scale, y_zero, bias, signed)
        mine = ours("conv_requantize", [x_scale, y_scale, y_zero], [bias, w_scales], dtype(signed), signed)
        assert differences(mine, theirs) == 0


@BOTH
def test_conv_requantization_per_tensor(ours, signed):
    random = np.random.default_rng(6)
    for _ in range(16):
        n = 4096
        x_scale, y_scale, w_scale = (random_scale(random, -3, -1) for _ in range(3))
        y_zero, x_zero = zero_point(random, signed), zero_point(random, signed)
        multiplier = np.full(n, (x_scale * w_scale) / y_scale)
        bias = accumulators(random, multiplier, signed, y_zero)
        t = dtype(signed)
        theirs = run_constant("QLinearConv", [("x", np.full((1, 1, 1, 1), x_zero, t)), x_scale, t(x_zero),
                                              np.ones((n, 1, 1, 1), np.int8), w_scale, np.int8(0), y_scale, t(y_zero),
                                              bias], t, "")
        mine = ours("conv_requantize", [x_scale, y_scale, y_zero], [bias, np.full(n, w_scale)], t, signed)
        assert differences(mine, theirs) == 0


@BOTH
@pytest.mark.parametrize("alpha", [1.0, 0.3])
def test_gemm_requantization(ours, signed, alpha):
    random = np.random.default_rng(7)
    t = dtype(signed)
    for _ in range(8):
        n = 8192
        a_scale, y_scale = random_scale(random, -3, 0), random_scale(random, -3, 0)
        b_scales = (10.0 ** random.uniform(-5, 0, n)).astype(F32)
        multiplier = ((F32(alpha) * a_scale) * b_scales) / y_scale
        y_zero, a_zero = zero_point(random, signed), zero_point(random, signed)
        c = accumulators(random, multiplier, signed, y_zero)
        theirs = run_constant("QGemm", [("a", np.full((1, 1), a_zero, t)), a_scale, t(a_zero), np.ones((1, n), np.int8),
                                        b_scales, np.zeros(n, np.int8), c, y_scale, t(y_zero)], t, alpha=alpha)
        mine = ours("gemm_requantize", [a_scale, y_scale, y_zero, F32(alpha)], [c, b_scales], t, signed)
        assert differences(mine, theirs) == 0


@BOTH
def test_matmul_requantization(ours, signed):
    """QLinearMatMul has no bias: its accumulators come from the product, here of one row of all values."""
    random = np.random.default_rng(8)
    t = dtype(signed)
    for _ in range(12):
        n = 4096
        a_scale, y_scale = random_scale(random, -3, 0), random_scale(random, -3, 0)
        b_scales = (10.0 ** random.uniform(-3, 0, n)).astype(F32)
        a = random.integers(*LIMIT[signed], (1, 4)).astype(t)
        b = random.integers(-60, 60, (4, n)).astype(np.int8)
        a_zero, y_zero = zero_point(random, signed), zero_point(random, signed)
        theirs = run_constant("QLinearMatMul", [("a", a), a_scale, t(a_zero), b, b_scales, np.zeros(n, np.int8), y_scale,
                                                t(y_zero)], t, "")
        sums = ((a.astype(np.int32) - a_zero) @ b.astype(np.int32)).reshape(-1)
        mine = ours("conv_requantize", [a_scale, y_scale, y_zero], [sums, b_scales], t, signed)
        assert differences(mine, theirs) == 0


@pytest.mark.parametrize("bias", [None, 0.37])
def test_matmul_integer_to_float(ours, bias):
    random = np.random.default_rng(9)
    for _ in range(20):
        a_scale, b_scale = random_scale(random), random_scale(random)
        a = random.integers(0, 256, (16, 4)).astype(np.uint8)
        b = random.integers(-60, 60, (4, 32)).astype(np.int8)
        zero = zero_point(random, False)
        parts = [("a", a), b, a_scale, b_scale, np.uint8(zero), np.int8(0)]
        theirs = run_constant("MatMulIntegerToFloat", parts + ([] if bias is None else [np.full(32, bias, F32)]), F32)
        sums = (a.astype(np.int32) - zero) @ b.astype(np.int32)
        mine = ours("scale_accumulator", [a_scale * b_scale] + ([] if bias is None else [F32(bias)]), [sums.astype(np.int32)],
                    F32)
        assert differences(mine, theirs) == 0


# ---- QLinearAdd, QLinearMul

@BOTH
def test_add(ours, signed):
    random = np.random.default_rng(10)
    a, b = every_pair(signed)
    t = dtype(signed)
    for _ in range(24):
        qa, qb = quantization(random, signed, -2.5, -1), quantization(random, signed, -2.5, -1)
        qc = quantization(random, signed, -2.5, -1)
        theirs = run_constant("QLinearAdd", [("a", a), qa[0], t(qa[1]), ("b", b), qb[0], t(qb[1]), qc[0], t(qc[1])], t)
        assert differences(ours("add", [*qa, *qb, *qc], [a, b], t, signed), theirs) == 0


@BOTH
def test_add_of_a_single_element(ours, signed):
    random = np.random.default_rng(11)
    t = dtype(signed)
    values = every_value(signed)
    for i in range(400):
        qa, qb = quantization(random, signed, -2.5, -1), quantization(random, signed, -2.5, -1)
        qc = quantization(random, signed, -2.5, -1)
        single = values[[random.integers(256)]]
        first, second = (("a", values), ("b", single)) if i % 2 else (("a", single), ("b", values))
        theirs = run_constant("QLinearAdd", [first, qa[0], t(qa[1]), second, qb[0], t(qb[1]), qc[0], t(qc[1])], t)
        operands = [*qa, *qb] if i % 2 else [*qb, *qa]
        mine = ours("add", [*operands, *qc], [values, np.repeat(single, 256)], t, signed)
        assert differences(mine, theirs) == 0


@BOTH
@pytest.mark.parametrize("op, name", [("QLinearAdd", "add"), ("QLinearMul", "mul")])
def test_sums_and_products_out_of_range(ours, signed, op, name):
    """Also beyond int32, where the conversion gives the lowest integer."""
    random = np.random.default_rng(25)
    a, b = every_pair(signed)
    t = dtype(signed)
    for ratio in (1e2, 1e4, 3e5, 1e7, 1e8):
        qa, qb = (F32(0.1), zero_point(random, signed)), (F32(0.1), zero_point(random, signed))
        qc = (F32(0.1 / ratio), zero_point(random, signed))
        theirs = run_constant(op, [("a", a), qa[0], t(qa[1]), ("b", b), qb[0], t(qb[1]), qc[0], t(qc[1])], t)
        assert differences(ours(name, [*qa, *qb, *qc], [a, b], t, signed), theirs) == 0


@BOTH
def test_mul(ours, signed):
    random = np.random.default_rng(12)
    a, b = every_pair(signed)
    t = dtype(signed)
    for i in range(70):
        while True:  # scales for which the order of the operations matters
            qa, qb = quantization(random, signed, -2.5, -1), quantization(random, signed, -2.5, -1)
            qc = (F32(qa[0] * qb[0] * random.uniform(60, 900)), zero_point(random, signed))
            if qa[0] * qb[0] / qc[0] != qa[0] * (qb[0] / qc[0]):
                break
        theirs = run_constant("QLinearMul", [("a", a), qa[0], t(qa[1]), ("b", b), qb[0], t(qb[1]), qc[0], t(qc[1])], t)
        assert differences(ours("mul", [*qa, *qb, *qc], [a, b], t, signed), theirs) == 0


# ---- Tables

@BOTH
def test_concat(ours, signed):
    random = np.random.default_rng(15)
    t = dtype(signed)
    x = every_value(signed)
    for i in range(150):
        qx, qy = quantization(random, signed, -3, -1), quantization(random, signed, -3, -1)
        if i % 10 == 0:
            qy = (qx[0], qy[1])
        theirs = run_constant("QLinearConcat", [qy[0], t(qy[1]), ("x", x), qx[0], t(qx[1])], t, axis=0)
        assert differences(ours("concat", [*qx, *qy], [x], t, signed), theirs) == 0


@BOTH
def test_sigmoid_table(ours, signed):
    random = np.random.default_rng(16)
    t = dtype(signed)
    x = every_value(signed)
    for i in range(150):
        qx = quantization(random, signed, -3, 0)
        qy = (F32(1 / 256), -128 if signed else 0) if i % 2 else quantization(random, signed, -3, -2)
        theirs = run_constant("QLinearSigmoid", [("x", x), qx[0], t(qx[1]), qy[0], t(qy[1])], t)
        assert differences(ours("table_sigmoid", [*qx, *qy], [x], t, signed), theirs) == 0


@BOTH
def test_leaky_relu_table(ours, signed):
    random = np.random.default_rng(17)
    t = dtype(signed)
    x = every_value(signed)
    for _ in range(150):
        qx, qy = quantization(random, signed, -3, -1), quantization(random, signed, -3, -1)
        alpha = F32(random.uniform(0, 0.5))
        theirs = run_constant("QLinearLeakyRelu", [("x", x), qx[0], t(qx[1]), qy[0], t(qy[1])], t, alpha=float(alpha))
        assert differences(ours("table_leaky_relu", [*qx, *qy, alpha], [x], t, signed), theirs) == 0
