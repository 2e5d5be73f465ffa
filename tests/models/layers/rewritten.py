"""Patterns that ONNX Runtime rewrites when it loads a model; docs/onnxruntime.md says which transformer each is for."""
import torch
from torch import nn

from .floats import seen
from .layer import Table, f32

LAYERS = table = Table()

_FQ = "torch.fake_quantize_per_tensor_affine(%s, %r, %d, 0, 255)"
_Q = "torch.quantize_per_tensor(%s, %r, %d, torch.%s)"
IMAGE, ROWS = (1, 4, 8, 8), (2, 6, 32)

# Two quantizations with nothing between them, or with what does nothing.
for _name, _between in {"": "y", "_sum": "y + 0.0", "_product": "y * 1.0", "_clone": "y.clone()", "_transposed": "y.transpose(1, 2)",
                        "_reshaped": "y.reshape(4, -1)", "_sliced": "y[:, :, 1:5]", "_pooled": "F.max_pool2d(y, 2)", "_relu": "y.relu()",
                        "_twice": "torch.cat([y, y], 1)", "_chunk": "y.chunk(2, 1)[0]"}.items():
    table("quantized_twice" + _name, "y = %s.dequantize()\nreturn %s" % (_Q % ("x", 0.03125, 114, "quint8"), _Q % (_between, 0.0625, 90, "quint8")),
          x=f32(*IMAGE), exact=True)
    table("fake_quantized_twice" + _name, "y = %s\nreturn %s" % (_FQ % ("x", 0.03, 120), _FQ % (_between, 0.05, 100)), x=f32(*IMAGE))
for _a, _b in (("qint8", "qint8"), ("quint8", "qint8"), ("qint8", "quint8")):
    table("quantized_twice_%s_%s" % (_a, _b), _Q % (_Q % ("x", 0.03125, 7, _a) + ".dequantize()", 0.0625, 3, _b), x=f32(*IMAGE), exact=True)
table("quantized_three_times", _Q % (_Q % (_Q % ("x", 0.03125, 114, "quint8") + ".dequantize()", 0.0625, 90, "quint8") + ".dequantize()",
                                     0.125, 100, "quint8"), x=f32(*IMAGE), exact=True)
# Clips to a part of a range of small steps.
table("fake_quantized_narrow_tiny", "torch.fake_quantize_per_tensor_affine(x, 5e-10, 0, 0, 127)", x=f32(64, low=0.0, high=1.2e-7))
table("fake_quantized_narrow_tiny_inside", "torch.fake_quantize_per_tensor_affine(-x, 5e-10, 0, 0, 127)", x=f32(64, low=-1.2e-7, high=0.0))
table("fake_quantized_narrow_tiny_of_quantized",
      "torch.fake_quantize_per_tensor_affine(%s.dequantize(), 5e-10, 3, 3, 127)" % (_Q % ("x", 1e-9, 10, "quint8")),
      x=f32(64, low=-1e-7, high=1.2e-7))
# Clips of the graph input to the whole range or more.
table("fake_quantized_relu6", _FQ % ("F.relu6(x)", 6 / 255, 0), x=f32(*IMAGE, low=-3.0, high=9.0))
table("fake_quantized_clamp_wide", _FQ % ("x.clamp(-10.0, 10.0)", 0.03, 100), x=f32(*IMAGE, low=-12.0, high=12.0))
table("fake_quantized_clamp_min", _FQ % ("x.clamp(min=-10.0)", 0.03, 100), x=f32(*IMAGE, low=-12.0, high=12.0))
table("fake_quantized_clamp_tiny", _FQ % ("x.clamp(-3e-8, 2e-8)", 1e-9, 100), x=f32(64, low=-1e-7, high=1e-7))
# Float weights between two quantizations.
for _name, _layer, _shape in (("conv2d", lambda: nn.Conv2d(4, 6, 3), IMAGE), ("linear", lambda: nn.Linear(32, 16), (5, 32)),
                              ("linear_3d", lambda: nn.Linear(32, 16), ROWS), ("conv_transpose2d", lambda: nn.ConvTranspose2d(4, 6, 3), IMAGE)):
    for _after in ("", ".relu()"):
        table("fake_quantized_float_%s%s" % (_name, "_relu" if _after else ""),
              _FQ % ("self.m(%s)%s" % (_FQ % ("x", 0.03, 120), _after), 0.0625, 100), x=f32(*_shape), m=_layer)

