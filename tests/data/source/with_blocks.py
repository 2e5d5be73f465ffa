def with_blocks(x: Tensor,
    n: int) -> Tensor:
  guard = __torch__.Guard.__new__(__torch__.Guard)
  _0 = (guard).__init__(n, )
  with guard as depth:
    _1 = __torch__.torch.autograd.grad_mode.no_grad.__new__(__torch__.torch.autograd.grad_mode.no_grad)
    _2 = (_1).__init__()
    with _1:
      x0 = torch.add(x, depth)
  with guard:
    pass
  return x0
