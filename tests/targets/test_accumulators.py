"""The sums of products under convolutions and matrix products, on this machine's CPU."""
import numpy as np
import onnxruntime
import pytest

from tools import F32, FLAGS, differences, run_constant

# Where uint8 times int8 is added in pairs that saturate.
SATURATES = "avx2" in FLAGS and not FLAGS & {"avx512_vnni", "avx_vnni", "amx_int8"}


def precise():
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.x64quantprecision", "1")
    return options


def saturating(ours, activations, weights):
    """activations [M, K] times weights [K, N]."""
    m, k = activations.shape
    n = weights.shape[1]
    left = np.repeat(activations, n, 0)
    right = np.tile(weights.T, (m, 1))
    return ours("accumulate", [k], [left, right], np.int32).reshape(m, n)


def exact(activations, weights):
    return activations.astype(np.int32) @ weights.astype(np.int32)


def matmul(activations, weights, zero, options=None):
    return run_constant("MatMulInteger", [("a", activations), weights, activations.dtype.type(zero), np.int8(0)], np.int32,
                        "", options=options)


SHAPES = [(1, 64, 32), (2, 63, 5), (16, 64, 32), (5, 1, 7), (7, 130, 48)]


@pytest.mark.parametrize("m, k, n", SHAPES)
def test_matmul(ours, m, k, n):
    random = np.random.default_rng(30)
    for limit in (128, 64):
        a = random.integers(0, 256, (m, k)).astype(np.uint8)
        b = random.integers(-limit, min(limit, 127) + 1, (k, n)).astype(np.int8)
        a[:, : k // 2] |= 0xC0  # enough large ones that pairs do saturate
        for zero in (0, 77):
            offset = np.int32(zero) * b.sum(0, dtype=np.int32)
            expected = (saturating(ours, a, b) if SATURATES else exact(a, b)) - offset
            assert differences(expected, matmul(a, b, zero)) == 0
            if limit == 64:
                assert differences(exact(a, b) - offset, expected) == 0
            elif SATURATES and k > 60:
                assert differences(exact(a, b) - offset, expected) > 0


@pytest.mark.parametrize("m, k, n", SHAPES)
def test_matmul_is_exact_when_told_to_be(m, k, n):
    random = np.random.default_rng(31)
    a = random.integers(0, 256, (m, k)).astype(np.uint8)
    b = random.integers(-128, 128, (k, n)).astype(np.int8)
    assert differences(exact(a, b) - np.int32(9) * b.sum(0, dtype=np.int32), matmul(a, b, 9, precise())) == 0


@pytest.mark.parametrize("m, k, n", SHAPES)
def test_signed_activations_are_exact(m, k, n):
    random = np.random.default_rng(32)
    a = random.integers(-128, 128, (m, k)).astype(np.int8)
    b = random.integers(-128, 128, (k, n)).astype(np.int8)
    assert differences(exact(a, b) + np.int32(5) * b.sum(0, dtype=np.int32), matmul(a, b, -5)) == 0


@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize("channels, filters, kernel, groups",
                         [(16, 16, 3, 1), (16, 32, 1, 1), (3, 16, 3, 1), (32, 32, 3, 4), (6, 9, 3, 3), (16, 16, 3, 16)])
def test_conv(ours, told, channels, filters, kernel, groups):
    random = np.random.default_rng(33)
    x = random.integers(0, 256, (1, channels, 9, 9)).astype(np.uint8)
    w = random.integers(-128, 128, (filters, channels // groups, kernel, kernel)).astype(np.int8)
    x_zero = 3
    windows = np.lib.stride_tricks.sliding_window_view(x[0], (kernel, kernel), (1, 2))
    side = windows.shape[1]
    sums = []
    for group in range(groups):
        taken = slice(group * channels // groups, (group + 1) * channels // groups)
        made = slice(group * filters // groups, (group + 1) * filters // groups)
        a = np.ascontiguousarray(windows[taken].transpose(1, 2, 3, 4, 0).reshape(side * side, -1))
        b = np.ascontiguousarray(w[made].transpose(2, 3, 1, 0).reshape(-1, made.stop - made.start))
        depthwise = groups == channels == filters
        total = saturating(ours, a, b) if SATURATES and not told and not depthwise else exact(a, b)
        sums.append((total - np.int32(x_zero) * b.sum(0, dtype=np.int32)).T)
    sums = np.concatenate(sums).astype(np.int32)
    scale = F32(np.abs(sums).max() / 120)
    mine = ours("conv_requantize", [1, scale, 128], [sums, np.ones(sums.size, F32)], np.uint8)
    theirs = run_constant("QLinearConv", [("x", x), F32(1), np.uint8(x_zero), w, F32(1), np.int8(0), scale, np.uint8(128)],
                          np.uint8, "", options=precise() if told else None, group=groups)
    assert differences(mine, theirs) == 0


def test_which_pairs_can_saturate(ours):
    values = np.arange(-128, 128).astype(np.int8)
    first, second = np.repeat(values, 256), np.tile(values, 256)
    said = ours("pair_can_saturate", [], [first, second], np.uint8).astype(bool)
    corners = np.stack([p * first.astype(int) + q * second.astype(int) for p in (0, 255) for q in (0, 255)])
    assert (said == ((corners > 32767) | (corners < -32768)).any(0)).all()
