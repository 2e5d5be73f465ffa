"""QLinearAveragePool and QLinearGlobalAveragePool."""
import numpy as np
import pytest

from tools import F32, LIMIT, differences, dtype, quantization, run_constant, zero_point

BOTH = pytest.mark.parametrize("signed", [False, True], ids=["uint8", "int8"])


@BOTH
@pytest.mark.parametrize("channels_last", [0, 1])
def test_global_average_pool(ours, signed, channels_last):
    """Each channel's sum is near a tie between two results."""
    random = np.random.default_rng(13)
    t = dtype(signed)
    low, high = LIMIT[signed]
    for i in range(60):
        height, width = (7, 7) if i < 30 else random.integers(1, 40, 2)
        count = int(height * width)
        while True:  # scales for which the order of the operations matters
            qx = quantization(random, signed, -3, -1)
            qy = (F32(qx[0] * random.uniform(0.5, 1.5)), zero_point(random, signed))
            multiplier = qx[0] / (qy[0] * F32(count))
            if count < 4 or multiplier != qx[0] / qy[0] / F32(count):
                break
        ties = np.rint((np.arange(low - 1, high + 1) + 0.5 - qy[1]) / np.float64(multiplier)).astype(np.int64)
        wanted = np.clip(np.concatenate([ties - 1, ties, ties + 1]) + count * qx[1], count * low, count * high)
        x = np.repeat(wanted[:, None] // count, count, 1)
        x[np.arange(count) < (wanted % count)[:, None]] += 1
        x = x.reshape(1, wanted.size, height, width).astype(t)
        fed = np.ascontiguousarray(x.transpose(0, 2, 3, 1)) if channels_last else x
        theirs = run_constant("QLinearGlobalAveragePool", [("x", fed), qx[0], t(qx[1]), qy[0], t(qy[1])], t,
                              channels_last=channels_last)
        sums = (wanted - count * qx[1]).astype(np.int32)
        mine = ours("global_average_pool", [*qx, *qy, count], [sums], t, signed)
        assert differences(mine, theirs) == 0


@BOTH
@pytest.mark.parametrize("channels_last", [0, 1])
def test_average_pool(ours, signed, channels_last):
    random = np.random.default_rng(14)
    t = dtype(signed)
    for i in range(40):
        kh, kw = (1, 2) if i % 2 else random.integers(1, 5, 2)
        x = random.integers(*LIMIT[signed], (1, 16, 12, 12)).astype(t)
        qx = quantization(random, signed, -3, -1)
        # With the same scale on both sides, half of the pairs are ties.
        qy = (qx[0] if i % 2 else F32(qx[0] * random.uniform(0.5, 1.5)), zero_point(random, signed))
        fed = np.ascontiguousarray(x.transpose(0, 2, 3, 1)) if channels_last else x
        theirs = run_constant("QLinearAveragePool", [("x", fed), qx[0], t(qx[1]), qy[0], t(qy[1])], t,
                              channels_last=channels_last, kernel_shape=[kh, kw])
        windows = np.lib.stride_tricks.sliding_window_view(x[0], (kh, kw), (1, 2))
        mine = ours("average_pool", [*qx, *qy, kh * kw, kh * kw], [windows], t, signed)
        mine = mine.reshape(windows.shape[:3])
        assert differences(mine.transpose(1, 2, 0) if channels_last else mine, theirs) == 0


@BOTH
@pytest.mark.parametrize("channels_last", [0, 1])
def test_average_pool_of_the_whole_image(ours, signed, channels_last):
    """Is the global one."""
    random = np.random.default_rng(26)
    t = dtype(signed)
    for _ in range(20):
        x = random.integers(*LIMIT[signed], (1, 64, 4, 6)).astype(t)
        qx = quantization(random, signed, -3, -1)
        qy = (F32(qx[0] * random.uniform(0.2, 0.5)), zero_point(random, signed))
        fed = np.ascontiguousarray(x.transpose(0, 2, 3, 1)) if channels_last else x
        theirs = run_constant("QLinearAveragePool", [("x", fed), qx[0], t(qx[1]), qy[0], t(qy[1])], t,
                              channels_last=channels_last, kernel_shape=[4, 6])
        sums = x.astype(np.int32).sum((2, 3), dtype=np.int32).reshape(-1) - np.int32(24 * qx[1])
        assert differences(ours("global_average_pool", [*qx, *qy, 24], [sums], t, signed), theirs) == 0
