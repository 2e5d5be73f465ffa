"""Operators that move elements, of reals, integers, bools and quantized tensors, and those that make tensors of numbers."""
import torch
import torch.nn.functional as F

from table import Table

OPERATORS = table = Table()
A = torch.ops.aten


def any_of(d, shape):
    """A tensor of any dtype."""
    kind = d.integer(0, 5)
    if kind < 2:
        return d.q(shape)
    if kind == 2:
        return d.i(shape)
    if kind == 3:
        return d.b(shape)
    return d.f(shape)


def axis_of(d, shape, more=0):
    rank = max(len(shape) + more, 1)
    return d.integer(-rank, rank - 1)


def moved(name, f, *ranks, covers=None):
    """A line for f(d, tensor of any dtype, its sizes)."""
    def call(d):
        shape = d.shape(*(ranks or (1, 2, 3, 4)))
        return f(d, any_of(d, shape), shape)
    table(name, call, covers)


def order(d, shape):
    axes = [int(i) for i in d.rng.permutation(len(shape))]
    return [a - len(shape) if d.chance(0.3) else a for a in axes]


# ---- the order of dimensions and elements

moved("aten::permute", lambda d, x, s: x.permute(order(d, s)), 0, 1, 2, 3, 4)
moved("aten::transpose.int", lambda d, x, s: x.transpose(axis_of(d, s), axis_of(d, s)), 0, 1, 2, 3, 4)
moved("aten::t", lambda d, x, s: x.t(), 0, 1, 2)
moved("aten::numpy_T", lambda d, x, s: x.T, 0, 1, 2, 3)
moved("aten::mT", lambda d, x, s: x.mT, 2, 3, 4)
moved("aten::movedim.intlist", lambda d, x, s: move_dim(d, x, s, torch.movedim))
moved("aten::flip", lambda d, x, s: torch.flip(x, order(d, s)[:d.integer(0, len(s))]))
moved("aten::flipud", lambda d, x, s: torch.flipud(x))
moved("aten::fliplr", lambda d, x, s: torch.fliplr(x), 2, 3)
moved("aten::roll", lambda d, x, s: roll(d, x, s))


def move_dim(d, x, shape, f):
    count = d.integer(1, len(shape))
    return f(x, order(d, shape)[:count], order(d, shape)[:count])


def roll(d, x, shape):
    if d.chance(0.3):
        return torch.roll(x, d.integer(-20, 20))
    count = d.integer(1, len(shape))
    return torch.roll(x, [d.integer(-9, 9) for _ in range(count)], order(d, shape)[:count])


# ---- other sizes


def factored(d, x, shape):
    """Sizes for the same number of elements, one of them perhaps -1."""
    rest, sizes = x.numel(), []
    while d.chance(0.7) and rest > 1:
        sizes.append(d.one_of(*[n for n in range(1, rest + 1) if rest % n == 0]))
        rest //= sizes[-1]
    sizes.append(rest)
    if d.chance(0.5) and 0 not in sizes:
        sizes[d.integer(0, len(sizes) - 1)] = -1
    return sizes


moved("aten::reshape", lambda d, x, s: x.reshape(factored(d, x, s)), 0, 1, 2, 3, 4)
moved("aten::view", lambda d, x, s: x.contiguous().view(factored(d, x, s)))
moved("aten::view_copy", lambda d, x, s: A.view_copy(x.contiguous(), factored(d, x, s)))
moved("aten::ravel", lambda d, x, s: x.ravel(), 0, 1, 2, 3)
moved("aten::flatten.using_ints", lambda d, x, s: torch.flatten(x, *sorted([d.integer(0, len(s) - 1), d.integer(0, len(s) - 1)])))
moved("aten::unflatten.int", lambda d, x, s: unflatten(d, x, s))
moved("aten::squeeze", lambda d, x, s: x.squeeze(), 0, 1, 2, 3, 4)
moved("aten::squeeze.dim", lambda d, x, s: x.squeeze(axis_of(d, s)), 0, 1, 2, 3, 4)
moved("aten::unsqueeze", lambda d, x, s: x.unsqueeze(axis_of(d, s, 1)), 0, 1, 2, 3)
for _name in ("view_as", "reshape_as"):
    table("aten::" + _name, lambda d, f=_name: reshape_like(d, f))


def unflatten(d, x, shape):
    axis = d.integer(0, len(shape) - 1)
    first = d.one_of(*[n for n in range(1, max(shape[axis], 1) + 1) if shape[axis] % n == 0])
    return A.unflatten(x, axis, [first, -1])


