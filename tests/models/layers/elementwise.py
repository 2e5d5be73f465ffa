"""Quantized operators that work element by element, and normalizations."""
import torch

from .layer import Table, s8, u8

LAYERS = table = Table()

for _relu in ("", "_relu"):
    for _op, _scale in (("add", 0.0405), ("mul", 0.0609)):
        _zero = 0 if _relu else 129
        _call = "torch.ops.quantized.%s%s(x, y, %r, %d)" % (_op, _relu, _scale, _zero)
        table(_op + _relu, _call, x=u8(), y=u8(scale=0.0311, zero_point=140))
        table(_op + _relu + "_same", "torch.ops.quantized.%s%s(x, x, %r, %d)" % (_op, _relu, _scale, _zero), x=u8())
        table(_op + _relu + "_broadcast", _call, x=u8(), y=u8(1, 8, 1, 1, scale=0.0311, zero_point=140))
        table(_op + _relu + "_broadcast_rank", _call, x=u8(), y=u8(80, scale=0.0311, zero_point=140))
        table(_op + _relu + "_scalar", "torch.ops.quantized.%s_scalar%s(x, 0.37)" % (_op, _relu), x=u8())
        table(_op + _relu + "_scalar_negative", "torch.ops.quantized.%s_scalar%s(x, -1.25)" % (_op, _relu), x=u8())
        table(_op + _relu + "_scalar_integer", "torch.ops.quantized.%s_scalar%s(x, 2)" % (_op, _relu), x=u8())
table("mul_signed", "torch.ops.quantized.mul(x, y, 0.0609, -3)", x=s8(), y=s8(scale=0.0311, zero_point=4))
table("mul_ties", "torch.ops.quantized.mul(x, y, 1.0, 33)", x=u8(scale=0.5, zero_point=3), y=u8(scale=0.5, zero_point=100))
table("mul_relu_zero_point", "torch.ops.quantized.mul_relu(x, y, 0.0609, 31)", x=u8(), y=u8(scale=0.0311, zero_point=140))
table("add_scalar_ties", "torch.ops.quantized.add_scalar(x, -255.0)", x=u8(scale=0.5, zero_point=0))
table("add_scalar_relu_ties", "torch.ops.quantized.add_scalar_relu(x, 300.0)", x=u8(scale=0.5, zero_point=200))
table("add_scalar_signed", "torch.ops.quantized.add_scalar(x, 2)", x=s8())
table("add_signed", "torch.ops.quantized.add(x, y, 0.0405, -3)", x=s8(), y=s8(scale=0.0311, zero_point=4))
table("mul_scalar_zero", "torch.ops.quantized.mul_scalar(x, 0.0)", x=u8(), exact=True)
table("add_scalar_far", "torch.ops.quantized.add_scalar(x, 9.0)", x=u8())
table("add_relu_zero_point", "torch.ops.quantized.add_relu(x, y, 0.0405, 31)", x=u8(), y=u8(scale=0.0311, zero_point=140))
table("float_functional", "self.f.mul(self.f.add(x, y), y)", x=u8(), y=u8(scale=0.0311, zero_point=140),
      f=lambda: functional(0.0405, 129))

table("hardswish", "torch.ops.quantized.hardswish(x, 0.0152, 30)", x=u8(scale=0.0411, zero_point=100))
table("hardswish_module", "self.m(x)", x=u8(scale=0.0411, zero_point=100),
      m=lambda: torch.ao.nn.quantized.Hardswish(0.0152, 30))
