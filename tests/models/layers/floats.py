"""Float operators, which quantized models hold around their int8 part."""
import torch
from torch import nn

from .layer import Table, f32, i64

LAYERS = table = Table()

MODULES = {
    "conv1d": (lambda: nn.Conv1d(4, 6, 3, padding=1), (2, 4, 20)),
    "conv1d_reflect": (lambda: nn.Conv1d(4, 6, 3, padding=1, padding_mode="reflect"), (2, 4, 20)),
    "conv2d": (lambda: nn.Conv2d(3, 8, 3, stride=2, padding=1), (2, 3, 16, 16)),
    "conv2d_no_bias": (lambda: nn.Conv2d(3, 8, (1, 3), bias=False), (2, 3, 16, 16)),
    "conv2d_depthwise": (lambda: nn.Conv2d(8, 8, 3, groups=8, dilation=2), (2, 8, 16, 16)),
    "conv2d_same": (lambda: nn.Conv2d(3, 4, 4, padding="same"), (2, 3, 16, 16)),
    "conv2d_valid": (lambda: nn.Conv2d(3, 4, 4, padding="valid"), (2, 3, 16, 16)),
    "conv2d_circular": (lambda: nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular"), (2, 3, 16, 16)),
    "conv3d": (lambda: nn.Conv3d(2, 4, 3, stride=(1, 2, 2)), (1, 2, 8, 9, 10)),
    "conv_transpose1d": (lambda: nn.ConvTranspose1d(4, 6, 3, stride=2), (2, 4, 20)),
    "conv_transpose2d": (lambda: nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), (2, 4, 9, 9)),
    "conv_transpose3d": (lambda: nn.ConvTranspose3d(2, 4, 2, stride=2), (1, 2, 4, 5, 6)),
    "linear": (lambda: nn.Linear(16, 8), (5, 16)),
    "linear_3d": (lambda: nn.Linear(16, 8, bias=False), (2, 5, 16)),
    "linear_4d": (lambda: nn.Linear(16, 8), (2, 3, 5, 16)),
    "batch_norm1d": (lambda: seen(nn.BatchNorm1d(8)), (4, 8, 5)),
    "batch_norm2d": (lambda: seen(nn.BatchNorm2d(3)), (2, 3, 16, 16)),
    "batch_norm2d_plain": (lambda: seen(nn.BatchNorm2d(3, affine=False)), (2, 3, 16, 16)),
    "batch_norm3d": (lambda: seen(nn.BatchNorm3d(2)), (1, 2, 4, 5, 6)),
    "instance_norm2d": (lambda: nn.InstanceNorm2d(3, affine=True), (2, 3, 16, 16)),
    "group_norm": (lambda: nn.GroupNorm(2, 8), (2, 8, 6, 6)),
    "layer_norm": (lambda: nn.LayerNorm(16), (2, 5, 16)),
    "layer_norm_2": (lambda: nn.LayerNorm([5, 16], elementwise_affine=False), (2, 5, 16)),
    "max_pool1d": (lambda: nn.MaxPool1d(3, 2, 1), (2, 4, 21)),
    "max_pool2d": (lambda: nn.MaxPool2d(3, 2, 1, ceil_mode=True), (2, 3, 16, 16)),
    "max_pool2d_dilation": (lambda: nn.MaxPool2d((3, 2), (1, 2), dilation=2), (2, 3, 16, 16)),
    "max_pool3d": (lambda: nn.MaxPool3d(2), (1, 2, 8, 8, 8)),
    "avg_pool1d": (lambda: nn.AvgPool1d(3, 2, 1), (2, 4, 21)),
    "avg_pool2d": (lambda: nn.AvgPool2d(3, 2, 1), (2, 3, 16, 16)),
    "avg_pool2d_exclude_pad": (lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False), (2, 3, 16, 16)),
    "avg_pool2d_ceil": (lambda: nn.AvgPool2d(3, 2, 1, ceil_mode=True), (2, 3, 16, 18)),
    "avg_pool2d_divisor": (lambda: nn.AvgPool2d((2, 3), divisor_override=5), (2, 3, 16, 16)),
    "avg_pool3d": (lambda: nn.AvgPool3d(2), (1, 2, 8, 8, 8)),
    "adaptive_avg_pool1d": (lambda: nn.AdaptiveAvgPool1d(4), (2, 3, 16)),
    "adaptive_avg_pool2d": (lambda: nn.AdaptiveAvgPool2d(1), (2, 3, 16, 16)),
    "adaptive_avg_pool2d_4": (lambda: nn.AdaptiveAvgPool2d((4, 8)), (2, 3, 16, 16)),
    "adaptive_max_pool2d": (lambda: nn.AdaptiveMaxPool2d(1), (2, 3, 16, 16)),
    "prelu": (lambda: nn.PReLU(3, 0.2), (2, 3, 16, 16)),
    "upsample_nearest": (lambda: nn.Upsample(scale_factor=2), (1, 3, 5, 6)),
    "upsample_bilinear": (lambda: nn.Upsample(size=(9, 14), mode="bilinear", align_corners=False), (1, 3, 5, 6)),
    "upsample_corners": (lambda: nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), (1, 3, 5, 6)),
    "zero_pad": (lambda: nn.ZeroPad2d((1, 2, 0, 1)), (1, 3, 5, 6)),
    "reflection_pad": (lambda: nn.ReflectionPad2d((1, 2, 0, 1)), (1, 3, 5, 6)),
    "constant_pad": (lambda: nn.ConstantPad2d((1, 2, 0, 1), 0.7), (1, 3, 5, 6)),
    "flatten_module": (nn.Flatten, (2, 3, 4)),
    "dropout": (nn.Dropout, (2, 3, 4)),
    "identity": (nn.Identity, (2, 3, 4)),
    "pixel_shuffle": (lambda: nn.PixelShuffle(2), (1, 8, 3, 3)),
}
for _name, (_make, _shape) in MODULES.items():
    table("float_" + _name, "self.m(x)", x=f32(*_shape), m=_make)

