"""Operators that move elements and change none, of reals, integers and quantized tensors: `x` of the sizes `s`, `a` one of its dimensions."""
import torch
import torch.nn.functional as F

from draw import Refused  # noqa: F401
from table import Table

OPERATORS = table = Table()

A = torch.ops.aten
EXPRESSIONS = {
    "aten::flip": "torch.flip(x, [a])", "aten::fliplr": "torch.fliplr(x)", "aten::flipud": "torch.flipud(x)", "aten::roll": "torch.roll(x, d.integer(-3, 3), a)",
    "aten::permute": "x.permute([int(i) for i in d.rng.permutation(len(s))])", "aten::transpose.int": "x.transpose(a, d.axis(s))",
    "aten::t": "x[(0,) * (len(s) - 2)].t()",
    "aten::mT": "x.mT", "aten::numpy_T": "x[(0,) * max(0, len(s) - 2)].T",
    "aten::movedim.intlist": "torch.movedim(x, [a], [d.axis(s)])", "aten::unsqueeze": "x.unsqueeze(d.integer(-len(s) - 1, len(s)))",
    "aten::squeeze": "x.squeeze()", "aten::squeeze.dim": "x.squeeze(a)", "aten::flatten.using_ints": "x.flatten(*sorted((d.integer(0, len(s) - 1), d.integer(0, len(s) - 1))))",
    "aten::reshape": "x.reshape([s[0], -1] if 0 not in s else s)", "aten::view": "x.contiguous().view([-1] if 0 not in s else [0])", "aten::ravel": "x.ravel()",
    "aten::view_as": "x.contiguous().view(-1).view_as(x)", "aten::reshape_as": "x.reshape(-1).reshape_as(x)", "aten::view_copy": "A.view_copy(x.contiguous(), [-1] if 0 not in s else [0])",
    "aten::unflatten.int": "x.flatten().unflatten(0, [1, -1])", "aten::select.int": "x.select(a, d.index(s, a))", "aten::select_copy.int": "A.select_copy(x, a, d.index(s, a))",
    "aten::slice.Tensor": "A.slice(x, a, d.integer(-4, 4), d.integer(-4, 20), d.integer(1, 3))", "aten::slice_copy.Tensor": "A.slice_copy(x, a, d.integer(-4, 4), d.integer(-4, 20), d.integer(1, 3))",
    "aten::narrow": "x.narrow(a, 0, d.integer(0, s[a]))", "aten::narrow_copy": "torch.narrow_copy(x.contiguous(), a, 0, d.integer(0, s[a]))",
    "aten::chunk": "x.chunk(d.integer(1, 4), a)", "aten::unsafe_chunk": "torch.unsafe_chunk(x, d.integer(1, 4), a)", "aten::split.Tensor": "torch.split(x, d.integer(1, 4), a)",
    "aten::unsafe_split.Tensor": "torch.unsafe_split(x, d.integer(1, 4), a)", "aten::split_with_sizes": "torch.split(x, d.parts_of(s[a]), a)",
    "aten::unsafe_split_with_sizes": "torch.unsafe_split_with_sizes(x, d.parts_of(s[a]), a)", "aten::tensor_split.sections": "torch.tensor_split(x, d.integer(1, 4), a)",
    "aten::tensor_split.indices": "torch.tensor_split(x, [1, 2], a)", "aten::unbind.int": "torch.unbind(x, a)", "aten::expand": "x.unsqueeze(0).expand([3] + s)",
    "aten::expand_copy": "A.expand_copy(x.unsqueeze(0), [3] + s)", "aten::expand_as": "x[:1].expand_as(x)", "aten::broadcast_to": "torch.broadcast_to(x, [2] + s)",
    "aten::repeat": "x.repeat([d.integer(1, 3) for _ in range(len(s) + d.integer(0, 1))])", "aten::tile": "torch.tile(x, [d.integer(1, 3)])",
    "aten::repeat_interleave.self_int": "torch.repeat_interleave(x, d.integer(1, 3), a)", "aten::stack": "torch.stack([x, x], d.integer(-len(s) - 1, len(s)))",
    "aten::contiguous": "x.contiguous()", "aten::clone": "x.clone()", "aten::alias": "A.alias(x)", "aten::detach": "x.detach()", "aten::dropout": "F.dropout(x, 0.5, False)",
    "aten::feature_dropout": "torch.feature_dropout(x, 0.5, False)", "aten::alpha_dropout": "torch.alpha_dropout(x, 0.5, False)",
    "aten::feature_alpha_dropout": "torch.feature_alpha_dropout(x, 0.5, False)", "aten::positive": "torch.positive(x)",
    "aten::index_select": "torch.index_select(x, a, d.part(lambda: torch.tensor([d.index(s, a) for _ in range(3)])))",
    "aten::index.Tensor": "x[d.part(lambda: torch.tensor([d.index(s, 0) for _ in range(3)]))]", "aten::masked_fill.Scalar": "x.masked_fill(d.b(s), 0.25)",
    "aten::gather": "torch.gather(x, a, d.part(lambda: torch.from_numpy(d.rng.integers(0, max(1, s[a]), [min(2, n) for n in s]))))",
    "aten::constant_pad_nd": "torch.constant_pad_nd(x, [d.integer(-1, 2), d.integer(0, 2)], d.one_of(0.0, 0.5, 100.0))",
    "aten::pad": "F.pad(x, [d.integer(-1, 2), d.integer(0, 2)], value=d.one_of(0.0, 0.5))",
    "aten::detach_copy": "A.detach_copy(x)", "aten::alias_copy": "A.alias_copy(x)", "aten::lift_fresh": "A.lift_fresh(x)", "aten::lift_fresh_copy": "A.lift_fresh_copy(x)",
}
IMAGES = {
    "aten::pixel_shuffle": ("F.pixel_shuffle(x, 2)", (2, 4, 3, 5)), "aten::pixel_unshuffle": ("F.pixel_unshuffle(x, 2)", (2, 3, 4, 6)),
    "aten::channel_shuffle": ("torch.channel_shuffle(x, 2)", (2, 6, 3, 5)), "aten::reflection_pad1d": ("A.reflection_pad1d(x, [2, 1])", (2, 3, 6)),
    "aten::reflection_pad2d": ("A.reflection_pad2d(x, [1, 2, 2, 1])", (2, 3, 5, 6)), "aten::reflection_pad3d": ("A.reflection_pad3d(x, [1, 2, 2, 1, 1, 0])", (1, 2, 3, 5, 4)),
    "aten::replication_pad1d": ("A.replication_pad1d(x, [2, 1])", (2, 3, 6)), "aten::replication_pad2d": ("A.replication_pad2d(x, [1, 2, 2, 1])", (2, 3, 5, 6)),
    "aten::replication_pad3d": ("A.replication_pad3d(x, [1, 2, 2, 1, 1, 0])", (1, 2, 3, 5, 4)), "aten::_pad_circular": ("A._pad_circular(x, [1, 2, 2, 1])", (2, 3, 5, 6)),
}
# PyTorch has no kernels for quantized tensors of these, or saves them so that it cannot load them again.
REAL_ONLY = ("masked_fill", "gather", "roll", "index.Tensor", "repeat_interleave", "fliplr", "flipud", "tile", "alpha_dropout", "_copy", "reflection_pad3d",
             "replication_pad", "_pad_circular", "reflection_pad2d")


def moved(d, code, sizes, quantized):
    s = list(sizes) if sizes else d.shape(2, 3, 4)
    a = d.axis(s)
    x = d.q(s) if quantized else d.f(s) if d.chance(0.7) else d.i(s)
    return eval(code, {"x": x, "s": s, "a": a, "d": d, "A": A, "torch": torch, "F": F})


for _name, _body in list(EXPRESSIONS.items()) + list(IMAGES.items()):
    _body, _sizes = _body if isinstance(_body, tuple) else (_body, None)
    table(_name, lambda d, b=_body, s=_sizes: moved(d, b, s, False), ulp=0)
    if not any(n in _name for n in REAL_ONLY):
        table(_name + " quantized", lambda d, b=_body, s=_sizes: moved(d, b, s, True), covers=())
