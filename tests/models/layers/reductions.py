"""Float reductions, normalizations and activations with the arguments that models rarely give."""
import torch
from torch import nn

from .layer import Table, f32, s8, u8

LAYERS = table = Table()

POSITIVE = f32(low=0.1, high=0.9)
EXPRESSIONS = {
    "sum_dims_keep": "x.sum([0, 2], keepdim=True)", "mean_dims": "x.mean([0, -1])", "mean_trailing": "x.mean([-2, -1])",
    "mean_rank3": "x[0].mean([1, 2])", "prod": "x.prod()", "prod_dim": "x.prod(2, True)",
    "logsumexp": "torch.logsumexp(x, [1, 2])", "amax_all": "torch.amax(x, [])", "amin": "torch.amin(x, [1], keepdim=True)",
    "argmin": "x.argmin(2, keepdim=True)", "argmax_all": "x.argmax()", "min_dim": "x.min(-1)[0]",
    "max_dim_keep": "x.max(1, keepdim=True)[0]", "var_all": "x.var()", "var_unbiased": "x.var([1, 2], unbiased=True)",
    "std_keep": "x.std([1, 2], unbiased=False, keepdim=True)", "std_all": "torch.std(x)",
    "var_correction": "torch.var(x, [1, 2], correction=3)",
    "norm_1": "x.norm(p=1, dim=1)", "norm_2": "x.norm()", "norm_inf": "x.norm(p=float('inf'), dim=[2, 3], keepdim=True)",
    "vector_norm": "torch.linalg.vector_norm(x, dim=[1])", "frobenius": "torch.frobenius_norm(x, [2, 3])",
    "softmax_operator": "torch._softmax(x, 1, False)", "log_softmax_operator": "torch._log_softmax(x, -1, False)",
    "softmax_dtype": "torch.softmax(x, 2, dtype=torch.float32)",
    "clip": "torch.clip(x, -0.3)", "clamp_max_operator": "torch.clamp_max(x, 0.2)",
    "clamp_tensor": "torch.clamp(x, self.low, self.high)", "clamp_equal": "torch.clamp(x, 0.5, 0.1)",
    "elu_scaled": "torch._C._nn.elu(x, 0.7, 1.3, 1.0)", "elu_input": "torch._C._nn.elu(x, 0.7, 1.3, 1.6)",
    "celu_alpha": "F.celu(x, 0.6)", "softplus_beta": "F.softplus(x, 2.0, 1.5)", "softplus_plain": "F.softplus(x, 0.5)",
    "hardshrink_lambd": "F.hardshrink(x, 0.8)", "softshrink_lambd": "F.softshrink(x, 0.8)",
    "threshold_zero": "F.threshold(x, 0.4, 0.0)", "threshold_relu": "F.threshold(x, 0.0, 0.0)",
    "glu_last": "F.glu(x)", "asin": "torch.asin(x / 4)", "acos": "torch.acos(x / 4)", "atan": "torch.atan(x)",
    "sinh": "torch.sinh(x)", "cosh": "torch.cosh(x)", "tan": "torch.tan(x / 4)",
}
PARTS = {"clamp_tensor": {"low": lambda: torch.tensor([[[-0.5]], [[-0.1]], [[0.2]]]), "high": lambda: torch.tensor(0.7)}}
for _name, _body in EXPRESSIONS.items():
    table("float_more_" + _name, _body, x=f32(), **PARTS.get(_name, {}))
table("float_more_prelu_one", "self.m(x)", x=f32(2, 3), m=lambda: nn.PReLU())
table("float_more_prelu_2d", "self.m(x)", x=f32(2, 3), m=lambda: nn.PReLU(3, 0.4))
table("float_more_sum_integers", "x.sum(1)", x=f32(2, 3, 4))

STATISTICS = {"m": lambda: torch.linspace(-1, 1, 8), "v": lambda: torch.linspace(0.5, 1.5, 8)}
AFFINE = {"w": lambda: torch.linspace(0.5, 2, 8), "b": lambda: torch.linspace(-1, 1, 8)}
table("float_more_native_batch_norm", "torch.native_batch_norm(x, self.w, self.b, self.m, self.v, False, 0.1, 1e-5)[0]",
      x=f32(2, 8, 6, 6), **STATISTICS, **AFFINE)
table("float_more_native_layer_norm", "torch.native_layer_norm(x, [8], self.w, self.b, 1e-5)[0]", x=f32(2, 5, 8), **AFFINE)
table("float_more_instance_norm_statistics", "F.instance_norm(x, self.m, self.v, self.w, self.b, False)", x=f32(2, 8, 6, 6),
      **STATISTICS, **AFFINE)
table("float_more_group_norm_plain", "F.group_norm(x, 4)", x=f32(2, 8, 6))
for _relu in ("", "_relu"):
    for _rank, _shape in (("1d", (40, 8, 400)), ("1d", (4000, 8)), ("", (2, 8, 80, 80)), ("", (4000, 8))):
        table("batch_norm%s%s_rank%d" % (_rank, _relu, len(_shape)),
              "torch.ops.quantized.batch_norm%s%s(x, self.w, self.b, self.m, self.v, 1e-5, 0.0311, %d)"
              % (_rank, _relu, 7 if _relu else 131), x=u8(*_shape), **STATISTICS, **AFFINE)
table("batch_norm_signed", "torch.ops.quantized.batch_norm2d(x, self.w, self.b, self.m, self.v, 1e-5, 0.0311, -3)", x=s8(),
      **STATISTICS, **AFFINE)

QUANTIZED = {
    "celu": "torch.ops.quantized.celu(x, 0.0131, 70, 0.8)", "clamp_operator": "torch.ops.quantized.clamp(x, -0.7, 0.9)",
    "clip": "torch.clip(x, -0.7, 0.9)", "threshold_operator": "torch.ops.quantized.threshold(x, 0.3, 0.7)",
    "threshold_on_step": "F.threshold(x, 0.173, 0.4)", "elu_scaled": "torch.ops.quantized.elu(x, 0.0131, 70, 0.7, 1.3, 1.6)",
    "gelu_tanh": "F.gelu(x, approximate='tanh')", "leaky_relu_fifth": "F.leaky_relu(x, 0.2)",
    "softmax_scale": "torch.ops.quantized.softmax(x, 1, 0.0071, 3)",
}
for _name, _body in QUANTIZED.items():
    table("more_" + _name, _body, x=u8())
for _name, _body in {"hardsigmoid": "F.hardsigmoid(x)", "hardtanh": "F.hardtanh(x, -0.7, 0.9)", "gelu": "F.gelu(x)",
                     "leaky_relu": "F.leaky_relu(x, 0.02)", "threshold": "F.threshold(x, 0.3, 0.1)",
                     "hardswish": "torch.ops.quantized.hardswish(x, 0.0152, -30)",
                     "elu": "torch.ops.quantized.elu(x, 0.0131, -70, 1.0)"}.items():
    table("signed_" + _name, _body, x=s8(zero_point=5))
