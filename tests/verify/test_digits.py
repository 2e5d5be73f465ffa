"""The example's digits: PyTorch, the reference, the engine in each dialect and arithmetic, and ONNX Runtime recognize
the same in each image."""
import numpy as np
import pytest

import tools

torch = pytest.importorskip("torch")
DIGITS = tools.REPO / "examples" / "digits"
IMAGES = DIGITS / "images.npy"


def recognized(model, folder, *options):
    tools.octavo("run", model, "--input", IMAGES, "-o", folder, "--quiet", *options)
    return np.load(folder / "y0.npy").argmax(1)


def test_the_same_to_the_image(tmp_path):
    torch.backends.quantized.engine = "qnnpack"
    with torch.no_grad():
        want = torch.jit.load(str(DIGITS / "digits.pt"))(torch.from_numpy(np.load(IMAGES))).numpy().argmax(1)
    assert (want == np.load(DIGITS / "labels.npy")).mean() > 0.98
    np.testing.assert_array_equal(recognized(DIGITS / "digits.pt", tmp_path / "reference"), want)
    for dialect in ("qdq", "caffe2"):
        model = tools.export(DIGITS / "digits.pt", tmp_path / (dialect + ".onnx"), ["float32[N,1,8,8]"], "--dialect", dialect)
        for options in ((), ("--no-fuse",), ("--arithmetic", "pytorch"), ("--arithmetic", "onnxruntime"), ("--arithmetic", "caffe2")):
            np.testing.assert_array_equal(recognized(model, tmp_path / "engine", *options), want, str((dialect, options)))
    np.testing.assert_array_equal(tools.run(tmp_path / "qdq.onnx", [np.load(IMAGES)])[0].argmax(1), want)
