op_version_set = 1
import __torch__.torch.nn
import __torch__

# A comment, and a blank line with blanks
  
class Empty():
    pass
class Point(NamedTuple):  # behind a header

    # in an odd column
  x : Tensor
        # another
  y : Optional[Tensor] = None
def operators(a, b, c):
  d = a + b - c * a / b // c % a @ b
  d = a | b ^ c & a << b >> c + a
  d = (a and b) or ((c and not a) and ~b)
  d = a ** -b ** c, (-a) ** 2, -a ** b, not a == b, - - a, +a, -(1), -1 + 2, 1 - -1
  d = (a < b), (a <= b), (a > b), (a >= b), (a == b), (a != b), a is b, a is not b, a in b, a not in b
  d = a if b else c if a else b
  d = (a if b else c) + 1
  d += a
  d -= a
  d *= a
  d /= a
  d //= a
  d %= a
  d **= a
  d &= a
  d |= a
  d ^= a
  d <<= a
  d >>= a
  a.b[c].d @ e
  return
def primaries(self, *, x: int=3, y: Tuple[()]=(), z=None,) -> None:
  a = b = c, = x
  a, (b, c.d), e[0] = (b), (c, a), (d,)
  (a, b) = [], {}, (), [a,], {a: b,}, [a, b,], (a, b,)
  del a, b.c, d[0]
  e = [i * i for i in range(x)], [i + j for i, j in z]
  e = f(a)(b)[c](*d, *e, key=f, other=not g)
  e = a[:], a[b:], a[:b], a[b:c], a[::], a[::b], a[b::c], a[:b:c], a[b:c:d], a[..., None, 1:2, -1], a[()], (a)[0:1]
  e = {"key": {1: [2]}, a.b: (c)}
  e = ..., True, False, None, self.__annotations__["0"], getattr(self, "0.weight"), __torch__.a.___torch_mangle_1.b
  e = (
    a,  # inside brackets lines do not count
  b,
      [c,

      d])
  e = a + \
    b
  assert a
  assert a, "b"
  raise a
  raise
def literals():
  a = 0, 1, 0x1F, 0XfF, 0x7fffffffffffffff, 9223372036854775807, -9223372036854775808
  a = 1., .5, 1.5, 1e5, 1E5, 1e+5, 1.e-5, .5e3, 0., -0., -1.5, 1e-320, 1.7976931348623157e308, 0.1
  a = 1j, 1.5j, .5j, 1e3j, -2.j, 1.+2.j
  a = "", '', "a" "b" 'c', "'", '"', "\"\'\\\a\b\f\n\r\t\v", "\x41\x7f\101\0\12z\1777"
  a = """three "quoted" lines
  of ""text\""" """, """""", "# no comment", "(", ("x"
    "y")
def blocks(x):
  for i in range(3): x = i
  for i, (j, k) in x:
    if i: pass
    elif j:
      break
    elif k:
      continue
    else:
      while x: x -= 1
    continue
  with a: pass
  with a as b, c as d.e, f:
    with g as h:
      def inner(y: int=1) -> int: return y
      def __forked_function():
        return inner(i)
  return x,
def last(x): return x, 