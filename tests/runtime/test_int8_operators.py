"""How much of a model runs in int8: what an export says is what ONNX Runtime's optimized graph shows."""
import collections
import json
import re
import sys

import onnx
import pytest
import torch

import tools

sys.path.insert(0, str(tools.REPO / "tests" / "models"))
torchvision_models = pytest.importorskip("torchvision_models", reason="needs PyTorch and torchvision")
import random_model  # noqa: E402
import torchvision_cases  # noqa: E402

aoq = torch.ao.quantization
BYTES = {onnx.TensorProto.UINT8, onnx.TensorProto.INT8}
MOVES = {"QuantizeLinear", "DequantizeLinear", "Identity", "Cast", "Constant", "ConstantOfShape", "Shape", "Size", "Reshape", "Transpose",
         "Squeeze", "Unsqueeze", "Flatten", "Slice", "Split", "Expand", "Tile", "Pad", "DepthToSpace", "SpaceToDepth", "GatherElements",
         "GatherND", "Range", "OneHot", "ScatterND", "ScatterElements", "ReorderInput", "ReorderOutput"}

PASS_ON = {"Identity", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Slice", "Expand", "Tile", "Pad", "Clip", "Relu", "MaxPool",
           "NhwcMaxPool", "Max", "Min", "Resize"}


def moves(node, constants):
    if node.op_type == "Gather":  # a table, or elements that are picked
        return node.input[0] not in constants
    if node.op_type == "Resize":
        return any(a.name == "mode" and a.s == b"nearest" for a in node.attribute)
    return node.op_type in MOVES


def element_types(*graphs):
    """By name; ONNX Runtime keeps the names of values, and writes few types."""
    types = {}
    for graph in graphs:
        types |= {v.name: v.type.tensor_type.elem_type for v in [*graph.value_info, *graph.input, *graph.output]}
        types |= {i.name: i.data_type for i in graph.initializer}
    for node in graphs[-1].node:  # in order
        if node.op_type.startswith("QLinear"):
            types.setdefault(node.output[0], onnx.TensorProto.UINT8)
        elif node.op_type == "QuantizeLinear":
            types.setdefault(node.output[0], types.get(node.input[2]))
        elif node.op_type in PASS_ON and types.get(node.input[0]):
            types.setdefault(node.output[0], types[node.input[0]])
    return types


def int8_operators(path, scratch):
    """The PyTorch operators (as their nodes' doc_strings name them) all of whose kernels work on integers."""
    written = onnx.shape_inference.infer_shapes(onnx.load(str(path))).graph
    operator_of = {node.name: node.doc_string for node in written.node}
    optimized = scratch / "optimized.onnx"
    tools.session(path, optimized)
    graph = onnx.load(str(optimized)).graph
    types, constants = element_types(written, graph), {i.name for i in graph.initializer}
    kinds = collections.defaultdict(set)
    for node in graph.node:
        operator = operator_of.get(re.sub(r"(_token_\d+|_nchwc)+$", "", node.name))
        if operator is None or moves(node, constants):
            continue
        if operator.startswith("aten::quantize_per_"):  # not counted; the LeakyRelu before it changes no number
            continue
        # Floats that nothing quantizes are moved.
        if node.op_type == "Concat" and not any(node.output[0] in n.input for n in graph.node if n.op_type == "QuantizeLinear"):
            if types.get(node.input[0]) not in BYTES:
                continue
        integers = re.match("QLinear|QGemm|NhwcMaxPool|MatMulIntegerToFloat|.*Integer$", node.op_type) or types.get(node.input[0]) in BYTES
        if integers or any(types.get(i) == onnx.TensorProto.FLOAT for i in [*node.input, *node.output]):
            kinds[operator].add(bool(integers))
    return sorted(operator for operator, found in kinds.items() if found == {True})


def agrees(model, specs, scratch, *options):
    words = [word for spec in specs for word in ("--input", spec)]
    made = tools.octavo("export", *tools.QNNPACK, model, "-o", scratch / "out.onnx", "--json", *words, *options, check=False)
    if made.returncode:
        return None
    report = json.loads(made.stdout)
    found = int8_operators(scratch / "out.onnx", scratch)
    assert report["int8_operators"] == len(found), (report["not_int8"], found)
    assert sum(report["not_int8"].values()) == report["counted_operators"] - report["int8_operators"]
    return report


class Mixed(torch.nn.Module):
    """Operators on floats between quantized layers."""

    def __init__(self, pool, join):
        super().__init__()
        self.quant, self.dequant, self.again, self.last = aoq.QuantStub(), aoq.DeQuantStub(), aoq.QuantStub(), aoq.DeQuantStub()
        self.a, self.b = torch.nn.Conv2d(4, 4, 3, padding=1), torch.nn.Conv2d(4 * join, 4, 1)
        self.pool, self.join = (torch.nn.MaxPool2d(2) if pool else torch.nn.Identity()), join

    def forward(self, x):
        y = self.pool(self.dequant(self.a(self.quant(x))))
        return self.last(self.b(self.again(torch.cat([y] * self.join, 1) if self.join > 1 else y)))


