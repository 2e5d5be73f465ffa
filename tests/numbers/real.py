"""Operators of real numbers and integers, and those that move elements."""
import torch  # noqa: F401
import torch.nn.functional as F  # noqa: F401

import quantized
from table import Table

OPERATORS = table = Table()

# ---- activations

ACTIVATIONS = {
    "relu": "torch.relu(x)", "relu6": "torch.ops.aten.relu6(x)", "sigmoid": "torch.sigmoid(x)", "tanh": "torch.tanh(x)",
    "hardsigmoid": "F.hardsigmoid(x)", "hardswish": "F.hardswish(x)", "hardtanh": "F.hardtanh(x, -0.5, d.real(0, 2))",
    "leaky_relu": "F.leaky_relu(x, d.real(-0.5, 1.5))", "elu": "F.elu(x, d.real(0.1, 2))", "celu": "F.celu(x, d.real(0.1, 2))",
    "selu": "F.selu(x)", "gelu": "F.gelu(x, approximate=d.one_of('none', 'tanh'))", "silu": "F.silu(x)", "mish": "F.mish(x)",
    "softplus": "F.softplus(x, d.real(0.5, 2), d.real(1, 20))", "hardshrink": "F.hardshrink(x, d.real(0, 1))",
    "softshrink": "F.softshrink(x, d.real(0, 1))", "log_sigmoid": "F.logsigmoid(x)", "threshold": "F.threshold(x, d.real(-1, 1), 0.25)",
    "clamp": "torch.clamp(x, -0.5, d.real(0, 2))", "clamp_min": "torch.clamp_min(x, d.real(-1, 1))",
    "clamp_max": "torch.clamp_max(x, d.real(-1, 1))",
}
for _name, _body in ACTIVATIONS.items():
    _f = eval("lambda d, x: " + _body)
    table("aten::" + _name, lambda d, f=_f: f(d, d.f(d.shape(), special=0)))
table("aten::clamp.Tensor", lambda d: clamp_by_tensors(d, torch.clamp))


def clamp_by_tensors(d, f):
    shape = d.shape()
    return f(d.f(shape, special=0), d.f(shape[-1:], -2, 0, special=0), d.f(shape, 0, 2, special=0))


def prelu(d):
    shape = d.shape(2, 3, 4)
    return F.prelu(d.f(shape, special=0), d.parameter([shape[1] if d.chance(0.6) else 1]))


def glu(d):
    shape = d.shape(1, 2, 3)
    axis = d.integer(0, len(shape) - 1)
    shape[axis] *= 2
    return F.glu(d.f(shape, special=0), axis)


table("aten::prelu", prelu)
table("aten::glu", glu)

# ---- pools


def windows(d, x, dims, dilated=True):
    drawn = quantized.windows(d, dims, dilated, ceil_mode=d.chance(0.3))
    return quantized.fits(d, x if x.dim() == dims + 2 else x.unsqueeze(0), drawn)


def image(d, n):
    return d.f(d.image(n, 7 if n == 3 else 14, d.chance(0.8)), special=0)


def max_pool(d, n, indices):
    x = image(d, n)
    w = windows(d, x, n)
    if indices:
        return getattr(F, "max_pool%dd" % n)(x, return_indices=True, **w)
    return getattr(torch, "max_pool%dd" % n)(x, **{k: v or [] for k, v in w.items() if k != "ceil_mode"})


def avg_pool(d, n):
    x = image(d, n)
    w = windows(d, x, n, False)
    w["count_include_pad"] = d.chance(0.7)
    if n > 1 and d.chance(0.2):
        w["divisor_override"] = d.integer(1, 9)
    return getattr(F, "avg_pool%dd" % n)(x, **w)


for _n in (1, 2, 3):
    table("aten::max_pool%dd" % _n, lambda d, n=_n: max_pool(d, n, False))
    table("aten::max_pool%dd_with_indices" % _n, lambda d, n=_n: max_pool(d, n, True))
    table("aten::avg_pool%dd" % _n, lambda d, n=_n: avg_pool(d, n))
    table("aten::adaptive_avg_pool%dd" % _n, lambda d, n=_n: getattr(F, "adaptive_avg_pool%dd" % n)(
        image(d, n), [d.size() for _ in range(n)]))
    table("aten::adaptive_max_pool%dd" % _n, lambda d, n=_n: getattr(F, "adaptive_max_pool%dd" % n)(
        image(d, n), [d.size() for _ in range(n)], return_indices=True))
