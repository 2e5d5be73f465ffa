def optionals(x: Optional[Tensor],
    y: Any,
    z: Union[List[int], int, str],
    d: Dict[str, List[Optional[int]]]) -> Tuple[Tensor, Tensor, Dict[str, List[Optional[int]]], Dict[int, Tuple[()]], List[List[int]], Dict[str, Optional[Tensor]], Dict[int, float], List[List[float]], List[int], List[int]]:
  if torch.__is__(x, None):
    out0 = torch.zeros([2, 3], dtype=7, layout=None, device=torch.device("cpu"))
    x0, out = x, out0
  else:
    x1 = unchecked_cast(Tensor, x)
    x0, out = x1, x1
  _0 = isinstance(y, int)
  if _0:
    y0 = unchecked_cast(int, y)
    n = torch.add(y0, 1)
  else:
    y1 = unchecked_cast(Any, y)
    _1 = isinstance(y1, (float, str))
    if _1:
      n0 = 2
    else:
      n0 = 3
    n = n0
  _2 = isinstance(z, int)
  if _2:
    z0 = unchecked_cast(int, z)
    n1 = torch.add(n, z0)
  else:
    n1 = n
  w = torch._unwrap_optional(x0)
  _3 = annotate(List[Optional[int]], [None, n1])
  torch._set_item(d, "new", _3)
  empty = annotate(Dict[int, Tuple[()]], {})
  nested = annotate(List[List[int]], [])
  table = annotate(Dict[str, Optional[Tensor]], {"a": x0, "b": None})
  numbers = {1: 1., 2: -2.5}
  listed = annotate(List[List[float]], out.tolist())
  _4 = sorted([3, 1])
  _5 = annotate(List[int], [])
  for i in range(3):
    _6 = torch.append(_5, torch.mul(i, 2))
  _7 = (out, w, d, empty, nested, table, numbers, listed, _4, _5)
  return _7
