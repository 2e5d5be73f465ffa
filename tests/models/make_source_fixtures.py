#!/usr/bin/python3
"""Writes tests/data/source: code that PyTorch printed, and what CPython's own parser makes of it.

Each NAME.py is one file of a saved model's code/ folder, or the concatenated ones of a model.  NAME.tree beside it is
the syntax tree that CPython's `ast` module reads from the same text, in the notation of source_tree.py, with the byte
range of every expression: the expected result of Octavo's parser, from a parser that is not ours.

    tests/models/make_source_fixtures.py [FOLDER]

needs PyTorch 1.13.
"""

import enum
import io
import os
import sys
import zipfile
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

import torch
from torch import Tensor, nn

import source_tree


class Point(NamedTuple):
    x: Tensor
    y: Optional[Tensor]
    weight: float


class Mode(enum.Enum):
    NEAREST = "nearest"
    LINEAR = "linear"


class Level(enum.Enum):
    LOW = 1
    HIGH = 2


class Ratio(enum.Enum):
    HALF = 0.5
    TINY = 1e-07


# What PyTorch's parser reads beyond what its printer writes today; older printers wrote some of it.
GRAMMAR = '''\
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
  e = a + \\
    b
  assert a
  assert a, "b"
  raise a
  raise
def literals():
  a = 0, 1, 0x1F, 0XfF, 0x7fffffffffffffff, 9223372036854775807, -9223372036854775808
  a = 1., .5, 1.5, 1e5, 1E5, 1e+5, 1.e-5, .5e3, 0., -0., -1.5, 1e-320, 1.7976931348623157e308, 0.1
  a = 1j, 1.5j, .5j, 1e3j, -2.j, 1.+2.j
  a = "", \'\', "a" "b" \'c\', "\'", \'"\', "\\"\\\'\\\\\\a\\b\\f\\n\\r\\t\\v", "\\x41\\x7f\\101\\0\\12z\\1777"
  a = """three "quoted" lines
  of ""text\\""" """, """""", "# no comment", "(", ("x"
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
def last(x): return x, '''


# Statements.


def assignments(x: Tensor, pair: Tuple[Tensor, Tensor], items: List[int]):
    a, b = pair
    (c,) = (a,)
    d, e, f = items
    x += b
    x[0] = 1.0
    x[1:3, ..., None] = c
    items[0] = d
    items.append(e)
    first = pair[0]
    rest = pair[0:1]
    print("seen", f, x)
    assert d > 0, "d must be positive"
    return x, first, rest, e, f


def loops(x: Tensor, n: int, limit: Optional[int]) -> Tuple[Tensor, int, Optional[int]]:
    last: Optional[int] = None
    i = 0
    for j in range(n):
        if j % 2 == 0:
            continue
        last = j
        x = x + j
    while i < n and bool(x.sum() > 0):
        i += 2
        if limit is not None:
            if i > limit:
                break
    for k, v in enumerate([x, x]):
        x = x * k + v
    for p, q in zip([1, 2], [3, 4]):
        i = i + p * q
    return x, i, last


def early_returns(x: Tensor, n: int) -> Tensor:
    if n == 0:
        return x
    elif n == 1:
        return x + 1
    elif n < 0:
        raise ValueError("n is negative: {}".format(n))
    while True:
        if n > 5:
            return x.neg()
        n += 1
    return x


def forks(x: Tensor, y: Tensor):
    later = torch.jit.fork(torch.add, x, y)
    z = x * y
    return torch.jit.wait(later) + z


class Guard:
    def __init__(self, count: int):
        self.count = count

    def __enter__(self):
        self.count += 1
        return self.count

    def __exit__(self, kind: Any, value: Any, trace: Any) -> None:
        self.count -= 1


def with_blocks(x: Tensor, n: int):
    guard = torch.jit.annotate(Guard, Guard(n))
    with guard as depth, torch.no_grad():
        x = x + depth
    with guard:
        pass
    return x


# Expressions.


