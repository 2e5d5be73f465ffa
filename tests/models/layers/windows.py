"""Pools, means and resizing beyond the common arguments: other ranks, float tensors, operators that models rarely name."""
import torch
import torch.nn.functional as F

from .layer import Table, f32, s8, u8

LAYERS = table = Table()

QUANTIZED = {
    "max_pool1d_operator": ("torch.ops.quantized.max_pool1d(x, [3], [2], [1], [1], False)", u8(2, 8, 200)),
    "max_pool2d_operator": ("torch.ops.quantized.max_pool2d(x, [3, 2], [2, 1], [1, 0], [1, 1], True)", u8(1, 8, 61, 63)),
    "nearest2d_signed": ("F.interpolate(x, size=[41, 17])", s8(1, 8, 23, 30)),
    "nearest2d_exact": ("F.interpolate(x, size=[41, 17], mode='nearest-exact')", u8(1, 8, 23, 30)),
    "nearest2d_exact_factor": ("F.interpolate(x, scale_factor=[2.0, 0.7], mode='nearest-exact')", u8(1, 8, 23, 30)),
    "nearest3d": ("F.interpolate(x, scale_factor=[2.0, 1.5, 3.0])", u8(1, 3, 7, 9, 11)),
    "channel_shuffle_signed": ("x.view(2, 2, 4, 20, 20).transpose(1, 2).reshape(2, 8, 20, 20)", s8(2, 8, 20, 20)),
}
for _name, (_body, _x) in QUANTIZED.items():
    table(_name, _body, x=_x, exact=True)

table("max_pool2d_unbatched", "F.max_pool2d(x, 3, 2)", x=u8(8, 61, 63), exact=True, engine="onednn",
      why="qnnpack takes no image without a batch")
# Windows of an even number of cells: averages that lie halfway between two integers.
for _zero_point in (0, 112, 113, 255):
    for _kernel in ("2", "[2, 3]", "4", "[1, 6]", "[5, 2]"):
        table("avg_pool2d_even_%s_%d" % ("".join(c for c in _kernel if c.isdigit()), _zero_point),
              "F.avg_pool2d(x, %s)" % _kernel, x=u8(1, 8, 120, 120, zero_point=_zero_point))
table("avg_pool2d_even_signed", "F.avg_pool2d(x, 2)", x=s8(1, 8, 120, 120, zero_point=3))
table("avg_pool2d_even_signed_padding", "F.avg_pool2d(x, 4, 2, 1)", x=s8(1, 8, 120, 120, zero_point=3))
# In the order of memory that convolutions give, PyTorch has other kernels.
_LAST = "x.contiguous(memory_format=torch.channels_last)"
table("avg_pool2d_ceil_channels_last", "F.avg_pool2d(%s, 2, ceil_mode=True)" % _LAST, x=u8(2, 40, 41, 60, zero_point=7), exact=True)
table("avg_pool2d_signed_channels_last", "F.avg_pool2d(%s, 2)" % _LAST, x=s8(2, 40, 40, 60, zero_point=7), exact=True)
for _name, _x in (("", u8(2, 40, 41, 60, zero_point=7)), ("_signed", s8(2, 40, 41, 60, zero_point=7))):
    table("adaptive_avg_pool2d_uneven_channels_last" + _name, "F.adaptive_avg_pool2d(%s, (18, 23))" % _LAST, x=_x, exact=True)
table("avg_pool3d_ceil", "F.avg_pool3d(x, 2, ceil_mode=True)", x=u8(1, 8, 20, 21, 40))
table("adaptive_avg_pool3d_windows", "F.adaptive_avg_pool3d(x, [2, 3, 4])", x=u8(1, 300, 4, 6, 8))
for _dims in (2, 3):  # PyTorch takes images of one channel for channels-last ones
    _shape = (200, 1) + (16,) * 2 + (4,) * (_dims - 2)
    table("avg_pool%dd_one_channel_ceil" % _dims, "F.avg_pool%dd(x, 2, ceil_mode=True)" % _dims, x=u8(*_shape, zero_point=7))
    for _name, _size in (("even", 2), ("uneven", 3), ("all", 1)):
        table("adaptive_avg_pool%dd_signed_one_channel_%s" % (_dims, _name), "F.adaptive_avg_pool%dd(x, %d)" % (_dims, _size),
              x=s8(*_shape, zero_point=7))