for _n in (2, 3):
    table("aten::_adaptive_avg_pool%dd" % _n, lambda d, n=_n: getattr(torch, "_adaptive_avg_pool%dd" % n)(
        d.f(d.image(n, 7), special=0), [d.size() for _ in range(n)]))

# ---- resizing


def resize(d, dims, mode, by_operator, **options):
    x = d.f(d.image(dims, 8), special=0, strided=False)
    size = [d.size(20) for _ in range(dims)]
    if by_operator:
        name = {"nearest": "upsample_nearest%dd", "nearest-exact": "_upsample_nearest_exact%dd", "linear": "upsample_linear%dd",
                "bilinear": "upsample_bilinear%dd", "trilinear": "upsample_trilinear%dd", "bicubic": "upsample_bicubic%dd"}[mode] % dims
        return getattr(torch.ops.aten, name)(x, size, *options.values())
    if d.chance(0.5):
        return F.interpolate(x, size=size, mode=mode, **options)
    return F.interpolate(x, scale_factor=[d.one_of(2.0, 0.5, d.real(0.4, 3)) for _ in range(dims)], mode=mode, **options)


for _dims, _mode, _name in ((1, "nearest", "upsample_nearest1d"), (2, "nearest", "upsample_nearest2d"), (3, "nearest", "upsample_nearest3d"),
                            (1, "nearest-exact", "_upsample_nearest_exact1d"), (2, "nearest-exact", "_upsample_nearest_exact2d"),
                            (3, "nearest-exact", "_upsample_nearest_exact3d"), (1, "linear", "upsample_linear1d"),
                            (2, "bilinear", "upsample_bilinear2d"), (3, "trilinear", "upsample_trilinear3d"), (2, "bicubic", "upsample_bicubic2d")):
    for _by_operator in (False, True):
        table("aten::" + _name + ("" if _by_operator else ".vec"), lambda d, n=_dims, m=_mode, o=_by_operator: resize(
            d, n, m, o, **({} if "nearest" in m else {"align_corners": d.chance(0.4)})))


def grid_sample(d, dims):
    image = d.image(dims, 8)
    x = d.f(image, special=0)
    grid = d.f([image[0]] + [d.size() for _ in range(dims)] + [dims], -1.5, 1.5, special=0)
    return x, grid, d.integer(0, 2 if dims == 2 else 1), d.integer(0, 2), d.chance(0.5)


table("aten::grid_sampler", lambda d: torch.grid_sampler(*grid_sample(d, d.one_of(2, 2, 3))))
for _dims in (2, 3):
    table("aten::grid_sampler_%dd" % _dims, lambda d, n=_dims: getattr(torch.ops.aten, "grid_sampler_%dd" % n)(*grid_sample(d, n)))

# ---- normalizations


def batch_norm(d):
    shape = d.shape(2, 3, 4, 5)
    c = [shape[1]]
    x, mean, variance = d.f(shape, special=0), d.parameter(c), d.parameter(c, 0.01, 2)
    return x, d.parameter(c), d.parameter(c), mean, variance, False, 0.1, 1e-5


def layer_norm(d):
    shape = d.shape(1, 2, 3, 4)
    shape[-1] = max(shape[-1], 2)  # docs/numbers.md: one element
    own = shape[-d.integer(1, len(shape)):]
    return d.f(shape, special=0), own, d.parameter(own), d.parameter(own), 1e-5


def group_norm(d):
    groups = d.integer(1, 4)
    c = groups * d.integer(1, 4)
    return F.group_norm(d.f([d.size(3), c] + [d.size() for _ in range(d.integer(0, 3))], special=0), groups, d.parameter([c]), d.parameter([c]))


def instance_norm(d):
    c = d.size()
    return F.instance_norm(d.f([d.size(3), c] + [d.size() + 1 for _ in range(d.integer(1, 3))], special=0), weight=d.parameter([c]),
                           bias=d.parameter([c]))


table("aten::batch_norm", lambda d: torch.batch_norm(*batch_norm(d), False))
table("aten::native_batch_norm", lambda d: torch.native_batch_norm(*batch_norm(d))[0])  # the other results are for training
table("aten::layer_norm", lambda d: F.layer_norm(*layer_norm(d)))
table("aten::native_layer_norm", lambda d: torch.native_layer_norm(*layer_norm(d)))
table("aten::group_norm", group_norm, ulp=1e-4)  # of a group of one element, 1/sqrt(eps) magnifies the rounding of x - mean
table("aten::instance_norm", instance_norm)
