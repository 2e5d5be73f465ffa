"""Draws one call of any row of the registry: what an argument may be follows from its kind and its name, never from the row.

A draw need not make sense.  PyTorch is asked, and what it refuses is drawn again; so a new row is covered as soon as its arguments
have names that PyTorch uses elsewhere.
"""
import re
import zlib

import numpy as np
import torch

import quantized
from draw import Draw, Refused

SIZES = (1, 2, 3, 4, 5, 8)
MOST = 2000  # elements of a tensor
CHANNELS = {"bias", "running_mean", "running_var", "mean", "var"}
POSITIVE = {"running_var", "var"}
TRUTHS = {"mask", "condition"}
INDICES = {"index", "indices"}
AXES = {"dim", "dim0", "dim1", "axis", "axis0", "axis1", "start_dim", "end_dim"}
COUNTS = {"chunks", "sections", "split_size", "upscale_factor", "downscale_factor", "step", "repeats", "divisor_override"}
WINDOWS = {"kernel_size": (1, 3), "stride": (1, 2), "padding": (0, 1), "dilation": (1, 2)}
DTYPES = (torch.float32, torch.float32, torch.int64, torch.int32, torch.bool, torch.uint8, torch.quint8, torch.qint8)
EQUATIONS = ("ij,ij->ij", "ij->ji", "ij,kj->ik", "abi,abj->aij", "i,i->", "i,j->ij", "ij,ij->")
TEXTS = {"approximate": ("none", "tanh"), "rounding_mode": ("trunc", "floor"), "indexing": ("ij", "xy"), "padding": ("same", "valid"),
         "equation": EQUATIONS, "device": ("cpu",),
         "mode": ("constant", "reflect", "replicate", "circular", "nearest", "bilinear", "linear", "bicubic")}
# Inference only, and what PyTorch's qnnpack engine overlooks (docs/numbers.md).
FIXED = {"train": False, "training": False, "use_input_stats": True, "half_to_float": False, "sparse": False, "implicit": False,
         "sparse_grad": False, "scale_grad_by_freq": False, "padding_idx": -1, "momentum": 0.1, "path": None, "antialias": False,
         "memory_format": None, "inplace": False, "copy": False}  # with copy=True alone aten::to.prim_other reads a dtype that was not given
FIXED_QUANTIZED = {"count_include_pad": True, "divisor_override": None}
NUMBERS = {"eps": (1e-5, 1e-3), "p": (0.5, 1, 2), "ord": (1, 2, 3), "beta": (1.0, 0.5, -1.5), "num_classes": (5, 9),
           "quant_min": (0, -128), "quant_max": (255, 127), "correction": (0, 1, 2)}


def names_of(row):
    return {argument["name"] for argument in row["arguments"]}


def divisors(n):
    return [i for i in range(1, n + 1) if n % i == 0]