ACTIVATIONS = ["relu", "relu6", "sigmoid", "tanh", "silu", "gelu", "hardswish", "hardsigmoid", "leaky_relu", "elu", "selu",
               "celu", "softplus", "mish", "softsign", "logsigmoid", "hardshrink", "softshrink", "hardtanh", "tanhshrink"]
for _name in ACTIVATIONS:
    table("float_" + _name, "F.%s(x)" % _name, x=f32(low=-8.0, high=8.0))
for _name in ("relu", "relu6", "silu", "hardswish", "hardsigmoid", "leaky_relu", "elu", "hardtanh"):
    table("float_%s_inplace" % _name, "F.%s(x, inplace=True)" % _name, x=f32(low=-8.0, high=8.0))

POSITIVE = f32(low=0.1, high=4.0)
PAIR = dict(x=f32(), y=f32())
EXPRESSIONS = {
    "softmax": ("F.softmax(x, dim=1)", {}), "softmax_last": ("torch.softmax(x, -1)", {}),
    "log_softmax": ("F.log_softmax(x, dim=1)", {}), "leaky_relu_slope": ("F.leaky_relu(x, 0.2)", {}),
    "elu_alpha": ("F.elu(x, 0.4)", {}), "glu": ("F.glu(x, 2)", {}), "gelu_tanh": ("F.gelu(x, approximate='tanh')", {}),
    "threshold": ("F.threshold(x, 0.1, 0.5)", {}),
    "add": ("x + y", PAIR), "sub": ("x - y", PAIR), "mul": ("x * y", PAIR), "div": ("x / (y * y + 1.0)", PAIR),
    "add_alpha": ("torch.add(x, y, alpha=0.3)", PAIR), "sub_alpha": ("torch.sub(x, y, alpha=2)", PAIR),
    "rsub": ("torch.rsub(x, y, alpha=2)", PAIR), "rsub_scalar": ("1.0 - x", {}), "rdiv": ("1.0 / x", dict(x=POSITIVE)),
    "add_scalar": ("x + 3", {}), "add_scalar_alpha": ("torch.add(x, 2, alpha=3)", {}), "mul_scalar": ("x * 0.3", {}),
    "div_scalar": ("x / 7", {}), "add_broadcast": ("x + y", dict(x=f32(), y=f32(3, 1, 1))),
    "add_inplace": ("x.add_(y)", PAIR), "mul_inplace": ("x.mul_(y)", PAIR), "sub_inplace": ("x.sub_(y)", PAIR),
    "div_inplace": ("x.div_(4.0)", {}), "neg": ("-x", {}), "abs": ("x.abs()", {}), "exp": ("torch.exp(x)", {}),
    "log": ("torch.log(x)", dict(x=POSITIVE)), "sqrt": ("torch.sqrt(x)", dict(x=POSITIVE)),
    "rsqrt": ("torch.rsqrt(x)", dict(x=POSITIVE)), "reciprocal": ("torch.reciprocal(x)", dict(x=POSITIVE)),
    "pow": ("x ** 2", {}), "pow_half": ("torch.pow(x, 0.5)", dict(x=POSITIVE)), "pow_tensor": ("torch.pow(x, y)", dict(x=POSITIVE, y=f32())),
    "sin": ("torch.sin(x)", {}), "cos": ("torch.cos(x)", {}), "erf": ("torch.erf(x)", {}), "floor": ("torch.floor(x)", {}),
    "ceil": ("torch.ceil(x)", {}), "round": ("torch.round(x)", {}), "sign": ("torch.sign(x)", {}),
    "clamp": ("torch.clamp(x, -0.5, 0.7)", {}), "clamp_min": ("x.clamp(min=0.2)", {}), "clamp_max": ("x.clamp(max=0.2)", {}),
    "clamp_min_operator": ("torch.clamp_min(x, 0.2)", {}), "hardtanh_range": ("F.hardtanh(x, -0.3, 2.0)", {}),
    "max_pair": ("torch.max(x, y)", PAIR), "min_pair": ("torch.min(x, y)", PAIR), "maximum": ("torch.maximum(x, y)", PAIR),
    "minimum": ("torch.minimum(x, y)", PAIR), "max_all": ("x.max()", {}), "min_all": ("x.min()", {}),
    "max_dim": ("x.max(1)[0]", {}), "amax": ("torch.amax(x, [2, 3])", {}), "argmax": ("torch.argmax(x, 1)", {}),
    "mean": ("x.mean([2, 3])", {}), "mean_keep": ("x.mean(1, keepdim=True)", {}), "mean_all": ("x.mean()", {}),
    "sum": ("x.sum([2, 3])", {}), "sum_keep": ("x.sum(-1, keepdim=True)", {}), "sum_all": ("x.sum()", {}),
    "matmul": ("torch.matmul(x, y)", dict(x=f32(3, 4, 5), y=f32(5, 6))),
    "matmul_4d": ("x @ y", dict(x=f32(2, 3, 4, 5), y=f32(2, 3, 5, 4))),
    "matmul_vector": ("torch.matmul(x, y)", dict(x=f32(4, 5), y=f32(5))), "mm": ("torch.mm(x, y)", dict(x=f32(4, 5), y=f32(5, 6))),
    "bmm": ("torch.bmm(x, y)", dict(x=f32(3, 4, 5), y=f32(3, 5, 6))),
    "addmm": ("torch.addmm(z, x, y, beta=0.5, alpha=2.0)", dict(x=f32(4, 5), y=f32(5, 6), z=f32(6))),
    "addmm_plain": ("torch.addmm(z, x, y)", dict(x=f32(4, 5), y=f32(5, 6), z=f32(4, 6))),
    "baddbmm": ("torch.baddbmm(z, x, y, beta=0.5, alpha=2.0)", dict(x=f32(3, 4, 5), y=f32(3, 5, 6), z=f32(3, 4, 6))),
    "cat": ("torch.cat([x, y, x], 1)", PAIR), "stack": ("torch.stack([x, y], 2)", PAIR),
    "chunk": ("a, b = x.chunk(2, 2)\nreturn a * b", {}), "split": ("a, b, c = x.split([3, 5, 8], -1)\nreturn a, b, c", {}),
    "unbind": ("a, b = x.unbind(0)\nreturn a + b", {}), "flatten": ("x.flatten(1)", {}), "view": ("x.view(x.size(0), -1)", {}),
    "reshape": ("x.reshape(-1, 16)", {}), "permute": ("x.permute(0, 2, 3, 1)", {}), "transpose": ("x.transpose(1, 2)", {}),
    "squeeze": ("x[:1].squeeze(0)", {}), "unsqueeze": ("x.unsqueeze(0)", {}), "slice": ("x[:, 1:, ::2]", {}), "select": ("x[:, 1]", {}),
    "expand": ("x[:, :1].expand(-1, 5, -1, -1)", {}), "repeat": ("x.repeat(1, 2, 1, 1)", {}), "pad": ("F.pad(x, [1, 2])", {}),
    "where": ("torch.where(x > y, x, y * 2.0)", PAIR), "compare": ("(x >= 0.5).float()", {}), "masked_fill": ("x.masked_fill(x < 0, 0.25)", {}),
    "to_float": ("x.to(torch.float32)", {}), "type_as": ("x.type_as(y)", PAIR), "float_method": ("x.float()", {}),
    "embedding": ("F.embedding(x, self.w)", dict(x=i64(2, 7), w=lambda: torch.randn(10, 5))),
    "index_select": ("torch.index_select(x, 1, y)", dict(x=f32(2, 5, 4), y=i64(3, high=5))),
    "gather": ("torch.gather(x, 1, y)", dict(x=f32(2, 5), y=i64(2, 3, high=5))),
    "einsum": ("torch.einsum('bij,bjk->bik', x, y)", dict(x=f32(3, 4, 5), y=f32(3, 5, 6))),
    "norm": ("F.normalize(x, dim=1)", {}), "addcmul": ("torch.addcmul(x, x, y, value=0.5)", PAIR), "zeros_like": ("x + torch.zeros_like(x)", {}),
    "new_ones": ("x + torch.ones([3, 1, 1])", {}), "constant": ("x * self.w", dict(x=f32(), w=lambda: torch.randn(16))),
    "var": ("torch.var(x, [2, 3], unbiased=False)", {}), "std": ("x.std(1)", {}),
    "scaled_dot_product": ("torch.softmax(torch.matmul(x, y.transpose(-2, -1)) / 2.0, -1)", dict(x=f32(2, 4, 8), y=f32(2, 6, 8))),
}
for _name, (_body, _inputs) in EXPRESSIONS.items():
    table("float_" + _name, _body, **({"x": f32()} | _inputs))


def seen(norm):
    """A batch norm whose statistics are not its initial ones."""
    gen = torch.Generator().manual_seed(3)
    norm.running_mean = torch.randn(norm.num_features, generator=gen)
    norm.running_var = torch.rand(norm.num_features, generator=gen) + 0.5
    if norm.affine:
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    return norm
