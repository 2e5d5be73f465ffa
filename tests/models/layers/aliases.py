"""Other names of operators, logic and integer arithmetic, and what makes tensors of constants."""
import torch

from .layer import Table, f32, i64, u8

LAYERS = table = Table()
PAIR = dict(x=f32(2, 3, 4, 5), y=f32(2, 3, 4, 5))
X = dict(x=f32(2, 3, 4, 5))
IMAGE = dict(x=f32(1, 3, 6, 7))
INTEGERS = dict(x=i64(3, 4, low=-9, high=9), y=i64(3, 4, low=1, high=6))
TRACED = ("traced",)

EXPRESSIONS = {
    "clip": ("torch.clip(x, -0.5, 0.5)", X), "concat": ("torch.concat([x, y], 1)", PAIR), "multiply": ("torch.multiply(x, y)", PAIR),
    "subtract": ("torch.subtract(x, y)", PAIR), "divide": ("torch.divide(x, y * y + 1.0)", PAIR),
    "true_divide": ("torch.true_divide(x, y * y + 1.0)", PAIR), "square": ("torch.square(x)", X), "positive": ("torch.positive(x)", X),
    "moveaxis": ("torch.moveaxis(x, 1, 3)", X), "swapaxes": ("torch.swapaxes(x, 1, 3)", X), "swapdims": ("torch.swapdims(x, 0, 2)", X),
    "ravel": ("torch.ravel(x)", X), "view_as": ("x.view(-1).view_as(y)", PAIR), "reshape_as": ("x.flatten().reshape_as(y)", PAIR),
    "broadcast_to": ("torch.broadcast_to(x[:, :1], [2, 3, 4, 5])", X), "tile": ("torch.tile(x, [2, 1])", X),
    "tensor_split": ("a, b, c = torch.tensor_split(x, 3, 3)\nreturn a, b, c", X),
    "unsafe_chunk": ("a, b = torch.unsafe_chunk(x, 2, 2)\nreturn a, b", X), "unsafe_split": ("a, b = torch.unsafe_split(x, 3, 3)\nreturn a, b", X),
    "unsafe_split_sizes": ("a, b = torch.unsafe_split_with_sizes(x, [1, 4], 3)\nreturn a, b", X), "narrow_copy": ("torch.narrow_copy(x, 1, 1, 2)", X),
    "fliplr": ("torch.fliplr(x)", X), "flipud": ("torch.flipud(x)", X), "roll": ("torch.roll(x, 2, 3)", X), "mT": ("x.mT", X),
    "numpy_T": ("x.T", dict(x=f32(3, 4))), "mv": ("torch.mv(x, y)", dict(x=f32(3, 4), y=f32(4))), "dot": ("torch.dot(x, y)", dict(x=f32(7), y=f32(7))),
    "addmv": ("torch.addmv(z, x, y)", dict(x=f32(3, 4), y=f32(4), z=f32(3))), "addcdiv": ("torch.addcdiv(x, x, y * y + 1.0, value=0.5)", PAIR),
    "lerp": ("torch.lerp(x, y, 0.3)", PAIR), "cumsum": ("torch.cumsum(x, 2)", X), "fmod": ("torch.fmod(x, 0.7)", X),
    "remainder": ("torch.remainder(x, 0.7)", X), "floor_divide": ("torch.floor_divide(x, 0.7)", X),
    "ones_like": ("x + torch.ones_like(x)", X), "full_like": ("x + torch.full_like(x, 0.5)", X), "new_ones": ("x + x.new_ones([4, 5])", X),
    "new_zeros": ("x + x.new_zeros([4, 5])", X), "new_full": ("x + x.new_full([4, 5], 0.25)", X), "zeros": ("x + torch.zeros([4, 5])", X),
    "full": ("x + torch.full([4, 5], 0.75)", X), "arange": ("x + torch.arange(5)", X), "scalar_tensor": ("x + torch.scalar_tensor(0.5)", X),
    "where_ne": ("torch.where(torch.ne(x, y), x, y)", PAIR), "where_eq": ("torch.where(torch.eq(x, y), x, y + 1.0)", PAIR),
    "where_le": ("torch.where(torch.le(x, y), x, y)", PAIR), "where_greater": ("torch.where(torch.greater(x, y), x, y)", PAIR),
    "where_greater_equal": ("torch.where(torch.greater_equal(x, 0.5), x, y)", PAIR), "where_less": ("torch.where(torch.less(x, y), x, y)", PAIR),
    "where_less_equal": ("torch.where(torch.less_equal(x, y), x, y)", PAIR), "where_not_equal": ("torch.where(torch.not_equal(x, y), x, y)", PAIR),
    "logic": ("torch.where(torch.logical_and(x > 0, torch.logical_not(y > 0)), x, y)", PAIR),
    "logic_or": ("torch.where(torch.logical_or(x > 0, y > 0), x, y)", PAIR), "logic_xor": ("torch.where(torch.logical_xor(x > 0, y > 0), x, y)", PAIR),
    "and": ("torch.where((x > 0) & (y > 0), x, y)", PAIR), "or": ("torch.where((x > 0) | (y > 0), x, y)", PAIR),
    "xor": ("torch.where((x > 0) ^ (y > 0), x, y)", PAIR), "not": ("torch.where(~(x > 0), x, y)", PAIR),
    "bitwise_and": ("torch.where(torch.bitwise_and(x > 0, y > 0), x, y)", PAIR), "bitwise_or": ("torch.where(torch.bitwise_or(x > 0, y > 0), x, y)", PAIR),
    "bitwise_xor": ("torch.where(torch.bitwise_xor(x > 0, y > 0), x, y)", PAIR),
    "integer_add": ("x + y", INTEGERS), "integer_mul": ("x * y - 3", INTEGERS), "integer_floor": ("torch.floor_divide(x, y)", INTEGERS),
    "integer_remainder": ("torch.remainder(x, y)", INTEGERS), "one_hot": ("F.one_hot(x, 10)", dict(x=i64(2, 7))),
    "index": ("x[:, torch.tensor([2, 0])]", X), "repeat_interleave": ("torch.repeat_interleave(x, 2, 1)", X),
    "meshgrid": ("a, b = torch.meshgrid(x, y, indexing='ij')\nreturn a, b", dict(x=f32(3), y=f32(4))),
    "reflection_pad1d": ("F.pad(x, [2, 1], 'reflect')", dict(x=f32(2, 3, 6))), "replication_pad1d": ("F.pad(x, [2, 1], 'replicate')", dict(x=f32(2, 3, 6))),
    "replication_pad2d": ("F.pad(x, [2, 1, 0, 3], 'replicate')", IMAGE), "replication_pad3d": ("F.pad(x, [2, 1, 0, 3, 1, 1], 'replicate')", dict(x=f32(1, 2, 3, 4, 5))),
    "circular_pad": ("F.pad(x, [2, 1, 1, 2], 'circular')", IMAGE), "constant_pad_nd": ("torch.constant_pad_nd(x, [1, 2], 0.5)", X),
    "reflection_pad2d": ("torch._C._nn.reflection_pad2d(x, [1, 2, 2, 1])", IMAGE),
    "grid_sample": ("F.grid_sample(x, y, align_corners=False)", dict(x=f32(1, 2, 5, 6), y=f32(1, 4, 3, 2, low=-0.9, high=0.9))),
    "fake_quantize": ("torch.fake_quantize_per_tensor_affine(x, 0.05, 10, 0, 255)", X),
    "fake_quantize_mask": ("torch.ops.aten.fake_quantize_per_tensor_affine_cachemask(x, 0.05, 10, 0, 255)[0]", X),
    "fake_quantize_tensors": ("torch.ops.aten._fake_quantize_per_tensor_affine_cachemask_tensor_qparams("
                              "x, torch.tensor([0.05]), torch.tensor([10], dtype=torch.int32), torch.tensor([1]), 0, 255)[0]", X),
    "fake_quantize_learnable": ("torch.ops.aten._fake_quantize_learnable_per_tensor_affine("
                                "x, torch.tensor([0.05]), torch.tensor([10.0]), 0, 255)", X),
    "fake_quantize_channels": ("torch.fake_quantize_per_channel_affine("
                               "x, torch.tensor([0.05, 0.03, 0.04]), torch.tensor([10, 0, 20], dtype=torch.int32), 1, 0, 255)", X),
    "fake_quantize_channels_mask": ("torch.ops.aten.fake_quantize_per_channel_affine_cachemask("
                                    "x, torch.tensor([0.05, 0.03, 0.04]), torch.tensor([10, 0, 20], dtype=torch.int32), 1, 0, 255)[0]", X),
    "fake_quantize_channels_learnable": ("torch.ops.aten._fake_quantize_learnable_per_channel_affine("
                                         "x, torch.tensor([0.05, 0.03, 0.04]), torch.tensor([10.0, 0.0, 20.0]), 1, 0, 255)", X),
    "requires_grad": ("x.requires_grad_(False) * 2.0", X), "cpu": ("x.cpu() * 2.0", X), "alias": ("torch.ops.aten.alias(x) * 2.0", X),
    "feature_alpha_dropout": ("torch.feature_alpha_dropout(x, 0.5, False)", X),
}
for _name, (_body, _inputs) in EXPRESSIONS.items():
    table("alias_" + _name, _body, forms=TRACED if _name in ("cpu", "requires_grad", "reflection_pad2d") else ("traced", "scripted"), **_inputs)

for _name, _body, _shape in (("matmul", "torch.ops.quantized.matmul(x, y, 0.19, 120)", (4, 160, 64)),):
    table("quantized_" + _name, _body, x=u8(*_shape), y=u8(4, 64, 160, scale=0.0121, zero_point=119))
table("quantized_dropout", "torch.ops.quantized.dropout(x, 0.0173, 113, 0.5, False)", x=u8(2, 3), exact=True)
