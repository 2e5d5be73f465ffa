"""Resize of 8-bit images, and QLinearSoftmax."""
import numpy as np
import pytest

from tools import F32, VERSION, differences, dtype, quantization, run_constant

BOTH = pytest.mark.parametrize("signed", [False, True], ids=["uint8", "int8"])
COORDINATES = ["half_pixel", "asymmetric", "pytorch_half_pixel", "align_corners"]
NEAREST = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]
FLOAT, INTEGER = range(2)


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("nearest", NEAREST)
def test_nearest(ours, coordinates, nearest):
    random = np.random.default_rng(21)
    for size, out in [(5, 10), (10, 5), (7, 3), (3, 7), (1, 4), (4, 1), (100, 333), (256, 200), (17, 51)] + [
            tuple(random.integers(1, 256, 2)) for _ in range(20)]:
        x = np.arange(size).astype(np.uint8).reshape(1, 1, 1, size)
        sizes = np.array([1, 1, 1, out], np.int64)
        theirs = run_constant("Resize", [("x", x), None, None, sizes], np.uint8, "", mode="nearest",
                              coordinate_transformation_mode=coordinates, nearest_mode=nearest)
        mine = ours("resize_nearest", [size, out, F32(out) / F32(size), COORDINATES.index(coordinates),
                                       NEAREST.index(nearest)], [], np.int64)
        assert differences(mine.astype(np.uint8), theirs) == 0, (size, out)


def linear(ours, x, out, scales, coordinates, form):
    """One channel of `x` [height, width]; scales None: sizes are given."""
    numbers = []
    for axis in range(2):
        scale = F32(out[axis]) / F32(x.shape[axis]) if scales is None else scales[axis]
        numbers += [x.shape[axis], out[axis], scale, COORDINATES.index(coordinates)]
    name = "resize_linear_float" if x.dtype == F32 else "resize_linear"
    return ours(name, numbers + [form], [x], x.dtype, x.dtype == np.int8)


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.float32], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("coordinates", COORDINATES)
def test_linear(ours, kind, coordinates):
    random = np.random.default_rng(22)
    for case in range(30):
        height, width, high, wide = random.integers(1, 24, 4)
        x = random.integers(0, 256, (1, 1, height, width)).astype(np.uint8).view(np.int8 if kind == np.int8 else np.uint8)
        x = x.astype(kind)
        if case % 2:
            scales = (random.uniform(0.3, 3, 2)).astype(F32)
            high, wide = int(F32(height) * scales[0]), int(F32(width) * scales[1])
            if not high or not wide:
                continue
            parts = [("x", x), None, F32([1, 1, *scales])]
        else:
            scales, parts = None, [("x", x), None, None, np.array([1, 1, high, wide], np.int64)]
        theirs = run_constant("Resize", parts, kind, "", mode="linear", coordinate_transformation_mode=coordinates)
        if (high, wide) == (height, width):
            continue  # copied
        assert differences(linear(ours, x[0, 0], (high, wide), scales, coordinates, FLOAT), theirs) == 0


@BOTH
@pytest.mark.parametrize("coordinates", COORDINATES)
def test_linear_with_channels_last(ours, signed, coordinates):
    random = np.random.default_rng(23)
    for _ in range(20):
        height, width, high, wide = random.integers(2, 24, 4)
        if high == height:
            continue
        x = random.integers(0, 256, (1, height, width, 3)).astype(np.uint8).view(dtype(signed))
        theirs = run_constant("Resize", [("x", x), None, None, np.array([1, high, wide, 3], np.int64)], dtype(signed), "",
                              mode="linear", coordinate_transformation_mode=coordinates)
        mine = [linear(ours, np.ascontiguousarray(x[0, :, :, c]), (high, wide), None, coordinates, INTEGER)
                for c in range(3)]
        assert differences(np.stack(mine, -1), theirs) == 0


@BOTH
@pytest.mark.parametrize("row", [1, 2, 3, 10, 100, 1000])
def test_qlinear_softmax(ours, signed, row):
    random = np.random.default_rng(24)
    release = (VERSION >= (1, 29)) + (VERSION >= (1, 32))  # SoftmaxRelease
    t = dtype(signed)
    for i in range(25):
        x = random.integers(0, 256, (64, row)).astype(np.uint8).view(t)
        x_scale, x_zero = quantization(random, signed, -3, 0)
        y_scale, y_zero = (F32(1 / 256), -128 if signed else 0) if i % 2 else quantization(random, signed, -3, -2)
        theirs = run_constant("QLinearSoftmax", [("x", x), x_scale, t(x_zero), y_scale, t(y_zero)], t, axis=-1, opset=13)
        mine = ours("qlinear_softmax", [row, x_scale, y_scale, y_zero, release], [x], t, signed)
        assert differences(mine, theirs) == 0
