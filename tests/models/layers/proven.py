"""Float operators between dequantized numbers and a quantization, whose results are PyTorch's to the bit."""
import torch
from torch import nn

from .floats import seen
from .layer import Table, u8

LAYERS = table = Table()

_Q = "torch.quantize_per_tensor(%s, %r, %d, torch.quint8)"
LAST = "x.contiguous(memory_format=torch.channels_last).dequantize()"
# An odd zero point, an exact reciprocal, no zero point.
RESULTS = {"": (0.0231, 117), "_power_of_two": (0.03125, 101), "_from_zero": (0.0192, 0)}

SINGLE = {
    "add": "a + y.dequantize()", "sub": "a - y.dequantize()", "mul": "a * y.dequantize()",
    "div": "a / (y.dequantize() + 9.0)",
    "add_relu": "torch.relu(a + y.dequantize())", "add_flatten": "torch.flatten(a + y.dequantize(), 1)",
    "add_max_pool": "F.max_pool2d(a + y.dequantize(), 2)", "scalars": "(a * 0.37 + 0.11) / 1.7 - 0.3", "rsub": "1.0 - a",
    "leaky_relu": "F.leaky_relu(a + y.dequantize(), 0.1)", "prelu": "self.p(a + y.dequantize())",
    "chain": "torch.cat([a + y.dequantize(), torch.clamp(a, -1.0, 1.0)], 1) * 0.61",
}
for _name, _body in SINGLE.items():
    for _result, (_scale, _zero) in RESULTS.items():
        table("proven_%s%s" % (_name, _result), "a = x.dequantize()\nreturn %s" % (_Q % (_body, _scale, _zero)), exact=True, x=u8(2, 8, 20, 20),
              **({"y": u8(2, 8, 20, 20, scale=0.0219, zero_point=87)} if "y.dequantize" in _body else {}),
              **({"p": lambda: nn.PReLU(8)} if "self.p" in _body else {}))

# Averages of whole images: one element after the other, or means of channels-last images in chunks of 16 elements,
# with channels in groups of 32 and others.
for _name, _body, _shape in (
        ("avg_pool2d", "F.avg_pool2d(x.dequantize(), 7)", (3, 24, 7, 7)), ("avg_pool2d_wide", "F.avg_pool2d(x.dequantize(), (3, 11))", (3, 24, 3, 11)),
        ("avg_pool2d_relu", "F.avg_pool2d(torch.relu(x.dequantize()), 5)", (3, 24, 5, 5)),
        ("avg_pool1d", "F.avg_pool1d(x.dequantize(), 13)", (3, 24, 13)),
        ("avg_pool2d_without_batch", "F.avg_pool2d(x.dequantize(), 7)", (24, 7, 7)),
        ("avg_pool2d_channels_last", "F.avg_pool2d(%s, 7)" % LAST, (3, 24, 7, 7)),
        ("adaptive_avg_pool2d", "F.adaptive_avg_pool2d(%s, 1)" % LAST, (2, 96, 3, 3)),
        ("adaptive_avg_pool2d_of_8_channels", "F.adaptive_avg_pool2d(%s, 1)" % LAST, (9, 8, 7, 7)),
        ("adaptive_avg_pool2d_of_100_channels", "F.adaptive_avg_pool2d(%s, 1)" % LAST, (3, 100, 7, 7)),
        ("mean", "%s.mean([2, 3])" % LAST, (2, 104, 12, 13)), ("mean_keeps", "%s.mean([2, 3], keepdim=True)" % LAST, (2, 40, 1, 17)),
        ("mean_of_product", "(%s * 0.7).mean([2, 3])" % LAST, (2, 40, 14, 14)), ("mean_of_3", "%s.mean([2, 3])" % LAST, (4, 40, 1, 3))):
    for _result, (_scale, _zero) in RESULTS.items():
        _step = _scale / 16  # averages lie close together
        table("proven_%s%s" % (_name, _result), _Q % (_body, _step, _zero), exact=True, x=u8(*_shape))

# Functions of one level, in each channel.
for _result, (_scale, _zero) in RESULTS.items():
    _quantized = lambda body: _Q % (body, _scale * 1.5, _zero)  # noqa: E731
    for _name, _body, _shape, _parts in (
            ("batch_norm", "self.n(x.dequantize())", (2, 8, 20, 20), {"n": lambda: seen(nn.BatchNorm2d(8))}),
            ("batch_norm_relu", "torch.relu(self.n(x.dequantize()))", (2, 8, 20, 20), {"n": lambda: seen(nn.BatchNorm2d(8))}),
            ("batch_norm_plain", "self.n(x.dequantize())", (2, 8, 20, 20), {"n": lambda: seen(nn.BatchNorm2d(8, affine=False))}),
            ("batch_norm1d", "self.n(x.dequantize())", (40, 8), {"n": lambda: seen(nn.BatchNorm1d(8))}),
            ("batch_norm_pool", "F.avg_pool2d(torch.relu(self.n(x.dequantize())), 7)", (2, 24, 7, 7), {"n": lambda: seen(nn.BatchNorm2d(24))}),
            ("batch_norm_add", "self.n(x.dequantize()) + x.dequantize()", (2, 8, 20, 20), {"n": lambda: seen(nn.BatchNorm2d(8))}),
            ("batch_norm_twice", "self.n(self.q(x.dequantize()))", (2, 8, 20, 20),
             {"n": lambda: seen(nn.BatchNorm2d(8)), "q": lambda: seen(nn.BatchNorm2d(8))}),
            ("silu", "F.silu(x.dequantize())", (2, 8, 20, 20), {}), ("silu_flattened", "F.silu(x.dequantize()).flatten(1)", (2, 8, 20, 20), {}),
            ("silu_parts", "F.silu(x.dequantize()).chunk(2, 1)[1].transpose(2, 3)", (2, 8, 20, 20), {}),
            ("silu_sum", "F.silu(x.dequantize()) + 1.0", (2, 8, 20, 20), {})):
        # The second batch norm's input has more values than levels; the sum is of no levels.
        _prefix = "unproven" if _name in ("batch_norm_twice", "silu_sum") else "proven"
        table("%s_%s%s" % (_prefix, _name, _result), _quantized(_body), exact=_prefix == "proven", x=u8(*_shape), **_parts)
