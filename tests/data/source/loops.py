def loops(x: Tensor,
    n: int,
    limit: Optional[int]) -> Tuple[Tensor, int, Optional[int]]:
  _0 = uninitialized(int)
  _1 = uninitialized(bool)
  x0 = x
  last: Optional[int] = None
  _2 = 0
  _3 = torch.gt(n, 0)
  while _3:
    if torch.eq(torch.remainder(_2, 2), 0):
      _4, _5 = x0, last
    else:
      _4, _5 = torch.add(x0, _2), _2
    _6 = torch.add(_2, 1)
    _7 = torch.__and__(torch.lt(_6, n), True)
    _3, x0, last, _2 = _7, _4, _5, _6
  if torch.lt(0, n):
    _8 = bool(torch.gt(torch.sum(x0), 0))
  else:
    _8 = False
  i = 0
  limit0: Optional[int] = limit
  _9 = _8
  while _9:
    i0 = torch.add(i, 2)
    if torch.__isnot__(limit0, None):
      limit2 = unchecked_cast(int, limit0)
      if torch.gt(i0, limit2):
        _14, _15, _16, _17 = True, False, i0, limit2
      else:
        _14, _15, _16, _17 = False, _1, _0, _0
      _10, _11, _12, _13, limit1 = _14, _15, _16, _17, limit2
    else:
      _10, _11, _12, _13, limit1 = False, _1, _0, _0, limit0
    if _10:
      _18, _19, _20 = _11, _12, _13
    else:
      if torch.lt(i0, n):
        _22 = bool(torch.gt(torch.sum(x0), 0))
        _21 = _22
      else:
        _21 = False
      _18, _19, _20 = _21, i0, limit1
    _9, i, limit0 = _18, _19, _20
  _23 = [x0, x0]
  _24 = ops.prim.min([9223372036854775807, torch.len(_23)])
  x1 = x0
  for k in range(_24):
    v = _23[k]
    x1 = torch.add(torch.mul(x1, k), v)
  _25 = [1, 2]
  _26 = [3, 4]
  _27 = ops.prim.min([torch.len(_25), torch.len(_26)])
  i1 = i
  for _28 in range(_27):
    p = _25[_28]
    q = _26[_28]
    i1 = torch.add(i1, torch.mul(p, q))
  return (x1, i1, last)
