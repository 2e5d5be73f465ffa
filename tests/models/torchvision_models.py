#!/usr/bin/python3
"""Makes torchvision's 11 quantized classifiers, with weights that give meaningful answers.

    torchvision_models.py NAME... [--all] [--traced|--scripted] [--per-tensor|--per-channel] [--reduce-range] [--batch N]
                          [--out DIR] [--seed N] [--list]

For each NAME and variant, DIR (default: build/models/torchvision) gets a folder NAME[--per-channel][--scripted][--reduce-range]:

    model.pt     TorchScript archive (torch.jit.trace, or torch.jit.script)
    case.json    {"inputs": [...], "outputs": [...]}: shape, dtype, file; the step (scale) of the last layer
    x0.npy       float32 images, 1x3x224x224 (1x3x299x299 for inception_v3), or N of them with --batch N
    y0.npy       what the quantized model answers with PyTorch's qnnpack engine
    x1.npy, y1.npy  the same for a batch of 3, which holds x0 as its first image

A folder that this same script has already made is left as it is.

Nothing is downloaded.  Random default weights give nearly constant answers, which prove nothing; so convolutions
get He initialisation, batch-norm statistics are estimated from low-pass-filtered noise images, and the last
layer is fitted so that the answer depends on the image.  Then comes the eager-mode post-training recipe (fuse,
prepare, calibrate, convert) with the qnnpack configuration.  All seeds are fixed.

Needs PyTorch 1.13 and torchvision 0.14 (Debian: python3-torchvision); other versions may work.
"""
import argparse
import copy
import json
import pathlib
import sys
import time
import warnings

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cache  # noqa: E402

warnings.simplefilter("ignore")

MODELS = {
    "resnet18": {}, "resnet50": {}, "resnext101_32x8d": {},
    "googlenet": {"aux_logits": False, "init_weights": False},
    "inception_v3": {"aux_logits": False, "init_weights": False},
    "mobilenet_v2": {}, "mobilenet_v3_large": {},
    "shufflenet_v2_x0_5": {}, "shufflenet_v2_x1_0": {},
    "shufflenet_v2_x1_5": {}, "shufflenet_v2_x2_0": {},
}
HEAVY = {"resnext101_32x8d", "inception_v3", "resnet50"}
VARIANTS = [(per_channel, scripted) for per_channel in (False, True) for scripted in (False, True)]


def image_size(name):
    return 299 if name == "inception_v3" else 224


def folder_name(name, per_channel, scripted, reduce_range=False):
    return (name + ("--per-channel" if per_channel else "") + ("--scripted" if scripted else "")
            + ("--reduce-range" if reduce_range else ""))


def smooth_images(count, size, gen):
    """Low-pass-filtered noise, roughly zero mean and unit variance, with its own contrast for each image."""
    out = torch.zeros(count, 3, size, size)
    for cells, gain in ((4, 1.0), (9, 0.7), (23, 0.5), (57, 0.3)):
        coarse = torch.randn(count, 3, cells, cells, generator=gen)
        out += gain * nn.functional.interpolate(coarse, size=(size, size), mode="bicubic", align_corners=False)
    contrast = 0.6 + 0.8 * torch.rand(count, 1, 1, 1, generator=gen)
    shade = 0.5 * torch.randn(count, 3, 1, 1, generator=gen)
    return (out * contrast + shade).clamp(-2.5, 2.5)


def initialise(model, gen):
    for m in model.modules():
        if isinstance(m, nn.Conv2d):
            fan_in = m.weight[0].numel()
            m.weight.data.normal_(0.0, (2.0 / fan_in) ** 0.5, generator=gen)
            if m.bias is not None:
                m.bias.data.normal_(0.0, 0.1, generator=gen)
        elif isinstance(m, nn.BatchNorm2d):
            m.weight.data.uniform_(0.8, 1.2, generator=gen)
            # A positive shift keeps most units active: rounding noise then grows slowly with depth.
            m.bias.data.normal_(0.7, 0.1, generator=gen)
        elif isinstance(m, nn.Linear):
            m.weight.data.normal_(0.0, m.in_features ** -0.5, generator=gen)
            m.bias.data.normal_(0.0, 0.05, generator=gen)


def calibrate_batch_norm(model, batches):
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.reset_running_stats()
            m.momentum = None  # cumulative average
        elif isinstance(m, nn.Dropout):
            m.p = 0.0
    model.train()
    with torch.no_grad():
        for b in batches:
            model(b)
    model.eval()


def fit_last_layer(model, batches, gen, keep=6):
    """Makes the last Linear read the directions in which images differ most.

    A random last layer would mostly read what all images have in common plus rounding noise.  Its weights become
    random mixtures of the leading principal components of its input over the calibration images, and its bias
    moves the average image to logits near zero.
    """
    last = [m for m in model.modules() if isinstance(m, nn.Linear)][-1]
    seen = []
    handle = last.register_forward_hook(lambda mod, args, out: seen.append(args[0]))
    with torch.no_grad():
        for b in batches:
            model(b)
        handle.remove()
        feats = torch.cat(seen)
        mean = feats.mean(0)
        _, sigma, vt = torch.linalg.svd(feats - mean, full_matrices=False)
        keep = min(keep, len(feats) - 1)
        basis = vt[:keep] / (sigma[:keep, None] / len(feats) ** 0.5)
        mix = torch.randn(last.out_features, keep, generator=gen) / keep ** 0.5
        last.weight.copy_(mix @ basis)
        last.bias.copy_(0.3 * torch.randn(last.out_features, generator=gen) - last.weight @ mean)


