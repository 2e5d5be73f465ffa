"""Operators in which PyTorch's qnnpack engine is wrong: an export calls them "as meant", where the arguments say so, and no others."""
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import tools

torch.backends.quantized.engine = "qnnpack"  # also of the layers that CASES packs
O = torch.ops.quantized
nnq = torch.ao.nn.quantized
IMAGE = (2, 4, 6, 5)
PARAMETERS = {}  # of the layers, which qnnpack does not give back in three dimensions


class Net(torch.nn.Module):
    """Quantizes its input, calls `body`, and gives reals back."""

    def __init__(self, body, scale=0.05, zero_point=110, dtype=torch.quint8, layer=None):
        super().__init__()
        self.body, self.scale, self.zero_point, self.dtype, self.layer = body, scale, zero_point, dtype, layer

    def forward(self, x):
        q = torch.quantize_per_tensor(x, self.scale, self.zero_point, self.dtype)
        return self.body(q if self.layer is None else self.layer(q)).dequantize()


def layer(cls, channels=4, out=4, scale=0.05, zero_point=120, weight_scale=0.01, bias=0.5, **options):
    torch.manual_seed(3)
    module = cls(channels, out, *([] if cls is nnq.Linear else [3]), **options)
    shape = [channels, out] if cls is nnq.ConvTranspose2d else [out, channels]
    shape += [] if cls is nnq.Linear else [3] * int(cls.__name__[-2])
    weight = torch.quantize_per_tensor(torch.randn(shape) * weight_scale * 40, weight_scale, 0, torch.qint8)
    PARAMETERS[id(module)] = weight, torch.full((out,), bias)
    module.set_weight_bias(*PARAMETERS[id(module)])
    module.scale, module.zero_point = scale, zero_point
    return module


def conv(**options):
    return layer(nnq.Conv2d, padding=1, **options)


def contiguous(f):
    """What an operator means, where PyTorch is wrong for tensors in channels-last order."""
    return lambda q: f(q.contiguous())


def through_float(f):
    def meant(q):
        return torch.quantize_per_tensor(f(q.dequantize().contiguous()), q.q_scale(), q.q_zero_point(), q.dtype)
    return meant


def split(q):
    return q[:, 1:]


CLAMPS = {
    "relu6": F.relu6, "quantized::relu6": lambda q: O.relu6(q, False), "hardtanh": lambda q: F.hardtanh(q, -0.5, 0.5),
    "clamp": lambda q: torch.clamp(q, -0.5, 0.5), "quantized::clamp": lambda q: O.clamp(q, -0.5, 0.5),
    "clamp far apart": lambda q: torch.clamp(q, -1e3, 1e3),  # nothing is clamped, and so nothing is written
}
# name: body, what it means (None: PyTorch is right), shape of the input, options of Net
CASES = {}
for _name, _f in CLAMPS.items():
    CASES[_name + " behind conv2d"] = _f, contiguous(_f), IMAGE, dict(layer=conv())
    CASES[_name] = _f, None, IMAGE, {}
    CASES[_name + " of one channel"] = _f, None, IMAGE, dict(layer=conv(out=1))
