def assignments(x: Tensor,
    pair: Tuple[Tensor, Tensor],
    items: List[int]) -> Tuple[Tensor, Tensor, Tuple[Tensor], int, int]:
  a, b, = pair
  d, e, f, = items
  x0 = torch.add_(x, b)
  _0 = torch.select(x0, 0, 0)
  _1 = torch.tensor(1., dtype=ops.prim.dtype(_0), device=ops.prim.device(_0))
  _2 = torch.copy_(_0, _1)
  _3 = torch.unsqueeze(torch.slice(x0, 0, 1, 3), -1)
  _4 = torch.copy_(_3, a)
  _5 = torch._set_item(items, 0, d)
  _6 = torch.append(items, e)
  first = (pair)[0]
  rest = ((pair)[0],)
  print("seen", f, x0)
  if torch.gt(d, 0):
    pass
  else:
    ops.prim.RaiseException("AssertionError: d must be positive")
  return (x0, first, rest, e, f)
