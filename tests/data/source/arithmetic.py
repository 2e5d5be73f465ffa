def arithmetic(a: int,
    b: int,
    c: float,
    x: Tensor,
    flag: bool) -> Tuple[int, float, float, int, bool, Tensor, int, bool, bool, float, int, str, bool, int, int, int, str]:
  _0 = torch.add(a, torch.mul(b, a))
  _1 = torch.remainder(torch.floordiv(b, 3), 5)
  d = torch.sub(_0, _1)
  e = torch.sub(torch.neg(a), torch.pow(ops.prim.abs(a), 2))
  f = torch.add(torch.add(torch.div(c, 2.), float(a)), torch.pow(c, b))
  _2 = torch.__and__(a, b)
  _3 = torch.__xor__(a, b)
  _4 = torch.add(torch.__lshift__(a, 1), torch.__rshift__(b, 2))
  g = torch.__or__(_2, torch.__xor__(_3, _4))
  if torch.__not__(flag):
    _5 = True
  else:
    if torch.lt(a, b):
      _6 = torch.ge(b, a)
    else:
      _6 = False
    _5 = _6
  if _5:
    h = True
  else:
    h = torch.ne(a, b)
  i = torch.add(torch.matmul(x, torch.t(x)), torch.neg(x))
  if flag:
    j = a
  else:
    j = b
  if torch.__contains__([a, b], 3):
    _7 = torch.__not__(torch.__contains__([a, b], 4))
    k = _7
  else:
    k = False
  _8 = (d, e, f, g, h, i, j, k, True, torch.round(c), int(c), str(a), bool(a), ops.prim.min(a, b), torch.len([a]), 97, "a")
  return _8
