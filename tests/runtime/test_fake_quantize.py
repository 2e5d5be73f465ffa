"""Fake quantization to every range that 8 bits hold, in all its forms: PyTorch, the reference and ONNX Runtime give the same floats."""
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import tools

RANGES = [(0, 255), (-128, 127), (-127, 127), (0, 127), (-64, 63), (-8, 7), (0, 15), (-7, 7)]
SCALES = torch.tensor([0.05, 0.11, 0.023, 0.4])
A = torch.ops.aten


def zeros(low, high):
    return torch.tensor([low, high, (low + high) // 2, low + 1], dtype=torch.int32)


FORMS = {
    "per_tensor": lambda x, low, high: torch.fake_quantize_per_tensor_affine(x, 0.05, (low + high) // 2, low, high),
    "tensor_qparams": lambda x, low, high: torch.fake_quantize_per_tensor_affine(
        x, torch.tensor(0.05), torch.tensor((low + high) // 2, dtype=torch.int32), low, high),
    "per_channel": lambda x, low, high: torch.fake_quantize_per_channel_affine(x, SCALES, zeros(low, high), 1, low, high),
    "last_channel": lambda x, low, high: torch.fake_quantize_per_channel_affine(
        x.permute(0, 2, 3, 1), SCALES, zeros(low, high), 3, low, high).permute(0, 3, 1, 2),
    "cachemask": lambda x, low, high: A.fake_quantize_per_tensor_affine_cachemask(x, 0.05, low, low, high)[0],
    "channel_cachemask": lambda x, low, high: A.fake_quantize_per_channel_affine_cachemask(x, SCALES, zeros(low, high), 1, low, high)[0],
    "cachemask_qparams": lambda x, low, high: A._fake_quantize_per_tensor_affine_cachemask_tensor_qparams(
        x, torch.tensor(0.05), torch.tensor(high, dtype=torch.int32), torch.tensor([1]), low, high)[0],
    "cachemask_off": lambda x, low, high: A._fake_quantize_per_tensor_affine_cachemask_tensor_qparams(
        x, torch.tensor(0.05), torch.tensor(high, dtype=torch.int32), torch.tensor([0]), low, high)[0] * 1.0,
    "learnable": lambda x, low, high: A._fake_quantize_learnable_per_tensor_affine(
        x, torch.tensor([0.05]), torch.tensor([(low + high) / 2 + 0.2]), low, high, 1.0),
    "learnable_channel": lambda x, low, high: A._fake_quantize_learnable_per_channel_affine(
        x, SCALES, torch.tensor([low + 0.3, high + 0.4, (low + high) / 2, low - 0.3]), 1, low, high, 1.0),
}


class Net(torch.nn.Module):
    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x):
        return self.body(x)


def answers(net, x, folder):
    with torch.no_grad():
        torch.jit.trace(net, x, check_trace=False).save(str(folder / "model.pt"))
        want = net(x).numpy()
    np.save(folder / "x.npy", x.numpy())
    spec = "float32[%s]" % ",".join(map(str, x.shape))
    tools.octavo("run", *tools.QNNPACK, folder / "model.pt", "--input", "%s@%s" % (folder / "x.npy", spec), "-o", folder / "out", "--quiet")
    tools.export(folder / "model.pt", folder / "model.onnx", [spec])
    return want, np.load(folder / "out" / "y0.npy"), tools.run(folder / "model.onnx", [x.numpy()])[0]


def away_from_ties(scale):
    """Reals of all levels and beyond, per channel, that no division and no product by a reciprocal rounds otherwise."""
    rng = np.random.default_rng(7)
    steps = rng.integers(-600, 600, (2, 4, 9, 9)) + rng.uniform(-0.4, 0.4, (2, 4, 9, 9))
    return torch.from_numpy(np.float32(steps * np.asarray(scale).reshape(-1, 1, 1)))


@pytest.mark.parametrize("low, high", RANGES)
@pytest.mark.parametrize("form", FORMS)
def test_forms(form, low, high, tmp_path):
    x = away_from_ties(SCALES if "channel" in form else [0.05])
    want, reference, onnxruntime = answers(Net(lambda x: FORMS[form](x, low, high)), x, tmp_path)
    assert np.array_equal(reference, want)
    assert np.array_equal(onnxruntime, want)


class Trained(torch.nn.Module):
    """A convolution as quantization-aware training leaves it: narrow-range weights per channel, activations per tensor."""

    def __init__(self, dimensions):
        super().__init__()
        torch.manual_seed(dimensions)
        cls = getattr(torch.nn, "Conv%dd" % dimensions)
        self.conv = cls(3, 5, 3, padding=1)
        self.scales = self.conv.weight.detach().flatten(1).abs().max(1)[0] / 127
        self.scales[0] /= 2  # half of this channel is clipped
        self.register_buffer("zeros", torch.zeros(5, dtype=torch.int32))

    def forward(self, x):
        conv = F.conv2d if self.conv.weight.dim() == 4 else F.conv3d
        weight = torch.fake_quantize_per_channel_affine(self.conv.weight, self.scales, self.zeros, 0, -127, 127)
        y = conv(torch.fake_quantize_per_tensor_affine(x, 0.03, 64, 0, 127), weight, self.conv.bias, padding=1)
        return torch.fake_quantize_per_tensor_affine(y, 0.02, 64, 0, 127)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_narrow_weights_of_a_convolution(dimensions, tmp_path):
    net = Trained(dimensions).eval()
    x = torch.randn(1, 3, *([6] * dimensions))
    want, reference, onnxruntime = answers(net, x, tmp_path)
    for got in (reference, onnxruntime):
        steps = np.abs(got - want) / 0.02
        assert steps.max() < 1.01 and (steps > 0.01).mean() < 0.02  # sums of floats, which round otherwise near ties


def test_a_range_beyond_8_bits_is_refused(tmp_path):
    net = Net(lambda x: torch.fake_quantize_per_tensor_affine(x, 0.05, 0, -129, 127))
    torch.jit.trace(net, torch.zeros(3), check_trace=False).save(str(tmp_path / "model.pt"))
    made = tools.octavo("export", *tools.QNNPACK, tmp_path / "model.pt", "-o", tmp_path / "out.onnx", "--json", check=False)
    assert made.returncode == 3 and "-129 to 127" in json.dumps(json.loads(made.stdout)["error"])
