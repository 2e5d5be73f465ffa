"""Operators that compute with real numbers and integers."""
import torch
import torch.nn.functional as F

from table import Table

OPERATORS = table = Table()
A = torch.ops.aten

# ---- two numbers each


def pair(d, integers=True, special=0.1):
    """Two tensors that go together: of the same sizes, or with sizes of 1, or fewer dimensions."""
    shape = d.shape(0, 1, 2, 3)
    other = [1 if d.chance(0.3) else n for n in shape][d.integer(0, len(shape)) if d.chance(0.3) else 0:]
    make = [lambda s: d.f(s, special=special), lambda s: d.i(s)]
    kinds = (d.integer(0, 1), d.integer(0, 1)) if integers else (0, 0)
    x, y = make[kinds[0]](shape), make[kinds[1]](other)
    return (y, x) if d.chance(0.3) else (x, y)


def one(d, special=0.1):
    return d.i(d.shape(0, 1, 2, 3)) if d.chance(0.4) else d.f(d.shape(0, 1, 2, 3), special=special)


def number(d, x, low=-4, high=4):
    return d.integer(low, high) if d.chance(0.5) else d.real(low, high)


def nonzero(d, x):
    return d.one_of(-3, -1, 2, 5) if not x.dtype.is_floating_point or d.chance(0.4) else d.one_of(-1, 1) * d.real(0.3, 4)


def whole(d, x):
    return d.integer(-3, 3) if not x.dtype.is_floating_point or d.chance(0.5) else d.real(-2, 2)


# A number beside a tensor is traced as a tensor: the forms ".Scalar" are other names.
for _name in ("add", "sub", "mul"):
    table("aten::%s.Tensor" % _name, lambda d, f=getattr(torch, _name): f(*pair(d)))
    table("aten::%s.Scalar" % _name, lambda d, f=getattr(A, _name): (lambda x: f(x, number(d, x)))(one(d)), covers=())
for _name in ("add", "sub"):
    table("aten::%s alpha" % _name, lambda d, f=getattr(torch, _name): f(*pair(d, False, 0), alpha=whole(d, torch.ones(1))), covers=())
table("aten::rsub.Tensor", lambda d: torch.rsub(*pair(d)), covers=())
table("aten::rsub.Scalar", lambda d: (lambda x: torch.rsub(x, number(d, x)))(one(d)))
for _name in ("maximum", "minimum", "max", "min"):
    table("aten::" + _name + (".other" if len(_name) == 3 else ""), lambda d, f=getattr(torch, _name): f(*pair(d, False)))
table("aten::div.Tensor", lambda d: torch.div(*pair(d)))
table("aten::div.Scalar", lambda d: (lambda x: A.div(x, nonzero(d, x)))(one(d)), covers=())
table("aten::div.Tensor_mode", lambda d: (lambda mode: torch.div(*pair(d, special=0 if mode == "floor" else 0.1), rounding_mode=mode))(d.one_of("trunc", "floor")))
table("aten::div.Scalar_mode", lambda d: (lambda x: A.div(x, nonzero(d, x), rounding_mode="trunc"))(one(d)), covers=())
# PyTorch's vector loop answers NaN for quotients beyond some 1e38, and what is left of it does not.
table("aten::div.Scalar_mode floor", lambda d: (lambda x: A.div(x, nonzero(d, x), rounding_mode="floor"))(one(d, 0)), covers=())
table("aten::floor_divide", lambda d: (lambda x: A.floor_divide(x, nonzero(d, x)))(one(d, 0)))
for _name in ("remainder", "fmod"):
    table("aten::%s.Tensor" % _name, lambda d, f=getattr(torch, _name): f(*pair(d, special=0)))
    table("aten::%s.Scalar" % _name, lambda d, f=getattr(torch, _name): (lambda x: f(x, nonzero(d, x)))(one(d, 0)))
