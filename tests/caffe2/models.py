"""The models of the comparison with PyTorch's former Caffe2 exporter: name, module, inputs, and what to expect.

`same`: the former exporter gives a right model, so ours has the same nodes.
`differs`: what it gave is wrong or cannot run (the reason), so ours is another.
`fails`: it gave nothing.

REFUSED: of those two kinds, what the dialect cannot say, so that we give nothing, either.
"""
import collections

import torch
import torch.ao.nn.quantized as nnq
import torch.nn.intrinsic.quantized as nniq
import torch.nn.functional as F
from torch import nn

Case = collections.namedtuple("Case", "name module inputs expect why")
Q = torch.ops.quantized


def quantized(shape, scale, zero_point, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.quantize_per_tensor(torch.rand(shape, generator=generator) - 0.5, scale, zero_point, torch.qint8)


def per_channel(module, axis=0):
    """The same layer with weights quantized per channel."""
    real = torch.dequantize(module.weight())
    scales = real.abs().flatten(1).max(1).values.double() / 127 + 1e-4
    zeros = torch.zeros(len(scales), dtype=torch.int64)
    bias = module.bias() if callable(module.bias) else module.bias
    module.set_weight_bias(torch.quantize_per_channel(real, scales, zeros, axis, torch.qint8), bias)
    return module


def conv(i, o, kernel, scale=0.05, zero_point=64, bias=True, weight_zero=0, cls=nnq.Conv2d, **window):
    module = cls(i, o, kernel, bias=bias, **window)
    shape = module.weight().shape
    values = torch.rand(o, generator=torch.Generator().manual_seed(o)) - 0.5
    module.set_weight_bias(quantized(shape, 0.004, weight_zero, i * 100 + o), values if bias else None)
    module.scale, module.zero_point = scale, zero_point
    return module


def linear(i, o, scale=0.05, zero_point=64, bias=True, weight_zero=0, cls=nnq.Linear):
    module = cls(i, o, bias)
    values = torch.rand(o, generator=torch.Generator().manual_seed(o)) - 0.5
    module.set_weight_bias(quantized((o, i), 0.004, weight_zero, i * 100 + o), values if bias else None)
    module.scale, module.zero_point = scale, zero_point
    return module


class Wrapped(nn.Module):
    """quantize, the layers, dequantize"""

    def __init__(self, *layers, scale=0.03, zero_point=30, functions=()):
        super().__init__()
        self.quant = nnq.Quantize(scale, zero_point, torch.quint8)
        self.layers = nn.ModuleList(layers)
        self.dequant = nnq.DeQuantize()

    def forward(self, x):
        x = self.quant(x)
        for layer in self.layers:
            x = layer(x)
        return self.dequant(x)


class Function(nn.Module):
    """A function of one quantized tensor."""

    def __init__(self, function, scale=0.03, zero_point=30, dtype=torch.quint8):
        super().__init__()
        self.quant = nnq.Quantize(scale, zero_point, dtype)
        self.function = function
        self.dequant = nnq.DeQuantize()

    def forward(self, x):
        return self.dequant(self.function(self.quant(x)))


class Pair(nn.Module):
    """A function of two quantized tensors, the second with its own quantization where one is given."""

    def __init__(self, function, second=None):
        super().__init__()
        self.quant1 = nnq.Quantize(0.03, 30, torch.quint8)
        self.quant2 = nnq.Quantize(*(second or (0.03, 30)), torch.quint8)
        self.function = function
        self.dequant = nnq.DeQuantize()

    def forward(self, x, y):
        return self.dequant(self.function(self.quant1(x), self.quant2(y)))


class Bare(nn.Module):
    """A function of a graph input that is quantized itself."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return torch.dequantize(self.function(x))


class Small(nn.Module):
    """Convolutions with a sigmoid between them, and a float layer behind."""

    def __init__(self):
        super().__init__()
        self.quant = nnq.Quantize(0.01, 0, torch.quint8)
        self.conv1 = conv(3, 2, 5, bias=False)
        self.conv2 = conv(2, 2, 1, bias=False)
        self.dequant = nnq.DeQuantize()
        self.fc = nn.Linear(72, 10)

    def forward(self, x):
        x = self.conv2(torch.sigmoid(self.conv1(self.quant(x))))
        x = self.dequant(x).contiguous().view(-1, 72)
        return self.fc(x)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.quant = nnq.Quantize(0.03, 30, torch.quint8)
        self.conv1 = conv(4, 4, 3, padding=1)
        self.conv2 = conv(4, 4, 3, padding=1)
        self.add = nnq.QFunctional()
        self.add.scale, self.add.zero_point = 0.07, 20
        self.dequant = nnq.DeQuantize()

    def forward(self, x):
        x = self.quant(x)
        return self.dequant(self.add.add(self.conv2(torch.relu(self.conv1(x))), x))


def tensor(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(len(shape))) - 0.5


IMAGE = (1, 4, 6, 8)
SAME, DIFFERS, FAILS = "same", "differs", "fails"
# QNNPACK refuses a window of one cell, and does not look at count_include_pad and divisor_override.
NOT_QNNPACK = {"max_one_cell", "avg_one_cell", "avg_without_padding", "avg_divisor"}
REFUSED = {"signed_activations", "quantized_input", "conv_per_channel", "linear_per_channel"}


def cases():
    found = []

    def add(name, module, *shapes, expect=SAME, why=""):
        found.append(Case(name, module.eval(), tuple(tensor(*s) for s in shapes), expect, why))

    def function(name, f, shape=IMAGE, expect=SAME, why="", **quantization):
        add(name, Function(f, **quantization), shape, expect=expect, why=why)

    def pair(name, f, first=IMAGE, second=IMAGE, expect=SAME, why="", quantization=None):
        add(name, Pair(f, quantization), first, second, expect=expect, why=why)

    # The former exporter's own tests.
    pair("add", lambda x, y: Q.add(x, y, 1.0, 0), (2,), (2,))
    function("relu", torch.relu, (1, 2))
    add("linear_model", Wrapped(linear(5, 10)), (2, 5))
    add("conv_model", Wrapped(conv(3, 5, 2)), (1, 3, 6, 6))
    function("upsample", lambda x: F.interpolate(x, size=[6, 8], mode="nearest"), (1, 2, 3, 4))
    function("avg_pool2d", lambda x: F.avg_pool2d(x, kernel_size=2, stride=1, padding=0), (1, 2, 8, 8))
    function("reshape", lambda x: x.reshape((1, 2, 1, 12)), (1, 2, 3, 4))
    function("slice", lambda x: x[:, 1:2], (1, 2, 3, 4))
    pair("cat", lambda x, y: Q.cat([x, y], dim=1, scale=0.03, zero_point=30), (1, 2, 3, 4), (1, 4, 3, 4))
    function("max_pool2d", lambda x: F.max_pool2d(x, kernel_size=2, stride=1, padding=0), (1, 2, 8, 8))
    function("sigmoid", torch.sigmoid, (1, 2))
    add("small_model", Small(), (2, 3, 10, 10))

    # Convolutions.
    add("conv_window", Wrapped(conv(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2))), IMAGE)
    add("conv_groups", Wrapped(conv(4, 6, 3, groups=2)), IMAGE)
    add("conv_depthwise", Wrapped(conv(4, 4, 3, padding=1, groups=4)), IMAGE)
    add("conv_pointwise", Wrapped(conv(4, 7, 1)), IMAGE)
    add("conv_without_bias", Wrapped(conv(4, 6, 3, bias=False)), IMAGE)
    add("conv_weight_zero_point", Wrapped(conv(4, 6, 3, weight_zero=-7)), IMAGE)
    add("conv_batch", Wrapped(conv(4, 6, 3)), (3, 4, 6, 8))
    add("conv_relu", Wrapped(conv(4, 6, 3, zero_point=0, cls=nniq.ConvReLU2d)), IMAGE)
    add("conv_relu_zero_point", Wrapped(conv(4, 6, 3, cls=nniq.ConvReLU2d)), IMAGE)
    add("conv_conv", Wrapped(conv(4, 6, 3), conv(6, 3, 1)), IMAGE)
    add("conv_conv_conv", Wrapped(conv(4, 6, 3), conv(6, 3, 1), conv(3, 4, 3, padding=1)), IMAGE)
    add("conv_relu_conv", Wrapped(conv(4, 6, 3), nn.ReLU(), conv(6, 3, 1)), IMAGE)
    add("conv_pool_conv", Wrapped(conv(4, 6, 3), nn.MaxPool2d(2, 2), conv(6, 3, 1)), IMAGE)
    add("conv_sigmoid", Wrapped(conv(4, 6, 3), nn.Sigmoid()), IMAGE)
    add("residual", Residual(), IMAGE)
    add("conv_large_multiplier", Wrapped(conv(4, 6, 3, scale=0.0001)), IMAGE, expect=DIFFERS,
        why="x_scale w_scale / y_scale is 1 or more")

    # Linear layers.
    add("linear_without_bias", Wrapped(linear(5, 10, bias=False)), (2, 5))
    add("linear_weight_zero_point", Wrapped(linear(5, 10, weight_zero=9)), (2, 5))
    add("linear_relu", Wrapped(linear(5, 10), nn.ReLU()), (2, 5))
    add("linear_sigmoid", Wrapped(linear(5, 10), nn.Sigmoid()), (2, 5))
    add("linear_three_dimensions", Wrapped(linear(5, 10)), (1, 2, 5), expect=DIFFERS,
        why="Int8FC's result has two dimensions always")
    add("linear_linear", Wrapped(linear(5, 10), linear(10, 3)), (2, 5), expect=FAILS)
    add("linear_fused_relu", Wrapped(linear(5, 10, cls=nniq.LinearReLU)), (2, 5),
        expect=FAILS)
    add("linear_large_multiplier", Wrapped(linear(5, 10, scale=0.0001)), (2, 5), expect=DIFFERS,
        why="x_scale w_scale / y_scale is 1 or more")

    # Sums.
    pair("add_images", lambda x, y: Q.add(x, y, 0.06, 40))
    pair("add_scales", lambda x, y: Q.add(x, y, 0.06, 40), quantization=(0.01, 100))
    pair("add_relu_after", lambda x, y: torch.relu(Q.add(x, y, 0.06, 40)))
    pair("add_broadcast", lambda x, y: Q.add(x, y, 0.06, 40), IMAGE, (4, 1, 1), expect=DIFFERS,
         why="Int8Add does not broadcast")
    pair("add_relu", lambda x, y: Q.add_relu(x, y, 0.06, 40), expect=FAILS)
    pair("mul", lambda x, y: Q.mul(x, y, 0.06, 40), expect=FAILS)

    # Concatenations.
    pair("cat_first_axis", lambda x, y: Q.cat([x, y], dim=0, scale=0.03, zero_point=30))
    pair("cat_of_aten", lambda x, y: torch.cat([x, y], 2))
    pair("cat_negative_axis", lambda x, y: Q.cat([x, y], dim=-1, scale=0.03, zero_point=30), expect=DIFFERS,
         why="Int8Concat does not normalise a negative axis")
    pair("cat_other_scale", lambda x, y: Q.cat([x, y], dim=1, scale=0.06, zero_point=3), expect=DIFFERS,
         why="the scale and the zero point that were asked for are dropped")
    pair("cat_operands_differ", lambda x, y: Q.cat([x, y], dim=1, scale=0.03, zero_point=30), expect=DIFFERS,
         quantization=(0.01, 100), why="Int8Concat copies bytes of different scales")
    pair("cat_none", lambda x, y: Q.cat([x, y], 1, None, None))

    # Pools.
    for kind in ("max", "avg"):
        pool = getattr(F, kind + "_pool2d")
        function(kind + "_stride", lambda x, p=pool: p(x, 2, 2))
        function(kind + "_strides", lambda x, p=pool: p(x, 2, (1, 2)))
        function(kind + "_three", lambda x, p=pool: p(x, 3, 2))
        function(kind + "_padding", lambda x, p=pool: p(x, 3, 2, 1))
        function(kind + "_paddings", lambda x, p=pool: p(x, 3, 1, (1, 0)))
        function(kind + "_no_stride", lambda x, p=pool: p(x, 2), expect=DIFFERS,
                 why="a stride that was left out means the kernel's size")
        function(kind + "_not_square", lambda x, p=pool: p(x, (2, 3), 1), expect=DIFFERS,
                 why="only kernel_size[0] was written")
        function(kind + "_ceil_mode", lambda x, p=pool: p(x, 3, 2, ceil_mode=True), expect=DIFFERS,
                 why="ceil_mode was dropped")
        function(kind + "_one_cell", lambda x, p=pool: p(x, 1, 2), expect=DIFFERS, why="QNNPACK refuses a window of one cell")
        function(kind + "_ceil_mode_without_effect", lambda x, p=pool: p(x, 2, 2, ceil_mode=True))
    function("max_dilation", lambda x: F.max_pool2d(x, 2, 1, dilation=2), expect=DIFFERS, why="dilation was dropped")
    function("avg_without_padding", lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), expect=DIFFERS,
             why="count_include_pad=False was dropped")
    function("avg_divisor", lambda x: F.avg_pool2d(x, 2, 2, divisor_override=3), expect=DIFFERS,
             why="divisor_override was dropped")
    function("adaptive_avg_pool2d", lambda x: F.adaptive_avg_pool2d(x, 1), expect=DIFFERS,
             why="an operator of plain ONNX was left on an Int8 edge")

    # Resizing.
    function("upsample_twice", lambda x: F.interpolate(x, size=[12, 16], mode="nearest"))
    function("upsample_one_way", lambda x: F.interpolate(x, size=[6, 24], mode="nearest"))
    function("upsample_factor", lambda x: F.interpolate(x, scale_factor=2.0, mode="nearest"), expect=DIFFERS,
             why="no output_size was written, so that nothing was resized")
    function("upsample_no_multiple", lambda x: F.interpolate(x, size=[9, 12], mode="nearest"), expect=DIFFERS,
             why="Int8ResizeNearest resizes by whole factors")
    function("upsample_smaller", lambda x: F.interpolate(x, size=[3, 4], mode="nearest"), expect=DIFFERS,
             why="Int8ResizeNearest cannot shrink")

    # Slices and shapes.
    function("slice_two", lambda x: x[:, 1:3, 2:5])
    function("slice_all", lambda x: x[:])
    function("slice_past_the_end", lambda x: x[:, :, 2:1000])
    function("slice_negative_end", lambda x: x[:, :, 1:-1], expect=DIFFERS, why="Int8Slice counts -1 as the end")
    function("slice_negative_start", lambda x: x[:, :, -2:], expect=DIFFERS, why="Int8Slice counts -2 as the last")
    function("slice_negative_dimension", lambda x: torch.ops.aten.slice(x, -1, 0, 2, 1), expect=DIFFERS,
             why="a negative dimension was written")
    function("slice_step", lambda x: x[:, :, ::2], expect=FAILS)
    function("reshape_infer", lambda x: x.reshape(1, -1))
    function("flatten", lambda x: torch.flatten(x, 1), expect=DIFFERS,
             why="an operator of plain ONNX was left on an Int8 edge")
    function("mean", lambda x: x.mean([2, 3], True), expect=DIFFERS,
             why="an operator of plain ONNX was left on an Int8 edge")
    function("hardswish", lambda x: Q.hardswish(x, 0.03, 10), expect=FAILS)

    for name, f in {"tanh": torch.tanh, "hardsigmoid": F.hardsigmoid, "permute": lambda x: x.permute(0, 2, 3, 1),
                    "index_select": lambda x: torch.index_select(x, 1, torch.tensor([2, 0])),
                    "unsqueeze": lambda x: x.unsqueeze(2), "view": lambda x: x.view(x.size(0), -1),
                    "chunk": lambda x: torch.relu(torch.chunk(x, 2, 1)[1])}.items():
        function(name, f, expect=FAILS if name == "chunk" else DIFFERS,
                 why="an operator of plain ONNX was left on an Int8 edge")

    # What the dialect cannot say.
    add("conv_per_channel", Wrapped(per_channel(conv(4, 6, 3))), IMAGE, expect=FAILS)
    add("linear_per_channel", Wrapped(per_channel(linear(5, 10))), (2, 5), expect=FAILS)
    function("signed_activations", torch.relu, scale=0.003, dtype=torch.qint8, expect=DIFFERS, why="the dtype was dropped")
    found.append(Case("quantized_input", Bare(torch.relu).eval(),
                      (torch.quantize_per_tensor(tensor(*IMAGE), 0.03, 30, torch.quint8),), DIFFERS,
                      "nothing says what an input's scale and zero point are"))

    # Chains.
    function("relu_sigmoid", lambda x: torch.sigmoid(torch.relu(x)))
    function("pool_relu", lambda x: torch.relu(F.max_pool2d(x, 2, 2)))
    function("slice_relu", lambda x: torch.relu(x[:, 1:3]))
    function("quantize_only", lambda x: x)
    return found
