"""Files of torch.onnx: ONNX Runtime answers the same after any conversion from qdq to qdq."""
import io

import numpy as np
import onnx
import pytest

import kept

torch = pytest.importorskip("torch")


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.quant, self.dequant = torch.ao.quantization.QuantStub(), torch.ao.quantization.DeQuantStub()
        self.conv = torch.nn.Conv2d(4, 8, 3, padding=1)
        self.relu = torch.nn.ReLU()
        self.other = torch.nn.Conv2d(8, 8, 1)
        self.pool = torch.nn.AvgPool2d(2)
        self.linear = torch.nn.Linear(8 * 16, 5)
        self.add = torch.ao.nn.quantized.FloatFunctional()

    def forward(self, x):
        x = self.relu(self.conv(self.quant(x)))
        x = self.pool(self.add.add(self.other(x), x))
        return self.dequant(self.linear(torch.flatten(x, 1)))


@pytest.mark.parametrize("opset", (13, 15, 16))
def test_quantized_module(opset, tmp_path):
    torch.backends.quantized.engine = "qnnpack"
    torch.manual_seed(5)
    net = Net().eval()
    net.qconfig = torch.ao.quantization.get_default_qconfig("qnnpack")
    torch.ao.quantization.prepare(net, inplace=True)
    x = torch.randn(1, 4, 9, 8)
    net(x)
    torch.ao.quantization.convert(net, inplace=True)
    file = io.BytesIO()
    torch.onnx.export(net, x, file, opset_version=opset, input_names=["x"])
    given = tmp_path / "given.onnx"
    given.write_bytes(file.getvalue())
    assert "QuantizeLinear" in {node.op_type for node in onnx.load(str(given)).graph.node}
    feeds = [{"x": np.random.default_rng(i).standard_normal((1, 4, 9, 8)).astype(np.float32)} for i in range(20)]
    assert kept.convert(given, tmp_path).read_bytes() == given.read_bytes()
    for to in kept.OPSETS:
        kept.assert_same_answers(given, kept.convert(given, tmp_path, "--opset", to), feeds)