table("aten::remainder.Scalar_Tensor", lambda d: torch.remainder(whole(d, torch.ones(1)), one(d, 0)))
table("aten::pow.Tensor_Scalar", lambda d: (lambda x: torch.pow(x, d.one_of(0.5, 2, 3, -1, -0.5, -2, d.real(-3, 3)) if x.dtype.is_floating_point
                                                               else d.integer(0, 5)))(one(d)))
table("aten::pow.Tensor_Tensor", lambda d: torch.pow(d.f([3, 4], 0, 3), d.f([4])))
table("aten::pow integers", lambda d: torch.pow(d.i([3, 4]), d.i([4], 0, 5)), covers=())
table("aten::pow.Scalar", lambda d: torch.pow(d.one_of(2, 0.5, 3), d.f(d.shape())))
table("aten::square", lambda d: torch.square(one(d)))
table("aten::addcmul", lambda d: (lambda s: torch.addcmul(d.f(s, special=0), d.f(s, special=0), d.f(s[-1:], special=0), value=whole(d, torch.ones(1))))(d.shape()))
table("aten::addcdiv", lambda d: (lambda s: torch.addcdiv(d.f(s, special=0), d.f(s, special=0), d.f(s[-1:], 0.5, 2, special=0), value=whole(d, torch.ones(1))))(d.shape()))
table("aten::lerp.Scalar", lambda d: torch.lerp(*pair(d, False, 0), d.real(-1, 2)))
table("aten::lerp.Tensor", lambda d: (lambda s: torch.lerp(d.f(s, special=0), d.f(s, special=0), d.f(s, -1, 2, special=0)))(d.shape()))

# ---- truth

for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    _f = getattr(torch, _name)
    table("aten::%s.Tensor" % _name, lambda d, f=_f: f(*pair(d)))
    table("aten::%s.Scalar" % _name, lambda d, f=_f: (lambda x: f(x, number(d, x)))(one(d)))
for _name in ("eq", "lt", "ge"):
    table("aten::%s quantized" % _name, lambda d, f=getattr(torch, _name): f(d.q(d.shape(), scale=0.5), d.one_of(0.5, -1.0, 2)), covers=())
for _name in ("logical_and", "logical_or", "logical_xor"):
    table("aten::" + _name, lambda d, f=getattr(torch, _name): f(*pair(d)))
table("aten::logical_not", lambda d: torch.logical_not(one(d)))


def bits(d):
    shape = d.shape(1, 2)
    kind = d.one_of(torch.int64, torch.int32, torch.uint8, torch.bool)
    return [d.b(s) if kind == torch.bool else d.i(s, 0 if kind == torch.uint8 else -99, 99, kind) for s in (shape, shape[-1:])]


for _name in ("and", "or", "xor"):
    table("aten::bitwise_%s.Tensor" % _name, lambda d, f=getattr(torch, "bitwise_" + _name): f(*bits(d)))
    table("aten::bitwise_%s.Scalar" % _name, lambda d, f=getattr(A, "bitwise_" + _name): f(d.i(d.shape(1, 2)), d.integer(-9, 9)))
    table("aten::bitwise_%s.Scalar_Tensor" % _name, lambda d, f=getattr(A, "bitwise_" + _name): f(d.integer(-9, 9), d.i(d.shape(1, 2))))
    table("aten::__%s__.Tensor" % _name, lambda d, f="__%s__" % _name: getattr(torch._C._TensorBase, f)(*bits(d)))
    table("aten::__%s__.Scalar" % _name, lambda d, f="__%s__" % _name: getattr(torch._C._TensorBase, f)(d.i(d.shape(1, 2)), d.integer(-9, 9)))
