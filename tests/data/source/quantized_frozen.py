class Quantized(Module):
  __parameters__ = []
  __buffers__ = []
  def forward(self: __torch__.___torch_mangle_10.Quantized,
    x: Tensor) -> Tensor:
    _0 = "Input shape must be `(N, C, H, W)`!"
    _1 = torch.quantize_per_tensor(x, 0.0038993589114397764, 0, 13)
    _2 = torch.ne(torch.len(torch.size(_1)), 4)
    if _2:
      ops.prim.RaiseException(_0, "builtins.ValueError")
    else:
      pass
    _3 = ops.quantized.conv2d_relu(_1, CONSTANTS.c0, 0.0033557738643139601, 0)
    return torch.dequantize(_3)
