"""Functions, arithmetic, comparisons, reductions, products of reals and integers."""
import torch
import torch.nn.functional as F

from table import Table

OPERATORS = table = Table()

A = torch.ops.aten
ONE = {n: "torch.%s(x)" % n for n in (
    "abs acos asin atan ceil cos cosh erf exp floor log neg reciprocal round rsqrt sign sin sinh sqrt square tan".split())}
ONE |= {"bitwise_not": "torch.bitwise_not(d.i(s))", "logical_not": "torch.logical_not(x)", "_cast_Float": "torch._cast_Float(x)", "_cast_Double": "torch._cast_Double(x)",
        "_cast_Int": "torch._cast_Int(d.f(s, special=0))", "_cast_Long": "torch._cast_Long(d.f(s, special=0))",
        "to.dtype": "x.to(d.one_of(torch.float64, torch.float32))", "type_as": "x.type_as(d.i(s))[:0]", "pow.Scalar": "torch.pow(1.5, x)",
        "pow.Tensor_Scalar": "torch.pow(x, d.one_of(2, 3, 0.5, -1, 2.5))", "cumsum": "torch.cumsum(x, a)", "one_hot": "F.one_hot(d.i([3, 4], 0, 5), 6)",
        "zeros_like": "torch.zeros_like(x)", "ones_like": "torch.ones_like(x)", "full_like": "torch.full_like(x, 0.5)", "new_zeros": "x.new_zeros([2, 3])",
        "new_ones": "x.new_ones([2, 3])", "new_full": "x.new_full([2, 3], 0.5)", "softmax": "torch.softmax(x, a)", "log_softmax": "torch.log_softmax(x, a)",
        "_softmax": "torch._softmax(x, a, False)", "_log_softmax": "torch._log_softmax(x, a, False)"}
TWO = {n: "torch.%s(x, y)" % n for n in (
    "maximum minimum logical_and logical_or logical_xor".split())}
COMPARE = "eq ne lt le gt ge".split()
for _n in COMPARE:
    TWO[_n + ".Tensor"] = "torch.%s(x, y)" % _n
    ONE[_n + ".Scalar"] = "torch.%s(x, 0.5)" % _n
for _n in "add sub mul div".split():
    TWO[_n + ".Tensor"] = "torch.%s(x, d.one_of(y, 0.7))" % _n
ONE["rsub.Scalar"] = "torch.rsub(x, 0.7)"
for _n in ("fmod", "remainder"):
    TWO[_n + ".Tensor"] = "torch.%s(x, y)" % _n
    ONE[_n + ".Scalar"] = "torch.%s(x, 0.7)" % _n
TWO |= {"pow.Tensor_Tensor": "torch.pow(torch.abs(x), y)", "div.Tensor_mode": "torch.div(x, y, rounding_mode=d.one_of('floor', 'trunc'))",
        "lerp.Scalar": "torch.lerp(x, y, 0.3)", "lerp.Tensor": "torch.lerp(x, y, y)", "addcmul": "torch.addcmul(x, x, y, value=0.5)",
        "addcdiv": "torch.addcdiv(x, x, y, value=0.5)", "max.other": "torch.max(x, y)", "min.other": "torch.min(x, y)", "where.self": "torch.where(x > y, x, y)",
        "floor_divide": "torch.floor_divide(x, y)", "cat": "torch.cat([x, x], a)"}
INTEGERS = {n + ".Tensor": "torch.%s(i, j)" % n for n in ("bitwise_and", "bitwise_or", "bitwise_xor")}
INTEGERS |= {n + ".Scalar": "torch.%s(i, 5)" % n for n in ("bitwise_and", "bitwise_or", "bitwise_xor")}
ONE |= {"where.ScalarOther": "torch.where(x > 0, x, 0.5)", "where.ScalarSelf": "torch.where(x > 0, 0.5, x)", "where.Scalar": "torch.where(x > 0, 0.5, 1.5)",
        "masked_fill.Tensor": "x.masked_fill(x > 0, d.part(lambda: torch.tensor(0.25)))",
        "zeros": "x[:0].sum() + torch.zeros([2, 3])", "ones": "x[:0].sum() + torch.ones([2, 3])", "full": "x[:0].sum() + torch.full([2, 3], 0.5)",
        "arange": "x[:0].sum() + torch.arange(5)", "scalar_tensor": "x[:0].sum() + torch.scalar_tensor(0.5)"}
