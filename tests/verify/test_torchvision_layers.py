"""torchvision's quantized networks: every layer of what is written equals PyTorch's, with PyTorch's own scales and arithmetic
as with those for ONNX Runtime."""
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


def verify(model, size, *options):
    run = tools.octavo("verify", *tools.QNNPACK, model, "--input", "float32[1,3,%d,%d]" % (size, size), "--json", *options, check=False)
    assert run.returncode in (0, 1), run.stderr
    return json.loads(run.stdout)


def differing(report):
    return ["%s %s: %d" % (l["operator"], l["place"], l["end_to_end"]["differ"]) for l in report["layers"] if l["end_to_end"]["differ"]][:5]


def check(folder, per_channel, size):
    dialects = {"qdq": (), "caffe2": ("--dialect", "caffe2", "--per-channel-weights", "requantize")}
    if per_channel:
        del dialects["caffe2"]  # its weights are other ones
    for dialect, options in dialects.items():
        report = verify(folder / "model.pt", size, "--arithmetic", "pytorch", *options)
        assert report["equal"], "%s: %s" % (dialect, differing(report))
        assert sum(l["constant"] for l in report["layers"]) == 0
    report = verify(folder / "model.pt", size)
    assert report["equal"], "as it is: %s" % differing(report)
    missing = [layer["place"] for layer in report["layers"] if "alone" not in layer and not layer["input"]]
    assert not missing, "not run by themselves: %s" % missing[:5]


@pytest.mark.parametrize("name, per_channel, scripted", CASES)
def test_small_images(name, per_channel, scripted):
    check(torchvision_cases.folder(name, per_channel, scripted), per_channel, SMALL)


@pytest.mark.long
@pytest.mark.parametrize("name, per_channel, scripted", CASES)
def test_real_size(name, per_channel, scripted):
    check(torchvision_cases.folder(name, per_channel, scripted), per_channel, torchvision_models.image_size(name))
