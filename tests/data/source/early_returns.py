def early_returns(x: Tensor,
    n: int) -> Tensor:
  _0 = uninitialized(int)
  _1 = uninitialized(Tensor)
  if torch.eq(n, 0):
    _2, _3 = True, x
  else:
    if torch.eq(n, 1):
      _4, _5 = True, torch.add(x, 1)
    else:
      if torch.lt(n, 0):
        _6 = torch.format("n is negative: {}", n)
        ops.prim.RaiseException(_6, "builtins.ValueError")
      else:
        pass
      _4, _5 = False, _1
    _2, _3 = _4, _5
  if _2:
    _7 = _3
  else:
    _8 = False
    _9 = _1
    n0 = n
    _10 = True
    while _10:
      if torch.gt(n0, 5):
        _11, _12, _13, _14 = False, True, torch.neg(x), _0
      else:
        _11, _12, _13, _14 = True, False, _1, torch.add(n0, 1)
      _10, _8, _9, n0 = _11, _12, _13, _14
    if _8:
      _15 = _9
    else:
      _15 = x
    _7 = _15
  return _7
