"""torchvision's quantized networks in the engines of pip's PyTorch and in the reference: not one logit differs.

tests/models/torchvision_models.py makes the networks with Debian's torchvision: scripts/test has done that before.  A network is loaded
with each engine, as PyTorch packs the weights for the engine that is set then.
"""
import os
import pathlib

import numpy as np
import pytest
import torch

import reference

FOLDERS = sorted(f.parent for f in (pathlib.Path(os.environ.get("OCTAVO_MODELS", reference.REPO / "build" / "models")) / "torchvision")
                 .glob("*/case.json"))
FIRST = ("resnet18", "mobilenet_v2--per-channel", "shufflenet_v2_x0_5--scripted")  # the others with --all


def pytest_generate_tests(metafunc):
    engines = [e for e in metafunc.config.getoption("--engine") if e != "qnnpack"]
    metafunc.parametrize("folder, engine", [
        pytest.param(f, e, id="%s-%s" % (f.name, e), marks=[] if f.name in FIRST else [pytest.mark.long]) for f in FOLDERS for e in engines])


def test_equals_pytorch(folder, engine):
    torch.backends.quantized.engine = engine.removesuffix("-x86")
    module = torch.jit.load(str(folder / "model.pt")).eval()
    image = np.load(folder / "x0.npy")
    with torch.no_grad():
        want = module(torch.from_numpy(image)).numpy()
    spec = "float32[%s]" % ",".join(map(str, image.shape))
    [got] = reference.run([(folder / "model.pt", [(spec, image)])], engine)
    assert not isinstance(got, str), got
    differ = got[0].values != want
    assert not differ.any(), "%d of %d logits differ" % (differ.sum(), differ.size)