table("aten::bitwise_not", lambda d: torch.bitwise_not(bits(d)[0]))
table("aten::where.self", lambda d: (lambda p: torch.where(d.b(torch.broadcast_shapes(p[0].shape, p[1].shape)), *p))(pair(d, False)))
table("aten::where.ScalarOther", lambda d: (lambda s: torch.where(d.b(s), d.f(s), d.real(-1, 1)))(d.shape()))
table("aten::where.ScalarSelf", lambda d: (lambda s: torch.where(d.b(s), d.real(-1, 1), d.f(s)))(d.shape()))
table("aten::where.Scalar", lambda d: torch.where(d.b(d.shape()), d.real(-1, 1), d.real(-1, 1)))

# ---- one number each

for _name, _low, _high in (("exp", -9, 9), ("log", 0, 9), ("sqrt", 0, 9), ("rsqrt", 0.1, 9), ("erf", -3, 3), ("sin", -9, 9), ("cos", -9, 9),
                           ("tan", -1.5, 1.5), ("asin", -1, 1), ("acos", -1, 1), ("atan", -9, 9), ("sinh", -4, 4), ("cosh", -4, 4),
                           ("floor", -9, 9), ("ceil", -9, 9), ("round", -9, 9), ("reciprocal", -9, 9)):
    table("aten::" + _name, lambda d, f=getattr(torch, _name), low=_low, high=_high: f(d.f(d.shape(0, 1, 2, 3), low, high)))
for _name in ("abs", "neg", "sign"):
    table("aten::" + _name, lambda d, f=getattr(torch, _name): f(one(d)))

# ---- reductions


def axes(d, shape):
    chosen = [int(i) for i in d.rng.permutation(len(shape))][:d.integer(1, len(shape))]
    return [a - len(shape) if d.chance(0.3) else a for a in chosen]


def along(d, f, integers=False, one_axis=False, **more):
    shape = d.shape()
    x = d.i(shape) if integers and d.chance(0.4) else d.f(shape, special=0)
    dims = axes(d, shape)
    return f(x, dims[0] if one_axis else dims, keepdim=d.chance(0.5), **more)


def total(d, f, integers=False, special=0):
    return f(d.one_of(d.i, d.b)(d.shape(0, 1, 2, 3)) if integers and d.chance(0.4) else d.f(d.shape(0, 1, 2, 3), special=special))


table("aten::sum", lambda d: total(d, torch.sum, True))
table("aten::sum.dim_IntList", lambda d: along(d, torch.sum, True))
table("aten::mean", lambda d: total(d, torch.mean))
table("aten::mean.dim", lambda d: along(d, torch.mean))
table("aten::prod", lambda d: torch.prod(d.f(d.shape(1, 2), 0.7, 1.3, special=0)))
table("aten::prod.dim_int", lambda d: along(d, torch.prod, True, True))
table("aten::logsumexp", lambda d: along(d, torch.logsumexp))
table("aten::amax", lambda d: along(d, torch.amax, True))
table("aten::amin", lambda d: along(d, torch.amin, True))
for _name in ("max", "min"):
    _f = getattr(torch, _name)
    table("aten::" + _name, lambda d, f=_f: total(d, f, True, 0.3))
    table("aten::%s.dim" % _name, lambda d, f=_f: along(d, f, True, True))
    table("aten::%s quantized" % _name, lambda d, f=_f: f(d.q(d.shape())), covers=())
    table("aten::%s.dim quantized" % _name, lambda d, f=_f: (lambda s: tuple(f(d.q(s), d.integer(0, len(s) - 1), keepdim=d.chance(0.5))))(d.shape()), covers=())
for _name in ("argmax", "argmin"):
    table("aten::" + _name, lambda d, f=getattr(torch, _name): (
        lambda s: f(d.f(s, special=0.3), d.one_of(None, d.integer(0, len(s) - 1)), d.chance(0.5)))(d.shape()))
for _name in ("var", "std"):
    _f = getattr(torch, _name)
    table("aten::" + _name, lambda d, f=_f: f(d.f(d.shape(), special=0), unbiased=d.chance(0.5)))
    table("aten::%s.dim" % _name, lambda d, f=_f: along(d, f, unbiased=d.chance(0.5)))
    table("aten::%s.correction" % _name, lambda d, f=_f: along(d, f, correction=d.integer(0, 2)))