class Call(Draw):
    """`arguments` in the order of PyTorch's schema; `inputs` and `made`: which of them are graph inputs, which constants."""

    def __init__(self, row, schema, index):
        super().__init__(zlib.crc32(row["operator"].encode()), index)
        self.wild = self.tiny = False  # tests/numbers goes to the ends of the ranges
        if "empty" in row["operator"]:
            raise Refused  # memory that nothing was written to has no answer
        self.row, self.drawn, self.step = row, {}, None
        images = re.search(r"(\d)d", row["operator"])
        self.dims = int(images.group(1)) if images else self.one_of(1, 2, 3) if "dilation" in names_of(row) else None
        quantized_row = row["operator"].startswith("quantized::")
        self.sort = "q" if quantized_row else self.one_of(*"qqqfffffib")
        self.shape = self.usual_shape()
        self.channels = self.shape[1] if len(self.shape) > 1 else 1
        self.groups = self.one_of(1, *divisors(self.channels))
        self.axis = self.integer(-len(self.shape), max(len(self.shape) - 1, 0))
        self.common = self.scale(), self.zero()
        kinds = {argument["name"]: argument for argument in row["arguments"]}
        self.arguments = []
        for argument in schema.arguments:
            described = kinds.get(argument.name)
            if described is None or described["kind"] == "ignored" and argument.has_default_value() or (
                    argument.has_default_value() and self.chance(0.4)):
                if not argument.has_default_value():
                    raise Refused
                value = argument.default_value
                if argument.name == "dtype" and isinstance(value, int):
                    raise Refused  # a code that PyTorch's Python does not take
            else:
                value = self.value(described)
            if isinstance(value, list) and "List" not in str(argument.type):
                value = value[0] if value else None  # a row may take lists where this overload takes a number
            self.drawn[argument.name] = value
            self.arguments.append(value)

    # ---- shapes

    def usual_shape(self):
        rank = self.one_of(0, 1, 2, 2, 3, 3, 4, 4, 5)
        if self.dims:
            rank = self.dims + self.one_of(2, 2, 2, 1)
        shape = [self.one_of(*SIZES) for _ in range(rank)]
        while torch.Size(shape).numel() > MOST:
            shape[int(np.argmax(shape))] //= 2
        if self.sort == "q" and rank > 2:  # images that PyTorch takes for channels-last ones (docs/numbers.md)
            shape[1] = max(shape[1], 2)
            shape[-1] += torch.Size(shape[2:]).numel() == 1
        if "norm" in self.row["operator"] and rank:
            shape[-1] = max(shape[-1], 2)
        return shape

    def beside(self):
        """The sizes of another operand: mostly the same, sometimes what goes together with them otherwise."""
        kind, shape = self.integer(0, 19), list(self.shape)
        if kind == 0:
            return shape[::-1]
        if kind == 1 and len(shape) > 1:
            return shape[:-2] + [shape[-1], self.one_of(*SIZES)]
        if kind == 2:
            return [2] + [3 if n == 1 else n for n in shape]
        if kind < 8:
            return [n if self.chance(0.5) else 1 for n in shape][self.integer(0, len(shape)):]
        return shape

    def window(self, name, count):
        low, high = WINDOWS[name]
        if name == "dilation" and (self.sort == "q" or 1 in self.shape[2:]):
            high = 1  # qnnpack reads other elements where such a window reaches into the padding; or it lies in it altogether
        same = self.integer(low, high)
        return [same if self.chance(0.5) else self.integer(low, high) for _ in range(count)]

    def weight_shape(self):
        last = self.shape[-1] if self.shape else 1
        shapes = [[self.channels], [1], self.shape[-self.integer(1, 3):], [self.one_of(*SIZES), last]]
        if self.dims:
            out, kernel = self.one_of(1, 2, 3), [self.integer(1, 3) for _ in range(self.dims)]
            channels = self.shape[-self.dims - 1]
            groups = self.groups = self.one_of(1, *divisors(channels))
            of_images = [[out * groups, channels // groups] + kernel, [channels, out] + kernel]
            shapes = of_images if "stride" in names_of(self.row) else shapes
        return self.one_of(*shapes)

    def axis_size(self):
        return self.shape[self.axis] if self.shape else 1

    # ---- tensors

    def any(self, shape, sort=None):
        sort = sort or self.sort
        if sort == "q":
            scale, zero = self.common if self.chance(0.4) else (self.scale(), self.zero())
            return self.q(shape, scale=scale, zero_point=zero, strided=False)
        if sort == "f":
            return self.f(shape, special=0, strided=False)
        return self.i(shape, *self.one_of((-9, 9), (0, 4))) if sort == "i" else self.b(shape)

    def tensor(self, name, constant=False):
        first = not any(isinstance(v, torch.Tensor) for v in self.drawn.values())
        if name in ("scales", "zero_points", "scale", "zero_point"):
            return self.quantization(name)
        if name == "weight" and not first or name in CHANNELS:
            return self.parameters(name)
        if name in TRUTHS:
            return self.b(self.shape if self.chance(0.7) else self.beside())
        if name in INDICES:
            return self.indices()
        if name == "exponent":  # of integers: not negative, whose powers are no integers
            return self.f(self.beside(), special=0, strided=False) if self.sort == "f" else self.i(self.beside(), 0, 4)
        if name == "grid":
            dims = len(self.shape) - 2
            return self.f([self.shape[0]] + [self.integer(1, 4) for _ in range(dims)] + [dims], -1.5, 1.5, 0, False)
        if name in ("mat1", "batch1", "mat2", "batch2", "mat", "vec"):
            return self.any(self.factor(name))
        if name == "out":
            return self.any(self.joined())
        if first and not constant:
            return self.any(self.shape)
        shape = [] if name == "value" else self.beside()
        return self.any(shape, None if self.sort == "q" or self.chance(0.8) else self.one_of(*"fib"))

    def quantization(self, name):
        per_channel = self.chance(0.5)
        shape = [self.axis_size()] if name.endswith("s") or per_channel else []
        if name.startswith("zero"):
            zeros = torch.from_numpy(np.asarray(self.rng.integers(0, 127, shape)))
            return self.part(lambda: zeros.to(self.one_of(torch.int64, torch.int32)))
        scales = torch.from_numpy(np.asarray(self.scale() * (0.3 + self.rng.random(shape))))
        return self.part(lambda: scales.to(self.one_of(torch.float64, torch.float32)))

    def parameters(self, name):
        weight = self.drawn.get("weight")
        if name == "weight":
            shape = self.weight_shape()
            if self.sort == "q" and self.chance(0.3):
                levels, scale, zero = torch.from_numpy(self.rng.integers(0, 255, shape)).to(torch.uint8), self.scale(), self.zero(torch.quint8)
                return self.part(lambda: torch._make_per_tensor_quantized_tensor(levels, scale, zero))
        elif weight is not None and self.chance(0.7):
            shape = self.one_of(list(weight.shape), weight.shape[:1], weight.shape[:1], [weight.shape[min(1, weight.dim() - 1)] * self.groups])
        else:
            shape = [self.channels]
        return self.parameter(shape, 0.05 if name in POSITIVE else -1.0, 2.0)

    def indices(self):
        weight = self.drawn.get("weight")
        size = weight.shape[0] if weight is not None and weight.dim() else self.axis_size()
        shape = [self.one_of(*SIZES) for _ in range(len(self.shape) if self.chance(0.5) else self.integer(1, 2))]
        return self.i(shape, 0, size - 1)

    def factor(self, name):
        """A factor of a product of matrices, or of one that is added to the argument `self`."""
        last = self.shape[-1] if self.shape else 1
        left = self.drawn.get("mat1", self.drawn.get("batch1"))
        if name in ("mat1", "batch1"):
            return self.shape[:-1] + [self.one_of(*SIZES)]
        if name in ("mat2", "batch2"):
            rows, columns = (left.shape[-1], last) if left is not None else (last, self.one_of(*SIZES))
            return self.shape[:-2] + [rows, columns]
        if name == "mat":
            return self.shape[-1:] + [self.one_of(*SIZES)]
        return [self.drawn["mat"].shape[-1] if "mat" in self.drawn else last]

    def joined(self):
        tensors = next((v for v in self.drawn.values() if isinstance(v, list) and v and isinstance(v[0], torch.Tensor)), None)
        if tensors is None:
            return self.shape
        shape = list(self.shape)
        shape[self.drawn["dim"]] = sum(t.shape[self.drawn["dim"]] for t in tensors)
        return shape

    def tensors(self):
        axis, alike = self.integer(0, 9), self.chance(0.5)
        made = []
        for _ in range(self.integer(1, 3)):
            shape = list(self.shape)
            if not alike and axis < len(shape):
                shape[axis] = self.one_of(*SIZES)
            made.append(self.any(shape))
        return made

    def packed(self):
        """Weights of a quantized layer, packed by the operator that PyTorch has for it."""
        name = re.sub(r"_relu$", "", self.row["operator"].split("::")[1].split(".")[0])
        pack = getattr(torch.ops.quantized, name + "_prepack")
        per_channel, transposed = self.chance(0.5), "transpose" in name
        if not self.dims:
            shape = [self.one_of(*SIZES), self.shape[-1]]
            channels, axis, options = shape[0], 0, []
        else:
            kernel, out = self.window("kernel_size", self.dims), self.one_of(1, 2, 3)
            windows = {n: self.window(n, self.dims) for n in ("stride", "padding")}
            # What is not below the stride ONNX Runtime refuses to run.
            windows["output_padding"] = [self.integer(0, s - 1) for s in windows["stride"]]
            dilation = [self.one_of(1, 1, 2) for _ in range(self.dims)]
            for size, k, p, l in zip(self.shape[2:], kernel, windows["padding"], dilation):
                if not transposed and size + 2 * p < l * (k - 1) + 1:
                    raise Refused  # qnnpack ends the process
            per_channel = per_channel and not (transposed and self.groups > 1)
            shape = [self.channels, out] + kernel if transposed else [out * self.groups, self.channels // self.groups] + kernel
            channels, axis = out * self.groups, 1 if transposed else 0
            options = [windows["stride"], windows["padding"]] + ([windows["output_padding"]] if transposed else []) + [dilation, self.groups]
        weight = quantized.weight(self, shape, per_channel, axis)
        x = next(t for t in self.inputs)
        mean_scale = float(weight.q_per_channel_scales().mean() if per_channel else weight.q_scale())
        self.step = x.q_scale() * mean_scale * max(torch.Size(shape).numel() // channels, 1) ** 0.5 * 50
        bias = torch.from_numpy(self.rng.normal(0, self.step * 30, channels)).float() if self.chance(0.8) else None
        return self.part(lambda: pack(weight, bias, *options))

    # ---- numbers

    def value(self, argument):
        name, kind = argument["name"], argument["kind"]
        fixed = {**FIXED, **(FIXED_QUANTIZED if self.sort == "q" else {})}
        if name in fixed:
            return fixed[name]
        if kind.startswith("optional ") and self.chance(0.3):
            return None
        if re.fullmatch("scales(_[dhw])?", name) and kind == "optional float":
            return self.scaling(name)
        kind = kind.removeprefix("optional ")
        if kind == "tensor or scalar":
            kind = self.one_of("tensor", "scalar")
        if kind in ("tensor", "constant"):
            return self.tensor(name, kind == "constant")
        if kind == "tensors":
            return self.tensors() if name not in INDICES else [None] * self.integer(0, max(0, len(self.shape) - 1)) + [self.indices()]
        if kind == "packed":
            return self.packed()
        if kind in ("ints", "floats"):
            return self.several(name, kind, argument.get("length", 0))
        if kind == "bool":
            return self.chance(0.5)
        if kind == "string":
            text = self.one_of(*TEXTS.get(name, ("none",)))
            return torch.device(text) if name == "device" else text
        if kind == "ignored":
            return self.ignored(name)
        return self.number(name, kind)

    def scaling(self, name):
        """Of a size that is given as well: PyTorch reads beyond the image where they disagree."""
        sizes = self.drawn["output_size"]
        place = "dhw".find(name[-1]) - 3 if "_" in name else -1
        if not isinstance(sizes, list) or len(sizes) < -place or len(self.shape) < -place:
            raise Refused
        return sizes[place] / self.shape[place]

    def ignored(self, name):
        """What Octavo does not look at, PyTorch does."""
        if name in WINDOWS:
            return self.window(name, self.dims)
        if name == "out":
            return self.tensor(name)
        if name == "device":
            return torch.device("cpu")
        return self.groups if name == "groups" else False

    def number(self, name, kind):
        if re.search(r"zero_point", name):
            return self.zero()
        if re.search(r"scale(_i)?$", name) and kind == "float":
            return self.near(self.step) if self.step else self.one_of(self.scale(), self.scale(), 1 / 256)
        if name == "dtype":
            return self.one_of(*DTYPES)
        if name in NUMBERS:
            value = self.one_of(*NUMBERS[name])
        elif kind == "int":
            value = self.whole(name)
        elif name.startswith("scale"):
            value = self.one_of(2.0, 0.5, 1.0, self.real(0.4, 3))
        else:
            value = self.one_of(self.real(-2, 2), self.real(0.1, 2), 0.5, self.integer(-3, 3), 1)
        return float(value) if kind == "float" else value

    def whole(self, name):
        rank = max(len(self.shape), 1)
        if name in ("dim", "axis") and self.chance(0.9):
            return self.axis
        if name in AXES:
            return self.integer(-rank, rank - 1 + self.chance(0.05))
        if name in COUNTS:
            return self.integer(1, 3)
        if name.endswith("groups"):
            return self.groups
        if name.endswith("_mode"):
            return self.integer(0, 2)
        if name == "output_size":
            return self.one_of(*SIZES)
        return self.integer(-6, 6)

    def several(self, name, kind, length):
        rank, count = len(self.shape), length or self.dims or self.integer(0, max(len(self.shape), 1))
        if kind == "floats":
            return [self.one_of(2.0, 0.5, 1.0, self.real(0.4, 3)) for _ in range(count)]
        if name == "output_padding":
            return [self.integer(0, s - 1) for s in self.drawn["stride"]]  # what is not below it ONNX Runtime refuses
        if name in WINDOWS and not (name == "padding" and "pad" in self.row["operator"]):
            return self.window(name, count)
        if name in ("dim", "dims", "source", "destination") and self.chance(0.8):
            order = [int(a) for a in self.rng.permutation(rank)]
            return [a - rank if self.chance(0.3) else a for a in order[:self.one_of(rank, self.integer(0, rank))]]
        if name in ("pad", "padding"):
            pairs = self.dims or self.integer(0, rank)
            return [self.integer(0 if self.chance(0.9) else -1, 2) for _ in range(2 * pairs)]
        if name == "normalized_shape":
            return self.shape[-self.integer(1, max(rank, 1)):]
        if name in ("shape", "size", "sizes", "split_size", "split_sizes"):
            parts = name in ("sizes", "split_size", "split_sizes") and self.chance(0.7)
            return self.cuts(self.axis_size()) if parts else self.sizes(torch.Size(self.shape).numel())
        if name == "output_size":
            return [self.one_of(*SIZES) for _ in range(count)]
        return [self.integer(0, 3) for _ in range(rank if self.chance(0.5) else count)]

    def cuts(self, total):
        cuts = sorted(self.integer(0, total) for _ in range(self.integer(0, 2)))
        return [b - a for a, b in zip([0] + cuts, cuts + [total])]

    def sizes(self, total):
        """Sizes whose product is `total`, or larger ones than the common shape."""
        if self.chance(0.4):
            return [self.one_of(1, 2) for _ in range(self.integer(0, 1))] + [3 if n == 1 and self.chance(0.5) else n for n in self.shape]
        made = []
        while total > 1 and self.chance(0.7):
            made.append(self.one_of(*divisors(total)))
            total //= made[-1]
        made.append(total)
        if self.chance(0.3):
            made[self.integer(0, len(made) - 1)] = -1
        return made
