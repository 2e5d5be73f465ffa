def enums(mode: __torch__.Mode,
    level: __torch__.Level,
    ratio: __torch__.Ratio) -> Tuple[str, str, int, float]:
  _0 = ("nearest", "", 1, 9.9999999999999995e-08)
  if torch.eq(mode, __torch__.Mode.LINEAR):
    _2 = ((mode).value, (mode).name, (level).value, (ratio).value)
    _1 = _2
  else:
    _1 = _0
  return _1
