"""Small networks of what segmentation and attention are made of: `octavo run` gives each engine's answer, and the model exported for
qnnpack-x86 gives it in ONNX Runtime."""
import json

import numpy as np
import pytest
import torch
import torch.nn.intrinsic.quantized as nniq
import torch.nn.quantizable as nnqa
import torch.nn.quantized as nnq
import torch.nn.functional as F

import oracle
import tools

SCALE, ZERO_POINT = 0.05, 101


def conv(channels_in, channels_out, kernel=1, cls=nniq.ConvReLU2d):
    layer = cls(channels_in, channels_out, kernel, padding=kernel // 2)
    weight = torch.quantize_per_tensor(torch.randn(channels_out, channels_in, kernel, kernel) / channels_in ** 0.5, 0.015, 0, torch.qint8)
    layer.set_weight_bias(weight, torch.randn(channels_out) * 0.2)
    layer.scale, layer.zero_point = SCALE, 37
    return layer


class Resized(torch.nn.Module):
    """Bilinear resizing of a convolution's result, which is channels-last: 11 channels are a vector and three others."""

    def __init__(self):
        super().__init__()
        self.scale, self.zero_point = SCALE, ZERO_POINT
        self.conv = conv(3, 11, 3, nnq.Conv2d)

    def forward(self, x):
        q = self.conv(torch.quantize_per_tensor(x, self.scale, self.zero_point, torch.quint8))
        return F.interpolate(q, size=(13, 14), mode="bilinear", align_corners=False).dequantize()


class Pooled(torch.nn.Module):
    """Atrous pooling as in DeepLab: one branch is a single pixel that is resized to the others' size.  The answers are a dict."""

    def __init__(self):
        super().__init__()
        self.scale, self.zero_point = SCALE, ZERO_POINT
        self.body, self.pixel, self.joined, self.out, self.aux = conv(3, 8, 3), conv(8, 8), conv(16, 8), conv(8, 5), conv(8, 6)

    def forward(self, x):
        features = self.body(torch.quantize_per_tensor(x, self.scale, self.zero_point, torch.quint8))
        pixel = F.interpolate(self.pixel(F.adaptive_avg_pool2d(features, 1)), size=features.shape[-2:], mode="bilinear", align_corners=False)
        joined = self.joined(torch.ops.quantized.cat([features, pixel], 1, 0.06, 40))
        size = (2 * x.shape[-2], 2 * x.shape[-1])
        out = F.interpolate(self.out(joined), size=size, mode="bilinear", align_corners=False)
        aux = F.interpolate(self.aux(features), size=size, mode="bilinear", align_corners=False)
        return {"out": out.dequantize(), "aux": aux.dequantize()}


class Attention(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.quant, self.attention, self.dequant = torch.ao.quantization.QuantStub(), torch.nn.MultiheadAttention(16, 4), torch.ao.quantization.DeQuantStub()

    def forward(self, x):
        q = self.quant(x)
        y, weights = self.attention(q, q, q)
        return self.dequant(y), self.dequant(weights)


def attention(x):
    net = Attention().eval()
    net.qconfig = torch.ao.quantization.get_default_qconfig("qnnpack")
    custom = {"float_to_observed_custom_module_class": {torch.nn.MultiheadAttention: nnqa.MultiheadAttention}}
    net = torch.ao.quantization.prepare(net, prepare_custom_config_dict=custom)
    net(x)
    custom = {"observed_to_quantized_custom_module_class": {nnqa.MultiheadAttention: nnq.MultiheadAttention}}
    return torch.ao.quantization.convert(net, convert_custom_config_dict=custom)


def images(n, size):
    return (torch.rand(n, 3, size, size) - 0.4) * 8


NETWORKS = {
    "resized, traced": lambda: (torch.jit.trace(Resized(), images(2, 7)), images(2, 7)),
    "resized, scripted": lambda: (torch.jit.script(Resized()), images(2, 7)),
    "pooled, scripted": lambda: (torch.jit.script(Pooled()), images(1, 8)),
    "attention, traced": lambda: (lambda x: (torch.jit.trace(attention(x), x), x))(torch.randn(5, 2, 16)),
}
FLOAT = {"attention, traced"}  # softmax and products of floats between quantized layers


@pytest.fixture(scope="module", params=oracle.ENGINES)
def asked(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("networks")
    torch.backends.quantized.engine = "qnnpack"
    cases, made = [], {}
    for name, make in NETWORKS.items():
        torch.manual_seed(3)
        with torch.no_grad():
            network, x = make()
        model, array, spec = folder / (name + ".pt"), folder / (name + ".npy"), "x:float32[%s]" % ",".join(map(str, x.shape))
        network.save(str(model))
        np.save(array, x.numpy())
        cases.append((name, model, [(array, spec)]))
        made[name] = model, array, spec
    return request.param, made, oracle.answers(request.param, cases, folder / request.param)


@pytest.mark.parametrize("name", NETWORKS)
def test_small_networks(asked, name, tmp_path):
    engine, made, answers = asked
    model, array, spec = made[name]
    want = answers[name]
    assert not isinstance(want, str), want
    tools.octavo("run", model, "--engine", engine, "--input", "%s@%s" % (array, spec.removeprefix("x:")), "-o", tmp_path / "run", "--quiet")
    for i, answer in enumerate(want):
        got = np.load(tmp_path / "run" / ("y%d.npy" % i))
        assert np.allclose(got, answer, 0, 1e-5) if name in FLOAT else np.array_equal(got, answer)
    report = oracle.export(engine, model, [spec.removeprefix("x:")], tmp_path / "out.onnx")
    assert not oracle.as_meant(report)
    if engine != "qnnpack-x86":
        return
    for got, answer in zip(tools.run(tmp_path / "out.onnx", [np.load(array)]), want, strict=True):
        assert np.allclose(got, answer, 0, 1e-5) if name in FLOAT else np.array_equal(got, answer)
    verified = tools.octavo("verify", model, tmp_path / "out.onnx", "--engine", engine, "--json", "--input", "%s@%s" % (array, spec.removeprefix("x:")))
    assert json.loads(verified.stdout)["equal"]
