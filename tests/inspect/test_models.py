"""`octavo inspect` without --input says of a layer or a network only what holds with it, and lists what PyTorch runs."""
import json
import warnings

import pytest
import torch
from torch import nn

import tools

warnings.simplefilter("ignore")
aoq = torch.ao.quantization
FLOWS = [folder / (form + ".pt") for folder in sorted(f.parent for f in (tools.MODELS / "flows").glob("*/case.json"))
         for form in tools.case(folder)["forms"]]
LAYERS = sorted(f.parent for f in (tools.MODELS / "layers").glob("*/case.json"))


def inspect(path, *specs):
    return json.loads(tools.octavo("inspect", path, "--json", *[word for spec in specs for word in ("--input", spec)]).stdout)


def listed(report):
    return {layer["operator"] for layer in report["layers"]}


def check(path, specs):
    without, given = inspect(path), inspect(path, *specs)
    for dialect in ("qdq", "caffe2"):
        answer, truth = (report["dialects"][dialect]["converts"] for report in (without, given))
        # What converts with the type that export assumes may not with another.
        assumed = any("assumed" in warning for warning in without["warnings"])
        as_assumed = all(i["dtype"] == "float32" for i in given["inputs"] if i["tensor"])
        assert answer in (None, truth) or (answer and assumed and not as_assumed), without["dialects"][dialect].get("error")
    # What runs is listed, whether it is known to run or not; and the weights are the same.
    # (An operator that changes nothing for one type may be left out for it.)
    assert listed(given) <= listed(without) or not as_assumed
    assert without["parameters"] >= given["parameters"]
    if all("[" in spec for spec in specs):
        assert given["listing"] == "evaluated"
    return without, given


@pytest.mark.parametrize("path", FLOWS, ids=lambda path: "%s-%s" % (path.parent.name, path.stem))
def test_network(path):
    shape = tools.case(path.parent)["shape"]
    without, _ = check(path, ["float32[%s]" % ",".join(map(str, [2, *shape]))])
    assert without["parameters"] > 0
    assert any(operator.startswith("quantized::") for operator in listed(without))


@pytest.mark.parametrize("form", ["traced", "scripted", "frozen"])
@pytest.mark.parametrize("folder", LAYERS, ids=lambda folder: folder.name)
def test_layer(folder, form):
    path, case = folder / (form + ".pt"), tools.case(folder)
    if path.exists():
        check(path, case["inputs"] if isinstance(case["inputs"][0], str) else [i["spec"] for i in case["inputs"]])


def saved(model, path, *inputs):
    torch.jit.save(torch.jit.trace(model.eval(), inputs) if inputs else torch.jit.script(model.eval()), str(path))
    return path


def network(convolution=None):
    torch.manual_seed(0)
    return nn.Sequential(aoq.QuantStub(), nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 80, 3), aoq.DeQuantStub()).eval()


def warned(path):
    report = tools.octavo("inspect", path, "--input", "float32[1,3,8,8]")
    exported = tools.octavo("export", path, "-o", str(path) + ".onnx", "--input", "float32[1,3,8,8]")
    assert ("observer" in report.stderr) == ("observer" in exported.stderr)
    assert ("8-bit grid" in report.stderr) == ("8-bit grid" in exported.stderr)
    return report.stderr


def test_calibrated_but_not_converted(tmp_path):
    torch.backends.quantized.engine = "qnnpack"
    model = network()
    model.qconfig = aoq.get_default_qconfig("qnnpack")
    prepared = aoq.prepare(model)
    x = torch.randn(1, 3, 8, 8)
    prepared(x)
    assert "3 observers: it was prepared" in warned(saved(prepared, tmp_path / "calibrated.pt", x))
    assert "observer" not in warned(saved(aoq.convert(prepared), tmp_path / "converted.pt", x))


@pytest.mark.parametrize("per_channel", [False, True])
def test_dequantized_weights(per_channel, tmp_path):
    model, x = network(), torch.randn(1, 3, 8, 8)
    assert "8-bit grid" not in warned(saved(model, tmp_path / "float.pt", x))
    weight = model[3].weight.data
    if per_channel:
        model[3] = nn.Conv2d(80, 4, 3)
        weight = model[3].weight.data
        scales = weight.abs().amax(dim=(1, 2, 3)) / 127
        quantized = torch.quantize_per_channel(weight, scales, torch.zeros(4, dtype=torch.int64), 0, torch.qint8)
        model[1] = nn.Conv2d(3, 80, 3)
    else:
        quantized = torch.quantize_per_tensor(weight, float(weight.abs().max()) / 127, 0, torch.qint8)
    model[3].weight.data = quantized.dequantize()
    assert "1 float32 weight has only values of an 8-bit grid" in warned(saved(model, tmp_path / "back.pt", x))


def test_scripted_models(tmp_path):
    """The operators of scripted networks without --input, which their rank checks stop from being evaluated."""
    torch.backends.quantized.engine = "qnnpack"
    mlp = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4)).eval()
    report = inspect(saved(aoq.quantize_dynamic(mlp, {nn.Linear}), tmp_path / "mlp.pt"))
    assert [layer["operator"] for layer in report["layers"]].count("quantized::linear_dynamic") == 2
    assert report["parameters"] == 8 * 16 + 16 + 16 * 4 + 4
    cnn = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten()).eval()
    report = inspect(saved(cnn, tmp_path / "cnn.pt"))
    assert [layer["operator"] for layer in report["layers"]] == ["aten::conv2d", "aten::batch_norm", "aten::relu", "aten::flatten"]
    assert report["parameters"] == 8 * 27 + 8 + 4 * 8
    assert report["dialects"]["qdq"]["converts"] is None