def reshape_like(d, name):
    shape = d.shape()
    x = any_of(d, shape).contiguous()
    return getattr(x, name)(d.f(shape[::-1], strided=False))


# ---- parts

moved("aten::slice.Tensor", lambda d, x, s: slice_of(d, A.slice, x, s))
moved("aten::slice_copy.Tensor", lambda d, x, s: slice_of(d, A.slice_copy, x, s))
moved("aten::narrow", lambda d, x, s: narrow(d, torch.narrow, x, s))
moved("aten::narrow_copy", lambda d, x, s: narrow(d, torch.narrow_copy, x.contiguous(), s))
moved("aten::select.int", lambda d, x, s: select(d, A.select, x, s))
moved("aten::select_copy.int", lambda d, x, s: select(d, A.select_copy, x, s))


def slice_of(d, f, x, shape):
    axis = d.integer(0, len(shape) - 1)
    far = 2**63 - 1
    return f(x, axis, d.integer(-12, 12), d.one_of(far, d.integer(-12, 12)), d.one_of(1, 1, 2, 3, 20))


def narrow(d, f, x, shape):
    axis = d.integer(0, len(shape) - 1)
    start = d.integer(0, shape[axis])
    length = d.integer(0, shape[axis] - start)
    return f(x, axis, start - shape[axis] if d.chance(0.3) and start < shape[axis] else start, length)


def select(d, f, x, shape):
    axis = d.integer(0, len(shape) - 1)
    return f(x, axis - len(shape) if d.chance(0.3) else axis, d.integer(-shape[axis], shape[axis] - 1))


moved("aten::chunk", lambda d, x, s: x.chunk(d.integer(1, 5), axis_of(d, s)))
moved("aten::unsafe_chunk", lambda d, x, s: x.unsafe_chunk(d.integer(1, 5), axis_of(d, s)))
moved("aten::split.Tensor", lambda d, x, s: A.split(x, d.integer(1, 5), axis_of(d, s)))
moved("aten::unsafe_split.Tensor", lambda d, x, s: x.unsafe_split(d.integer(1, 5), axis_of(d, s)))
moved("aten::split_with_sizes", lambda d, x, s: split_with_sizes(d, torch.split_with_sizes, x, s))
moved("aten::unsafe_split_with_sizes", lambda d, x, s: split_with_sizes(d, torch.unsafe_split_with_sizes, x, s))
moved("aten::split.sizes", lambda d, x, s: split_with_sizes(d, A.split, x, s))
moved("aten::tensor_split.sections", lambda d, x, s: torch.tensor_split(x, d.integer(1, 5), axis_of(d, s)))
moved("aten::tensor_split.indices", lambda d, x, s: torch.tensor_split(x, sorted(d.integer(0, 9) for _ in range(d.integer(0, 3))), axis_of(d, s)))
moved("aten::unbind.int", lambda d, x, s: torch.unbind(x, axis_of(d, s)))


def split_with_sizes(d, f, x, shape):
    axis = d.integer(0, len(shape) - 1)
    cuts = sorted(d.integer(0, shape[axis]) for _ in range(d.integer(0, 3)))
    return f(x, [b - a for a, b in zip([0] + cuts, cuts + [shape[axis]])], axis)


# ---- repeated elements


def expanded(d, shape):
    return [d.size(3) for _ in range(d.integer(0, 2))] + [-1 if d.chance(0.3) else d.size(4) if n == 1 else n for n in shape]


def thinned(d, *ranks):
    return [1 if d.chance(0.4) else n for n in d.shape(*(ranks or (1, 2, 3)))]


for _name in ("expand", "broadcast_to"):
    table("aten::" + _name, lambda d, f=_name: (lambda s: getattr(any_of(d, s), f)(expanded(d, s)))(thinned(d)))
table("aten::expand_copy", lambda d: (lambda s: A.expand_copy(any_of(d, s), expanded(d, s)))(thinned(d)))
table("aten::expand_as", lambda d: (lambda s: any_of(d, s).expand_as(d.f([2] + [3 if n == 1 else n for n in s])))(thinned(d)))
moved("aten::repeat", lambda d, x, s: x.repeat([d.integer(0, 3) for _ in range(len(s) + d.integer(0, 1))]), 0, 1, 2, 3)
moved("aten::tile", lambda d, x, s: torch.tile(x, [d.integer(0, 3) for _ in range(d.integer(0, len(s) + 1))]), 0, 1, 2, 3)
moved("aten::repeat_interleave.self_int", lambda d, x, s: torch.repeat_interleave(x, d.integer(0, 3), d.one_of(None, axis_of(d, s))))


