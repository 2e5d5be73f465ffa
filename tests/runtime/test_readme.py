"""The Python snippets of README, with the commands between them, on a small quantized network."""
import os
import re
import subprocess
import sys

import pytest
import torch
import torch.ao.quantization as tq
from torch import nn

import tools

README = (tools.REPO / "README.md").read_text()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.quant, self.dequant = tq.QuantStub(), tq.DeQuantStub()
        self.conv1, self.relu1 = nn.Conv2d(3, 8, 7, stride=4), nn.ReLU()
        self.conv2, self.relu2 = nn.Conv2d(8, 16, 3, stride=2), nn.ReLU()
        self.pool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(16, 10)

    def forward(self, x):
        x = self.relu2(self.conv2(self.relu1(self.conv1(self.quant(x)))))
        return self.dequant(self.fc(torch.flatten(self.pool(x), 1)))


def quantized():
    torch.backends.quantized.engine = "qnnpack"
    torch.manual_seed(0)
    net = Net().eval()
    net = tq.fuse_modules(net, [["conv1", "relu1"], ["conv2", "relu2"]])
    net.qconfig = tq.get_default_qconfig("qnnpack")
    tq.prepare(net, inplace=True)
    net(torch.rand(4, 3, 224, 224))
    return tq.convert(net)


@pytest.mark.filterwarnings("ignore")
def test_the_models_way_through_the_readme(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save, compare = re.findall(r"^```python\n(.*?)^```$", README, re.M | re.S)
    exec(save, {"torch": torch, "model": quantized(), "example_input": torch.rand(1, 3, 224, 224)})
    commands = re.findall(r"^octavo (.*model\.pt.*)$", README, re.M)
    assert {c.split()[0] for c in commands} == {"inspect", "export", "verify"}
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable), prepend=os.pathsep)  # its python3 has onnxruntime
    for command in commands:
        ran = subprocess.run([str(tools.OCTAVO), *re.sub("'", "", command).split()], capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
    ran = subprocess.run([sys.executable, "-c", compare], capture_output=True, text=True)
    assert ran.stdout.strip() == "0 of 10 elements differ", ran.stdout + ran.stderr
