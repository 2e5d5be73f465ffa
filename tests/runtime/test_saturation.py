"""Layers whose weights can saturate on x86 CPUs without VNNI: an export counts them, and says if the model seems to be quantized with reduce_range."""
import json
import sys

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

import tools

sys.path.insert(0, str(tools.REPO / "tests" / "models"))
torchvision_models = pytest.importorskip("torchvision_models", reason="needs PyTorch and torchvision")
aoq = torch.ao.quantization


def saturating(path):
    """By the weights of the written model: [output channel, kernel position, input channel], pairs of neighbours."""
    graph = onnx.load(str(path)).graph
    constants = {i.name: i for i in graph.initializer}
    weights = {n.output[0]: n.input[0] for n in graph.node if n.op_type == "DequantizeLinear" and n.input[0] in constants}
    count = 0
    for node in graph.node:
        if node.op_type not in ("Conv", "Gemm") or node.input[1] not in weights:
            continue
        w = numpy_helper.to_array(constants[weights[node.input[1]]]).astype(int)
        groups = next((a.i for a in node.attribute if a.name == "group"), 1)
        if groups > 1 and w.shape[1] == 1 and w.shape[0] == groups:
            continue
        inner = np.moveaxis(w, 1, -1).reshape(len(w), -1)
        inner = np.pad(inner, ((0, 0), (0, inner.shape[1] % 2)))
        a, b = inner[:, ::2], inner[:, 1::2]
        count += bool(((np.maximum(a, 0) + np.maximum(b, 0) > 128) | (np.minimum(a, 0) + np.minimum(b, 0) < -128)).any())
    return count


def warned(report):
    """How many layers the warning counts, and whether it takes the activations for 7 bits."""
    [text] = [text for text in report["warnings"] if "saturate" in text]
    return int(text.split()[0]), "unless the model was quantized with reduce_range" in text


def export(model, shape, out):
    return json.loads(tools.octavo("export", *tools.QNNPACK, model, "-o", out, "--json", "--input", "float32[%s]" % ",".join(map(str, shape))).stdout)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "shufflenet_v2_x0_5"])
@pytest.mark.parametrize("reduce_range", [False, True])
def test_torchvision(name, reduce_range, tmp_path):
    folder = torchvision_models.make(name, [(False, False)], reduce_range=reduce_range)[0]
    report = export(folder / "model.pt", (1, 3, 224, 224), tmp_path / "out.onnx")
    assert saturating(tmp_path / "out.onnx") > 5
    # A first layer has three input channels: in which pairs they are added depends on the kernel, so it may count in addition.
    layers, reduced = warned(report)
    assert 0 <= layers - saturating(tmp_path / "out.onnx") <= 1 and reduced == reduce_range


class Small(torch.nn.Module):
    def __init__(self, relu):
        super().__init__()
        self.quant, self.dequant = aoq.QuantStub(), aoq.DeQuantStub()
        self.conv, self.relu = torch.nn.Conv2d(4, 8, 3), torch.nn.ReLU() if relu else torch.nn.Identity()
        self.fc = torch.nn.Linear(8, 10)

    def forward(self, x):
        x = self.relu(self.conv(self.quant(x)))
        return self.dequant(self.fc(x.mean([2, 3])))


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("backend, reduced", [("qnnpack", False), ("fbgemm", True), ("x86", True)])
def test_pytorchs_own_configurations(backend, reduced, relu, tmp_path):
    torch.backends.quantized.engine = "qnnpack"
    torch.manual_seed(4)
    net = Small(relu).eval()
    net.qconfig = aoq.get_default_qconfig("fbgemm" if backend == "x86" else backend)
    net = aoq.prepare(net)
    for _ in range(4):
        net(torch.randn(8, 4, 9, 9))
    net = aoq.convert(net)
    x = torch.randn(1, 4, 9, 9)
    torch.jit.save(torch.jit.trace(net, x), str(tmp_path / "model.pt"))
    report = export(tmp_path / "model.pt", x.shape, tmp_path / "out.onnx")
    assert saturating(tmp_path / "out.onnx") == 2
    assert warned(report) == (2, reduced)