CASES |= {
    "relu behind conv2d": (F.relu, None, IMAGE, dict(layer=conv())),
    "relu6 of one element": (F.relu6, None, (2, 4, 1, 1), dict(layer=conv())),
    "relu6 behind conv2d, relu": (lambda q: F.relu6(F.relu(q)), contiguous(F.relu6), IMAGE, dict(layer=conv())),
    "relu6 behind conv2d, flatten": (lambda q: F.relu6(torch.flatten(q, 1)), None, IMAGE, dict(layer=conv())),
    "relu6 behind conv2d, contiguous": (lambda q: F.relu6(q.contiguous()), None, IMAGE, dict(layer=conv())),
    "relu6 of a slice": (lambda q: F.relu6(split(q)), lambda q: F.relu6(split(q).contiguous()), IMAGE, dict(layer=conv())),
    "relu6 behind conv1d": (F.relu6, None, (2, 4, 9), dict(layer=layer(nnq.Conv1d, padding=1))),
    "relu6 behind conv3d": (F.relu6, contiguous(F.relu6), (2, 4, 3, 4, 5), dict(layer=layer(nnq.Conv3d, padding=1))),
    "relu6 behind conv_transpose2d": (F.relu6, contiguous(F.relu6), IMAGE, dict(layer=layer(nnq.ConvTranspose2d))),
    "avg_pool2d without its padding": (lambda q: F.avg_pool2d(q, 3, 1, 1, count_include_pad=False),
                                       through_float(lambda x: F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)), IMAGE, {}),
    "avg_pool2d without padding": (lambda q: F.avg_pool2d(q, 3, 1, 0, count_include_pad=False), None, IMAGE, {}),
    "avg_pool1d without its padding": (lambda q: F.avg_pool1d(q, 3, 1, 1, count_include_pad=False),
                                       through_float(lambda x: F.avg_pool1d(x, 3, 1, 1, count_include_pad=False)), (2, 4, 9), {}),
    "avg_pool2d by a divisor": (lambda q: F.avg_pool2d(q, 2, divisor_override=3),
                                through_float(lambda x: F.avg_pool2d(x, 2, divisor_override=3)), IMAGE, {}),
    "avg_pool2d by its cells": (lambda q: F.avg_pool2d(q, 2, divisor_override=4), None, IMAGE, {}),
    "max_pool2d with dilation and padding": (lambda q: F.max_pool2d(q, 3, 1, 1, 2), through_float(lambda x: F.max_pool2d(x, 3, 1, 1, 2)), IMAGE, {}),
    "max_pool2d with dilation": (lambda q: F.max_pool2d(q, 2, 1, 0, 2), None, IMAGE, {}),
    "max_pool2d with padding": (lambda q: F.max_pool2d(q, 3, 1, 1), None, IMAGE, {}),
    "add with a large scale": (lambda q: O.add(q, q, 150.0, 128), lambda q: O.add(q.clone(), q[:, :, :, :1].expand(q.shape), 150.0, 128), IMAGE, {}),
    "add": (lambda q: O.add(q, q, 0.3, 128), None, IMAGE, {}),
    "nearest of one element": (lambda q: F.interpolate(q, scale_factor=2.0), through_float(lambda x: F.interpolate(x, scale_factor=2.0)), (2, 4, 1, 1), {}),
    "nearest of one element behind conv2d": (lambda q: F.interpolate(q, scale_factor=2.0), None, (2, 4, 1, 1), dict(layer=conv())),
    "nearest of one element in another order": (lambda q: F.interpolate(q.contiguous(memory_format=torch.channels_last), scale_factor=2.0),
                                                through_float(lambda x: F.interpolate(x, scale_factor=2.0)), (2, 4, 1, 1), {}),
    "nearest of a mean": (lambda q: F.interpolate(q.mean([2, 3], keepdim=True), scale_factor=2.0),
                          lambda q: F.interpolate(q.mean([2, 3], keepdim=True).dequantize(), scale_factor=2.0), IMAGE, dict(layer=conv())),
    "nearest": (lambda q: F.interpolate(q, scale_factor=2.0), None, (2, 4, 1, 2), {}),
    "bilinear of one element": (lambda q: F.interpolate(q, scale_factor=2.0, mode="bilinear"),
                                through_float(lambda x: F.interpolate(x, scale_factor=2.0, mode="bilinear")), (2, 4, 1, 1), {}),
    "adaptive_avg_pool2d of one element": (lambda q: F.adaptive_avg_pool2d(q, 2), through_float(lambda x: F.adaptive_avg_pool2d(x, 2)), (2, 4, 1, 1), {}),
    "bilinear of one element behind conv2d": (lambda q: F.interpolate(q, scale_factor=2.0, mode="bilinear"), None, (2, 4, 1, 1), dict(layer=conv())),
    "adaptive_avg_pool2d of one element behind conv2d": (lambda q: F.adaptive_avg_pool2d(q, 2), None, (2, 4, 1, 1), dict(layer=conv())),
    "adaptive_avg_pool2d to one element": (lambda q: F.adaptive_avg_pool2d(q, 1), None, (2, 4, 1, 1), {}),
    "linear with a small scale": (torch.nn.Identity(), "saturates", (3, 40), dict(layer=layer(nnq.Linear, channels=40, scale=1e-9, zero_point=0, bias=0.0))),
    "linear": (torch.nn.Identity(), None, (3, 40), dict(layer=layer(nnq.Linear, channels=40))),
}


@pytest.fixture(autouse=True)
def qnnpack():
    torch.backends.quantized.engine = "qnnpack"


def pack(module, engine):
    torch.backends.quantized.engine = engine
    module.set_weight_bias(*PARAMETERS[id(module)])


def export(net, x, folder):
    """Answers the JSON of an export.  qnnpack cannot save weights of three dimensions; it loads what another engine saved."""
    with torch.no_grad():
        traced = torch.jit.trace(net, x)
    if isinstance(net.layer, nnq.Conv3d):
        pack(net.layer, "onednn")
        traced = torch.jit.trace(net, x)
    torch.jit.save(traced, str(folder / "model.pt"))
    if isinstance(net.layer, nnq.Conv3d):
        pack(net.layer, "qnnpack")
    made = tools.octavo("export", *tools.QNNPACK, folder / "model.pt", "-o", folder / "out.onnx", "--json", "--input",
                        "float32[%s]" % ",".join(map(str, x.shape)))
    return json.loads(made.stdout)