table("aten::norm.Scalar", lambda d: A.norm(d.f(d.shape(), special=0), d.one_of(1, 2, float("inf"))))
table("aten::norm.ScalarOpt_dim", lambda d: (lambda s: A.norm(d.f(s, special=0), d.one_of(1, 2, float("inf")), axes(d, s), d.chance(0.5)))(d.shape()))
table("aten::norm.ScalarOpt_dtype", lambda d: A.norm(d.f(d.shape(), special=0), d.one_of(1, 2), dtype=torch.float64))
table("aten::norm.ScalarOpt_dim_dtype", lambda d: (lambda s: A.norm(d.f(s, special=0), 2, axes(d, s), d.chance(0.5), dtype=torch.float64))(d.shape()))
table("aten::linalg_vector_norm", lambda d: (lambda s: torch.linalg.vector_norm(d.f(s, special=0), d.one_of(1, 2, float("inf"), -float("inf"), 0, 3), axes(d, s), d.chance(0.5)))(d.shape()))
table("aten::frobenius_norm.dim", lambda d: (lambda s: A.frobenius_norm(d.f(s, special=0), axes(d, s)[:2], d.chance(0.5)))(d.shape()))
table("aten::cumsum", lambda d: (lambda s: torch.cumsum(d.one_of(d.i, lambda t: d.f(t, special=0))(s), d.integer(-len(s), len(s) - 1)))(d.shape()))
for _name in ("softmax", "log_softmax"):
    table("aten::" + _name, lambda d, f=getattr(torch, _name): (lambda s: f(d.f(s, special=0), d.integer(-len(s), len(s) - 1)))(d.shape()))
    table("aten::_" + _name, lambda d, f=getattr(A, "_" + _name): (lambda s: f(d.f(s, special=0), d.integer(-len(s), len(s) - 1), False))(d.shape()))

# Quantized tensors: a mean that is not over the last dimensions is one of float32 numbers, added up in an order that depends on
# how the tensor lies in memory.
table("aten::mean image", lambda d: torch.mean(d.q(d.image(2)), [2, 3], d.chance(0.5)), covers=(), unavoidable=0.001)
table("aten::mean quantized", lambda d: torch.mean(d.q([max(n, 1) for n in d.shape()], strided=False)), covers=())
table("aten::std.dim quantized", lambda d: (lambda s: torch.std(d.q([max(n, 1) for n in s], strided=False), axes(d, s), d.chance(0.5), d.chance(0.5)))(d.shape()), covers=(), unavoidable=1e-3)

# ---- products


def plain(d, *shape):
    return d.f(shape, -2, 2, special=0)


def sizes(d, count):
    return [d.size() for _ in range(count)]


def matmul(d):
    m, k, n = d.size(), d.integer(0, 20), d.size()
    batch = sizes(d, d.integer(0, 2))
    other = [1 if d.chance(0.3) else b for b in batch][d.integer(0, len(batch)):]
    x = plain(d, *batch, m, k) if d.chance(0.8) else plain(d, k)
    return torch.matmul(x, plain(d, *other, k, n) if d.chance(0.8) else plain(d, k))


def scales(d):
    return {"beta": d.one_of(0, 1, d.real(-2, 2)), "alpha": d.one_of(1, d.real(-2, 2))}


def linear(d):
    i, o = d.size(20), d.size(20)
    return F.linear(plain(d, *d.shape(0, 1, 2)[:2], i), d.parameter([o, i]), d.parameter([o]) if d.chance(0.7) else None)


