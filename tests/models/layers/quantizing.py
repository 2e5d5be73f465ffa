"""Quantize and dequantize, quantized inputs and outputs."""
import torch

from .layer import Table, f32, s8, u8

LAYERS = table = Table()



def coarse(module, factor=1.0):
    """With parameters in 1/64: of inputs in 1/32 the sums are exact in float32, whatever adds them up."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_((parameter * factor * 64).round() / 64)
    return module


REAL = f32(2, 3, 150, 150, low=-4.0, high=4.0)
table("quantize", "torch.quantize_per_tensor(x, 0.0187, 114, torch.quint8)", x=REAL)
table("quantize_even_scale", "torch.quantize_per_tensor(x, 0.03125, 128, torch.quint8)", x=REAL)
table("quantize_signed", "torch.quantize_per_tensor(x, 0.0187, -7, torch.qint8)", x=REAL)
table("quantize_module", "self.m(x)", x=REAL, m=lambda: torch.ao.nn.quantized.Quantize(0.0187, 114, torch.quint8))
table("quantize_dequantize", "torch.quantize_per_tensor(x, 0.0187, 114, torch.quint8).dequantize()", x=REAL)
table("dequantize", "x.dequantize()", x=u8())
table("dequantize_signed", "torch.dequantize(x)", x=s8())
table("dequantize_module", "self.m(x)", x=u8(), m=torch.ao.nn.quantized.DeQuantize)
table("dequantize_list", "a, b = torch.dequantize([x, y])\nreturn a, b", x=u8(2, 3), y=s8(3), forms=("scripted",))
# ONNX Runtime quantizes the weights of a float layer between a DequantizeLinear and a QuantizeLinear.
_X = dict(scale=0.03125, zero_point=121)
for _name, _scale in (("", 0.0625), ("_one", 1.0), ("_odd", 0.0713)):
    for _layer, _body in (("conv2d", "self.m(x.dequantize())"), ("relu", "F.relu(self.m(x.dequantize()))")):
        table("quantize_behind_float_%s%s" % (_layer, _name), "torch.quantize_per_tensor(%s, %r, 17, torch.quint8)" % (_body, _scale),
              x=u8(1, 8, 30, 30, **_X), m=lambda s=_scale: coarse(torch.nn.Conv2d(8, 16, 3), 64 * s), exact=True)
table("quantize_behind_float_linear", "torch.quantize_per_tensor(self.m(x.dequantize()), 0.0625, 121, torch.quint8)", exact=True,
      x=u8(300, 40, **_X), m=lambda: coarse(torch.nn.Linear(40, 30), 4))
table("int_repr", "x.int_repr()", x=u8(), exact=True)
table("requantize", "torch.quantize_per_tensor(x.dequantize(), 0.0307, 97, torch.quint8)", x=u8())
table("requantize_signed", "torch.quantize_per_tensor(x.dequantize(), 0.0307, -20, torch.qint8)", x=u8())
table("quantized_input", "torch.relu(x)", x=u8(direct=True), exact=True)
table("quantized_input_signed", "F.max_pool2d(x, 2)", x=s8(1, 4, 10, 10, direct=True), exact=True)
table("quantized_inputs", "torch.ops.quantized.add(x, y, 0.0405, 129)", x=u8(direct=True),
      y=u8(scale=0.0311, zero_point=140, direct=True))
table("quantized_input_dequantize", "x.dequantize()", x=u8(direct=True))
table("quantized_and_float", "return x.dequantize() * y, x", x=u8(2, 3, 4, 5, direct=True), y=f32(2, 3, 4, 5))