def arithmetic(a: int, b: int, c: float, x: Tensor, flag: bool):
    d = a + b * a - b // 3 % 5
    e = -a - abs(a) ** 2
    f = c / 2.0 + float(a) + c**b
    g = (a & b) | (a ^ b) ^ (a << 1) + (b >> 2)
    h = not flag or (a < b and b >= a) or a != b
    i = x @ x.t() + -x
    j = a if flag else b
    k = 3 in [a, b] and 4 not in [a, b]
    m = x is None or x is not None
    return d, e, f, g, h, i, j, k, m, round(c), int(c), str(a), bool(a), min(a, b), len([a]), ord("a"), chr(97)


def optionals(x: Optional[Tensor], y: Any, z: Union[int, str, List[int]], d: Dict[str, List[Optional[int]]]):
    if x is None:
        out = torch.zeros([2, 3], dtype=torch.float64, device="cpu")
    else:
        out = x
    if isinstance(y, int):
        n = y + 1
    elif isinstance(y, (float, str)):
        n = 2
    else:
        n = 3
    if isinstance(z, int):
        n += z
    w = torch.jit._unwrap_optional(x)
    d["new"] = [None, n]
    empty: Dict[int, Tuple[()]] = {}
    nested = torch.jit.annotate(List[List[int]], [])
    table = {"a": x, "b": None}
    numbers = {1: 1.0, 2: -2.5}
    listed: List[List[float]] = out.tolist()
    return out, w, d, empty, nested, table, numbers, listed, sorted([3, 1]), [i * 2 for i in range(3)]


def literals(limit: float = float("inf"), bottom: float = -float("inf"), unit: complex = 1 + 2j, sizes: List[int] = (1, 2)):
    ints = (0, -1, 9223372036854775807, -9223372036854775807)
    floats = (1.0, -0.5, 1e-05, 1e10, 1e300, 4.9406564584124654e-324, -2.2250738585072014e-308, float("nan"), 123456.789)
    complexes = (5j, complex(0, float("inf")), 1 - 2.5j)
    strings = ("", "plain", "it's \"quoted\"", "tab\tnew\nline\rback\\slash", "\x01\x07\x08\x0b\x0c\x1f\x7f")
    others = (True, False, None, torch.float32, torch.device("cuda:0"), torch.strided, torch.per_tensor_affine)
    long = "a string so long that the printer gives it a line of its own, before the statement that needs it"
    accent = "caf\u00e9"
    return ints, floats, complexes, strings, others, accent, long, limit, bottom, unit, sizes, [1, -2], [0.25, 1.0], (1,), ()


def enums(mode: Mode, level: Level, ratio: Ratio):
    if mode == Mode.LINEAR:
        return mode.value, mode.name, level.value, ratio.value
    return Mode.NEAREST.value, "", Level.LOW.value, Ratio.TINY.value


def keywords(x: Tensor, scale: float, p: Point):
    y = torch.add(x, x, alpha=2)
    y = torch.quantize_per_tensor(y, scale, 128, torch.quint8)
    z = torch.arange(10, dtype=torch.int64, device=x.device)
    grads = torch.autograd.grad([x.sum()], [x], retain_graph=True)
    return Point(y, None, 0.5), p.weight, p, z, grads, torch.ops.quantized.relu6(y), "{} of {}".format(1, x)


FUNCTIONS = [assignments, loops, early_returns, forks, with_blocks, arithmetic, optionals, literals, enums, keywords]


# Modules.


@torch.jit.interface
class Scaler:
    def scale(self, x: Tensor, factor: float) -> Tensor:
        pass