table("adaptive_avg_pool3d_signed_unbatched", "F.adaptive_avg_pool3d(x, [8, 8, 2])", x=s8(1, 64, 64, 4, zero_point=7))
table("avg_pool2d_even_padding", "F.avg_pool2d(x, 4, 2, 1)", x=u8(1, 8, 120, 120))
table("avg_pool2d_even_ceil", "F.avg_pool2d(x, [3, 2], 2, [1, 1], ceil_mode=True)", x=u8(1, 8, 121, 120))
table("avg_pool3d_quantized", "F.avg_pool3d(x, 2)", x=u8(1, 8, 20, 20, 40))
table("avg_pool1d_even", "F.avg_pool1d(x, 4, 2, 1)", x=u8(2, 8, 6000))
table("adaptive_avg_pool1d", "F.adaptive_avg_pool1d(x, 5)", x=u8(20, 900, 20))
table("adaptive_avg_pool2d_signed", "F.adaptive_avg_pool2d(x, 1)", x=s8(50, 2048, 4, 5, zero_point=7))
table("adaptive_avg_pool2d_even", "F.adaptive_avg_pool2d(x, 1)", x=u8(50, 2048, 4, 5))
table("adaptive_avg_pool3d_quantized", "F.adaptive_avg_pool3d(x, 1)", x=u8(50, 512, 2, 3, 5))
table("mean_spatial_even", "x.mean([2, 3])", x=u8(50, 2048, 4, 5))
# Where qnnpack's multiplier, s / (s n), is not 1 / n, and a product not a quotient.
table("mean_spatial_24", "x.mean([2, 3])", x=u8(50, 2048, 4, 6, scale=0.1))
table("mean_spatial_30", "x.mean([2, 3], True)", x=u8(50, 2048, 5, 6, scale=0.037))
table("adaptive_avg_pool3d_30", "F.adaptive_avg_pool3d(x, [2, 2, 2])", x=u8(1, 3000, 4, 6, 10))
table("adaptive_avg_pool2d_signed_30", "F.adaptive_avg_pool2d(x, 1)", x=s8(50, 2048, 5, 6, zero_point=7))
table("mean_spatial_signed", "x.mean([2, 3])", x=s8(50, 2048, 4, 5, zero_point=-7))
table("mean_whole", "x.mean()", x=u8(1, 2, 5, 7), forms=("traced",))
table("mean_last_even", "x.mean(-1)", x=u8(16, 80, 80, 6))
table("mean_batch", "x.mean(0)", x=u8(6, 16, 80, 80))
table("std_quantized", "x.std([3])", x=u8(40, 40, 40, 5, scale=0.0173))
for _name in ("max", "min"):
    table(_name + "_quantized", "x.%s()" % _name, x=u8(2, 3, 4, 5), exact=True)
    table(_name + "_dim_quantized", "x.%s(1)[0]" % _name, x=u8(4, 7, 40, 50), exact=True)
    table(_name + "_dim_both", "x.%s(2)" % _name, x=f32(4, 7, 40, 50))

BILINEAR = {
    "third": "F.interpolate(x, scale_factor=3.0, mode='bilinear', align_corners=False)",
    "down": "F.interpolate(x, scale_factor=0.5, mode='bilinear', align_corners=False)",
    "uneven_down": "F.interpolate(x, size=[31, 40], mode='bilinear', align_corners=False)",
    "recompute": "F.interpolate(x, scale_factor=1.7, mode='bilinear', align_corners=False, recompute_scale_factor=True)",
    "one": "F.interpolate(x, size=[1, 90], mode='bilinear', align_corners=False)",
    "one_corners": "F.interpolate(x, size=[1, 90], mode='bilinear', align_corners=True)",
    "height": "F.interpolate(x, size=[150, 77], mode='bilinear', align_corners=False)",
}
for _name, _body in BILINEAR.items():
    table("bilinear2d_" + _name, _body, x=u8(1, 40, 67, 77))
table("bilinear2d_signed", "F.interpolate(x, scale_factor=2.5, mode='bilinear', align_corners=False)",
      x=s8(1, 10, 67, 77, zero_point=3))
table("grid_sample", "F.grid_sample(x, y, align_corners=False)", x=f32(2, 3, 8, 9), y=f32(2, 5, 6, 2, low=-1.2, high=1.2))
table("grid_sample_border", "F.grid_sample(x, y, 'nearest', 'border', align_corners=True)", x=f32(2, 3, 8, 9),
      y=f32(2, 5, 6, 2, low=-1.2, high=1.2))