table("aten::meshgrid", lambda d: A.meshgrid([d.f([d.size(5)]) for _ in range(d.integer(1, 3))]))
table("aten::meshgrid.indexing", lambda d: torch.meshgrid(*[d.f([d.size(5)]) for _ in range(d.integer(1, 3))], indexing=d.one_of("ij", "xy")))

# ---- joined tensors


def joined(d, f):
    shape = d.shape(1, 2, 3, 4)
    axis = d.integer(0, len(shape) - 1)
    operands = []
    for _ in range(d.integer(1, 4)):
        own = list(shape)
        own[axis] = d.integer(0, 4)
        operands.append(d.one_of(d.f, d.f, d.i, d.b)(own))
    if d.chance(0.2):
        operands.append(d.f([0], strided=False))
    return f(operands, axis - len(shape) if d.chance(0.3) else axis)


table("aten::cat", lambda d: joined(d, torch.cat))
table("aten::stack", lambda d: (lambda s: torch.stack([d.f(s) for _ in range(d.integer(1, 3))], axis_of(d, s, 1)))(d.shape(0, 1, 2, 3)))
table("aten::stack quantized", lambda d: stack_quantized(d), covers=())


def stack_quantized(d):
    shape, scale, zero = d.shape(1, 2, 3), d.scale(), d.zero()
    return torch.stack([d.q(shape, scale=scale, zero_point=zero) for _ in range(d.integer(1, 3))], axis_of(d, shape, 1))


# ---- chosen elements


def index_select(d):
    shape = d.shape(1, 2, 3)
    axis = d.integer(0, len(shape) - 1)
    return torch.index_select(any_of(d, shape), axis, d.i([d.integer(0, 5)], 0, shape[axis] - 1))


def gather(d):
    shape = d.shape(1, 2, 3)
    axis = d.integer(0, len(shape) - 1)
    own = [d.integer(0, n) for n in shape]
    own[axis] = d.integer(0, 5)
    return torch.gather(d.one_of(d.f, d.i, d.b)(shape), axis, d.i(own, 0, shape[axis] - 1))


def index(d):
    shape = d.shape(1, 2, 3)
    axis = d.integer(0, len(shape) - 1)
    return any_of(d, shape)[(slice(None),) * axis + (d.i(d.shape(1, 2), -shape[axis], shape[axis] - 1),)]


table("aten::index_select", index_select)
table("aten::gather", gather)
table("aten::index.Tensor", index)
table("aten::embedding", lambda d: (lambda s: F.embedding(d.i(d.shape(1, 2), 0, s[0] - 1), d.f(s)))(d.shape(2)))
table("aten::one_hot", lambda d: F.one_hot(d.i(d.shape(1, 2), 0, 4), 5))
table("aten::masked_fill.Scalar", lambda d: masked_fill(d))
table("aten::masked_fill.Tensor", lambda d: (lambda s: d.f(s).masked_fill(d.b(s), torch.tensor(d.real(-2, 2))))(d.shape()))


def masked_fill(d):
    shape = d.shape()
    return any_of(d, shape).masked_fill(d.b(shape if d.chance(0.7) else shape[-1:]), d.one_of(0, 1, d.real(-2, 2)))


# ---- shuffled images


def shuffled(d, name):
    factor, batch = d.integer(1, 3), [d.size(3) for _ in range(d.one_of(0, 1, 1, 2))]
    c, h, w = d.size(4), d.size(4), d.size(4)
    if name == "pixel_shuffle":
        return F.pixel_shuffle(any_of(d, batch + [c * factor * factor, h, w]), factor)
    if name == "pixel_unshuffle":
        return F.pixel_unshuffle(any_of(d, batch + [c, h * factor, w * factor]), factor)
    return torch.channel_shuffle(d.one_of(d.f, d.q)([d.size(3), c * factor, h, w]), factor)


for _name in ("pixel_shuffle", "pixel_unshuffle", "channel_shuffle"):
    table("aten::" + _name, lambda d, f=_name: shuffled(d, f))

# ---- padding


def pads(d, shape, low, high, dims=None):
    return [d.integer(low, high) for _ in range(2 * (dims or d.integer(1, len(shape))))]