REDUCE = {"sum": "torch.sum(x)", "sum.dim_IntList": "torch.sum(x, a, d.chance(0.5))", "mean": "torch.mean(x)", "prod": "torch.prod(x)",
          "prod.dim_int": "torch.prod(x, a, d.chance(0.5))", "var.dim": "torch.var(x, [a], d.chance(0.5), d.chance(0.5))",
          "std.dim": "torch.std(x, [a], d.chance(0.5), d.chance(0.5))", "amax": "torch.amax(x, a, d.chance(0.5))", "amin": "torch.amin(x, a, d.chance(0.5))",
          "argmax": "torch.argmax(x, a, d.chance(0.5))", "argmin": "torch.argmin(x, a, d.chance(0.5))", "max": "torch.max(x)", "min": "torch.min(x)",
          "max.dim": "torch.max(x, a, d.chance(0.5))", "min.dim": "torch.min(x, a, d.chance(0.5))", "std": "torch.std(x)", "var": "torch.var(x)", "logsumexp": "torch.logsumexp(x, [a], d.chance(0.5))",
          "linalg_vector_norm": "torch.linalg.vector_norm(x, d.one_of(1, 2, 3.0), [a])", "norm.ScalarOpt_dim": "torch.norm(x, d.one_of(1, 2), [a])"}


def evaluated(d, body, special):
    s = d.shape(1, 2, 3, 4)
    x = d.f(s, special=special)
    names = {"x": x, "s": s, "a": d.axis(s), "d": d, "A": A, "torch": torch, "F": F}
    if "y" in body.replace("torch", "").replace("type", "").replace("any", ""):
        other = [n if d.chance(0.7) else 1 for n in s]
        names["y"] = d.f(s if "cat" in body else other, 0.2, 3.0, special=0)
    if "i" in INTEGERS.values() or "(i," in body:
        names["i"], names["j"] = d.i(s), d.i(s)
    return eval(body, names)


ONE["fmod.Scalar"], ONE["remainder.Scalar"] = "torch.fmod(d.f(s, special=0), 0.7)", "torch.remainder(d.f(s, special=0), 0.7)"
for _table, _special in ((ONE, 0.2), (TWO, 0.0), (INTEGERS, 0.0), (REDUCE, 0.0)):
    for _name, _body in _table.items():
        table("aten::" + _name, lambda d, b=_body, s=_special: evaluated(d, b, s), ulp=1e-5)


def product(d, body):
    n, m, k = d.size(), d.size(), d.size(20)
    names = {"d": d, "torch": torch, "F": F, "n": n, "m": m, "k": k}
    return eval(body, names)


PRODUCTS = {
    "mm": "torch.mm(d.f([n, k], special=0), d.f([k, m], special=0))", "bmm": "torch.bmm(d.f([2, n, k], special=0), d.f([2, k, m], special=0))",
    "matmul": "torch.matmul(d.f([2, n, k], special=0), d.f([k, m], special=0))", "mv": "torch.mv(d.f([n, k], special=0), d.f([k], special=0))",
    "dot": "torch.dot(d.f([k], special=0), d.f([k], special=0))", "linear": "F.linear(d.f([n, k], special=0), d.parameter([m, k]), d.parameter([m]))",
    "addmm": "torch.addmm(d.f([m], special=0), d.f([n, k], special=0), d.f([k, m], special=0))",
    "baddbmm": "torch.baddbmm(d.f([2, n, m], special=0), d.f([2, n, k], special=0), d.f([2, k, m], special=0))",
    "addmv": "torch.addmv(d.f([n], special=0), d.f([n, k], special=0), d.f([k], special=0))",
    "einsum": "torch.einsum('bij,bjk->bik', d.f([2, n, k], special=0), d.f([2, k, m], special=0))",
    "embedding": "F.embedding(d.i([n, m], 0, 6), d.parameter([7, k]))",
}
for _name, _body in PRODUCTS.items():
    table("aten::" + _name, lambda d, b=_body: product(d, b), ulp=1e-4)


def conv(d, n, transposed):
    groups = d.one_of(1, 1, 2)
    cin, cout = groups * d.integer(1, 4), groups * d.integer(1, 4)
    kernel = [d.integer(1, 3) for _ in range(n)]
    w = d.parameter(([cin, cout // groups] if transposed else [cout, cin // groups]) + kernel)
    x = d.f([d.size(3), cin] + [d.size(9) for _ in range(n)], special=0)
    options = dict(stride=d.integer(1, 3), padding=d.integer(0, 2), dilation=d.integer(1, 2), groups=groups)
    return getattr(F, "conv_transpose%dd" % n if transposed else "conv%dd" % n)(x, w, d.parameter([cout]), **options)


for _n in (1, 2, 3):
    table("aten::conv%dd" % _n, lambda d, n=_n: conv(d, n, False), covers=["aten::_convolution"])
    table("aten::conv_transpose%dd" % _n, lambda d, n=_n: conv(d, n, True), covers=["aten::_convolution"])
