"""Small networks, quantized and saved in each way that PyTorch has, with fixed and with open batch."""
import pytest

import edges
import tools
from test_layers import ALLOWED, ENGINE

FOLDERS = sorted(f.parent for f in (tools.MODELS / "flows").glob("*/case.json"))
CASES = [pytest.param(folder, form, id="%s-%s" % (folder.name, form))
         for folder in FOLDERS for form in tools.case(folder)["forms"]]


@pytest.mark.parametrize("batch", ["fixed", "open"])
@pytest.mark.parametrize("folder, form", CASES)
def test_network(folder, form, batch, tmp_path):
    case, shape = tools.case(folder), tools.case(folder)["shape"]
    inputs, outputs = tools.arrays(folder, "in"), tools.arrays(folder, "out")
    dims = ",".join(str(d) for d in [len(inputs[0]) if batch == "fixed" else "N", *shape])
    out = tools.export(folder / (form + ".pt"), tmp_path / "out.onnx", ["float32[%s]" % dims], *ENGINE)
    tools.check_model(out, ALLOWED)
    for x, y in list(zip(inputs, outputs))[:1 if batch == "fixed" else 2]:
        edges.check(out, [x])
        tools.assert_same(tools.run(out, [x])[0], y)


@pytest.mark.parametrize("way", ["eager", "fx"])
def test_without_input_specification(way, tmp_path):
    """Nothing in a multi-layer perceptron needs a shape; newer PyTorch saves that of the example.  (onnx.checker wants
    a shape of each graph input; ONNX does not.)"""
    folder = tools.MODELS / "flows" / ("mlp--" + way)
    out = tools.export(folder / "traced.pt", tmp_path / "out.onnx", (), *ENGINE)
    known = tools.session(out).get_inputs()[0].shape
    for x, y in zip(tools.arrays(folder, "in"), tools.arrays(folder, "out")):
        if known and isinstance(known[0], int) and known[0] != len(x):
            continue
        tools.assert_same(tools.run(out, [x])[0], y)
