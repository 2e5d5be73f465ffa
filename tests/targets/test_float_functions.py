"""The float operators that ONNX Runtime does not fuse with their neighbours: to the last bit."""
import numpy as np
import pytest

from tools import F32, FLAGS, differences, random_scale, run_constant, zero_point


def floats(random, size, spread):
    """Random ones of all magnitudes, zeros, infinities, and what 8 bits can dequantize to."""
    bits = random.integers(0, 2**32, size // 4, dtype=np.uint64).astype(np.uint32).view(F32)
    ends = F32([0.921875, 3.925, 9, 18, 88.3762626647949, 88.7762626647950, 103.9720840454, 1e-38, 1e-45])
    ends = np.concatenate([np.nextafter(ends, F32(0)), ends, np.nextafter(ends, F32(np.inf))])
    ends = np.concatenate([ends, -ends])
    steps = [(np.arange(256) - zero_point(random, False)).astype(F32) * random_scale(random, -3, 0)
             for _ in range(size // 1024)]
    return np.concatenate([bits[~np.isnan(bits)], (random.standard_normal(size) * spread).astype(F32), *steps,
                           F32([0, -0.0, np.inf, -np.inf]), ends])


@pytest.mark.parametrize("op, name, spread", [("Sigmoid", "sigmoid", 6), ("Tanh", "tanh", 3), ("Exp", "exp", 30),
                                              ("Erf", "erf", 2), ("HardSwish", "hard_swish", 3)])
def test_float_function(ours, op, name, spread):
    x = floats(np.random.default_rng(18), 400000, spread)
    theirs = run_constant(op, [("x", x)], F32, "")
    assert differences(ours(name, [], [x], F32), theirs) == 0


@pytest.mark.parametrize("alpha, beta", [(0.2, 0.5), (1 / 6, 0.5), (0.3, 0.1)])
def test_hard_sigmoid(ours, alpha, beta):
    x = floats(np.random.default_rng(19), 100000, 4)
    theirs = run_constant("HardSigmoid", [("x", x)], F32, "", alpha=alpha, beta=beta)
    assert differences(ours("hard_sigmoid", [F32(alpha), F32(beta)], [x], F32), theirs) == 0


@pytest.mark.parametrize("row", [1, 2, 5, 7, 8, 9, 10, 16, 23, 24, 25, 31, 32, 33, 100, 1000])
def test_softmax(ours, row):
    random = np.random.default_rng(20)
    x = (random.standard_normal((64, row)) * np.repeat([1, 8, 30, 60], 16)[:, None]).astype(F32)
    theirs = run_constant("Softmax", [("x", x)], F32, "", axis=-1)
    assert differences(ours("softmax", [row, "avx512f" in FLAGS], [x], F32), theirs) == 0
