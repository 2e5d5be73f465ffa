def literals(limit: float=inf,
    bottom: float=-inf,
    unit: complex=1.+2.j,
    sizes: List[int]=[1, 2]) -> Tuple[Tuple[int, int, int, int], Tuple[float, float, float, float, float, float, float, float, float], Tuple[complex, complex, complex], Tuple[str, str, str, str, str], Tuple[bool, bool, NoneType, int, Device, int, int], str, str, float, float, complex, List[int], List[int], List[float], Tuple[int], Tuple[()]]:
  _0 = (0, -1, 9223372036854775807, -9223372036854775807)
  _1 = (1., -0.5, 1.0000000000000001e-05, 10000000000, 1.0000000000000001e+300, 4.9406564584124654e-324, -2.2250738585072014e-308, nan, 123456.789)
  _2 = ("", "plain", "it\'s \"quoted\"", "tab\tnew\nline\rback\\slash", "\001\a\b\v\f\037\177")
  _3 = (True, False, None, 6, torch.device("cuda:0"), 0, 0)
  long = "a string so long that the printer gives it a line of its own, before the statement that needs it"
  _4 = (_0, _1, (0.+5.j, 0.+infj, 1.-2.5j), _2, _3, CONSTANTS.c0, long, limit, bottom, unit, sizes, [1, -2], [0.25, 1.], (1,), ())
  return _4
