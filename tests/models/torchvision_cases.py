"""torchvision's quantized networks as pytest's parameters: name, whether weights are per channel, whether scripted.

Three networks run in every variant; of the others, those with weights per channel are left to --all."""
import pytest
import torch

import torchvision_models

IN_EVERY_VARIANT = ("mobilenet_v2", "resnet18", "shufflenet_v2_x0_5")


def cases():
    return [pytest.param(name, per_channel, scripted,
                         id="%s-%s-%s" % (name, "per-channel" if per_channel else "per-tensor", "scripted" if scripted else "traced"),
                         marks=[pytest.mark.long] if per_channel and name not in IN_EVERY_VARIANT else [])
            for name in torchvision_models.MODELS for per_channel, scripted in torchvision_models.VARIANTS]


def folder(name, per_channel, scripted):
    """The variant's folder, made with that of the other form where it is not there."""
    traced, other = torchvision_models.make(name, [(per_channel, False), (per_channel, True)])
    return other if scripted else traced


def answers(folder, size, count):
    """Images, and what PyTorch answers to each."""
    torch.backends.quantized.engine = "qnnpack"
    images = torchvision_models.smooth_images(count, size, torch.Generator().manual_seed(31)).split(1)
    module = torch.jit.load(str(folder / "model.pt")).eval()
    with torch.no_grad():
        return [x.numpy() for x in images], [module(x).numpy() for x in images]