def einsum(d):
    a, b, i, j, k = sizes(d, 5)
    return d.one_of(lambda: torch.einsum("aij,ajk->aik", plain(d, a, i, j), plain(d, a, j, k)),
                    lambda: torch.einsum("ij,kj->", plain(d, i, j), plain(d, k, j)),
                    lambda: torch.einsum("abi,bij", plain(d, a, b, i), plain(d, b, i, j)),
                    lambda: torch.einsum("ii->i", plain(d, i, i)),
                    lambda: torch.einsum("i,j,k->kji", plain(d, i), plain(d, j), plain(d, k)))()


table("aten::matmul", matmul)
table("aten::mm", lambda d: (lambda m, k, n: torch.mm(plain(d, m, k), plain(d, k, n)))(d.integer(0, 9), d.integer(0, 20), d.size()))
table("aten::mm integers", lambda d: (lambda m, k, n: torch.mm(d.i([m, k]), d.i([k, n])))(*sizes(d, 3)), covers=())
table("aten::bmm", lambda d: (lambda b, m, k, n: torch.bmm(plain(d, b, m, k), plain(d, b, k, n)))(d.integer(0, 3), *sizes(d, 3)))
table("aten::mv", lambda d: (lambda m, k: torch.mv(plain(d, m, k), plain(d, k)))(*sizes(d, 2)))
table("aten::dot", lambda d: (lambda k: torch.dot(plain(d, k), plain(d, k)))(d.size(20)))
table("aten::addmm", lambda d: (lambda m, k, n: torch.addmm(plain(d, d.one_of(1, m), n), plain(d, m, k), plain(d, k, n), **scales(d)))(*sizes(d, 3)))
table("aten::addmv", lambda d: (lambda m, k: torch.addmv(plain(d, m), plain(d, m, k), plain(d, k), **scales(d)))(*sizes(d, 2)))
# With beta 0 PyTorch's kernel for small matrices multiplies memory that nothing has been written to, NaNs included.
table("aten::baddbmm", lambda d: (lambda b, m, k, n: torch.baddbmm(plain(d, b, m, n), plain(d, b, m, k), plain(d, b, k, n),
                                                                   beta=d.one_of(1, d.real(-2, 2)), alpha=d.real(-2, 2)))(*sizes(d, 4)))
table("aten::linear", linear)
table("aten::einsum", einsum)

# ---- convolutions


def convolution(d, dims, transposed=False, named=False):
    groups, i, o = d.one_of(1, 1, 2, 3), d.size(4), d.size(4)
    kernel = [d.integer(1, 3) for _ in range(dims)]
    x = d.f(d.image(dims, 6 if dims == 3 else 9, d.chance(0.8) and not transposed, channels=1), special=0)
    shape = list(x.shape)
    x = x.expand(shape[:-dims - 1] + [groups * i] + shape[-dims:]) if len(shape) > dims else x
    x = x * d.part(lambda: torch.rand(groups * i, *[1] * dims))
    w = d.parameter([groups * i if transposed else groups * o, o if transposed else i] + kernel)
    bias = d.parameter([groups * o]) if d.chance(0.7) else None
    numbers = lambda low, high: [d.integer(low, high) for _ in range(dims)]
    stride, dilation = numbers(1, 3), numbers(1, 2)
    if named:
        return getattr(torch, "conv%dd" % dims)(x, w, bias, [1] * dims, d.one_of("same", "valid"), dilation, groups)
    padding = numbers(0, 2)
    if transposed:
        return getattr(torch, "conv_transpose%dd" % dims)(x, w, bias, stride, padding, [min(s - 1, 1) for s in stride], groups, dilation)
    return getattr(torch, "conv%dd" % dims)(x, w, bias, stride, padding, dilation, groups)


for _n in (1, 2, 3):
    table("aten::conv%dd" % _n, lambda d, n=_n: convolution(d, n), covers="aten::_convolution")
    table("aten::conv%dd.padding" % _n, lambda d, n=_n: convolution(d, n, named=True), covers="aten::_convolution_mode")
    table("aten::conv_transpose%dd" % _n, lambda d, n=_n: convolution(d, n, True), covers="aten::_convolution")
