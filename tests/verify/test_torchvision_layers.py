"""torchvision's quantized networks: every layer of what is written equals PyTorch's, and ONNX Runtime's arithmetic
flips at most a few elements of a layer by itself."""
import json
import sys

import pytest

import tools

sys.path.insert(0, str(tools.REPO / "tests" / "models"))
torchvision_models = pytest.importorskip("torchvision_models", reason="needs PyTorch and torchvision")

import torchvision_cases  # noqa: E402

CASES = torchvision_cases.cases()
# The images are as small as the networks take them; `--all` has the real size.
SMALL = 96
# Elements of a layer by itself that may be off by one with ONNX Runtime's arithmetic.  Its sum of two tensors rounds
# in another order, and where a pair of integers meets a tie, all elements with that pair are off.
SHARE, SHARE_OF_SUMS = 10e-6, 200e-6


def verify(model, size, *options):
    run = tools.octavo("verify", model, "--input", "float32[1,3,%d,%d]" % (size, size), "--json", *options, check=False)
    assert run.returncode in (0, 1), run.stderr
    return json.loads(run.stdout)


def by_itself(report):
    """Of each layer its share of elements that differ on PyTorch's own values."""
    layers = [l for l in report["layers"] if not l["input"]]
    missing = [l["place"] for l in layers if "alone" not in l]
    assert not missing, "not run by themselves: %s" % missing[:5]
    return [(l["alone"]["differ"] / max(1, l["alone"]["elements"]), l) for l in layers]


def check(folder, per_channel, size):
    dialects = {"qdq": (), "caffe2": ("--dialect", "caffe2", "--per-channel-weights", "requantize")}
    if per_channel:
        del dialects["caffe2"]  # its weights are other ones
    for dialect, options in dialects.items():
        report = verify(folder / "model.pt", size, "--arithmetic", "pytorch", *options)
        differing = ["%s %s: %d" % (l["operator"], l["place"], l["end_to_end"]["differ"]) for l in report["layers"] if l["end_to_end"]["differ"]]
        assert report["equal"], "%s: %s" % (dialect, differing[:5])
        assert sum(l["constant"] for l in report["layers"]) == 0
    report = verify(folder / "model.pt", size)
    for share, layer in by_itself(report):
        allowed = SHARE_OF_SUMS if layer["operator"].startswith("quantized::add") else SHARE
        # A single element is more than that of a small layer.
        assert share <= max(allowed, 1 / layer["alone"]["elements"]), "%s %s: %s" % (layer["operator"], layer["place"], layer["alone"])
        assert layer["alone"]["unit"] == "relative" or layer["alone"]["largest"] <= 1


@pytest.mark.parametrize("name, per_channel, scripted", CASES)
def test_small_images(name, per_channel, scripted):
    check(torchvision_cases.folder(name, per_channel, scripted), per_channel, SMALL)


@pytest.mark.long
@pytest.mark.parametrize("name, per_channel, scripted", CASES)
def test_real_size(name, per_channel, scripted):
    check(torchvision_cases.folder(name, per_channel, scripted), per_channel, torchvision_models.image_size(name))
