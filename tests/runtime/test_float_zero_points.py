"""Tensors quantized per channel with float zero points: whole ones are written, others are refused by name."""
import json

import numpy as np
import onnx
import pytest
import torch

import tools

SCALES = [0.25, 0.5, 0.125, 1.0]
WHOLE, FRACTIONAL = [3.0, 5.0, 0.0, 7.0], [3.0, 5.5, 0.0, 7.0]
TIES = torch.arange(-40, 40).reshape(4, 20) / 16.0  # halves of steps, which go to the even level of the sum


class Net(torch.nn.Module):
    def __init__(self, zeros, kind, dtype):
        super().__init__()
        self.kind, self.dtype = kind, dtype
        self.register_buffer("scales", torch.tensor(SCALES))
        self.register_buffer("zeros", torch.tensor(zeros))
        self.register_buffer("real", TIES.clone())
        self.register_buffer("table", torch.quantize_per_channel(TIES, self.scales, self.zeros, 0, dtype))

    def forward(self, x):
        if self.kind == "constant":  # quantized when it was saved
            return x + self.table.dequantize()
        if self.kind == "folded":  # quantized by the model
            return x + torch.quantize_per_channel(self.real, self.scales, self.zeros, 0, self.dtype).dequantize()
        return torch.quantize_per_channel(x, self.scales, self.zeros, 0, self.dtype).dequantize()


def save(zeros, kind, dtype, folder):
    net = Net(zeros, kind, dtype).eval()
    with torch.no_grad():
        torch.jit.trace(net, TIES).save(str(folder / "model.pt"))
        return net(TIES).numpy()


@pytest.mark.parametrize("dtype", [torch.quint8, torch.qint8], ids=str)
@pytest.mark.parametrize("kind", ["constant", "folded", "computed"])
def test_whole_zero_points(kind, dtype, tmp_path):
    want = save(WHOLE, kind, dtype, tmp_path)
    np.save(tmp_path / "x.npy", TIES.numpy())
    tools.octavo("run", *tools.QNNPACK, tmp_path / "model.pt", "--input", "%s" % (tmp_path / "x.npy"), "-o", tmp_path / "out", "--quiet")
    assert np.array_equal(np.load(tmp_path / "out" / "y0.npy"), want)
    tools.export(tmp_path / "model.pt", tmp_path / "model.onnx", ["float32[4,20]"])
    assert np.array_equal(tools.run(tmp_path / "model.onnx", [TIES.numpy()])[0], want)
    onnx.checker.check_model(onnx.load(str(tmp_path / "model.onnx")), full_check=True)


@pytest.mark.parametrize("kind", ["constant", "folded", "computed"])
def test_fractional_zero_points_are_refused_by_name(kind, tmp_path):
    want = save(FRACTIONAL, kind, torch.quint8, tmp_path)
    np.save(tmp_path / "x.npy", TIES.numpy())
    tools.octavo("run", *tools.QNNPACK, tmp_path / "model.pt", "--input", "%s" % (tmp_path / "x.npy"), "-o", tmp_path / "out", "--quiet")
    assert np.array_equal(np.load(tmp_path / "out" / "y0.npy"), want)
    made = tools.octavo("export", *tools.QNNPACK, tmp_path / "model.pt", "-o", tmp_path / "model.onnx", "--json", "--input", "float32[4,20]", check=False)
    error = json.dumps(json.loads(made.stdout)["error"])
    assert made.returncode == 3 and "float zero point 5.5" in error and "aten::" in error and not (tmp_path / "model.onnx").exists()
    if kind == "constant":
        assert "table" in error
