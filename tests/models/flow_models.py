#!/usr/bin/python3
"""Makes small networks, quantized and saved in each way that PyTorch has.

    flow_models.py [NAME...] [--out DIR] [--list]

For each network × way, DIR (default: build/models/flows) gets a folder NETWORK--WAY[--per-channel] with traced.pt, scripted.pt,
frozen.pt (as far as PyTorch can make them), in0.npy, out0.npy, in1.npy, out1.npy (another batch size) and case.json.

Ways: eager (eager mode, post-training), qat (quantization-aware training, a few steps), fx (FX graph mode), jit (TorchScript
graph mode).  What this PyTorch no longer has is left out, and said.  Needs PyTorch 1.13 or newer; the engine is qnnpack.
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

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cache  # noqa: E402

warnings.simplefilter("ignore")
aoq = torch.ao.quantization


class ConvBnRelu(nn.Sequential):
    def __init__(self, cin, cout, kernel=3, stride=1, groups=1, relu=True):
        super().__init__(nn.Conv2d(cin, cout, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(cout),
                         *([nn.ReLU()] if relu else []))

    def fuse(self):
        aoq_fuse(self, [str(i) for i in range(len(self))])


class Residual(nn.Module):
    """Convolutions, a residual addition, pools, a linear layer."""
    shape, eager = (3, 16, 16), True

    def __init__(self):
        super().__init__()
        self.stem, self.a, self.b = ConvBnRelu(3, 8), ConvBnRelu(8, 8), ConvBnRelu(8, 8, relu=False)
        self.add, self.pool = nn.quantized.FloatFunctional(), nn.MaxPool2d(2)
        self.fc = nn.Linear(8, 10)

    def forward(self, x):
        x = self.stem(x)
        x = self.add.add_relu(x, self.b(self.a(x)))
        x = F.adaptive_avg_pool2d(self.pool(x), (1, 1))
        return self.fc(torch.flatten(x, 1))


class Mobile(nn.Module):
    """Depthwise convolutions, hardswish, a squeeze and excite block."""
    shape, eager = (3, 16, 16), True

    def __init__(self):
        super().__init__()
        self.stem, self.act = ConvBnRelu(3, 8, stride=2, relu=False), nn.Hardswish()
        self.depthwise, self.squeeze = ConvBnRelu(8, 8, groups=8), nn.Conv2d(8, 4, 1)
        self.relu, self.excite, self.gate = nn.ReLU(), nn.Conv2d(4, 8, 1), nn.Hardsigmoid()
        self.mul, self.fc = nn.quantized.FloatFunctional(), nn.Linear(8, 7)

    def forward(self, x):
        x = self.depthwise(self.act(self.stem(x)))
        s = self.gate(self.excite(self.relu(self.squeeze(F.adaptive_avg_pool2d(x, 1)))))
        return self.fc(self.mul.mul(x, s).mean([2, 3]))


class Segment(nn.Module):
    """An hourglass: transposed convolution, upsampling, concatenation; an image comes out."""
    shape, eager = (3, 16, 16), True

    def __init__(self):
        super().__init__()
        self.a, self.b = ConvBnRelu(3, 8), ConvBnRelu(8, 12, stride=2)
        self.up, self.cat, self.out = nn.ConvTranspose2d(12, 6, 2, 2), nn.quantized.FloatFunctional(), nn.Conv2d(26, 4, 1)

    def forward(self, x):
        a = self.a(x)
        b = self.b(a)
        n = F.interpolate(b, scale_factor=2.0, mode="nearest")
        return torch.sigmoid(self.out(self.cat.cat([a, self.up(b), n], 1)))


class Shuffle(nn.Module):
    """Channels in two halves, shuffled."""
    shape, eager = (4, 12, 12), True

    def __init__(self):
        super().__init__()
        self.a, self.b = ConvBnRelu(4, 8), ConvBnRelu(4, 4)
        self.cat, self.fc = nn.quantized.FloatFunctional(), nn.Linear(8 * 6 * 6, 5)

    def forward(self, x):
        halves = self.a(x).chunk(2, 1)
        x = self.cat.cat([halves[0], self.b(halves[1])], 1)
        n, c, h, w = x.size(0), x.size(1), x.size(2), x.size(3)
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)
        return self.fc(F.avg_pool2d(x, 2).reshape(n, -1))


class Mlp(nn.Module):
    """Linear layers only, with activations of several kinds."""
    shape, eager = (20,), True

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(20, 32), nn.Linear(32, 32), nn.Linear(32, 6)
        self.relu, self.leaky = nn.ReLU(), nn.LeakyReLU(0.1)

    def forward(self, x):
        return self.c(self.leaky(self.b(self.relu(self.a(x)))))


class Text(nn.Module):
    """One-dimensional convolutions."""
    shape, eager = (6, 40), True

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv1d(6, 8, 5, padding=2), nn.Conv1d(8, 8, 3, dilation=2)
        self.relu, self.tanh, self.fc = nn.ReLU(), nn.Tanh(), nn.Linear(8, 4)

    def forward(self, x):
        return self.fc(self.tanh(self.b(self.relu(self.a(x)))).mean(-1))


NETWORKS = {c.__name__.lower(): c for c in (Residual, Mobile, Segment, Shuffle, Mlp, Text)}
WAYS = ("eager", "qat", "fx", "jit")


def aoq_fuse(module, names):
    if module.training:
        aoq.fuse_modules_qat(module, names, inplace=True)
    else:
        aoq.fuse_modules(module, names, inplace=True)


def qconfig(per_channel, qat=False):
    if qat:
        return aoq.get_default_qat_qconfig("qnnpack")
    weight = aoq.default_per_channel_weight_observer if per_channel else aoq.default_weight_observer
    return aoq.QConfig(activation=aoq.HistogramObserver.with_args(reduce_range=False), weight=weight)


def float_network(kind):
    torch.manual_seed(7)
    net = kind()
    net.train()
    with torch.no_grad():
        for m in net.modules():
            if isinstance(m, nn.BatchNorm2d):
                nn.init.uniform_(m.weight, 0.7, 1.3)
                nn.init.normal_(m.bias, 0.2, 0.3)
        for _ in range(10):
            net(torch.randn(8, *kind.shape))
    return net.eval()


def eager(net, batches, per_channel):
    for m in net.modules():
        if isinstance(m, ConvBnRelu):
            m.fuse()
    net.qconfig = qconfig(per_channel)
    for m in net.modules():
        if isinstance(m, nn.ConvTranspose2d):  # has no per-channel form
            m.qconfig = qconfig(False)
    net = aoq.QuantWrapper(net)
    net.qconfig = net.module.qconfig
    aoq.prepare(net, inplace=True)
    for b in batches:
        net(b)
    return aoq.convert(net)


def qat(net, batches, per_channel):
    net.train()
    for m in net.modules():
        if isinstance(m, ConvBnRelu):
            m.fuse()
    net.qconfig = qconfig(per_channel, qat=True)
    net = aoq.QuantWrapper(net)
    net.qconfig = net.module.qconfig
    aoq.prepare_qat(net, inplace=True)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.003)
    with torch.enable_grad():
        for b in batches * 2:
            optimizer.zero_grad()
            net(b).square().mean().backward()
            optimizer.step()
    return aoq.convert(net.eval())


def fx(net, batches, per_channel):
    from torch.ao.quantization import quantize_fx
    mapping = aoq.QConfigMapping().set_global(qconfig(per_channel)).set_object_type(nn.ConvTranspose2d, qconfig(False))
    for name in ("sigmoid", "hardsigmoid", "tanh"):  # whose result has a fixed quantization
        for pattern, fixed in aoq.get_default_qconfig_mapping("qnnpack").object_type_qconfigs.items():
            if getattr(pattern, "__name__", "").lower() == name:
                mapping.set_object_type(pattern, fixed)
    prepared = quantize_fx.prepare_fx(net, mapping, (batches[0],))
    for b in batches:
        prepared(b)
    return quantize_fx.convert_fx(prepared)


def jit(net, batches, per_channel):
    from torch.ao.quantization.quantize_jit import quantize_jit
    traced = torch.jit.trace(net, batches[0])
    return quantize_jit(traced, {"": qconfig(per_channel)}, lambda m, data: [m(b) for b in data], [batches])


def step_of(y):
    """The distance of neighbouring levels in a dequantized output; None if the values are no multiples of one."""
    levels = np.unique(y.astype(np.float64))
    step = np.diff(levels).min()
    return float(step) if np.abs(y / step - np.rint(y / step)).max() < 1e-2 else None


def make(network, way, per_channel, out):
    kind = NETWORKS[network]
    torch.manual_seed(11)
    batches = [torch.randn(8, *kind.shape) for _ in range(4)]
    x0, x1 = torch.randn(2, *kind.shape), torch.randn(5, *kind.shape)
    context = torch.enable_grad if way == "qat" else torch.no_grad
    with context():
        model = globals()[way](float_network(kind), batches, per_channel)
    saved, skipped, want = [], [], None
    with torch.no_grad():
        for form in ("traced", "scripted", "frozen"):
            try:
                if isinstance(model, torch.jit.ScriptModule):
                    if form == "traced":
                        continue
                    ts = model.eval()
                else:
                    ts = torch.jit.trace(model, x0) if form == "traced" else torch.jit.script(copy.deepcopy(model).eval())
                ts = torch.jit.freeze(ts.eval()) if form == "frozen" else ts
                torch.jit.save(ts, str(out / (form + ".pt")))
            except Exception as e:  # noqa: BLE001 whatever PyTorch cannot save is left out, and said
                skipped.append("%s: %s" % (form, str(e).strip().split("\n")[0][:200]))
                continue
            loaded = torch.jit.load(str(out / (form + ".pt")))
            answer = (loaded(x0).numpy(), loaded(x1).numpy())
            if want is not None and not all(np.array_equal(a, w) for a, w in zip(answer, want)):
                raise ValueError("PyTorch's own forms differ: " + form)
            want = want or answer
            saved.append(form)
    if not saved:
        raise ValueError("; ".join(skipped))
    for i, (x, y) in enumerate(zip((x0, x1), want)):
        np.save(out / ("in%d.npy" % i), x.numpy())
        np.save(out / ("out%d.npy" % i), y)
    (out / "case.json").write_text(json.dumps({
        "forms": saved, "left_out": skipped, "shape": list(kind.shape), "step": step_of(np.concatenate([w.ravel() for w in want])),
        "std": float(np.std(want[1]))}, indent=1))


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("names", nargs="*", metavar="NAME")
    ap.add_argument("--out", help="default: build/models/flows")
    ap.add_argument("--list", action="store_true", help="print the names and stop")
    a = ap.parse_args()
    cases = {"%s--%s%s" % (n, w, "--per-channel" if p else ""): (n, w, p)
             for n in NETWORKS for w in WAYS for p in (False, True) if not (w == "qat" and p)}
    del cases["segment--jit--per-channel"]  # PyTorch has no per-channel transposed convolution
    if a.list:
        print("\n".join(cases))
        return
    torch.backends.quantized.engine = "qnnpack"
    torch.set_num_threads(1)
    out, key, made = pathlib.Path(a.out or cache.ROOT / "flows"), cache.key(__file__), 0
    for name, parameters in cases.items():
        if a.names and name not in a.names:
            continue
        if not cache.sealed(out / name, key):
            folder = cache.fresh(out / name)
            try:
                make(*parameters, folder)
            except Exception as e:  # noqa: BLE001
                print("left out: %s: %s: %s" % (name, type(e).__name__, str(e).strip().split("\n")[0][:200]))
                (folder / "case.json").unlink(missing_ok=True)
            cache.seal(folder, key)
        made += (out / name / "case.json").is_file()
    print("%d of %d small networks" % (made, len(cases)))


if __name__ == "__main__":
    main()
