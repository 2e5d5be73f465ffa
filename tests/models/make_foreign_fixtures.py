#!/usr/bin/env python3
"""Writes small files that are taken for a TorchScript model by mistake, or that PyTorch wrote in an unusual way, with
the PyTorch that runs it: tests/data/foreign.

    /usr/bin/python3 tests/models/make_foreign_fixtures.py    Debian's PyTorch 1.13
    python3 tests/models/make_foreign_fixtures.py             in an environment with PyTorch 2.13
"""
import os
import pathlib
import sys
import warnings

# PyTorch writes the paths of source files into the models: run from here, under a name without a folder.
if "__file__" in globals() and os.path.isabs(os.path.abspath(__file__)) and not os.environ.get("OCTAVO_FIXTURES"):
    os.chdir(os.path.dirname(os.path.abspath(__file__)))
    name = os.path.basename(__file__)
    os.execve(sys.executable, [sys.executable, "-c",
                               f"__file__ = {name!r}; exec(compile(open(__file__).read(), __file__, 'exec'))"],
              {**os.environ, "OCTAVO_FIXTURES": "1"})

import torch

warnings.filterwarnings("ignore")
OUT = pathlib.Path("..") / "data" / "foreign"


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(2, 3, 3)
        self.act = torch.nn.ReLU()

    def forward(self, x):
        return self.act(self.conv(x))


class Scaled(torch.Tensor):
    """A weight of int8 with a scale that stands for a float tensor and has no memory itself, as torchao's have."""

    @staticmethod
    def __new__(cls, values, scale):
        return torch.Tensor._make_wrapper_subclass(cls, values.shape, dtype=torch.float32)

    def __init__(self, values, scale):
        self.values, self.scale = values, scale

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        plain = [a.values.float() * a.scale if isinstance(a, Scaled) else a for a in args]
        if function is torch.ops.aten.detach.default:
            return Scaled(args[0].values, args[0].scale)
        return function(*plain, **(kwargs or {}))


class Linear(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(4, 3)

    def forward(self, x):
        return self.fc(x)


def lost_weights():
    """A scripted module reads the weight, of which PyTorch saves zeros; the other one does not read it."""
    torch.manual_seed(0)
    model = Linear().eval()
    model.fc.weight = torch.nn.Parameter(Scaled(torch.randint(-9, 9, (3, 4), dtype=torch.int8), 0.5), requires_grad=False)
    torch.jit.save(torch.jit.script(model), str(OUT / "lost_weight.pt"))
    example = torch.randn(2, 4)
    loaded = torch.jit.load(str(OUT / "lost_weight.pt"))
    # What PyTorch makes of its own file: the bias alone.
    assert torch.equal(loaded(example), model.fc.bias.detach().expand(2, 3))

    class Unread(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = model.fc

        def forward(self, x):
            return x * 2

    torch.jit.save(torch.jit.trace(Unread().eval(), example), str(OUT / "lost_weight_unread.pt"))


class Quantized(torch.nn.Module):
    """What convert_pt2e makes of a layer."""

    def forward(self, x):
        q = torch.ops.quantized_decomposed.quantize_per_tensor(x, 0.5, 3, 0, 255, torch.uint8)
        return torch.ops.quantized_decomposed.dequantize_per_tensor(q, 0.5, 3, 0, 255, torch.uint8)


def newer():
    lost_weights()
    torch.jit.save(torch.jit.script(Net().to("meta").eval()), str(OUT / "meta.pt"))
    torch.serialization.set_crc32_options(False)
    torch.save(Net().state_dict(), OUT / "state_dict_no_checksums.pt")
    torch.serialization.set_crc32_options(True)
    from torch.ao.quantization.fx import _decomposed  # noqa: F401, defines the operators
    torch.export.save(torch.export.export(Quantized(), (torch.ones(2),)), str(OUT / "quantized.pt2"))
    torch.ops.load_library(os.path.join(os.path.dirname(torch.__file__), "lib", "libjitbackend_test.so"))

    class Sum(torch.nn.Module):
        def forward(self, x, h):
            return x + h

    lowered = torch._C._jit_to_backend("test_backend", torch.jit.script(Sum()), {"forward": {"": ""}})
    torch.jit.save(lowered, str(OUT / "lowered.pt"))


def older():
    from torch.backends._nnapi.prepare import convert_model_to_nnapi
    from torch.utils.mobile_optimizer import optimize_for_mobile
    example = torch.randn(1, 2, 5, 5)
    model = Net().eval()
    traced = torch.jit.trace(model, example)
    torch.jit.save(torch.jit.script(convert_model_to_nnapi(traced, example)), str(OUT / "nnapi.pt"))
    torch.jit.save(optimize_for_mobile(torch.jit.script(model)), str(OUT / "xnnpack.pt"))
    torch.jit.save(torch.jit.optimize_for_inference(torch.jit.script(model)), str(OUT / "mkldnn.pt"))


OUT.mkdir(parents=True, exist_ok=True)
torch.manual_seed(0)
newer() if torch.__version__.startswith("2.") else older()