# Float operators that are fused.
FUSED = {
    "pad_max_pool": ("F.max_pool2d(F.pad(x - 10.0, [1, 1, 1, 1]), 2)", IMAGE), "pad_conv": ("self.c(F.pad(x, [1, 2, 0, 1]))", IMAGE),
    "pad_avg_pool": ("F.avg_pool2d(F.pad(x - 10.0, [1, 0, 1, 0]), 3, 2, 1)", IMAGE),
    "pad_avg_pool_exclude": ("F.avg_pool2d(F.pad(x - 10.0, [1, 0, 1, 0]), 3, 2, 1, count_include_pad=False)", IMAGE),
    "conv_mul_add": ("self.c(x) * 0.37 + 0.5", IMAGE), "conv_batch_norm": ("self.n(self.c(x))", IMAGE),
    "conv_relu": ("self.c(x).relu()", IMAGE), "conv_sum_relu": ("(self.c(x) + self.c(x + 1.0)).relu()", IMAGE),
    "relu_clip": ("x.relu().clamp(-1.0, 2.0)", IMAGE), "clip_relu": ("x.clamp(-1.0, 2.0).relu()", IMAGE),
    "reciprocal_mul": ("(1.0 / x) * (x + 3.0)", IMAGE), "not_where": ("torch.where(torch.logical_not(x > 0.0), x, x * 2.0)", IMAGE),
    "gelu": ("F.gelu(x)", ROWS), "gelu_by_hand": ("x * 0.5 * (1.0 + torch.erf(x / 1.4142135623730951))", ROWS),
    "gelu_bias": ("F.gelu(self.p(x))", ROWS), "quick_gelu": ("x * torch.sigmoid(1.702 * x)", ROWS), "silu": ("x * torch.sigmoid(x)", ROWS),
    "fast_gelu": ("0.5 * x * (1.0 + torch.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))", ROWS),
    "fast_gelu_bias": ("y = self.p(x)\nreturn 0.5 * y * (1.0 + torch.tanh(0.7978845608028654 * (y + 0.044715 * torch.pow(y, 3.0))))", ROWS),
    "swiglu": ("a, b = self.w(x).chunk(2, -1)\nreturn a * torch.sigmoid(a) * b", ROWS),
    "layer_norm_by_hand": ("d = x - x.mean(-1, keepdim=True)\nreturn d / torch.sqrt((d * d).mean(-1, keepdim=True) + 1e-5) * self.g + self.b",
                           ROWS),
    "rms_norm": ("x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5) * self.g", ROWS),
    "rms_norm_divided": ("x / torch.sqrt(torch.pow(x, 2.0).mean(-1, keepdim=True) + 1e-5) * self.g", ROWS),
    "skip_layer_norm": ("self.l(x + self.p(x))", ROWS), "skip_layer_norm_bias": ("self.l(x + self.p(x) + self.b)", ROWS),
    "bias_softmax": ("torch.softmax(x + self.b, -1)", ROWS), "scaled_product": ("(x @ x.transpose(1, 2)) * 0.125", ROWS),
    "scaled_operand": ("(x * 0.125) @ (x.transpose(1, 2) / 3.0)", ROWS), "product_relu": ("(x @ self.p.weight).relu()", ROWS),
    "product_sum": ("self.p(x[0]) + self.b", ROWS), "product_batch_norm": ("self.k(self.p(x[0]))", ROWS),
    "gemm_relu": ("self.p(x[0]).relu()", ROWS), "gemm_transposed": ("torch.addmm(self.b, x[0].t()[:6].t(), self.q.t())", ROWS),
    "space_to_depth": ("torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1)", IMAGE),
    "gathered": ("x[:, 0] + x[:, 1] * x[:, 2]", ROWS), "split": ("a, b = x[:, 0:3], x[:, 3:6]\nreturn a * b", ROWS),
    "double_cast": ("(x.double() + 1e-9).float()", IMAGE), "half_cast": ("x.half().float() * 2.0", IMAGE),
    "integer_cast": ("(x * 1000.0).int().to(torch.int8).float()", IMAGE), "bool_cast": ("(x > 0.0).float().to(torch.bool).float()", IMAGE),
}
_PARTS = {"c": lambda: nn.Conv2d(4, 6, 3), "n": lambda: seen(nn.BatchNorm2d(6)), "k": lambda: seen(nn.BatchNorm1d(32)),
          "p": lambda: nn.Linear(32, 32), "w": lambda: nn.Linear(32, 64), "l": lambda: nn.LayerNorm(32), "g": lambda: torch.rand(32) + 0.5,
          "b": lambda: torch.randn(32), "q": lambda: torch.randn(32, 6)}
