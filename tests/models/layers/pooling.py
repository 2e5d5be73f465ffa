"""Pools, means, and resizing, quantized."""
import numpy as np
import torch
import torch.nn.functional as F

from .layer import Table, s8, u8

LAYERS = table = Table()

BIG = (1, 8, 232, 236)

MAX = {
    "plain": "F.max_pool2d(x, 2)", "stride": "F.max_pool2d(x, 3, 2, 1)", "ceil": "F.max_pool2d(x, 3, 2, 1, ceil_mode=True)",
    "non_square": "F.max_pool2d(x, [2, 3], [1, 2], [1, 0])",
    "no_stride": "F.max_pool2d(x, 3)", "ceil_dilation": "F.max_pool2d(x, [2, 3], [3, 2], [1, 1], [2, 1], ceil_mode=True)",
}
for _name, _body in MAX.items():
    table("max_pool2d_" + _name, _body, x=u8(1, 8, 61, 63), exact=True)
table("max_pool2d_dilation", "F.max_pool2d(x, 3, 1, 1, 2)", x=u8(1, 8, 61, 63), exact=True, engine="onednn",
      why="qnnpack reads other elements where a dilated window reaches into the padding")
table("max_pool2d_signed", "F.max_pool2d(x, 3, 2, 1)", x=s8(1, 8, 61, 63), exact=True)
table("max_pool1d", "F.max_pool1d(x, 3, 2, 1)", x=u8(2, 8, 200), exact=True)


def meant(pool):
    """Float arithmetic, for arguments that qnnpack overlooks: the mean of real values, quantized again."""
    def expected(layer, x):
        i = layer.inputs["x"]
        levels = torch.quantize_per_tensor(x, i.scale, i.zero_point, torch.quint8).int_repr().double() - i.zero_point
        mean = pool(levels).numpy()
        return [(np.rint(mean) + i.zero_point).clip(0, 255).astype(np.uint8)]
    return expected


AVERAGE = {
    "plain": "F.avg_pool2d(x, 2)", "stride": "F.avg_pool2d(x, 3, 2)", "padding": "F.avg_pool2d(x, 3, 2, 1)",
    "stride_1": "F.avg_pool2d(x, 3, 1, 1)",
    "ceil": "F.avg_pool2d(x, 3, 2, 0, ceil_mode=True)", "non_square": "F.avg_pool2d(x, [2, 4], [2, 1], [1, 2])",
}
for _name, _body in AVERAGE.items():
    table("avg_pool2d_" + _name, _body, x=u8(1, 8, 232, 236) if "2d(x, 2)" not in _body else u8(1, 8, 240, 240))
table("avg_pool2d_exclude_pad", "F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)", x=u8(*BIG),
      expected=meant(lambda v: F.avg_pool2d(v, 3, 2, 1, count_include_pad=False)),
      why="qnnpack overlooks count_include_pad=False")
table("avg_pool2d_divisor", "F.avg_pool2d(x, 3, 2, 1, divisor_override=7)", x=u8(*BIG),
      expected=meant(lambda v: F.avg_pool2d(v, 3, 2, 1, divisor_override=7)), why="qnnpack overlooks divisor_override")
table("avg_pool1d", "F.avg_pool1d(x, 3, 2)", x=u8(2, 8, 13000))

table("adaptive_avg_pool2d_1", "F.adaptive_avg_pool2d(x, 1)", x=u8(50, 2048, 7, 7))
table("adaptive_avg_pool2d_1x1", "F.adaptive_avg_pool2d(x, [1, 1])", x=u8(400, 256, 5, 6))
table("adaptive_avg_pool2d_7", "F.adaptive_avg_pool2d(x, 7)", x=u8(2, 1100, 14, 21))
table("adaptive_avg_pool2d_identity", "F.adaptive_avg_pool2d(x, [14, 14])", x=u8(1, 8, 14, 14), exact=True)
table("adaptive_avg_pool2d_uneven", "F.adaptive_avg_pool2d(x, [3, 5])", x=u8(10, 700, 7, 11))
table("adaptive_avg_pool2d_none", "F.adaptive_avg_pool2d(x, [2, None])", x=u8(4, 1300, 6, 10), forms=("traced",))

for _name, _body in {"spatial": "x.mean([2, 3])", "spatial_keep": "torch.mean(x, [2, 3], True)",
                     "negative_dims": "x.mean([-1, -2])"}.items():
    table("mean_" + _name, _body, x=u8(50, 2048, 7, 7))
table("mean_channel", "x.mean(1)", x=u8(16, 5, 80, 80))
table("mean_last_keep", "x.mean(-1, keepdim=True)", x=u8(16, 80, 80, 5))

NEAREST = {
    "factor": "F.interpolate(x, scale_factor=2.0, mode='nearest')", "size": "F.interpolate(x, size=[50, 37], mode='nearest')",
    "factors": "F.interpolate(x, scale_factor=[1.5, 2.3], mode='nearest')",
    "down": "F.interpolate(x, scale_factor=0.6, mode='nearest')",
    "recompute": "F.interpolate(x, scale_factor=1.7, mode='nearest', recompute_scale_factor=True)",
}
for _name, _body in NEAREST.items():
    table("nearest2d_" + _name, _body, x=u8(1, 8, 23, 30), exact=True)
BILINEAR = {
    "factor": "F.interpolate(x, scale_factor=2.0, mode='bilinear', align_corners=False)",
    "size": "F.interpolate(x, size=[150, 137], mode='bilinear', align_corners=False)",
    "corners": "F.interpolate(x, scale_factor=2.0, mode='bilinear', align_corners=True)",
    "size_corners": "F.interpolate(x, size=[150, 137], mode='bilinear', align_corners=True)",
    "factors": "F.interpolate(x, scale_factor=[2.5, 3.0], mode='bilinear', align_corners=False)",
}
for _name, _body in BILINEAR.items():
    table("bilinear2d_" + _name, _body, x=u8(1, 10, 67, 77))