@torch.jit.interface
class Stage(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        pass


@torch.jit.script
class Doubler:
    def __init__(self, offset: int):
        self.offset = offset

    def scale(self, x: Tensor, factor: float) -> Tensor:
        return x * factor + self.offset


class Inner(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.relu()


def before(self, inputs: Tuple[Tensor]) -> Tuple[Tensor]:
    return (inputs[0] + 1,)


def after(self, inputs: Tuple[Tensor], output: Tensor) -> Tensor:
    return output * 2


def scale_with(scaler: Scaler, x: Tensor) -> Tensor:
    return scaler.scale(x, 0.5)


class Everything(nn.Module):
    PADDING: torch.jit.Final[int]
    NAMES: torch.jit.Final[List[str]]
    stage: Stage
    table: Dict[str, int]

    def __init__(self):
        super().__init__()
        self.PADDING = 3
        self.NAMES = ["a", "b"]
        self.rate = 1e-05
        self.table = {"one": 1}
        self.weight = nn.Parameter(torch.ones(2, 2))
        self.register_buffer("mean", torch.zeros(2))
        self.blocks = nn.ModuleList([Inner(), Inner()])
        self.named = nn.ModuleDict({"first": Inner()})
        self.sequence = nn.Sequential(Inner(), nn.Dropout(0.5))
        self.stage = Inner()
        self.count = 0
        self.register_forward_pre_hook(before)
        self.register_forward_hook(after)

    def forward(self, x: Tensor) -> Tensor:
        self.count = self.count + self.PADDING
        for block in self.blocks:
            x = block(x)
        for name, module in self.named.items():
            x = module(x)
        chosen: Stage = self.blocks[self.count]
        x = chosen.forward(x)
        doubler = Doubler(self.count)
        x = scale_with(doubler, self.sequence(x))
        x = self.stage.forward(x) + self.helper(x, key=self.NAMES[0])
        return torch.matmul(x, self.weight) + self.mean

    @torch.jit.export
    def choose(self, mode: Mode, level: Level, ratio: Ratio, p: Point) -> Tuple[Point, str, int, float]:
        return Point(p.x, None, p.weight), mode.value, level.value, ratio.value

    @torch.jit.export
    def helper(self, x: Tensor, *, key: str) -> Tensor:
        return x * self.table[key] * self.rate


class Quantized(nn.Module):
    def __init__(self):
        super().__init__()
        self.quant = torch.quantization.QuantStub()
        self.conv = nn.Conv2d(3, 4, 3)
        self.relu = nn.ReLU()
        self.dequant = torch.quantization.DeQuantStub()

    def forward(self, x):
        return self.dequant(self.relu(self.conv(self.quant(x))))


def quantized():
    torch.backends.quantized.engine = "qnnpack"
    model = Quantized().eval()
    model.qconfig = torch.quantization.get_default_qconfig("qnnpack")
    model = torch.quantization.prepare(torch.quantization.fuse_modules(model, [["conv", "relu"]]))
    model(torch.rand(1, 3, 8, 8))
    return torch.quantization.convert(model)


def saved_code(module):
    """All of the code/ folder of the saved module, in the archive's order."""
    buffer = io.BytesIO()
    torch.jit.save(module, buffer)
    with zipfile.ZipFile(buffer) as archive:
        names = [name for name in archive.namelist() if "/code/" in name and name.endswith(".py")]
        return "".join(archive.read(name).decode() for name in names)


def fixtures():
    yield "grammar", GRAMMAR
    for function in FUNCTIONS:
        yield function.__name__, torch.jit.script(function).code
    yield "module", saved_code(torch.jit.script(Everything()))
    model = quantized()
    x = torch.rand(1, 3, 8, 8)
    yield "quantized_traced", saved_code(torch.jit.trace(model, x))
    yield "quantized_scripted", saved_code(torch.jit.script(model))
    yield "quantized_frozen", saved_code(torch.jit.freeze(torch.jit.script(model).eval()))


def main():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(root, "data", "source")
    os.makedirs(folder, exist_ok=True)
    for name, code in fixtures():
        for suffix, text in ((".py", code), (".tree", source_tree.dump(code))):
            with open(os.path.join(folder, name + suffix), "w", encoding="utf-8", newline="\n") as file:
                file.write(text)


if __name__ == "__main__":
    main()
