"""Matrix products of reals with dequantized weights, as quantization flows with reference layers leave them."""
import torch
from torch import nn

from .layer import Table, f32, quantized_weight

LAYERS = table = Table()


class Linear(nn.Module):
    """A linear layer whose weight is dequantized when it runs."""

    def __init__(self, cin, cout, bias=True, per_channel=True):
        super().__init__()
        self.register_buffer("weight", quantized_weight((cout, cin), 0.004, per_channel))
        self.bias = nn.Parameter(torch.randn(cout)) if bias else None

    def forward(self, x):
        return nn.functional.linear(x, self.weight.dequantize(), self.bias)


class Attention(nn.Module):
    """An encoder layer: attention of four heads, and two linear layers behind it."""

    def __init__(self, size=64):
        super().__init__()
        self.q, self.k, self.v, self.out = [Linear(size, size) for _ in range(4)]
        self.up, self.down = Linear(size, 2 * size), Linear(2 * size, size)
        self.before, self.after = nn.LayerNorm(size), nn.LayerNorm(size)

    def heads(self, x):
        return x.reshape(x.size(0), x.size(1), 4, -1).transpose(1, 2)

    def forward(self, x):
        q, k, v = self.heads(self.q(x)), self.heads(self.k(x)), self.heads(self.v(x))
        mixed = torch.softmax(q @ k.transpose(-1, -2) / 4.0, -1) @ v
        x = self.before(x + self.out(mixed.transpose(1, 2).flatten(2)))
        return self.after(x + self.down(torch.nn.functional.gelu(self.up(x))))


for _name, _shape in {"1d": (64,), "2d": (5, 64), "3d": (2, 5, 64), "4d": (2, 3, 5, 64)}.items():
    table("dequantized_linear_" + _name, "self.m(x)", x=f32(*_shape), m=lambda: Linear(64, 32))
    table("dequantized_linear_no_bias_" + _name, "self.m(x)", x=f32(*_shape), m=lambda: Linear(64, 32, bias=False, per_channel=False))

# For each expression, the weight's shape and the axis of one scale per channel that ONNX Runtime's fusions look for.
PRODUCTS = {
    "transposed": ("x @ self.w.dequantize().t()", (32, 64), 0), "plain": ("x @ self.w.dequantize()", (64, 32), 1),
    "rows": ("x @ self.w.dequantize()", (64, 32), 0), "reshaped": ("x @ self.w.dequantize().reshape(64, 32)", (2, 32, 32), 2),
    "batched": ("x @ self.w.dequantize().unsqueeze(0)", (64, 32), 1),
    "swapped": ("self.w.dequantize() @ x.transpose(-1, -2)", (32, 64), 0),
    "added": ("x @ self.w.dequantize() + self.b", (64, 32), 1),
    "shared": ("w = self.w.dequantize()\nreturn x @ w.t(), F.linear(x, w, self.b), w * 2", (32, 64), 0),
    "sliced": ("x @ self.w.dequantize()[:64]", (70, 32), 1)}
for _name, (_body, _shape, _axis) in PRODUCTS.items():
    for _scales in ("", "_per_channel"):
        _weights = {"w": lambda s=_shape, a=_axis, c=bool(_scales): quantized_weight(s, 0.004, c, a), "b": lambda: torch.randn(32)}
        for _rank, _input in (("", f32(5, 64)), ("_3d", f32(2, 5, 64))):
            table("dequantized_product_%s%s%s" % (_name, _scales, _rank), _body, x=_input, **_weights)
for _name, _w, _shape, _axis in (("", "w", (64, 32), 1), ("_transposed", "w.t()", (32, 64), 0)):
    for _factors in ("", ", alpha=0.5, beta=2.0"):
        table("dequantized_addmm%s%s" % (_name, "_factors" if _factors else ""),
              "w = self.w.dequantize()\nreturn torch.addmm(self.b, x, %s%s)" % (_w, _factors), x=f32(5, 64),
              w=lambda s=_shape, a=_axis: quantized_weight(s, 0.004, True, a), b=lambda: torch.randn(32))


def shifted(shape, dtype, zero_point):
    levels = quantized_weight(shape, 1.0, False).int_repr().float()
    return torch.quantize_per_tensor(levels * 0.004, 0.004, zero_point, dtype)


for _name, _dtype, _zero_point in (("int8", torch.qint8, -7), ("uint8", torch.quint8, 130)):
    table("dequantized_zero_point_" + _name, "F.linear(x, self.w.dequantize(), self.b)", x=f32(2, 5, 64),
          w=lambda d=_dtype, z=_zero_point: shifted((32, 64), d, z), b=lambda: torch.randn(32))
table("dequantized_einsum", "torch.einsum('bik,nk->bin', x, self.w.dequantize())", x=f32(2, 5, 64),
      w=lambda: quantized_weight((32, 64), 0.004, True))
table("dequantized_attention", "self.m(x)", x=f32(2, 6, 64), m=Attention)
# Between a quantization of the activations and one of the result: integers in ONNX Runtime.
table("dequantized_after_quantized", "self.m(torch.quantize_per_tensor(x, 0.03, 128, torch.quint8).dequantize())",
      x=f32(2, 5, 64), m=lambda: Linear(64, 32))
table("dequantized_before_quantized", "torch.quantize_per_tensor(self.m(x), 0.1, 120, torch.quint8)", x=f32(2, 5, 64),
      m=lambda: Linear(64, 32))
