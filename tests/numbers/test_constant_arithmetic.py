"""Arithmetic of numbers and 0-dimensional tensors, which the import computes: random TorchScript expressions, bit for bit as PyTorch.

Both sides of `octavo verify` see the import's result, so only PyTorch can tell whether it is right."""
import importlib.util
import math

import numpy as np
import pytest
import torch

import reference

NAN, INF = math.nan, math.inf
FLOATS = [0.0, -0.0, 1.0, -1.0, 0.1, 0.5, 1.5, 2.5, -2.5, -7.3, 3e38, -3e38, 1e300, 1e-45, 1e-310, NAN, INF, -INF, 2.0**31, 2.0**63, -2.0**63,
          2.0**32 + 5, 16777217.0, 300.7, -129.9, 65505.0, 65520.0, 1.00048828125000001]
INTS = [0, 1, -1, 2, -2, 3, -3, 7, -7, 127, 128, 255, 256, -129, 2**31 - 1, 2**31, -2**31, 2**62, 2**63 - 1, 16777217, 2**62 + 2**38 + 1]
DTYPES = ["float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool"]
NARROW = ["float16", "bfloat16"]  # the import converts and compares them, and refuses most arithmetic
OPERATORS = ["+", "-", "*", "/", "//", "%", "**"]
COMPARISONS = ["==", "!=", "<", "<=", ">", ">="]
FUNCTIONS = ["torch." + f for f in "add sub mul div floor_divide remainder fmod pow rsub true_divide logical_and logical_or logical_xor".split()]
OF_ONE = ["torch." + f for f in "floor ceil trunc round sqrt abs neg isnan isinf isfinite logical_not".split()]
MATH = ["math." + f for f in "floor ceil sqrt fabs isnan isfinite isinf".split()] + ["round", "abs", "int", "float", "bool"]
CHOSEN = [
    "torch.tensor(0.1) == 0.1", "torch.tensor(16777217) == 16777216.0", "torch.tensor(0.1, dtype=torch.float64) == 0.1", "int(7) ** 62",
    "float(-1e-20) % 1.0", "torch.logical_and(torch.tensor(2), torch.tensor(1))", "torch.abs(torch.tensor(-0.0))",
    "torch.sqrt(torch.tensor(16777217))", "torch.tensor(7, dtype=torch.uint8) - 9", "1.0 / torch.tensor(7)", "torch.fmod(torch.tensor(-7), 3)",
    "torch.tensor(2147483647, dtype=torch.int32) + 1", "torch.tensor(-7) // 2", "torch.tensor(-7) % 3", "torch.tensor(0.1) * 3.0",
    "torch.tensor(0.1) + torch.tensor(0.2, dtype=torch.float64)", "torch.add(torch.tensor(1.1), torch.tensor(1.3), alpha=0.7)",
    "torch.tensor([0.1, 300.7], dtype=torch.float64)", "torch.tensor([300.7, -1.5], dtype=torch.uint8)", "torch.tensor(300.7, dtype=torch.int8)",
    "torch.tensor(1.0) / torch.tensor(3.0) * 3.0 - 1.0", "300.7 // 0.1", 'min(float("nan"), 1.0)', 'max(1.0, float("nan"))', "torch.tensor(3) ** 40",
    "torch.tensor(0.1, dtype=torch.float16).to(torch.float32)", "torch.tensor(0.1).to(torch.bfloat16).to(torch.float32)",
    'torch.tensor(float("nan")).to(torch.int32)', 'torch.tensor(float("inf")).to(torch.uint8)', "torch.tensor(3e9).to(torch.int32)",
    "(torch.tensor(1.5, dtype=torch.float16) * torch.tensor(2049.0, dtype=torch.float16)).to(torch.float32)", "torch.tensor(1.1) ** 3",
    "torch.tensor(1.7) ** -2", "torch.tensor(2.7) ** -0.5", "torch.tensor(2.0) ** 4.73705756644251", "torch.pow(torch.tensor(2.7), torch.tensor(3.0))", "torch.tensor(1e-45) / 2",
    # Texts and bools are TorchScript's, which are not Python's.
    "int(2 and 3)", "int(0 or 5)", "int(0.0 or 0)", "torch.fmod(-7, 3)", "torch.fmod(7, 0)", "math.fmod(-7, 3)", "1 << 63", "-5 >> 62",
    *("len(str(%s))" % v for v in ("0.1", "1.0", "-0.5", "1e10", "1e18", "1e19", "1e300", "5e-324", "123456.789", 'float("-inf")', "[1.0, 0.1]", '["a", "b"]',
                                   "(3,)", "(1, 2.0)", "True", "7", '{"a": 1.0}')),
    "len('{}'.format(1e22))", "len('{} {}'.format(0.1, ['a']))", "len('%s|%s' % (1.5, 2.0))", "len('%f' % 1e22)", "len('%e|%E' % (0.1, 7))", "int('%f' % 16777217.1 == '16777217.000000')", "int('%d|%i' % (-1.7, 3) == '-1|3')", "int(str(1.0) == '1.')",
    *("int(torch.can_cast(torch.%s, torch.%s))" % pair for pair in (("float32", "int64"), ("int64", "bool"), ("bool", "int64"), ("int64", "uint8"),
                                                                    ("float64", "float16"), ("complex64", "float32"), ("uint8", "complex64"))),
    "int(torch.zeros([2]).is_pinned())", "torch.tensor(max([True, False]))", "torch.tensor(min([True, False]))", "len('a b c d'.split(None, 1))",
    "len('a b c d'.split(' ', 1))", "len('|'.join('  a  b '.split()))",
]


