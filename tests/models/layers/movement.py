"""Quantized operators that move elements and change none, and concatenation."""
from .layer import Table, s8, u8

LAYERS = table = Table()

X = (2, 8, 12, 10)
BODIES = {
    "flatten": "torch.flatten(x, 1)", "flatten_all": "torch.flatten(x)", "flatten_middle": "torch.flatten(x, 1, 2)",
    "flatten_negative": "x.flatten(-3, -2)",
    "view": "x.view(2, 96, 10)", "view_minus_one": "x.view(2, -1)", "view_size": "x.view(x.size(0), -1, x.size(3))",
    "reshape": "x.reshape(4, 4, 120)", "reshape_minus_one": "x.reshape([-1, 10])", "reshape_shape": "x.reshape(x.shape[0], -1)",
    "permute": "x.permute(0, 2, 3, 1)", "permute_negative": "torch.permute(x, [0, -1, 1, 2])",
    "permute_view": "x.permute(0, 2, 3, 1).contiguous().view(2, 120, 8)",
    "transpose": "x.transpose(1, 2)", "transpose_negative": "torch.transpose(x, -1, -3)",
    "contiguous": "x.contiguous()", "channels_last": "x.contiguous(memory_format=torch.channels_last)",
    "squeeze": "x[:1].squeeze(0)", "squeeze_all": "x[:1].squeeze()", "squeeze_nothing": "x.squeeze(1)",
    "unsqueeze": "x.unsqueeze(1)", "unsqueeze_negative": "x.unsqueeze(-1)",
    "chunk": "a, b = x.chunk(2, 1)\nreturn a, b", "chunk_uneven": "a, b, c = torch.chunk(x, 3, 1)\nreturn a, b, c",
    "split": "a, b = torch.split(x, 4, 1)\nreturn a, b", "split_uneven": "a, b, c = torch.split(x, 3, 1)\nreturn a, b, c",
    "split_with_sizes": "a, b, c = torch.split(x, [1, 5, 2], 1)\nreturn a, b, c",
    "select": "x.select(1, 3)", "select_negative": "x[:, -2]", "select_chain": "x[0, 1]",
    "slice": "x[:, 2:7]", "slice_step": "x[:, :, 1:11:3]", "slice_negative": "x[:, :, -5:-1]", "slice_open": "x[:, :, :, 4:]",
    "slice_clamped": "x[:, 5:99]", "slice_many": "x[:, 1:, 2:-2, ::2]", "ellipsis": "x[..., 3]", "none_index": "x[:, None]",
    "narrow": "x.narrow(2, 3, 4)", "narrow_negative": "torch.narrow(x, -1, 1, 5)",
    "expand": "x[:, :1].expand(2, 8, 12, 10)", "expand_minus_one": "x[:, :1].expand(-1, 4, -1, -1)",
    "expand_rank": "x[:1].expand(3, 1, 8, 12, 10)", "expand_as": "x[:, :1].expand_as(x)",
    "repeat": "x.repeat(1, 2, 1, 3)", "repeat_rank": "x.repeat(2, 1, 1, 1, 1)",
    "pad_constant": "F.pad(x, [1, 2, 3, 4])", "pad_value": "F.pad(x, [1, 2], 'constant', 0.5)",
    "pad_channels": "F.pad(x, [0, 0, 0, 0, 2, 1])", "pad_reflect": "F.pad(x, [1, 2, 3, 4], 'reflect')",
    "pad_negative": "F.pad(x, [-1, 2, 0, -3])",
    "pixel_shuffle": "F.pixel_shuffle(x, 2)", "pixel_unshuffle": "F.pixel_unshuffle(x, 2)",
    "channel_shuffle": "x.view(2, 2, 4, 12, 10).transpose(1, 2).contiguous().view(2, 8, 12, 10)",
    "channel_shuffle_operator": "torch.channel_shuffle(x, 4)",
    "unflatten": "torch.unflatten(x, 1, [2, 4])", "movedim": "torch.movedim(x, 1, -1)", "flip": "torch.flip(x, [2])",
    "stack": "torch.stack([x, x], 1)", "unbind": "a, b = torch.unbind(x, 0)\nreturn a, b",
    "clone": "x.clone()", "detach": "x.detach()", "identity_to": "x.to('cpu')", "t": "x[0, 0].t()",
    "tuple": "return x, x[:, :2]", "no_operator": "x",
    "index_select": "torch.index_select(x, 1, torch.tensor([3, 0, 3]))",
}
ONLY = {"permute_negative": ("traced",), "unflatten": ("traced",), "detach": ("traced",)}
for _name, _body in BODIES.items():
    table(_name, _body, x=u8(*X), exact=True, forms=ONLY.get(_name, ("traced", "scripted")))
    if _name in ("flatten", "slice_step", "chunk", "permute", "pad_constant", "expand"):
        table(_name + "_signed", _body, x=s8(*X), exact=True)
table("t_2d", "x.t()", x=u8(6, 7), exact=True)
table("view_dtype_same", "x.view(-1)", x=u8(6, 7), exact=True)

Y = dict(y=u8(2, 8, 80, 80, scale=0.0311, zero_point=140))
for _relu in ("", "_relu"):
    _zero = 0 if _relu else 129
    table("cat" + _relu, "torch.ops.quantized.cat%s([x, y], 1, 0.0305, %d)" % (_relu, _zero), x=u8(), **Y)
    table("cat%s_same" % _relu, "torch.ops.quantized.cat%s([x, x], 1, 0.0173, 113)" % _relu, x=u8(), exact=True)
    table("cat%s_one_same" % _relu, "torch.ops.quantized.cat%s([x, y], -1, 0.0311, 140)" % _relu, x=u8(), **Y)
table("cat_dim0", "torch.ops.quantized.cat([x, y, x], 0, 0.0305, 129)", x=u8(), **Y)
table("cat_default", "torch.ops.quantized.cat([x, y], 1, None, None)", x=u8(), **Y)
table("cat_plain", "torch.cat([x, x[:, :3]], 1)", x=u8(), exact=True)