VOLUME, IMAGE, LINE = (1, 2, 5, 6, 7), (2, 3, 15, 16), (2, 3, 17)
FLOAT = {
    "max_pool1d_indices": ("F.max_pool1d(x, 3, 2, 1, return_indices=True)", LINE),
    "max_pool2d_indices": ("F.max_pool2d(x, [3, 2], 2, 1, return_indices=True)", IMAGE),
    "max_pool2d_indices_unbatched": ("F.max_pool2d(x, 2, return_indices=True)", IMAGE[1:]),
    "max_pool3d_indices": ("F.max_pool3d(x, 2, 1, 1, ceil_mode=True, return_indices=True)", VOLUME),
    "max_pool2d_ceil": ("F.max_pool2d(x, 3, [2, 4], 1, ceil_mode=True)", IMAGE),
    "max_pool2d_ceil_dilation": ("F.max_pool2d(x, 2, 3, 1, 3, ceil_mode=True)", IMAGE),
    "max_pool3d_ceil": ("F.max_pool3d(x, 3, 2, 1, ceil_mode=True)", VOLUME),
    "avg_pool1d_ceil": ("F.avg_pool1d(x, 4, 3, 2, ceil_mode=True)", LINE),
    "avg_pool1d_ceil_exclude": ("F.avg_pool1d(x, 4, 3, 2, ceil_mode=True, count_include_pad=False)", LINE),
    "avg_pool2d_ceil_padding": ("F.avg_pool2d(x, [3, 4], [2, 3], [1, 2], ceil_mode=True)", IMAGE),
    "avg_pool2d_ceil_exclude": ("F.avg_pool2d(x, [3, 4], [2, 3], [1, 2], ceil_mode=True, count_include_pad=False)", IMAGE),
    "avg_pool2d_ceil_divisor": ("F.avg_pool2d(x, [3, 4], [2, 3], [1, 2], ceil_mode=True, divisor_override=5)", IMAGE),
    "avg_pool2d_unbatched": ("F.avg_pool2d(x, 3, 2)", IMAGE[1:]),
    "avg_pool3d_padding": ("F.avg_pool3d(x, 3, 2, 1, ceil_mode=True)", VOLUME),
    "adaptive_avg_pool1d_uneven": ("F.adaptive_avg_pool1d(x, 5)", LINE),
    "adaptive_avg_pool2d_uneven": ("F.adaptive_avg_pool2d(x, [4, 16])", IMAGE),
    "adaptive_avg_pool2d_grow": ("F.adaptive_avg_pool2d(x, [20, 7])", IMAGE),
    "adaptive_avg_pool2d_unbatched": ("F.adaptive_avg_pool2d(x, 1)", IMAGE[1:]),
    "adaptive_avg_pool3d": ("F.adaptive_avg_pool3d(x, [5, 3, 7])", VOLUME),
    "adaptive_avg_pool3d_uneven": ("F.adaptive_avg_pool3d(x, [2, 4, 3])", VOLUME),
    "adaptive_avg_pool2d_operator": ("torch._adaptive_avg_pool2d(x, [5, 4])", IMAGE),
    "adaptive_avg_pool3d_operator": ("torch._adaptive_avg_pool3d(x, [1, 1, 1])", VOLUME),
    "adaptive_max_pool1d": ("F.adaptive_max_pool1d(x, 17)", LINE),
    "adaptive_max_pool2d_5": ("F.adaptive_max_pool2d(x, [5, 4])", IMAGE),
    "adaptive_max_pool3d": ("F.adaptive_max_pool3d(x, 1)", VOLUME),
    "nearest1d": ("F.interpolate(x, scale_factor=2.7)", LINE),
    "nearest1d_exact": ("F.interpolate(x, size=40, mode='nearest-exact')", LINE),
    "nearest3d": ("F.interpolate(x, size=[7, 4, 20])", VOLUME),
    "nearest3d_exact": ("F.interpolate(x, scale_factor=2.0, mode='nearest-exact')", VOLUME),
    "linear1d": ("F.interpolate(x, scale_factor=2.7, mode='linear', align_corners=False)", LINE),
    "linear1d_corners": ("F.interpolate(x, size=9, mode='linear', align_corners=True)", LINE),
    "trilinear": ("F.interpolate(x, scale_factor=2.0, mode='trilinear', align_corners=False)", VOLUME),
    "trilinear_corners": ("F.interpolate(x, size=[9, 3, 11], mode='trilinear', align_corners=True)", VOLUME),
    "bicubic": ("F.interpolate(x, scale_factor=1.9, mode='bicubic', align_corners=False)", IMAGE),
    "bicubic_corners": ("F.interpolate(x, size=[40, 7], mode='bicubic', align_corners=True)", IMAGE),
    "bicubic_one": ("F.interpolate(x, size=[1, 7], mode='bicubic', align_corners=False)", IMAGE),
    "bilinear_one": ("F.interpolate(x, size=[1, 7], mode='bilinear', align_corners=False)", IMAGE),
    "bilinear_down": ("F.interpolate(x, scale_factor=0.4, mode='bilinear', align_corners=False)", IMAGE),
    "pixel_unshuffle": ("F.pixel_unshuffle(x, 2)", (2, 3, 14, 16)),
    "channel_shuffle": ("torch.channel_shuffle(x, 3)", (2, 6, 5, 4)),
    "interpolate_operator": ("torch.ops.aten.__interpolate(x, None, 2.0, 'bilinear', False, None)", IMAGE),
    "interpolate_operator_size": ("torch.ops.aten.__interpolate(x, [7, 9], None, 'nearest', None, None)", IMAGE),
}
for _name, (_body, _shape) in FLOAT.items():
    table("float_window_" + _name, _body, x=f32(*_shape),
          forms=("scripted",) if "interpolate_operator" in _name else ("traced",) if "_indices" in _name
          else ("traced", "scripted"))
