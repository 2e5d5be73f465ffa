def keywords(x: Tensor,
    scale: float,
    p: __torch__.Point) -> Tuple[__torch__.Point, float, __torch__.Point, Tensor, List[Optional[Tensor]], Tensor, str]:
  y = torch.add(x, x, alpha=2)
  y0 = torch.quantize_per_tensor(y, scale, 128, 13)
  z = torch.arange(10, dtype=4, layout=None, device=ops.prim.device(x))
  grads = torch.autograd.grad([torch.sum(x)], [x], None, True)
  _0 = (__torch__.Point(y0, None, 0.5), (p)[2], p, z, grads, ops.quantized.relu6(y0), torch.format("{} of {}", 1, x))
  return _0
