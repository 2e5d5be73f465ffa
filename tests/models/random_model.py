#!/usr/bin/python3
"""Makes a random quantized network: 3 to 30 layers, by eager mode or FX, weights per tensor or per channel, traced or scripted,
activations of quint8 or (eager mode) qint8.

    random_model.py SEED... [--out DIR]

For each SEED, DIR (default: build/models/random) gets a folder with model.pt, in0.npy, out0.npy (PyTorch's answer by qnnpack),
and case.json: {"way", "dtype", "per_channel", "scripted", "layers": [...], "shape": [...]}.  The same seed gives the same network.
"""
import argparse
import copy
import json
import pathlib
import sys
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.ao.quantization import quantize_fx

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cache  # noqa: E402

warnings.simplefilter("ignore")
aoq = torch.ao.quantization


# ---- Layers that eager mode and FX both quantize

class Shuffle(nn.Module):
    def __init__(self, groups: int):
        super().__init__()
        self.groups = groups

    def forward(self, x):
        n, c, h, w = x.size(0), x.size(1), x.size(2), x.size(3)
        return x.reshape(n, self.groups, c // self.groups, h, w).transpose(1, 2).reshape(n, c, h, w)


class Halves(nn.Module):
    """The two halves of the channels, in the other order."""

    def __init__(self):
        super().__init__()
        self.cat = nn.quantized.FloatFunctional()

    def forward(self, x):
        halves = x.chunk(2, dim=1)
        return self.cat.cat([halves[1], halves[0]], dim=1)


class Crop(nn.Module):
    def forward(self, x):
        return x[:, :, 1:, :-1]


class Resize(nn.Module):
    def __init__(self, mode: str, factor: float):
        super().__init__()
        self.mode, self.factor = mode, factor

    def forward(self, x):
        return F.interpolate(x, scale_factor=self.factor, mode=self.mode)


class Residual(nn.Module):
    def __init__(self, inner, op: str):
        super().__init__()
        self.inner, self.op, self.f = inner, op, nn.quantized.FloatFunctional()

    def forward(self, x):
        y = self.inner(x)
        if self.op == "add":
            return self.f.add(x, y)
        if self.op == "add_relu":
            return self.f.add_relu(x, y)
        return self.f.mul(x, y)


class Branches(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.a, self.b, self.f = a, b, nn.quantized.FloatFunctional()

    def forward(self, x):
        return self.f.cat([self.a(x), self.b(x)], 1)


class Excite(nn.Module):
    """Channels weighted by what their averages say."""

    def __init__(self, channels):
        super().__init__()
        self.squeeze, self.relu = nn.Conv2d(channels, max(channels // 2, 2), 1), nn.ReLU()
        self.expand, self.gate = nn.Conv2d(max(channels // 2, 2), channels, 1), nn.Hardsigmoid()
        self.f = nn.quantized.FloatFunctional()

    def forward(self, x):
        s = self.relu(self.squeeze(F.adaptive_avg_pool2d(x, (1, 1))))
        return self.f.mul(self.gate(self.expand(s)), x)


class Number(nn.Module):
    def __init__(self, op: str, number: float):
        super().__init__()
        self.op, self.number, self.f = op, number, nn.quantized.FloatFunctional()

    def forward(self, x):
        return self.f.add_scalar(x, self.number) if self.op == "add" else self.f.mul_scalar(x, self.number)


class Net(nn.Module):
    """The layers, global average pooling, a linear layer, or no such layer."""

    def __init__(self, layers, last, flat):
        super().__init__()
        self.quant, self.dequant = aoq.QuantStub(), aoq.DeQuantStub()
        self.layers, self.flat = nn.Sequential(*layers), flat
        self.fc = last

    def forward(self, x):
        x = self.layers(self.quant(x))
        x = x.mean([2, 3]) if self.flat == "mean" else torch.flatten(F.adaptive_avg_pool2d(x, 1), 1)
        return self.dequant(self.fc(x))


# ---- Drawing

class Draw:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.way = self.one_of("eager", "fx")
        self.per_channel, self.scripted = bool(self.rng.random() < 0.5), bool(self.rng.random() < 0.5)
        self.channels, self.size, self.names = int(self.one_of(2, 3, 4, 6)), int(self.one_of(8, 11, 16)), []
        self.input = self.channels, self.size
        self.dtype = torch.qint8 if self.way == "eager" and self.rng.random() < 0.25 else torch.quint8

    def one_of(self, *choices):
        return choices[int(self.rng.integers(len(choices)))]

    def conv(self, cout=None, kernel=None, same=False):
        cin, cout = self.channels, cout or int(self.one_of(2, 4, 6, 8, 16, 24))
        kernel = kernel or int(self.one_of(1, 1, 3, 3, 5))
        groups = 1
        if cin == cout and self.rng.random() < 0.3:
            groups = cin
        elif cin % 2 == 0 and cout % 2 == 0 and self.rng.random() < 0.15:
            groups = 2
        stride = 1 if same or self.size < 6 else int(self.one_of(1, 1, 1, 2))
        dilation = 1 if same or self.size < 8 else int(self.one_of(1, 1, 1, 2))
        padding = kernel // 2 if same else dilation * (kernel // 2)
        parts = [nn.Conv2d(cin, cout, kernel, stride, padding, dilation, groups, bias=bool(self.rng.random() < 0.7))]
        if self.rng.random() < 0.5:
            parts.append(nn.BatchNorm2d(cout))
        if self.rng.random() < 0.5:
            parts.append(nn.ReLU())
        self.channels = cout
        self.size = (self.size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
        return nn.Sequential(*parts)

    def same(self):
        """A convolution that keeps the shape."""
        return self.conv(self.channels, int(self.one_of(1, 3)), same=True)

    def layer(self):
        kinds = ["conv"] * 5 + ["activation"] * 4 + ["residual"] * 3 + ["branches", "excite", "number", "average"]
        if not (self.way == "eager" and self.scripted):  # PyTorch cannot script it
            kinds.append("batch_norm")
        if self.size >= 6:
            kinds += ["max_pool", "max_pool", "average_pool", "average_pool", "adaptive_pool", "crop"]
        if self.size <= 12:
            kinds += ["resize"] + ([] if self.per_channel else ["transposed"])  # which PyTorch refuses per channel
        if self.channels % 2 == 0:
            # PyTorch resizes a view of two channels that are shuffled as if it lay otherwise in memory (docs/numbers.md).
            kinds += (["shuffle"] if self.channels > 2 else []) + ["halves"]
        kind = self.one_of(*kinds)
        self.names.append(kind)
        return getattr(self, kind)()

    def activation(self):
        # Not relu6 and clamp: qnnpack scrambles what a convolution gives them (docs/numbers.md).
        kind = self.one_of("relu", "hardswish", "sigmoid", "tanh", "hardsigmoid", "leaky_relu", "elu")
        self.names[-1] = kind
        modules = {"hardswish": nn.Hardswish, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU,
                   "hardsigmoid": nn.Hardsigmoid, "leaky_relu": lambda: nn.LeakyReLU(float(self.one_of(0.01, 0.1, 0.3))), "elu": nn.ELU}
        return modules[kind]()

    def residual(self):
        return Residual(self.same(), str(self.one_of("add", "add", "add_relu", "mul")))

    def branches(self):
        before = self.channels
        a = self.same()
        b = self.one_of(self.same, lambda: nn.Sequential(nn.MaxPool2d(3, 1, 1)))()
        self.channels = 2 * before
        return Branches(a, b)

    def excite(self):
        return Excite(self.channels)

    def batch_norm(self):
        return nn.BatchNorm2d(self.channels)

    def number(self):
        return Number(str(self.one_of("add", "mul")), float(np.round(self.rng.uniform(0.2, 2), 3)) * float(self.one_of(1, -1)))

    def average(self):
        return nn.AvgPool2d(3, 1, 1)

    def max_pool(self):
        padding = int(self.one_of(0, 1))
        self.size = (self.size + 2 * padding - 3) // 2 + 1
        return nn.MaxPool2d(3, 2, padding)

    def average_pool(self):
        ceil = bool(self.rng.random() < 0.5)
        self.size = (self.size + ceil) // 2
        return nn.AvgPool2d(2, ceil_mode=ceil)

    def adaptive_pool(self):
        self.size = int(self.one_of(3, 4, 5))
        return nn.AdaptiveAvgPool2d(self.size)

    def crop(self):
        self.size -= 1
        return Crop()

    def resize(self):
        mode, factor = str(self.one_of("nearest", "bilinear")), 2.0
        self.size *= 2
        return Resize(mode, factor)

    def transposed(self):
        cin, self.channels = self.channels, int(self.one_of(2, 4))
        self.size *= 2
        return nn.ConvTranspose2d(cin, self.channels, 2, 2)

    def shuffle(self):
        return Shuffle(2)

    def halves(self):
        return Halves()

    def net(self):
        layers = [self.conv()]
        self.names.append("conv")
        for _ in range(int(self.rng.integers(2, 30))):
            layers.append(self.layer())
        flat = str(self.one_of("mean", "pool"))
        if self.dtype == torch.qint8:  # of which PyTorch 1.13 has no linear layer, and a mean of reals
            return Net(layers, nn.Identity(), "pool")
        return Net(layers, nn.Linear(self.channels, 7), flat)


# ---- Quantizing

def fuse(module):
    for child in module.children():
        fuse(child)
    if isinstance(module, nn.Sequential) and module and isinstance(module[0], nn.Conv2d) and len(module) > 1:
        aoq.fuse_modules(module, [str(i) for i in range(len(module))], inplace=True)


def qconfig(per_channel, dtype):
    weight = aoq.default_per_channel_weight_observer if per_channel else aoq.default_weight_observer
    return aoq.QConfig(activation=aoq.MinMaxObserver.with_args(dtype=dtype), weight=weight)


def quantize(net, draw, batches):
    config = qconfig(draw.per_channel, draw.dtype)
    if draw.way == "fx":
        mapping = aoq.QConfigMapping().set_global(config)
        for pattern, fixed in aoq.get_default_qconfig_mapping("qnnpack").object_type_qconfigs.items():
            if "FixedQParams" in str(fixed):
                mapping.set_object_type(pattern, fixed)
        net.quant, net.dequant = nn.Identity(), nn.Identity()
        prepared = quantize_fx.prepare_fx(net, mapping, (batches[0],))
        for x in batches:
            prepared(x)
        return quantize_fx.convert_fx(prepared)
    fuse(net)
    net.qconfig = config
    aoq.prepare(net, inplace=True)
    for x in batches:
        net(x)
    return aoq.convert(net)


def network(seed):
    """What was drawn, the quantized module, an input and its answer."""
    torch.manual_seed(seed)
    draw = Draw(seed)
    net = draw.net().eval()
    for m in net.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.running_mean.normal_(0, 0.2)
            m.running_var.uniform_(0.5, 1.5)
    channels, size = draw.input
    batches = [torch.randn(2, channels, size, size) for _ in range(3)]
    with torch.no_grad():
        quantized = quantize(copy.deepcopy(net), draw, batches)
        if any(0 < float(getattr(m, "scale", 1)) < 1e-6 for m in quantized.modules()):
            raise RuntimeError("a layer that gives zeros alone: the next one's bias has more steps than int32 (docs/numbers.md)")
        module = torch.jit.script(quantized) if draw.scripted else torch.jit.trace(quantized, batches[0][:1], check_trace=False)
        x = torch.randn(1, channels, size, size) * 1.2
        return draw, module, x, module(x)


def make(seed, root=None):
    """The folder of the network; made where it is not there."""
    folder = (pathlib.Path(root) if root else cache.ROOT / "random") / str(seed)
    key = cache.key(__file__, seed)
    if cache.sealed(folder, key):
        return folder
    torch.backends.quantized.engine = "qnnpack"
    for attempt in range(20):
        try:
            draw, module, x, y = network(seed + attempt * 1_000_000)
            break
        except RuntimeError:  # scripting and qnnpack refuse some, too
            continue
    else:
        raise RuntimeError("no network with seed %d" % seed)
    cache.fresh(folder)
    torch.jit.save(module, str(folder / "model.pt"))
    np.save(folder / "in0.npy", x.numpy())
    np.save(folder / "out0.npy", y.numpy())
    (folder / "case.json").write_text(json.dumps({"way": draw.way, "dtype": str(draw.dtype), "per_channel": draw.per_channel, "scripted": draw.scripted,
                                                  "layers": draw.names, "shape": list(x.shape)}))
    cache.seal(folder, key)
    return folder


if __name__ == "__main__":
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("seeds", type=int, nargs="+")
    ap.add_argument("--out")
    a = ap.parse_args()
    for seed in a.seeds:
        folder = make(seed, a.out)
        print(folder, (folder / "case.json").read_text())