@pytest.mark.parametrize("name", CASES)
def test_as_meant_where_pytorch_is_wrong(name, tmp_path):
    body, meant, shape, options = CASES[name]
    net = Net(body, **options).eval()
    torch.manual_seed(5)
    x = torch.randn(shape) * 2
    report = export(net, x, tmp_path)
    loaded = torch.jit.load(str(tmp_path / "model.pt"))
    with torch.no_grad():
        theirs = loaded(x).numpy()
    ours = tools.run(tmp_path / "out.onnx", [x.numpy()])[0]
    called = [node for node in report["exactness"] if node["by"] == "as meant"]
    warnings = [text for text in report["warnings"] if "as meant" in text]
    if meant is None:
        assert not called and not warnings
        assert all(node["exact"] for node in report["exactness"])
        assert np.array_equal(ours, theirs)
        return
    assert len(called) == 1 and not called[0]["exact"] and "PyTorch" in called[0]["bound"]
    assert len(warnings) == 1 and called[0]["operator"] in warnings[0]
    assert not np.array_equal(ours, theirs), "PyTorch is right here"
    if meant != "saturates":
        q = torch.quantize_per_tensor(x, net.scale, net.zero_point, net.dtype)
        with torch.no_grad():
            want = meant(q if net.layer is None else net.layer(q))
            want = (want.dequantize() if want.is_quantized else want).numpy()
        _, most = tools.difference(ours, want, 150.0 if "add" in name else 0.05)
        assert most <= (1 if "avg_pool" in name or "bilinear" in name or "add" in name else 0)  # of reals, or rounded otherwise at a tie


# Arguments that qnnpack does not take; the models are traced with another engine.
REFUSED = {
    "max_pool of one element": lambda q: F.max_pool2d(q, 1, 2),
    "avg_pool of one element": lambda q: F.avg_pool2d(q, 1, 1),
    "avg_pool1d of one element": lambda q: F.avg_pool1d(q.flatten(2), 1),
    "sigmoid, scale": lambda q: O.sigmoid(q, 0.0123, 7),
    "sigmoid, zero point": lambda q: O.sigmoid(q, 1 / 256, 1),
    "add, small scale": lambda q: O.add(q, q, 0.05 / 300, 100),
    "add, large scale": lambda q: O.add(q, q, 0.05 * 2 ** 15, 100),
    "add_relu, one level": lambda q: O.add_relu(q, q, 0.05, 255),
}


@pytest.mark.parametrize("name", REFUSED)
def test_as_meant_where_pytorch_refuses(name, tmp_path):
    net = Net(REFUSED[name]).eval()
    x = torch.randn(IMAGE)
    torch.backends.quantized.engine = "onednn"
    traced = torch.jit.trace(net, x)
    torch.jit.save(traced, str(tmp_path / "model.pt"))
    torch.backends.quantized.engine = "qnnpack"
    with pytest.raises(RuntimeError):
        torch.jit.load(str(tmp_path / "model.pt"))(x)
    spec = "float32[%s]" % ",".join(map(str, IMAGE))
    for engine in ("qnnpack", "qnnpack-x86", "onednn"):
        made = tools.octavo("export", tmp_path / "model.pt", "-o", tmp_path / "out.onnx", "--json", "--input", spec, "--engine", engine)
        node = json.loads(made.stdout)["exactness"][-1]
        assert (node["by"] == "as meant" and "refuses" in node["bound"]) == (engine != "onednn"), node


def test_the_text_says_so(tmp_path):
    net = Net(lambda q: F.relu6(F.relu6(q)), layer=conv())
    x = torch.randn(IMAGE)
    export(net, x, tmp_path)
    made = tools.octavo("export", *tools.QNNPACK, tmp_path / "model.pt", "-o", tmp_path / "out.onnx", "--input", "float32[2,4,6,5]")
    assert "exact: 3 of 4 quantized nodes (PyTorch qnnpack → ONNX Runtime)" in made.stdout
    assert "as meant; PyTorch mixes up the elements of a channels-last tensor" in made.stdout
    assert made.stderr.count("as meant") == 1
    exact = tools.octavo("export", *tools.QNNPACK, tmp_path / "model.pt", "-o", tmp_path / "no.onnx", "--numbers", "exact", "--input",
                         "float32[2,4,6,5]", check=False)
    assert exact.returncode == 3 and "aten::" in exact.stderr and not (tmp_path / "no.onnx").exists()
    caffe2 = tools.octavo("export", *tools.QNNPACK, tmp_path / "model.pt", "-o", tmp_path / "out.onnx", "--json", "--dialect", "caffe2", "--input",
                          "float32[2,4,6,5]")
    assert sum("as meant" in text for text in json.loads(caffe2.stdout)["warnings"]) == 1


def test_bugs_that_the_reference_does_not_repeat(tmp_path):
    net = Net(lambda q: O.relu6(q, False), layer=layer(nnq.Conv2d)).eval()
    torch.jit.save(torch.jit.trace(net, torch.randn(IMAGE)), str(tmp_path / "model.pt"))
    words = ["verify", *tools.QNNPACK, tmp_path / "model.pt", "--input", "float32[%s]" % ",".join(map(str, IMAGE))]
    assert "as meant" in tools.octavo(*words).stderr
    assert "--faults keep does not repeat this" in tools.octavo(*words, "--faults", "keep").stderr
