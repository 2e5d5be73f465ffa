"""A layer that was exported to the Caffe2 dialect and converted to qdq gives what the layer exported to qdq gives."""
import json

import numpy as np
import onnx
import pytest

import tools

# The Caffe2 dialect has these through float only, in other operators than PyTorch's, and how PyTorch rounds the
# quantized ones is lost: a matrix product for an interpolation, a padded image for a pool that counts its padding, a sum
# of reals for a number that PyTorch adds to the zero point; and the order in memory, in which PyTorch averages floats.
ROUNDED_ANEW = ("bilinear2d_", "avg_pool2d_even_ceil", "add_scalar", "add_relu_scalar", "proven_adaptive_avg_pool2d_from_zero")

FOLDERS = sorted(f.parent for f in (tools.MODELS / "layers").glob("*/case.json"))


def form(folder):
    forms = tools.case(folder)["forms"]
    return folder / (("traced" if "traced" in forms else forms[0]) + ".pt")


def quantized(folder):
    return any(name.startswith("quantized::") or "quantize" in name for name in tools.case(folder)["operators"])


def both(model, specs, tmp_path):
    """(straight to qdq, by way of caffe2); the second is None where the Caffe2 dialect has no form."""
    words = [word for spec in specs for word in ("--input", spec)]
    first = tmp_path / "first.onnx"
    run = tools.octavo("export", model, "-o", first, "--dialect", "caffe2", "--quiet", *words, check=False)
    if run.returncode:
        assert run.returncode == 3
        return None, None
    tools.octavo("convert", first, "-o", tmp_path / "second.onnx", "--dialect", "qdq", "--quiet")
    return tools.export(model, tmp_path / "straight.onnx", specs), tmp_path / "second.onnx"


def check(folder, tmp_path):
    case = tools.case(folder)
    straight, converted = both(form(folder), [i["spec"] for i in case["inputs"]], tmp_path)
    if converted is None:
        return
    onnx.checker.check_model(onnx.load(str(converted)), full_check=True)
    inputs = tools.arrays(folder, "in")
    for value, expected in zip(tools.run(converted, inputs), tools.run(straight, inputs)):
        if folder.name.startswith(ROUNDED_ANEW):
            assert value.shape == expected.shape and value.dtype == expected.dtype
            assert tools.difference(value, expected)[1] <= 1
        else:
            tools.assert_same(value, expected)


@pytest.mark.parametrize("folder", [f for f in FOLDERS if quantized(f)], ids=lambda f: f.name)
def test_quantized(folder, tmp_path):
    check(folder, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("folder", [f for f in FOLDERS if not quantized(f)], ids=lambda f: f.name)
def test_float(folder, tmp_path):
    check(folder, tmp_path)


def test_digits(tmp_path):
    digits = tools.REPO / "examples" / "digits"
    straight, converted = both(digits / "digits.pt", ["float32[N,1,8,8]"], tmp_path)
    images, labels = np.load(digits / "images.npy"), np.load(digits / "labels.npy")
    logits, expected = tools.run(converted, [images])[0], tools.run(straight, [images])[0]
    np.testing.assert_array_equal(logits, expected)
    assert (logits.argmax(1) == labels).mean() > 0.9
