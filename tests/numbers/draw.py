"""Draws the arguments of one call of an operator.

An operator's line is a function of a `Draw`: it asks for tensors and numbers and answers what PyTorch computes of them.  It is
called twice with the same random numbers: first with real tensors, which gives PyTorch's answer; then inside torch.jit.trace,
where `q()` and `f()` are the graph's inputs.
"""
import numpy as np
import torch

RANGES = {torch.quint8: (0, 255), torch.qint8: (-128, 127), torch.qint32: (-2**31, 2**31 - 1)}
NUMPY = {torch.quint8: np.uint8, torch.qint8: np.int8, torch.qint32: np.int32}


class Refused(Exception):
    """These arguments make no call."""


class Draw:
    def __init__(self, seed, index, given=None, parts=None, loose_allowed=False, engine="qnnpack"):
        self.rng = np.random.default_rng([seed, index])
        self.given, self.parts = given, parts  # tensors and modules of the second call
        self.inputs, self.made = [], []  # those of the first: (tensor); (factory's result)
        self.scales = []  # that were drawn
        self.loose = False  # PyTorch has more than one answer to such arguments: they may differ by a step
        self.loose_allowed = loose_allowed
        self.engine = engine  # by Octavo's name; another one than "qnnpack" is of pip's PyTorch
        self.wild = self.chance(0.3)  # scales from 1e-6 to 1e4
        self.dtype = torch.quint8 if self.chance(0.7) else torch.qint8
        self.tiny = self.chance(0.08)

    # ---- numbers

    def chance(self, p):
        return bool(self.rng.random() < p)

    def integer(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def real(self, low, high):
        return float(self.rng.uniform(low, high))

    def one_of(self, *choices):
        return choices[self.integer(0, len(choices) - 1)]

    def scale(self, typical=0.02):
        """Some are another one's times a power of two: many results are then ties."""
        if self.scales and self.chance(0.25):
            scale = self.one_of(*self.scales) * self.one_of(0.5, 1.0, 2.0, 4.0)
        else:
            scale = self.own_scale(typical)
        self.scales.append(scale)
        return scale

    def own_scale(self, typical):
        kind = self.integer(0, 3)
        if self.wild:
            return float(10 ** self.real(-6, 4)) if kind < 2 else float(2.0 ** self.integer(-18, 12))
        scale = typical * self.real(0.2, 2.0)
        if kind == 0:
            return float(2.0 ** round(np.log2(scale)))
        return float(np.float32(scale)) if kind == 1 else scale

    def near(self, scale):
        """A scale for what has about this step."""
        if self.wild or (self.scales and self.chance(0.25)):
            return self.scale()
        return float(scale * self.real(0.3, 3.0))

    def zero(self, dtype=None):
        low, high = RANGES[dtype or self.dtype]
        if (dtype or self.dtype) == torch.qint32:
            return 0
        return self.one_of(low, high, 0 if low else 128, self.integer(low, high), self.integer(low, high))

    # ---- shapes

    def size(self, most=9):
        if self.tiny:
            return self.one_of(1, 1, 2)
        return self.one_of(1, 2, 3, 5, 7, self.integer(1, most), self.integer(1, most))

    def shape(self, *ranks, most=9):
        """Where PyTorch's vector loop and its rest differ: a multiple of 64 elements, or else a step may be missing."""
        shape = [self.size(most) for _ in range(self.one_of(*(ranks or (1, 2, 3, 4))))]
        if self.chance(0.03) and shape:
            shape[0] = 0
        return self.for_vectors(shape)

    def for_vectors(self, shape):
        if self.loose_allowed and shape:
            if self.wild or self.chance(0.8):
                shape[-1] *= 64
            else:
                self.loose = True
        return shape

    def image(self, dims=2, most=14, batch=True, channels=9):
        shape = [self.one_of(1, 1, 2, 3)] if batch else []
        return shape + [self.size(channels)] + [self.size(most) for _ in range(dims)]

    def axis(self, shape):
        return self.integer(-len(shape), len(shape) - 1)

    def index(self, shape, axis):
        return self.integer(0, max(0, shape[axis] - 1))

    def parts_of(self, size):
        first = self.integer(0, size)
        return [first, size - first]

    # ---- tensors

    def input(self, tensor):
        """A graph input."""
        number = len(self.inputs)
        self.inputs.append(tensor)
        return tensor if self.given is None else self.given[number]

    def channels_last(self, tensor, p=0.4):
        """The same tensor in that order, sometimes."""
        if tensor.dim() not in (4, 5) or self.loose_allowed or not self.chance(p):
            return tensor
        return tensor.contiguous(memory_format=torch.channels_last if tensor.dim() == 4 else torch.channels_last_3d)

    def layout(self, tensor, channels_last=True, sliced=False):
        """The same tensor with other strides, sometimes."""
        kind = self.integer(0, 9)
        if sliced and kind < 2:
            return tensor
        if kind == 0 and tensor.dim() in (4, 5) and channels_last:
            format = torch.channels_last if tensor.dim() == 4 else torch.channels_last_3d
            return tensor.contiguous(memory_format=format)
        if kind == 1 and tensor.dim() > 1:
            return tensor.transpose(0, -1).contiguous().transpose(0, -1)
        if kind == 2 and tensor.dim() > 0 and tensor.shape[-1] > 0:
            return torch.cat([tensor, tensor], -1)[..., :tensor.shape[-1]]
        return tensor

    def levels(self, shape, dtype, zero_point):
        low, high = RANGES[dtype]
        kind = self.integer(0, 5)
        if dtype == torch.qint32:
            low, high = (-2000, 2000) if kind else (low, high)
        if kind == 1:  # saturated
            return self.rng.choice([low, high, zero_point], shape)
        if kind == 2:  # about the zero point
            return np.clip(self.rng.integers(-4, 5, shape) + zero_point, low, high)
        return self.rng.integers(low, high, shape, endpoint=True)

    def q(self, shape, dtype=None, scale=None, zero_point=None, strided=True, channels_last=True, sliced=False):
        """A quantized input.  `sliced`: no strides that PyTorch may take for channels-last ones."""
        dtype = dtype or self.dtype
        scale = self.scale() if scale is None else scale
        zero_point = self.zero(dtype) if zero_point is None else zero_point
        levels = np.asarray(self.levels(tuple(shape), dtype, zero_point)).astype(NUMPY[dtype])
        tensor = self.input(torch._make_per_tensor_quantized_tensor(torch.from_numpy(levels), scale, zero_point))
        if tensor.is_quantized and self.given is None:
            assert tensor.dtype == dtype
        if not strided or self.loose_allowed or dtype == torch.qint32 or (sliced and len(shape) > 2 and shape[1] == 1):
            return tensor
        return self.layout(tensor, channels_last, sliced)

    def f(self, shape, low=-3.0, high=3.0, special=0.1, strided=True, dtype=torch.float32):
        """A float input; sometimes with what is no ordinary number."""
        values = self.rng.uniform(low, high, tuple(shape)).astype(np.float32)
        if values.size and self.chance(special):
            odd = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, 1e-42, 3e38, -3e38], np.float32)
            where = self.rng.random(values.shape) < 0.2
            values[where] = self.rng.choice(odd, int(where.sum()))
        tensor = self.input(torch.from_numpy(values).to(dtype))
        return self.layout(tensor) if strided else tensor

    def i(self, shape, low=-9, high=9, dtype=torch.int64):
        """An input of integers."""
        return self.input(torch.from_numpy(self.rng.integers(low, high, tuple(shape), endpoint=True)).to(dtype))

    def b(self, shape):
        return self.input(torch.from_numpy(np.asarray(self.rng.random(tuple(shape)) < 0.5)))

    def part(self, make):
        """A module or constant of the model."""
        number = len(self.made)
        if self.parts is None:
            self.made.append(make())
            return self.made[-1]
        make()  # draws the same numbers
        self.made.append(None)
        return self.parts[number]

    def parameter(self, shape, low=-1.0, high=1.0):
        values = self.rng.uniform(low, high, tuple(shape)).astype(np.float32)
        return self.part(lambda: torch.from_numpy(values))
