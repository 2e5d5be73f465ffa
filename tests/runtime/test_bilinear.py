"""Bilinear resizing of quantized images, whose kernel PyTorch chooses by the order in memory: the reference and the model equal PyTorch."""
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import tools


class Net(torch.nn.Module):
    def __init__(self, channels, order, size, align_corners):
        super().__init__()
        self.channels, self.order, self.size, self.align_corners = channels, order, size, align_corners

    def forward(self, x):
        q = torch.quantize_per_tensor(x, 0.05, 101, torch.quint8)
        if self.order == "channels last":
            q = q.contiguous(memory_format=torch.channels_last)
        return F.interpolate(q, size=self.size, mode="bilinear", align_corners=self.align_corners)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("size", [(14, 26), (11, 17), (5, 3)])
@pytest.mark.parametrize("order", ["contiguous", "channels last"])
@pytest.mark.parametrize("channels", [1, 3, 8, 11])
def test_bilinear(channels, order, size, align_corners, tmp_path):
    torch.backends.quantized.engine = "qnnpack"
    net = Net(channels, order, size, align_corners).eval()
    torch.manual_seed(channels)
    x = (torch.rand(2, channels, 7, 13) - 0.4) * 12
    with torch.no_grad():
        want = net(x).int_repr().numpy()
        torch.jit.trace(net, x).save(str(tmp_path / "model.pt"))
    np.save(tmp_path / "x.npy", x.numpy())
    spec = "float32[2,%d,7,13]" % channels
    tools.octavo("run", *tools.QNNPACK, tmp_path / "model.pt", "--input", "%s@%s" % (tmp_path / "x.npy", spec), "-o", tmp_path / "out", "--quiet")
    assert np.array_equal(np.load(tmp_path / "out" / "y0.npy"), want)
    report = json.loads(tools.octavo("export", *tools.QNNPACK, tmp_path / "model.pt", "-o", tmp_path / "model.onnx", "--json", "--input", spec).stdout)
    got = tools.run(tmp_path / "model.onnx", [x.numpy()])[0]
    assert np.array_equal(got, want)
    [stated] = [node for node in report["exactness"] if "upsample" in node["operator"]]
    if not stated["exact"]:  # float64 sums are nearly always those of one rounding
        assert (channels == 1 or order == "channels last") and "one step" in stated["bound"]
