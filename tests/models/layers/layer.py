"""What a row of the layer tables is, and how it becomes a module that PyTorch can trace and script."""
import dataclasses
import linecache
import math
import typing
import zlib

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

DTYPES = {"quint8": (torch.quint8, 0, 255), "qint8": (torch.qint8, -128, 127),
          "qint32": (torch.qint32, -2**31, 2**31 - 1)}


@dataclasses.dataclass
class Input:
    """A graph input.  `dtype` float32 or int64: random values from `low` to `high`.

    With `scale`, the values are exact multiples of it over the dtype's whole range, so that quantizing them loses
    nothing.  The model gets them as floats and quantizes first, or as quantized tensor where `direct`.
    """
    shape: tuple
    dtype: str = "float32"
    scale: typing.Optional[float] = None
    zero_point: int = 0
    direct: bool = False
    low: float = -3.0
    high: float = 3.0

    def values(self, rng):
        """What PyTorch's function is called with."""
        if self.scale is None:
            if self.dtype == "int64":
                return torch.from_numpy(rng.integers(int(self.low), int(self.high), self.shape))
            return torch.from_numpy(rng.uniform(self.low, self.high, self.shape).astype(np.float32))
        kind, low, high = DTYPES[self.dtype]
        levels = rng.integers(low, high + 1, self.shape)
        real = torch.from_numpy(((levels - self.zero_point) * self.scale).astype(np.float32))
        return torch.quantize_per_tensor(real, self.scale, self.zero_point, kind) if self.direct else real

    def prologue(self, name):
        if self.scale is None or self.direct:
            return []
        return ["%s = torch.quantize_per_tensor(%s, %r, %d, torch.%s)"
                % (name, name, self.scale, self.zero_point, self.dtype)]

    def spec(self, name):
        """The text for `octavo export --input`."""
        dims = ",".join(str(d) for d in self.shape)
        if self.direct:
            return "%s:%s[%s](%r,%d)" % (name, self.dtype, dims, self.scale, self.zero_point)
        return "%s:%s[%s]" % (name, "int64" if self.dtype == "int64" else "float32", dims)


@dataclasses.dataclass
class Layer:
    name: str
    body: str  # an expression, or statements that end with `return`
    inputs: dict
    parts: dict  # name of an attribute → function that makes it
    exact: bool = False  # no element may differ
    expected: typing.Optional[typing.Callable] = None  # arrays → arrays, where PyTorch's own answer is wrong
    why: str = ""  # what is wrong with it
    engine: str = "qnnpack"
    forms: tuple = ("traced", "scripted")

    def seed(self):
        return zlib.crc32(self.name.encode())

    def source(self):
        lines = [line for name, i in self.inputs.items() for line in i.prologue(name)]
        body = self.body.strip().split("\n")
        lines += [*body[:-1], body[-1] if body[-1].lstrip().startswith("return") else "return " + body[-1]]
        return "def forward(self, %s):\n%s\n" % (", ".join(self.inputs), "".join("    %s\n" % s for s in lines))

    def module(self):
        """A fresh nn.Module of this layer, in evaluation mode."""
        file = "<layer %s>" % self.name
        source = self.source()
        linecache.cache[file] = (len(source), None, source.splitlines(True), file)  # torch.jit.script reads it
        scope = {"torch": torch, "F": F, "math": math, "List": typing.List}
        exec(compile(source, file, "exec"), scope)
        made = type("Layer", (nn.Module,), {"forward": scope["forward"]})()
        torch.manual_seed(self.seed())
        for name, make in self.parts.items():
            part = make()
            if isinstance(part, torch.Tensor):
                made.register_buffer(name, part)
            else:
                setattr(made, name, part)
        return made.eval()

    def arguments(self):
        rng = np.random.default_rng(self.seed())
        return [i.values(rng) for i in self.inputs.values()]


class Table(list):
    """`table(name, body, x=..., m=...)` adds a row; keywords that are Inputs are forward's arguments, other
    callables make attributes of the module."""

    def __call__(self, name, body, **keywords):
        fields = {f.name for f in dataclasses.fields(Layer)}
        options = {k: v for k, v in keywords.items() if k in fields}
        inputs = {k: v for k, v in keywords.items() if isinstance(v, Input)}
        parts = {k: v for k, v in keywords.items() if k not in options and k not in inputs}
        self.append(Layer(name=name, body=body, inputs=inputs, parts=parts, **options))


def u8(*shape, scale=0.0173, zero_point=113, direct=False):
    """A quantized input of 102,400 elements unless told: every level, and enough to see one in 100,000."""
    return Input(shape or (2, 8, 80, 80), "quint8", scale, zero_point, direct)


def s8(*shape, scale=0.0173, zero_point=0, direct=False):
    return Input(shape or (2, 8, 80, 80), "qint8", scale, zero_point, direct)


def f32(*shape, low=-3.0, high=3.0):
    return Input(shape or (2, 3, 16, 16), low=low, high=high)


def i64(*shape, low=0, high=10):
    return Input(shape, "int64", low=low, high=high)


def output_scale(fan_in, input_scale, weight_scale):
    """A scale that lets the sums of `fan_in` products of uniformly spread levels fill 8 bits."""
    return float(np.float32(math.sqrt(fan_in) * 74 * 73 * input_scale * weight_scale * 5 / 255))


def quantized_weight(shape, scale, per_channel, axis=0):
    gen = torch.Generator().manual_seed(sum(shape) + 7)
    levels = torch.randint(-128, 128, shape, generator=gen).float()
    if not per_channel:
        return torch.quantize_per_tensor(levels * scale, scale, 0, torch.qint8)
    scales = (0.3 + torch.rand(shape[axis], generator=gen, dtype=torch.float64)) * scale
    view = [-1 if d == axis else 1 for d in range(len(shape))]
    return torch.quantize_per_channel((levels * scales.view(view)).float(), scales,
                                      torch.zeros(shape[axis], dtype=torch.int64), axis, torch.qint8)


def with_weights(module, weight_shape, fan_in, input_scale=0.0173, per_channel=False, axis=0, zero_point=None,
                 weight_scale=0.0107, bias=True, channels=None):
    """Gives a quantized module its weights, and an output scale that fits them."""
    weight = quantized_weight(weight_shape, weight_scale, per_channel, axis)
    channels = channels or weight_shape[0]
    scale = output_scale(fan_in, input_scale, weight_scale)
    values = torch.randn(channels, generator=torch.Generator().manual_seed(channels)) * 30 * scale if bias else None
    module.set_weight_bias(weight, values)
    module.scale = scale
    module.zero_point = 121 if zero_point is None else zero_point
    return module