table("hardsigmoid", "F.hardsigmoid(x)", x=u8(scale=0.0411, zero_point=100))
table("hardsigmoid_", "F.hardsigmoid(x, inplace=True)", x=u8(scale=0.0411, zero_point=100))
table("relu", "F.relu(x)", x=u8(), exact=True)
table("relu_", "F.relu(x, inplace=True)", x=u8(), exact=True)
table("relu_method", "x.relu_()", x=u8(), exact=True)
table("relu_signed", "F.relu(x)", x=s8(), exact=True)
table("relu_twice", "torch.relu(torch.relu(x))", x=u8(), exact=True)
table("relu6", "torch.ops.quantized.relu6(x, False)", x=u8(scale=0.0411, zero_point=100))
table("relu6_functional", "F.relu6(x)", x=u8(scale=0.0411, zero_point=100))
table("relu6_inplace", "F.relu6(x, inplace=True)", x=u8(scale=0.0411, zero_point=100))
table("hardtanh", "F.hardtanh(x, -0.7, 0.9)", x=u8())
table("hardtanh_", "F.hardtanh_(x, -0.7, 0.9)", x=u8())
table("clamp", "torch.clamp(x, -0.7, 0.9)", x=u8())
table("leaky_relu", "F.leaky_relu(x, 0.1)", x=u8())
table("leaky_relu_ties", "F.leaky_relu(x, 0.1)", x=u8(scale=0.0064927646890282631, zero_point=123))
table("leaky_relu_", "F.leaky_relu(x, 0.02, inplace=True)", x=u8())
table("leaky_relu_quantized", "torch.ops.quantized.leaky_relu(x, 0.1, False, 0.0121, 30)", x=u8())
table("sigmoid", "torch.sigmoid(x)", x=u8(scale=0.0411, zero_point=100))
table("sigmoid_signed", "torch.sigmoid(x)", x=s8(scale=0.0411, zero_point=3))
table("sigmoid_quantized", "torch.ops.quantized.sigmoid(x, 0.00390625, 0)", x=u8(scale=0.0411, zero_point=100))
table("tanh", "torch.tanh(x)", x=u8(scale=0.0311, zero_point=120))
table("tanh_signed", "torch.tanh(x)", x=s8(scale=0.0311, zero_point=-2))
table("elu", "torch.ops.quantized.elu(x, 0.0131, 70, 1.0, 1.0, 1.0)", x=u8())
table("elu_alpha", "torch.ops.quantized.elu(x, 0.0131, 70, 0.6, 1.0, 1.0)", x=u8())
for _op, _call in (("elu", "elu(%s, 1.0, 33, 1.0, 1.0, 1.0)"), ("celu", "celu(%s, 1.0, 33, 1.5)")):
    table(_op + "_channels_last", "torch.ops.quantized." + _call % "x.contiguous(memory_format=torch.channels_last)",
          x=u8(scale=0.5, zero_point=3))
table("gelu", "F.gelu(x)", x=u8())
table("threshold", "F.threshold(x, 0.3, 0.0)", x=u8())
table("softmax", "torch.ops.quantized.softmax(x, -1, 0.00390625, 0)", x=u8(1600, 64, scale=0.0411, zero_point=100))
table("softmax_dim1", "torch.ops.quantized.softmax(x, 1, 0.00390625, 0)", x=u8(scale=0.0411, zero_point=100))
table("prelu", "torch.ops.quantized.prelu(x, self.slope, 0.0131, 70)", x=u8(),
      slope=lambda: torch.quantize_per_tensor(torch.tensor([0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 1.0]), 0.01, 0, torch.quint8))

for _relu in ("", "_relu"):
    for _dim, _shape in (("2d", ()), ("3d", (1, 8, 8, 40, 40))):
        table("batch_norm%s%s" % (_dim, _relu),
              "torch.ops.quantized.batch_norm%s%s(x, self.w, self.b, self.m, self.v, 1e-5, 0.0311, %d)"
              % (_dim, _relu, 0 if _relu else 131),
              x=u8(*_shape), w=lambda: torch.rand(8) + 0.5, b=lambda: torch.randn(8), m=lambda: torch.randn(8) * 0.3,
              v=lambda: torch.rand(8) + 0.5)
table("layer_norm", "torch.ops.quantized.layer_norm(x, [80], self.w, self.b, 1e-5, 0.0311, 131)", x=u8(),
      w=lambda: torch.rand(80) + 0.5, b=lambda: torch.randn(80))
table("group_norm", "torch.ops.quantized.group_norm(x, 4, self.w, self.b, 1e-5, 0.0311, 131)", x=u8(),
      w=lambda: torch.rand(8) + 0.5, b=lambda: torch.randn(8))
table("instance_norm", "torch.ops.quantized.instance_norm(x, self.w, self.b, 1e-5, 0.0311, 131)", x=u8(),
      w=lambda: torch.rand(8) + 0.5, b=lambda: torch.randn(8))

for _name, _x in (("dropout", "F.dropout(x, 0.5, False)"), ("feature_dropout", "F.dropout2d(x, 0.5, False)"),
                  ("alpha_dropout", "F.alpha_dropout(x, 0.5, False)")):
    table(_name, _x, x=u8(2, 8, 20, 20), exact=True)


def functional(scale, zero_point):
    f = torch.ao.nn.quantized.QFunctional()
    f.scale, f.zero_point = scale, zero_point
    return f
