"""The trained example: every logit of every test image."""
import numpy as np
import pytest

import tools

torch = pytest.importorskip("torch")
DIGITS = tools.REPO / "examples" / "digits"


@pytest.fixture(scope="module")
def answers():
    torch.backends.quantized.engine = "qnnpack"
    images = np.load(DIGITS / "images.npy")
    with torch.no_grad():
        logits = torch.jit.load(str(DIGITS / "digits.pt"))(torch.from_numpy(images)).numpy()
    return images, logits


def test_pytorch_recognizes_digits(answers):
    assert (answers[1].argmax(1) == np.load(DIGITS / "labels.npy")).mean() > 0.98


@pytest.mark.parametrize("spec", ["float32[N,1,8,8]", "float32[360,1,8,8]", "x:float32[batch,1,8,8]"])
def test_equals_pytorch(answers, spec, tmp_path):
    images, want = answers
    out = tools.export(DIGITS / "digits.pt", tmp_path / "digits.onnx", [spec])
    tools.check_model(out)
    got = tools.run(out, [images])[0]
    step = float(np.diff(np.unique(want.astype(np.float64))).min())
    differ, most = tools.difference(got, want, step)
    assert most <= 1 and differ <= want.size // 1000, "%d of %d logits differ" % (differ, want.size)
    assert (got.argmax(1) == want.argmax(1)).mean() > 0.99


def test_left_over(tmp_path):
    out = tools.export(DIGITS / "digits.pt", tmp_path / "digits.onnx", ["float32[N,1,8,8]"])
    assert tools.left_over(out, tmp_path)["inside"] == 0
