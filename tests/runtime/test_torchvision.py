"""torchvision's 11 quantized networks in ONNX Runtime: PyTorch's answers to the bit, and torch.onnx's models beside them.

Writes build/reports/torchvision.json and torchvision.md.
"""
import json
import sys

import numpy as np
import onnx
import onnxruntime
import pytest

import tools

sys.path.insert(0, str(tools.REPO / "tests" / "models"))
torchvision_models = pytest.importorskip("torchvision_models", reason="needs PyTorch and torchvision")
import torch_onnx  # noqa: E402
sys.path.insert(0, str(tools.REPO / "tests" / "caffe2"))
from interpreter import Interpreter  # noqa: E402

import torchvision_cases  # noqa: E402

CASES = torchvision_cases.cases()
REPORT = {}


@pytest.fixture(scope="module", autouse=True)
def report():
    yield
    if REPORT:
        write_report()


def measure(path, folder, scratch):
    """How far the model's logits are from PyTorch's, and what ONNX Runtime leaves of its Q and DQ nodes."""
    case = tools.case(folder)
    x, y = np.load(folder / "x0.npy"), np.load(folder / "y0.npy")
    got = tools.run(path, [x])[0]
    assert got.shape == y.shape and got.dtype == y.dtype
    differ, most = tools.difference(got, y, case["step"])
    return {"differ": differ, "of": y.size, "lsb": most, "rmse": float(np.sqrt(np.mean((got - y) ** 2))),
            "std": float(y.std()), "left": tools.left_over(path, scratch)}


def peer(folder, name, scratch):
    """The same for torch.onnx's model, kept between runs; None where it makes none."""
    return torch_onnx.cached(folder, torchvision_models.image_size(name), lambda path: measure(path, folder, scratch))


@pytest.mark.parametrize("name, per_channel, scripted", CASES)
def test_network(name, per_channel, scripted, tmp_path):
    folder, size = torchvision_cases.folder(name, per_channel, scripted), torchvision_models.image_size(name)
    theirs = peer(torchvision_cases.folder(name, per_channel, False), name, tmp_path)
    out = tools.export(folder / "model.pt", tmp_path / "fixed.onnx", ["float32[1,3,%d,%d]" % (size, size)])
    tools.check_model(out)
    ours = measure(out, folder, tmp_path)
    REPORT[folder.name] = {"octavo": ours, "torch.onnx": theirs}

    assert ours["differ"] == 0, "%d of %d logits differ (torch.onnx: %s)" % (ours["differ"], ours["of"], theirs and theirs["differ"])
    if name != "mobilenet_v3_large":
        # An addition for which QLinearAdd has no scales is written out: two DequantizeLinear, Sum, QuantizeLinear.
        assert ours["left"]["inside"] == 3 * ours["left"]["kinds"].get("Sum", 0), ours["left"]["kinds"]
    elif theirs:  # hardswish and hardsigmoid, which ONNX Runtime does not fuse
        assert ours["left"]["inside"] <= theirs["left"]["inside"]

    out = tools.export(folder / "model.pt", tmp_path / "open.onnx", ["float32[N,3,%d,%d]" % (size, size)])
    model = tools.check_model(out)
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"
    x, y = np.load(folder / "x1.npy"), np.load(folder / "y1.npy")
    for threads in (1, 2):
        assert_equal(tools.run(out, [x], threads)[0], y)
    assert_equal(tools.run(out, [x[:1]])[0], y[:1])


def assert_equal(got, expected):
    assert got.shape == expected.shape and got.dtype == expected.dtype
    assert np.array_equal(got, expected), "%d of %d logits differ" % (np.count_nonzero(got != expected), got.size)


@pytest.mark.long
@pytest.mark.parametrize("name, per_channel, scripted", CASES)
def test_eight_images(name, per_channel, scripted, tmp_path):
    folder, size = torchvision_cases.folder(name, per_channel, scripted), torchvision_models.image_size(name)
    out = tools.export(folder / "model.pt", tmp_path / "open.onnx", ["float32[N,3,%d,%d]" % (size, size)])
    images, expected = torchvision_cases.answers(folder, size, 8)
    for threads in (1, 2):
        for x, y in zip(images, expected):
            assert_equal(tools.run(out, [x], threads)[0], y)


@pytest.mark.parametrize("name, per_channel, scripted", CASES)
def test_caffe2(name, per_channel, scripted, tmp_path):
    """All export; weights per channel once they may be requantized."""
    folder, size = torchvision_cases.folder(name, per_channel, scripted), torchvision_models.image_size(name)
    arguments = ("export", folder / "model.pt", "-o", tmp_path / "out.onnx", "--dialect", "caffe2", "--quiet", "--input",
                 "float32[1,3,%d,%d]" % (size, size))
    if per_channel:
        refused = tools.octavo(*arguments, check=False)
        assert refused.returncode == 3 and "--per-channel-weights requantize" in refused.stderr
        assert not (tmp_path / "out.onnx").exists()
        arguments += ("--per-channel-weights", "requantize")
    tools.octavo(*arguments)
    model = onnx.load(str(tmp_path / "out.onnx"))
    kinds = {n.op_type for n in model.graph.node}
    assert "Int8FC" in kinds and kinds & {"Int8Conv", "Int8ConvRelu"}
    if name == "shufflenet_v2_x0_5" and not scripted:
        x, y = np.load(folder / "x0.npy"), np.load(folder / "y0.npy")
        got = Interpreter(model, "pytorch").run([x])[0]
        error = float(np.sqrt(np.mean((got - y) ** 2)))
        assert error <= (0.3 if per_channel else 0.1) * float(y.std())


def write_report():
    tools.REPORTS.mkdir(parents=True, exist_ok=True)
    path = tools.REPORTS / "torchvision.json"
    known = json.loads(path.read_text()) if path.is_file() else {}
    known.update(REPORT)
    path.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
    head = ("model", "differ", "largest", "rmse/std", "Q/DQ inside", "at edges", "torch.onnx: differ", "largest", "rmse/std", "Q/DQ inside")
    rows = []
    for name in sorted(known):
        ours, theirs = known[name]["octavo"], known[name]["torch.onnx"]
        rows.append((name, *figures(ours), str(ours["left"]["edge"]), *(figures(theirs) if theirs else ("fails", "", "", ""))))
    table = "\n".join("| " + " | ".join(r) + " |" for r in (head, ["---"] * len(head), *rows))
    text = ("# torchvision's quantized networks in ONNX Runtime %s\n\n"
            "Logits that differ from PyTorch's, the largest difference in steps of the last layer, the root-mean-square error\n"
            "over the logits' standard deviation, and QuantizeLinear/DequantizeLinear nodes that ONNX Runtime's optimization\n"
            "leaves.  torch.onnx: the traced model.\n\n%s\n" % (onnxruntime.__version__, table))
    (tools.REPORTS / "torchvision.md").write_text(text)
    print("\n" + text)


def figures(m):
    return ("%d of %d" % (m["differ"], m["of"]), str(m["lsb"]), "%.4f" % (m["rmse"] / m["std"]), str(m["left"]["inside"]))
