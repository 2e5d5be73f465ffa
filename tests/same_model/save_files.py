"""Run by a Python with PyTorch: saves files of torch.save, torch.jit.save and torch.export into a folder.

Those in clean/ do nothing to who opens them; those in found/ name what `octavo inspect --audit` must find.
"""

import collections
import pathlib
import sys
import warnings

import torch

warnings.filterwarnings("ignore")


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(2, 3, 3)
        self.norm = torch.nn.BatchNorm2d(3)

    def forward(self, x):
        return self.norm(self.conv(x))


class Writes(torch.nn.Module):
    def forward(self, x):
        torch.save(x, "x.pt")
        return x


class Opens(torch.nn.Module):
    def forward(self, x):
        return x + torch.from_file("x.bin", False, 4)


def trained(net, optimizer):
    for _ in range(2):
        optimizer.zero_grad()
        net(torch.rand(2, 2, 8, 8)).sum().backward()
        optimizer.step()
    return optimizer


def save(folder, name, value):
    torch.save(value, folder / (name + ".pt"))
    torch.save(value, folder / (name + "_legacy.pt"), _use_new_zipfile_serialization=False)
    for protocol in (3, 4, 5):
        torch.save(value, folder / f"{name}_protocol_{protocol}.pt", pickle_protocol=protocol)


def clean_values(net):
    quantized = torch.quantize_per_tensor(torch.rand(4), 0.1, 3, torch.quint8)
    channels = torch.quantize_per_channel(torch.rand(2, 4), torch.tensor([0.1, 0.2]), torch.tensor([0, 1]), 0, torch.qint8)
    values = {
        "state_dict": net.state_dict(),
        "tensor": torch.arange(4.0),
        "parameter": torch.nn.Parameter(torch.ones(3)),
        "quantized": {"a": quantized, "b": channels},
        "dtypes": {str(t): torch.zeros(2, dtype=t) for t in (torch.bool, torch.uint8, torch.int16, torch.half, torch.bfloat16,
                                                             torch.complex64)},
        "names_of_dtypes": [torch.float32, torch.qint8, torch.device("cpu"), torch.Size([1, 2])],
        "sparse": torch.eye(3).to_sparse(),
        "checkpoint": {"epoch": 3, "loss": 0.5, "model": net.state_dict(), "names": {"a", "b"}, "raw": b"abc", "none": None,
                       "counts": collections.Counter("abc"), "z": 1 + 2j},
        "views": (torch.arange(8.0)[::2], torch.arange(8.0).view(2, 4).t()),
    }
    for kind in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop, torch.optim.Adagrad,
                 torch.optim.Adadelta, torch.optim.ASGD):
        values[f"optimizer_{kind.__name__}"] = trained(net, kind(net.parameters(), lr=0.1)).state_dict()
    return values


def main():
    torch.manual_seed(0)
    clean, found = (pathlib.Path(sys.argv[1]) / name for name in ("clean", "found"))
    clean.mkdir(parents=True, exist_ok=True)
    found.mkdir(parents=True, exist_ok=True)
    net = Net()
    for name, value in clean_values(net).items():
        save(clean, name, value)
    torch.jit.save(torch.jit.script(net.eval()), clean / "scripted.pt")
    torch.jit.save(torch.jit.trace(net, torch.rand(1, 2, 8, 8)), clean / "traced.pt")
    torch.jit.script(net)._save_for_lite_interpreter(str(clean / "lite.ptl"))
    torch.jit.save(torch.jit.script(net), clean / "extra.pt", _extra_files={"notes.txt": "hello", "a": "1"})
    save(found, "module-torch.nn.modules.conv.Conv2d", torch.nn.Conv2d(2, 3, 3))
    save(found, "optimizer-torch.optim.sgd.SGD", torch.optim.SGD(net.parameters(), lr=0.1))
    torch.jit.save(torch.jit.script(Writes()), found / "writes-aten::save.pt")
    torch.jit.save(torch.jit.script(Opens()), found / "opens-aten::from_file.pt")
    if hasattr(torch, "export") and hasattr(torch.export, "save"):
        program = torch.export.export(net, (torch.rand(1, 2, 8, 8),))
        torch.export.save(program, clean / "exported.pt2")


if __name__ == "__main__":
    main()