MIXED = {"pool": (True, 1, False), "cat": (False, 2, False), "pool, cat": (True, 2, False), "fake": (False, 1, True), "fake pool": (True, 1, True)}


@pytest.mark.parametrize("name", MIXED)
def test_mixed(name, tmp_path):
    pool, join, fake = MIXED[name]
    torch.manual_seed(0)
    torch.backends.quantized.engine = "qnnpack"
    module, x = Mixed(pool, join), torch.randn(1, 4, 8, 6)
    if fake:  # prepared for training, never converted
        fake_quantize = aoq.FakeQuantize.with_args(observer=aoq.MovingAverageMinMaxObserver)
        module.qconfig = aoq.QConfig(activation=fake_quantize.with_args(quant_min=0, quant_max=255), weight=fake_quantize.with_args(
            quant_min=-128, quant_max=127, dtype=torch.qint8, qscheme=torch.per_tensor_symmetric))
        module = aoq.prepare_qat(module.train())
        module(x)
        module.eval().apply(aoq.disable_observer)
    else:
        module.qconfig = aoq.get_default_qconfig("qnnpack")
        module = aoq.prepare(module.eval())
        module(x)
        module = aoq.convert(module)
    torch.jit.save(torch.jit.trace(module, x, check_trace=False), str(tmp_path / "model.pt"))
    report = agrees(tmp_path / "model.pt", ["float32[1,4,8,6]"], tmp_path)
    assert any("prepared for quantization, but not converted" in w for w in report["warnings"]) == fake


FLOWS = [pytest.param(f.parent, form, id="%s-%s" % (f.parent.name, form)) for f in sorted((tools.MODELS / "flows").glob("*/case.json"))
         for form in tools.case(f.parent)["forms"]]
# ONNX Runtime removes the x + 0 and x * 1 of these, and only then finds that the rest runs on integers.
BEHIND_NOTHING = {"fake_quantized_twice_sum", "fake_quantized_twice_product"}
LAYERS = sorted(f.parent for f in (tools.MODELS / "layers").glob("*/case.json") if f.parent.name not in BEHIND_NOTHING)
RANDOM = 20, 300


@pytest.mark.parametrize("folder, form", FLOWS)
def test_flows(folder, form, tmp_path):
    shape = tools.case(folder)["shape"]
    for size in ("2", "N"):
        agrees(folder / (form + ".pt"), ["float32[%s]" % ",".join([size, *map(str, shape)])], tmp_path)
    agrees(folder / (form + ".pt"), [], tmp_path)


@pytest.mark.parametrize("folder", LAYERS, ids=lambda folder: folder.name)
def test_layers(folder, tmp_path):
    for form in tools.case(folder)["forms"]:
        for options in ((), ("--numbers", "plain")):
            agrees(folder / (form + ".pt"), [i["spec"] for i in tools.case(folder)["inputs"]], tmp_path, *options)


@pytest.mark.parametrize("seed", [pytest.param(s, marks=[pytest.mark.long] if s >= RANDOM[0] else []) for s in range(RANDOM[1])])
def test_random_networks(seed, tmp_path):
    folder = random_model.make(seed)
    shape = json.loads((folder / "case.json").read_text())["shape"]
    assert agrees(folder / "model.pt", ["float32[%s]" % ",".join(map(str, shape))], tmp_path)


# Convolutions, linear layers, additions, pools; operators of mobilenet_v3_large that ONNX Runtime computes on reals.
KNOWN = {"resnet18": 31, "mobilenet_v2": 64}
FLOATS = {"quantized::hardswish": 21, "aten::hardsigmoid": 8}


@pytest.mark.parametrize("name, per_channel, scripted", torchvision_cases.cases())
def test_torchvision(name, per_channel, scripted, tmp_path):
    folder, size = torchvision_cases.folder(name, per_channel, scripted), torchvision_models.image_size(name)
    report = agrees(folder / "model.pt", ["float32[1,3,%d,%d]" % (size, size)], tmp_path)
    assert all(node["exact"] for node in report["exactness"]) and report["float_operators"] == []
    if name in KNOWN:
        assert report["int8_operators"] == KNOWN[name]
    if name == "mobilenet_v3_large":
        assert report["not_int8"] == FLOATS
    else:
        assert set(report["not_int8"]) <= {"quantized::add_relu", "quantized::add"}  # for which QLinearAdd has no scales
