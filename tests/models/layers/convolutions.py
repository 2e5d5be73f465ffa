"""Convolutions and linear layers, quantized."""
import torch
import torch.ao.nn.quantized as nnq
import torch.nn.intrinsic.quantized as nniq

from .layer import Input, Table, output_scale, quantized_weight, s8, u8, with_weights  # noqa: F401

LAYERS = table = Table()


def conv(cls, cin, cout, kernel, per_channel=False, weight_bias=True, zero_point=None, input_scale=0.0173, **arguments):
    def make():
        m = cls(cin, cout, kernel, bias=weight_bias, **arguments)
        shape = tuple(m.weight().shape)
        fan_in = torch.Size(shape[1:]).numel()
        return with_weights(m, shape, fan_in, input_scale, per_channel, zero_point=zero_point, bias=weight_bias)
    return make


def transposed(cls, cin, cout, kernel, weight_bias=True, **arguments):
    def make():
        m = cls(cin, cout, kernel, bias=weight_bias, **arguments)
        shape = tuple(m.weight().shape)
        return with_weights(m, shape, torch.Size(shape[2:]).numel() * cin // 4, channels=cout, bias=weight_bias)
    return make


def linear(cls, cin, cout, per_channel=False, weight_bias=True, zero_point=None):
    def make():
        m = cls(cin, cout, weight_bias)
        return with_weights(m, (cout, cin), cin, per_channel=per_channel, zero_point=zero_point, bias=weight_bias)
    return make


CONV2D = {
    "plain": dict(kernel=3),
    "pointwise": dict(kernel=1),
    "stride": dict(kernel=3, stride=2),
    "padding": dict(kernel=3, padding=1),
    "dilation": dict(kernel=3, padding=2, dilation=2),
    "groups": dict(kernel=3, groups=2),
    "depthwise": dict(kernel=3, groups=8, padding=1),
    "depthwise_multiplier": dict(kernel=3, groups=8, padding=1, cout=16),
    "no_bias": dict(kernel=3, weight_bias=False),
    "non_square": dict(kernel=(3, 5), stride=(2, 1), padding=(0, 2), dilation=(1, 2)),
    "reflect": dict(kernel=3, padding=1, padding_mode="reflect"),
    "per_channel": dict(kernel=3, padding=1, per_channel=True),
    "per_channel_depthwise": dict(kernel=3, groups=8, per_channel=True),
}
for _name, _a in CONV2D.items():
    _a = dict(_a)
    _cout, _relu = _a.pop("cout", 8), {k: v for k, v in _a.items() if k not in ("cout", "padding_mode")}
    _size = 164 if _a.get("stride") == 2 else 120
    table("conv2d_" + _name, "self.m(x)", x=u8(2, 8, _size, _size), m=conv(nnq.Conv2d, 8, _cout, **_a))
    if "padding_mode" not in _a:
        table("conv2d_relu_" + _name, "self.m(x)", x=u8(2, 8, _size, _size),
              m=conv(nniq.ConvReLU2d, 8, _cout, zero_point=0, **_relu))
table("conv2d_relu_zero_point", "self.m(x)", x=u8(2, 8, 84, 84), m=conv(nniq.ConvReLU2d, 8, 8, 3, zero_point=57))
table("conv2d_signed", "self.m(x)", x=s8(2, 8, 84, 84), m=conv(nnq.Conv2d, 8, 8, 3, zero_point=5))
table("conv2d_chained", "self.n(self.m(x))", x=u8(1, 8, 116, 116), m=conv(nniq.ConvReLU2d, 8, 8, 3, zero_point=0),
      n=conv(nnq.Conv2d, 8, 16, 3, input_scale=output_scale(72, 0.0173, 0.0107)))
table("conv2d_signed_chained", "self.n(F.relu(F.max_pool2d(self.m(x), 2)))", x=s8(1, 8, 116, 116), exact=True,
      m=conv(nnq.Conv2d, 8, 8, 3, zero_point=5),
      n=conv(nnq.Conv2d, 8, 16, 3, per_channel=True, zero_point=-11, input_scale=output_scale(72, 0.0173, 0.0107)))
table("conv2d_functional", "torch.ops.quantized.conv2d(x, torch.ops.quantized.conv2d_prepack("
      "self.w, self.b, [1, 1], [1, 1], [1, 1], 1), %r, 121)" % output_scale(72, 0.0173, 0.0107),
      x=u8(2, 8, 80, 80), w=lambda: quantized_weight((8, 8, 3, 3), 0.0107, False), b=lambda: torch.randn(8))

CONV1D = {
    "plain": dict(kernel=5), "stride": dict(kernel=5, stride=2, padding=2), "dilation": dict(kernel=3, dilation=3),
    "groups": dict(kernel=3, groups=4), "no_bias": dict(kernel=3, weight_bias=False),
    "per_channel": dict(kernel=3, padding=1, per_channel=True),
}
for _name, _a in CONV1D.items():
    _length = 13000 if _a.get("stride") == 2 else 6500
    table("conv1d_" + _name, "self.m(x)", x=u8(1, 8, _length), m=conv(nnq.Conv1d, 8, 16, **_a))
    table("conv1d_relu_" + _name, "self.m(x)", x=u8(1, 8, _length), m=conv(nniq.ConvReLU1d, 8, 16, zero_point=0, **_a))
table("conv1d_reflect", "self.m(x)", x=u8(1, 8, 6500),
      m=conv(nnq.Conv1d, 8, 16, kernel=5, padding=2, padding_mode="reflect"))

CONV3D = {
    "plain": dict(kernel=3), "stride": dict(kernel=3, stride=(1, 2, 2), padding=1), "groups": dict(kernel=2, groups=2),
    "no_bias": dict(kernel=(1, 3, 3), weight_bias=False), "per_channel": dict(kernel=3, padding=1, per_channel=True),
}

TRANSPOSED2D = {
    "plain": dict(kernel=3), "stride": dict(kernel=3, stride=2, padding=1),
    "output_padding": dict(kernel=3, stride=2, padding=1, output_padding=1),
    "dilation": dict(kernel=3, dilation=2), "groups": dict(kernel=3, stride=2, groups=2),
    "non_square": dict(kernel=(2, 3), stride=(2, 1), padding=(0, 1)),
    "no_bias": dict(kernel=2, stride=2, weight_bias=False),
}
for _name, _a in TRANSPOSED2D.items():
    _size = 60 if "stride" in _a else 118
    table("conv_transpose2d_" + _name, "self.m(x)", x=u8(1, 8, _size, _size * 2),
          m=transposed(nnq.ConvTranspose2d, 8, 8, **_a))
for _name, _a in {"plain": dict(kernel=3), "stride": dict(kernel=4, stride=2, padding=1),
                  "groups": dict(kernel=3, groups=2), "no_bias": dict(kernel=2, stride=2, weight_bias=False)}.items():
    table("conv_transpose1d_" + _name, "self.m(x)", x=u8(1, 8, 13000), m=transposed(nnq.ConvTranspose1d, 8, 8, **_a))

def exact(layer, x):
    """Sums in float64, which holds them exactly; the formula of quantized convolution after them."""
    m = layer.module().m
    weight, bias, scale = m.weight(), m.bias(), layer.inputs["x"].scale
    per_channel = weight.qscheme() == torch.per_channel_affine
    channels = [-1] + [1] * (x.dim() - 2)
    w_scale = weight.q_per_channel_scales() if per_channel else torch.tensor([weight.q_scale()], dtype=torch.float64)
    w_scale = w_scale.view(channels)
    zero_point = layer.inputs["x"].zero_point
    levels = torch.quantize_per_tensor(x, scale, zero_point, torch.quint8).int_repr().double() - zero_point
    if "Transpose" in type(m).__name__:
        acc = torch.conv_transpose3d(levels, weight.int_repr().double(), None, m.stride, m.padding, m.output_padding,
                                     m.groups, m.dilation)
    else:
        acc = torch.conv3d(levels, weight.int_repr().double(), None, m.stride, m.padding, m.dilation, m.groups)
    if bias is not None:  # its scale is a product of doubles, the multiplier's one of floats
        acc = acc + torch.round(bias.view(channels) * (1 / (w_scale * scale).float())).double()
    product = torch.tensor(scale).float() * w_scale.float()
    scaled = torch.round(acc.float() * (product * (1 / torch.tensor(m.scale).float()))) + m.zero_point
    return [scaled.clamp(m.zero_point if "ReLU" in type(m).__name__ else 0, 255).to(torch.uint8).numpy()]


for _name, _a in CONV3D.items():
    _size = (12, 84, 84) if "stride" in _a else (12, 42, 42)
    _other = dict(engine="onednn", expected=exact, why="qnnpack cannot save three-dimensional weights")
    table("conv3d_" + _name, "self.m(x)", x=u8(1, 4, *_size), m=conv(nnq.Conv3d, 4, 8, **_a), **_other)
    table("conv3d_relu_" + _name, "self.m(x)", x=u8(1, 4, *_size), m=conv(nniq.ConvReLU3d, 4, 8, zero_point=0, **_a), **_other)
for _name, _a in {"plain": dict(kernel=2), "stride": dict(kernel=3, stride=2, padding=1),
                  "no_bias": dict(kernel=2, weight_bias=False)}.items():
    table("conv_transpose3d_" + _name, "self.m(x)", x=u8(1, 4, 12, 44, 44) if "stride" not in _a else u8(1, 4, 6, 24, 24),
          m=transposed(nnq.ConvTranspose3d, 4, 6, **_a), **_other)

for _name, _shape in {"2d": (800, 64), "3d": (4, 200, 64), "4d": (2, 4, 100, 64)}.items():
    table("linear_" + _name, "self.m(x)", x=u8(*_shape), m=linear(nnq.Linear, 64, 128))
    table("linear_relu_" + _name, "self.m(x)", x=u8(*_shape), m=linear(nniq.LinearReLU, 64, 128, zero_point=0))
table("linear_no_bias", "self.m(x)", x=u8(800, 64), m=linear(nnq.Linear, 64, 128, weight_bias=False))
table("linear_per_channel", "self.m(x)", x=u8(800, 64), m=linear(nnq.Linear, 64, 128, per_channel=True))
table("linear_relu_per_channel", "self.m(x)", x=u8(2, 400, 64),
      m=linear(nniq.LinearReLU, 64, 128, per_channel=True, zero_point=0))
table("linear_signed", "self.m(x)", x=s8(800, 64), m=linear(nnq.Linear, 64, 128, zero_point=-3))
table("linear_functional", "torch.ops.quantized.linear(x, torch.ops.quantized.linear_prepack(self.w, self.b), %r, 121)"
      % output_scale(64, 0.0173, 0.0107),
      x=u8(800, 64), w=lambda: quantized_weight((128, 64), 0.0107, False), b=lambda: torch.randn(128))
table("linear_chained", "self.n(self.m(x))", x=u8(800, 64), m=linear(nniq.LinearReLU, 64, 64, zero_point=0),
      n=linear(nnq.Linear, 64, 128))


def clamped(layer, x):
    """What the first half of the layer answers, within the quantized bounds 0 and 6 (or those of hardtanh)."""
    m, low, high = layer.module().m, *((0.0, 6.0) if "relu6" in layer.name else (-1.0, 2.0))
    answer = m(torch.quantize_per_tensor(x, layer.inputs["x"].scale, layer.inputs["x"].zero_point, torch.quint8))
    bound = [int(torch.quantize_per_tensor(torch.tensor(b), m.scale, m.zero_point, torch.quint8).int_repr())
             for b in (low, high)]
    return [answer.int_repr().clamp(*bound).contiguous().numpy()]


for _name, _body in {"relu6": "F.relu6(self.m(x))", "hardtanh": "F.hardtanh(self.m(x), -1.0, 2.0)",
                     "clamp": "torch.clamp(self.m(x), -1.0, 2.0)"}.items():
    table("conv2d_" + _name, _body, x=u8(2, 8, 84, 84), m=conv(nnq.Conv2d, 8, 8, 3), expected=clamped,
          why="qnnpack scrambles the elements of a channels-last tensor")