def float_model(name, seed):
    """The fused float network, the batches to calibrate with, and the random generator for more images."""
    from torchvision.models import quantization as tq
    torch.manual_seed(seed)
    gen = torch.Generator().manual_seed(seed)
    model = getattr(tq, name)(weights=None, quantize=False, **MODELS[name])
    initialise(model, gen)
    heavy = name in HEAVY
    count, per_batch = (2, 4) if heavy else (3, 8)
    batches = [smooth_images(per_batch, image_size(name), gen) for _ in range(count)]
    calibrate_batch_norm(model, batches)
    more = 1 if name == "resnext101_32x8d" else 5 if heavy else 4
    fit_last_layer(model, batches + [smooth_images(per_batch, image_size(name), gen) for _ in range(more)], gen)
    model.fuse_model(is_qat=False)
    return model, batches, gen


def quantize(fused, batches, per_channel, reduce_range=False):
    """The quantized network; with `reduce_range` its activations have 7 bits, so that no runtime's 16-bit sums saturate."""
    model = copy.deepcopy(fused)
    # But for these choices it is get_default_qconfig("qnnpack").
    model.qconfig = torch.ao.quantization.QConfig(
        activation=torch.ao.quantization.HistogramObserver.with_args(reduce_range=reduce_range),
        weight=torch.ao.quantization.default_per_channel_weight_observer if per_channel
        else torch.ao.quantization.default_weight_observer)
    torch.ao.quantization.prepare(model, inplace=True)
    with torch.no_grad():
        for b in batches:
            model(b)
    torch.ao.quantization.convert(model, inplace=True)
    return model


class Logits(nn.Module):
    """A scripted GoogLeNet or Inception answers a named tuple; keep its logits only."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x).logits


def script(model):
    scripted = torch.jit.script(model)
    if type(model).__name__ in ("QuantizableGoogLeNet", "QuantizableInception3"):
        scripted = torch.jit.script(Logits(scripted))
    return scripted


def last_step(model):
    """The scale of the last quantized linear layer: one step of the logits."""
    return [m.scale for m in model.modules() if isinstance(m, torch.nn.quantized.Linear)][-1]


def describe(t, file):
    return {"shape": list(t.shape), "dtype": str(t.dtype).split(".")[-1], "file": file}


def save(model, scripted, images, batch, out, key):
    x0, x1 = images[:batch].clone(), images[:3].clone()
    with torch.no_grad():
        ts = script(model) if scripted else torch.jit.trace(model, x0)
        path = out / "model.pt"
        torch.jit.save(ts, str(path))
        loaded = torch.jit.load(str(path))
        y0, y1, probes = loaded(x0), loaded(x1), loaded(images)
    if probes.argmax(1).unique().numel() < 2 or not torch.isfinite(probes).all():
        raise SystemExit("%s: the answer does not depend on the image" % out)
    for file, t in (("x0", x0), ("y0", y0), ("x1", x1), ("y1", y1)):
        np.save(out / (file + ".npy"), t.numpy())
    (out / "case.json").write_text(json.dumps(
        {"inputs": [describe(x0, "x0.npy")], "outputs": [describe(y0, "y0.npy")],
         "step": float(last_step(model)), "std": float(probes.std())}, indent=1))
    cache.seal(out, key)


def make(name, variants=tuple(VARIANTS), out=None, batch=1, seed=20, reduce_range=False):
    """Makes what is missing of `name`'s variants (pairs per_channel, scripted); returns their folders."""
    torch.backends.quantized.engine = "qnnpack"
    out = pathlib.Path(out or cache.ROOT / "torchvision")
    key = cache.key(__file__, batch, seed)
    folders = {v: out / folder_name(name, *v, reduce_range) for v in variants}
    missing = [v for v in variants if not cache.sealed(folders[v], key)]
    if missing:
        fused, batches, gen = float_model(name, seed)
        images = smooth_images(max(4, batch), image_size(name), gen)
        for per_channel in sorted({p for p, _ in missing}):
            model = quantize(fused, batches, per_channel, reduce_range)
            for v in missing:
                if v[0] == per_channel:
                    save(model, v[1], images, batch, cache.fresh(folders[v]), key)
    return [folders[v] for v in variants]


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("names", nargs="*", metavar="NAME")
    ap.add_argument("--all", action="store_true", help="all 11 networks")
    ap.add_argument("--traced", action="store_true", help="only torch.jit.trace")
    ap.add_argument("--scripted", action="store_true", help="only torch.jit.script")
    ap.add_argument("--per-tensor", action="store_true", help="only per-tensor weight scales")
    ap.add_argument("--per-channel", action="store_true", help="only per-channel weight scales")
    ap.add_argument("--reduce-range", action="store_true", help="activations of 7 bits")
    ap.add_argument("--batch", type=int, default=1, help="images in x0.npy")
    ap.add_argument("--out", help="default: build/models/torchvision")
    ap.add_argument("--seed", type=int, default=20)
    ap.add_argument("--list", action="store_true", help="print the names and stop")
    a = ap.parse_args()
    if a.list:
        print("\n".join(MODELS))
        return
    names = list(MODELS) if a.all else a.names
    unknown = [n for n in names if n not in MODELS]
    if unknown or not names:
        ap.error("NAME is one of: " + " ".join(MODELS))
    variants = [(p, s) for p, s in VARIANTS
                if not (p and a.per_tensor) and not (not p and a.per_channel)
                and not (s and a.traced) and not (not s and a.scripted)]
    for name in names:
        start = time.time()
        folders = make(name, variants, a.out, a.batch, a.seed, a.reduce_range)
        print("%-20s %2d models  %5.1f s  %s" % (name, len(folders), time.time() - start, folders[0].parent),
              flush=True)


if __name__ == "__main__":
    main()