moved("aten::constant_pad_nd", lambda d, x, s: A.constant_pad_nd(x, pads(d, s, -2, 3), d.one_of(0, 1, d.real(-2, 2))))
moved("aten::pad", lambda d, x, s: torch._C._nn.pad(x, pads(d, s, 0, 3), "constant", d.one_of(None, d.real(-2, 2))))
for _n in (1, 2, 3):
    for _name in ("reflection", "replication"):
        table("aten::%s_pad%dd" % (_name, _n), lambda d, n=_n, f=_name: pad_image(d, f, n))
        if _name == "reflection" and _n < 3:  # PyTorch has no others of quantized tensors
            table("aten::%s_pad%dd quantized" % (_name, _n), lambda d, n=_n, f=_name: pad_image(d, f, n, True), covers=())
table("aten::_pad_circular", lambda d: A._pad_circular(*(lambda s: (d.f(s), [d.integer(0, min(s[-1], 3)), d.integer(0, min(s[-1], 3))]))(d.shape(3))))
table("aten::pad modes", lambda d: pad_by_name(d), covers=())


def pad_image(d, name, dims, quantized=False):
    x = (d.q if quantized else d.f)(d.image(dims, 7, batch=dims < 3 or not quantized))
    return getattr(torch._C._nn, "%s_pad%dd" % (name, dims))(x, pads(d, None, -1, 3, dims))


def pad_by_name(d):
    dims = d.integer(1, 3)
    return F.pad(d.f(d.image(dims, 7)), pads(d, None, 0, 3, dims), d.one_of("reflect", "replicate", "circular"))


# ---- tensors of numbers


def number(d):
    return d.one_of(0, 1, d.integer(-5, 5), d.real(-3, 3))


DTYPES = (torch.float32, torch.float64, torch.int64, torch.int32, torch.uint8, torch.int8, torch.int16, torch.bool)


def dtype(d):
    return d.one_of(*DTYPES)


# Something of the input, so that the model has one.
def beside(d, made):
    return d.f([1]), made


table("aten::zeros", lambda d: beside(d, torch.zeros(d.shape(0, 1, 2), dtype=dtype(d))))
table("aten::ones", lambda d: beside(d, torch.ones(d.shape(0, 1, 2), dtype=dtype(d))))
table("aten::full", lambda d: beside(d, torch.full(d.shape(0, 1, 2), number(d))))
table("aten::scalar_tensor", lambda d: beside(d, torch.scalar_tensor(number(d), dtype=dtype(d))))
table("aten::arange", lambda d: beside(d, torch.arange(d.one_of(d.integer(0, 9), d.real(0, 9)))))
table("aten::arange.start_step", lambda d: beside(d, torch.arange(d.integer(-9, 0), d.one_of(d.integer(0, 9), d.real(0, 9)), d.one_of(1, 2, d.real(0.3, 2)))))
for _name, _more in (("zeros_like", ()), ("ones_like", ()), ("full_like", (2,))):
    table("aten::" + _name, lambda d, f=getattr(torch, _name), m=_more: f(d.one_of(d.f, d.i, d.b)(d.shape(0, 1, 2)), *m))
for _name, _more in (("new_zeros", ()), ("new_ones", ()), ("new_full", (3.0,))):
    table("aten::" + _name, lambda d, f=_name, m=_more: getattr(d.f(d.shape(0, 1, 2)), f)(d.shape(0, 1, 2), *m))

# ---- dtypes


def converted(d, f):
    shape = d.shape(0, 1, 2)
    kind = d.integer(0, 3)
    x = d.i(shape, -300, 300) if kind == 0 else d.b(shape) if kind == 1 else d.f(shape, -300 if kind == 2 else 0, 120, special=0.05)
    return f(x)


table("aten::to.dtype", lambda d: converted(d, lambda x: x.to(dtype(d))))
table("aten::to.device", lambda d: converted(d, lambda x: x.to(d.i([1]))))
table("aten::_to_copy", lambda d: converted(d, lambda x: A._to_copy(x, dtype=dtype(d))))
table("aten::type_as", lambda d: converted(d, lambda x: x.type_as(d.i([1]))))
for _name in ("Double", "Float", "Int", "Long"):
    table("aten::_cast_" + _name, lambda d, f=getattr(A, "_cast_" + _name): converted(d, f))
table("aten::to float64", lambda d: d.f(d.shape(), dtype=torch.float64).float(), covers=())

# ---- nothing at all

for _name in ("contiguous", "clone", "detach", "alias", "positive", "lift_fresh", "lift_fresh_copy", "detach_copy", "alias_copy"):
    table("aten::" + _name, lambda d, f=_name: getattr(A, f)(d.f(d.shape())))
for _name in ("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout"):
    table("aten::" + _name, lambda d, f=getattr(A, _name): f(d.f(d.shape()), 0.5, False))