for _name, (_body, _shape) in FUSED.items():
    table("fused_" + _name, _body, x=f32(*_shape), **{k: v for k, v in _PARTS.items() if "self.%s" % k in _body})


class Bert(nn.Module):
    """A layer of BERT with the mask that its authors add, and optionally the embeddings before it."""

    def __init__(self, size=64, heads=4):
        super().__init__()
        self.heads, self.size = heads, size
        self.q, self.k, self.v, self.o = [nn.Linear(size, size) for _ in range(4)]
        self.up, self.down, self.a, self.b = nn.Linear(size, 128), nn.Linear(128, size), nn.LayerNorm(size), nn.LayerNorm(size)

    def split(self, x):
        return x.view(x.size(0), x.size(1), self.heads, self.size // self.heads).permute(0, 2, 1, 3)

    def forward(self, x, mask):
        penalty = (1.0 - mask[:, None, None, :].to(torch.float32)) * -10000.0
        scores = torch.matmul(self.split(self.q(x)), self.split(self.k(x)).transpose(-1, -2)) / 4.0
        mixed = torch.matmul(torch.softmax(scores + penalty, -1), self.split(self.v(x))).permute(0, 2, 1, 3).contiguous()
        x = self.a(self.o(mixed.view(x.size(0), x.size(1), self.size)) + x)
        return self.b(self.down(nn.functional.gelu(self.up(x))) + x)


class Embedded(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.places, self.kinds = nn.Embedding(50, 64), nn.Embedding(16, 64), nn.Embedding(2, 64)
        self.norm, self.layer = nn.LayerNorm(64), Bert()

    def forward(self, words, kinds, mask):
        places = torch.arange(words.size(1), dtype=torch.int64).unsqueeze(0).expand_as(words)
        return self.layer(self.norm(self.words(words) + self.places(places) + self.kinds(kinds)), mask)


def _integers(low, high):
    from .layer import i64
    return i64(2, 7, low=low, high=high)


table("fused_bert", "self.m(x, mask)", x=f32(2, 7, 64), mask=_integers(0, 2), m=Bert)
table("fused_bert_embedded", "self.m(words, kinds, mask)", words=_integers(0, 50), kinds=_integers(0, 2), mask=_integers(0, 2), m=Embedded)
table("fused_pad_max_pool_padded", "F.max_pool2d(F.pad(x - 10.0, [1, 1, 1, 1]), 3, 2, 1)", x=f32(*IMAGE))
table("fused_pad_avg_pool_ceil", "F.avg_pool2d(F.pad(x - 10.0, [1, 0, 1, 0]), 3, 2, ceil_mode=True)", x=f32(*IMAGE))
table("quantized_pad_max_pool", "F.max_pool2d(F.pad(%s, [1, 1, 1, 1]), 2)" % (_Q % ("x - 3.0", 0.05, 0, "qint8")), x=f32(*IMAGE), exact=True)
