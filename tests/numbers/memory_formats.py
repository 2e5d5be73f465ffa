"""In which order PyTorch holds results in memory: an average in ceil_mode behind the operator rounds otherwise in another order."""
import torch
import torch.nn.functional as F

import quantized
from draw import Refused
from table import Table

O = torch.ops.quantized
OPERATORS = table = Table()


def seen(d, f):
    if d.wild:
        raise Refused
    shape = [d.integer(1, 2), 2 * d.integer(1, 5), d.integer(3, 7), d.integer(3, 7)]
    x = d.q(shape, strided=False, scale=0.02 * d.integer(1, 9), zero_point=2 * d.integer(10, 60) + 1)
    if d.chance(0.7):
        x = x.contiguous(memory_format=torch.channels_last)
    y = f(d, x)
    if y.shape[1] == 1 or y.shape[2] * y.shape[3] == 1:
        raise Refused  # one order is as good as another
    return F.avg_pool2d(y, 2, 2, 0, True)


def conv(d, x, cls, **options):
    weight = quantized.weight(d, [x.shape[1], x.shape[1], 2, 2], False)
    module = d.part(lambda: made(cls(x.shape[1], x.shape[1], 2, **options), weight))
    return module(x)


def made(module, weight):
    module.set_weight_bias(weight, None)
    module.scale, module.zero_point = 0.7, 31
    return module


def batch_norm(d, x):
    one, zero = (d.part(lambda v=v: torch.full((x.shape[1],), v)) for v in (1.0, 0.0))
    return O.batch_norm2d(x, one, zero, zero, one, 1e-5, 0.05, 31)


def shuffled(x):
    n, c, h, w = x.shape
    if c == 2:
        raise Refused  # a view, whose elements PyTorch mixes up (docs/numbers.md)
    return x.reshape(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


def reshaped(x):
    if x.shape[1] == 2:
        raise Refused  # a view, likewise
    return x.reshape(x.shape[0], 2, -1, x.shape[3])


BEFORE = {
    "nothing": lambda d, x: x,
    "relu": lambda d, x: F.relu(x),
    "sigmoid": lambda d, x: O.sigmoid(x, 1 / 256, 0),
    "tanh": lambda d, x: torch.tanh(x),
    "elu": lambda d, x: O.elu(x, 0.05, 31),
    "celu": lambda d, x: O.celu(x, 0.05, 31),
    "dropout": lambda d, x: F.dropout(x, 0.5, False),
    "add": lambda d, x: O.add(x, x, 0.05, 31),
    "add_scalar": lambda d, x: O.add(x, 0.3),
    "mul": lambda d, x: O.mul(x, x, 0.05, 31),
    "mul_scalar": lambda d, x: O.mul(x, 0.3),
    "cat": lambda d, x: O.cat([x, x], 1, x.q_scale(), x.q_zero_point()),
    "cat of another order": lambda d, x: O.cat([x.contiguous(), x], 1, x.q_scale(), x.q_zero_point()),
    "contiguous": lambda d, x: x.contiguous(),
    "contiguous channels last": lambda d, x: x.contiguous(memory_format=torch.channels_last),
    "clone": lambda d, x: x.clone(),
    "detach": lambda d, x: x.detach(),
    "conv2d": lambda d, x: conv(d, x, torch.nn.quantized.Conv2d),
    "batch_norm": batch_norm,
    "max_pool2d": lambda d, x: F.max_pool2d(x, 2, 1),
    "avg_pool2d": lambda d, x: F.avg_pool2d(x, 2, 1),
    "adaptive_avg_pool2d": lambda d, x: F.adaptive_avg_pool2d(x, 2),
    "upsample_nearest2d": lambda d, x: F.interpolate(x, scale_factor=2.0),
    "upsample_bilinear2d": lambda d, x: F.interpolate(x, scale_factor=2.0, mode="bilinear"),
    "pad": lambda d, x: F.pad(x, (1, 0, 1, 1)),
    "reflection_pad2d": lambda d, x: F.pad(x, (1, 0, 1, 1), "reflect"),
    "reflection_pad2d, relu": lambda d, x: F.relu(torch.ops.aten.reflection_pad2d(x, (1, 0, 1, 1))),
    "flip": lambda d, x: x.flip(3),
    "slice": lambda d, x: x[:, 1:],
    "slice, relu": lambda d, x: F.relu(x[:, :, 1:]),
    "slice of the batch": lambda d, x: x[:1],
    "chunk": lambda d, x: x.chunk(2, 1)[1],
    "shuffle": lambda d, x: shuffled(x),
    "reshape": lambda d, x: reshaped(x),
    "permute": lambda d, x: x.permute(0, 3, 1, 2),
    "permute there and back": lambda d, x: x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2),
    "transpose": lambda d, x: x.transpose(2, 3),
    "index_select": lambda d, x: x.index_select(1, d.part(lambda: torch.tensor([1, 0, 1]))),
    "masked_fill": lambda d, x: x.masked_fill(d.part(lambda: torch.tensor([True, False, False]))[0], 0.0),
}
for _name, _f in BEFORE.items():
    table("memory format behind " + _name, lambda d, f=_f: seen(d, f), covers=(), tail=_name in ("elu", "celu"))
