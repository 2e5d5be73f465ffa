#!/usr/bin/python3
"""Makes quantized networks from the model code of the PyPI packages pytorchcv and timm.

    third_party_models.py [NAME...] [--list]

For each NAME ("cv:mobilenet_w1", "timm:lcnet_100"; default: all) build/models/third_party/NAME gets

    model.pt          TorchScript archive (torch.jit.trace) of the network, quantized by FX graph mode for qnnpack
    case.json         {"inputs": [...], "outputs": [...]}: shape, dtype, file
    x0.npy, y0.npy    two images, and what the model answers with PyTorch's qnnpack engine

Weights are seeded, as in torchvision_models.py; nothing is downloaded at run time.  A network that this PyTorch cannot
quantize or trace is not in the list.  Needs PyTorch 1.13, and the packages of tests/requirements-networks.txt.
"""
import argparse
import json
import pathlib
import sys
import time
import warnings

import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cache  # noqa: E402
import torchvision_models  # noqa: E402

warnings.simplefilter("ignore")

# Name: the size of an image.
MODELS = {
    "cv:darknet_ref": 224, "cv:darknet_tiny": 224, "cv:darts": 224, "cv:densenet121": 224, "cv:efficientnet_b0": 96,
    "cv:efficientnet_b1": 96, "cv:espnetv2_w1": 224, "cv:espnetv2_w2": 224, "cv:fbnet_cb": 224, "cv:fdmobilenet_w1": 224,
    "cv:fdmobilenet_w3d4": 224, "cv:ghostnet": 224, "cv:hardnet39ds": 224, "cv:hardnet68ds": 224, "cv:mnasnet_a1": 224,
    "cv:mnasnet_b1": 224, "cv:mnasnet_small": 224, "cv:mobilenet_w1": 224, "cv:mobilenet_w3d4": 224, "cv:mobilenetb_w1": 224,
    "cv:mobilenetb_w3d4": 224, "cv:mobilenetv2_w1": 224, "cv:mobilenetv2_w3d4": 224, "cv:peleenet": 224, "cv:preresnet10": 224,
    "cv:preresnet12": 224, "cv:proxylessnas_cpu": 224, "cv:proxylessnas_gpu": 224, "cv:proxylessnas_mobile": 224,
    "cv:proxylessnas_mobile14": 224, "cv:regnetx002": 96, "cv:regnetx004": 96, "cv:regnety002": 96, "cv:regnety004": 96,
    "cv:resnet10": 224, "cv:resnet12": 224, "cv:resneta10": 96, "cv:resnext14_16x4d": 224, "cv:resnext14_32x2d": 224,
    "cv:sepreresnet10": 224, "cv:sepreresnet12": 224, "cv:seresnet10": 224, "cv:seresnet12": 224, "cv:sharesnet18": 224,
    "cv:sparsenet121": 224, "cv:sparsenet169": 224, "cv:spnasnet": 224, "cv:sqnxt23_w1": 224, "cv:sqnxt23_w2": 224,
    "cv:squeezenet_v1_0": 224, "cv:squeezenet_v1_1": 224, "cv:squeezeresnet_v1_0": 224, "cv:squeezeresnet_v1_1": 224,
    "cv:vovnet27s": 224, "timm:darknet17": 96, "timm:densenet121": 96, "timm:dla46_c": 96, "timm:dla46x_c": 96,
    "timm:efficientnet_lite0": 96, "timm:ese_vovnet19b_slim": 96, "timm:fbnetc_100": 96, "timm:ghostnet_050": 96,
    "timm:ghostnetv2_100": 96, "timm:hardcorenas_a": 96, "timm:hgnetv2_b0": 96, "timm:lcnet_050": 96, "timm:mixnet_s": 96,
    "timm:mnasnet_small": 96, "timm:mobilenetv2_050": 96, "timm:mobilenetv3_large_100": 96, "timm:mobilenetv3_small_050": 96,
    "timm:mobilenetv4_conv_small_050": 96, "timm:mobileone_s0": 96, "timm:regnetx_002": 96, "timm:regnety_002": 96,
    "timm:regnetz_005": 96, "timm:repghostnet_050": 96, "timm:repvgg_a0": 96, "timm:resnet10t": 96, "timm:resnet14t": 96,
    "timm:rexnet_100": 96, "timm:semnasnet_075": 96, "timm:spnasnet_100": 96, "timm:starnet_s1": 96, "timm:test_efficientnet": 96,
    "timm:test_resnet": 96, "timm:tinynet_e": 96,
}
SEED = 1


def built(name):
    package, _, model = name.partition(":")
    if package == "cv":
        from pytorchcv.model_provider import get_model
        return get_model(model, pretrained=False)
    import timm
    return timm.create_model(model, pretrained=False)


def quantized(name):
    """The quantized network, and images that it was not calibrated with."""
    from torch.ao.quantization import get_default_qconfig_mapping, quantize_fx
    torch.manual_seed(SEED)
    gen = torch.Generator().manual_seed(SEED)
    model, size = built(name), MODELS[name]
    torchvision_models.initialise(model, gen)
    batches = [torchvision_models.smooth_images(4, size, gen) for _ in range(3)]
    torchvision_models.calibrate_batch_norm(model, batches[:2])
    if any(isinstance(m, torch.nn.Linear) for m in model.modules()):
        torchvision_models.fit_last_layer(model, batches, gen)
    prepared = quantize_fx.prepare_fx(model.eval(), get_default_qconfig_mapping("qnnpack"), (batches[0][:1],))
    with torch.no_grad():
        for batch in batches[:2]:
            prepared(batch)
    return quantize_fx.convert_fx(prepared), torchvision_models.smooth_images(2, size, gen)


def make(name):
    """The folder of that network, made if it is not there."""
    torch.backends.quantized.engine = "qnnpack"
    folder = cache.ROOT / "third_party" / name.replace(":", "-")
    key = cache.key(__file__, name, SEED)
    if cache.sealed(folder, key):
        return folder
    model, x = quantized(name)
    cache.fresh(folder)
    with torch.no_grad():
        torch.jit.save(torch.jit.trace(model, x[:1], check_trace=False), str(folder / "model.pt"))
        y = torch.jit.load(str(folder / "model.pt"))(x)
    if not torch.isfinite(y).all() or len(y.unique()) < 16:
        raise SystemExit("%s: the answer says nothing" % name)
    np.save(folder / "x0.npy", x.numpy())
    np.save(folder / "y0.npy", y.numpy())
    (folder / "case.json").write_text(json.dumps(
        {"inputs": [torchvision_models.describe(x, "x0.npy")], "outputs": [torchvision_models.describe(y, "y0.npy")]}))
    cache.seal(folder, key)
    return folder


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("names", nargs="*", metavar="NAME")
    ap.add_argument("--list", action="store_true", help="print the names and stop")
    a = ap.parse_args()
    if a.list:
        print("\n".join(MODELS))
        return
    unknown = [n for n in a.names if n not in MODELS]
    if unknown:
        ap.error("unknown: " + " ".join(unknown))
    for name in a.names or MODELS:
        start = time.time()
        print("%-40s %s  %.1f s" % (name, make(name), time.time() - start), flush=True)


if __name__ == "__main__":
    main()