def literal(v):
    if isinstance(v, float) and not math.isfinite(v):
        return 'float("%r")' % v
    return repr(v)


class Draw:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def one_of(self, items):
        return items[self.rng.integers(len(items))]

    def number(self):
        size = 10.0 ** self.rng.integers(-2, 3)
        return self.one_of([self.one_of(FLOATS), self.one_of(INTS), float(self.rng.normal() * size), int(self.rng.normal() * size)])

    def tensor(self, dtypes=DTYPES):
        dtype = ", dtype=torch." + self.one_of(dtypes) if self.rng.integers(3) else ""
        return "torch.tensor(%s%s)" % (literal(self.number()), dtype)

    def pair(self, dtypes=DTYPES):
        a, b = self.tensor(dtypes), self.one_of([self.tensor(dtypes), literal(self.number())])
        return (a, b) if self.rng.integers(2) else (b, a)

    def expression(self):
        numbers = "(%s)" % literal(self.number()), "(%s)" % literal(self.number())
        return self.one_of([
            lambda: "%s %s %s" % (numbers[0], self.one_of(OPERATORS + COMPARISONS), numbers[1]),
            lambda: "%s%s" % (self.one_of(MATH), numbers[0]),
            lambda: "%s(%s, %s)" % (self.one_of(["min", "max", "math.fmod", "math.pow"]), *numbers),
            lambda: (" %s " % self.one_of(OPERATORS)).join(self.pair()).removeprefix("0 - "),  # PyTorch turns -x + 0 into -x
            lambda: (" %s " % self.one_of(COMPARISONS)).join(self.pair(DTYPES + NARROW)),
            lambda: "%s(%s)" % (self.one_of(OF_ONE), self.tensor()),
            lambda: "%s(%s, %s)" % (self.one_of(FUNCTIONS), self.tensor(), self.pair()[1]),
            lambda: "%s.to(torch.%s).to(torch.float64)" % (self.tensor(DTYPES + NARROW), self.one_of(DTYPES + NARROW)),
            lambda: 'torch.div(%s, %s, rounding_mode="%s")' % (self.tensor(), self.tensor(), self.one_of(["floor", "trunc"])),
            lambda: "torch.%s(%s, %s, alpha=%s)" % (self.one_of(["add", "sub", "rsub"]), self.tensor(), self.tensor(), literal(self.number())),
            lambda: self.one_of(["int(%s)", "float(%s)", "bool(%s)", "%s.item()"]) % self.tensor(DTYPES + NARROW),
            lambda: "torch.tensor([float%s, float%s], dtype=torch.%s)" % (*numbers, self.one_of(["float32", "float64", "int32", "int64", "uint8", "bool"])),
        ])()


HEAD = """import math
import torch


class Net(torch.nn.Module):
    def forward(self, x):
        value = %s
        return x, %s
"""
RESULTS = "value", "torch.scalar_tensor(value, dtype=torch.float64)"  # a tensor; a number


def saved(path, expression):
    """PyTorch's value of the expression, whose model is saved; None where TorchScript or PyTorch refuses it."""
    for result in RESULTS:
        source = path.with_suffix(".py")
        source.write_text(HEAD % (expression, result))
        spec = importlib.util.spec_from_file_location(path.stem, source)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        try:
            torch.jit.script(module.Net()).save(str(path))
            value = torch.jit.load(str(path))(torch.zeros(1))[1]
        except RuntimeError:
            continue
        if isinstance(value, torch.Tensor):
            return value.numpy()
    return None


def same(a, b):
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.dtype.kind != "f":
        return np.array_equal(a, b)
    numbers = ~np.isnan(a)
    return np.array_equal(a, b, equal_nan=True) and np.array_equal(np.signbit(a)[numbers], np.signbit(b)[numbers])


def unavoidable(expression, text):
    """What the import refuses: a number that no model can hold, and arithmetic of 16-bit floats."""
    return any(word in text for word in ("16 numbers is not supported", "number of dtype", "int() cannot convert", "a float is too large",
                                         "divides by zero", "to a negative power", "takes float"))


@pytest.mark.parametrize("seed", range(4))
def test_equals_pytorch(seed, tmp_path):
    d = Draw(seed)
    asked, answers = [], []
    for i, expression in enumerate((CHOSEN if seed == 0 else []) + [d.expression() for _ in range(200)]):
        path = tmp_path / ("m%d.pt" % i)
        answer = saved(path, expression)
        if answer is not None:
            asked.append((expression, path))
            answers.append(answer)
    assert len(asked) > 120
    x = np.zeros(1, np.float32)
    got = reference.run([(path, [("x:float32[1]", x)]) for _, path in asked])
    wrong = []
    refused = 0
    for (expression, _), want, result in zip(asked, answers, got):
        if isinstance(result, str):
            refused += 1
            if expression in CHOSEN or not unavoidable(expression, result):
                wrong.append("%s: %s" % (expression, result))
        elif not same(result[1].values, want):
            wrong.append("%s: PyTorch has %r, the import %r" % (expression, want, result[1].values))
    assert not wrong, "\n".join(wrong)
    assert refused < len(asked) / 20
