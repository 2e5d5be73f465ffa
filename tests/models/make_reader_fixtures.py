#!/usr/bin/env python3
"""Writes the small model files of tests/data/reader with the PyTorch that runs it, and beside each NAME.pt the
values that must be read from it, as PyTorch itself has them (NAME.json).

    /usr/bin/python3 tests/models/make_reader_fixtures.py    Debian's PyTorch 1.13: tests/data/reader/1.13
    python3 tests/models/make_reader_fixtures.py             in an environment with a newer PyTorch
"""

import enum
import json
import os
import pathlib
import sys
import warnings
import zipfile
from typing import Dict, List, Optional, Tuple

# PyTorch writes the paths of source files into the models: run from here, under a name without a folder.
if "__file__" in globals() and os.path.isabs(__file__):
    os.chdir(os.path.dirname(__file__))
    name = os.path.basename(__file__)
    os.execv(sys.executable, [sys.executable, "-c",
                              f"__file__ = {name!r}; exec(compile(open(__file__).read(), __file__, 'exec'))"])

import torch

warnings.filterwarnings("ignore")
nnq = torch.ao.nn.quantized if hasattr(torch, "ao") and hasattr(torch.ao, "nn") else torch.nn.quantized
OUT = pathlib.Path("..") / "data" / "reader" / ".".join(torch.__version__.split(".")[:2])


def describe(value):
    """A value as the reader's tests write it down."""
    if isinstance(value, torch.Tensor):
        d = {"dtype": str(value.dtype).removeprefix("torch."), "sizes": list(value.shape)}
        if value.is_quantized:
            if value.qscheme() == torch.per_tensor_affine:
                d |= {"scales": [value.q_scale()], "zero_points": [value.q_zero_point()]}
            else:
                zeros = value.q_per_channel_zero_points()
                d |= {
                    "scales": value.q_per_channel_scales().double().tolist(),
                    "zero_points": zeros.double().tolist(),
                    "axis": value.q_per_channel_axis(),
                }
            if value.dtype == torch.quint4x2:
                # int_repr() of it gives packed bytes.
                packed = value.int_repr().flatten().tolist()
                d["values"] = [(packed[i // 2] >> (4 * (i % 2))) & 15 for i in range(value.numel())]
            else:
                d["values"] = value.int_repr().flatten().tolist()
        elif value.dtype.is_complex:
            d["values"] = None
        else:
            d["values"] = value.double().flatten().tolist()
        return {"tensor": d}
    if isinstance(value, enum.Enum):
        return {"symbol": f"{type(value).__name__}.{value.name}"}
    if isinstance(value, torch.device):
        return {"device": str(value)}
    if isinstance(value, list):
        return {"list": [describe(v) for v in value]}
    if isinstance(value, tuple):
        return {"tuple": [describe(v) for v in value]}
    if isinstance(value, dict):
        return {"dict": [[describe(k), describe(v)] for k, v in value.items()]}
    if isinstance(value, float):
        return {"float": repr(value)}
    return {"plain": value}


def save(name, module, expected, **kwargs):
    OUT.mkdir(parents=True, exist_ok=True)
    torch.jit.save(module, str(OUT / f"{name}.pt"), **kwargs)
    lines = [f"{json.dumps(k)}: {json.dumps(v)}" for k, v in expected.items()]
    (OUT / f"{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


class Color(enum.Enum):
    RED = 1
    BLUE = -2


class Mood(enum.Enum):
    CALM = "calm"
    WILD = "wild"


class Kinds(torch.nn.Module):
    """Attributes of every kind."""

    ints: List[int]
    floats: List[float]
    bools: List[bool]
    strings: List[str]
    tensors: List[torch.Tensor]
    optional: Optional[int]
    pairs: Dict[str, Tuple[int, float]]
    numbered: Dict[int, torch.Tensor]
    nested: List[List[int]]
    nothing: List[int]

    def __init__(self):
        super().__init__()
        self.flag = True
        self.count = -70000
        self.big = 2**62 + 5
        self.minimum = -(2**63)
        self.rate = 0.1
        self.infinite = float("inf")
        self.name = 'caf\u00e9 "\n'
        self.color = Color.BLUE
        self.mood = Mood.WILD
        self.device = torch.device("cpu")
        self.ints = [1, 256, 65536, -1]
        self.floats = [0.5, -1e300]
        self.bools = [True, False]
        self.strings = ["a", "b", "a"]
        self.tensors = [torch.arange(3), torch.tensor(2.5)]
        self.optional = None
        self.pairs = {"x": (1, 2.0), "y": (3, 4.0)}
        self.numbered = {7: torch.ones(2)}
        self.nested = [[1], [2, 3]]
        self.nothing = []
        self.triple = (1, "two", (3.0,))

    def forward(self, x):
        if self.color == Color.BLUE and self.mood == Mood.WILD:
            return x
        return x + self.ints[0]


class Tensors(torch.nn.Module):
    """Every dtype, and views of all sorts."""

    def __init__(self):
        super().__init__()
        base = torch.arange(24.0)
        self.weight = torch.nn.Parameter(torch.randn(2, 3))
        values = {
            "base": base,
            "view": base[4:16].view(3, 4),
            "transposed": base.view(4, 6).t(),
            "stepped": base[1::5],
            "channels_last": torch.randn(2, 3, 2, 2).to(memory_format=torch.channels_last),
            "repeated": torch.tensor([[1.0], [2.0]]).expand(2, 3),
            "scalar": torch.tensor(3.25),
            "empty": torch.zeros(0, 4),
            "uint8": torch.tensor([0, 255], dtype=torch.uint8),
            "int8": torch.tensor([-128, 127], dtype=torch.int8),
            "int16": torch.tensor([-32768, 32767], dtype=torch.int16),
            "int32": torch.tensor([-(2**31), 2**31 - 1], dtype=torch.int32),
            "int64": torch.tensor([-(2**53), 2**53], dtype=torch.int64),
            "float16": torch.tensor([1.5, -65504.0, 2.0**-24], dtype=torch.float16),
            "bfloat16": torch.tensor([1.5, -3e38], dtype=torch.bfloat16),
            "float64": torch.tensor([0.1, 1e-300], dtype=torch.float64),
            "boolean": torch.tensor([True, False, True]),
            "complex64": torch.tensor([1 + 2j]),
            "quint8": torch.quantize_per_tensor(torch.randn(2, 3), 0.05, 117, torch.quint8),
            "qint8": torch.quantize_per_tensor(torch.randn(2, 3), 0.05, -3, torch.qint8),
            "qint32": torch.quantize_per_tensor(torch.randn(2, 3), 1e-4, 0, torch.qint32),
            "by_channel": torch.quantize_per_channel(
                torch.randn(3, 2, 2, 2), torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64), torch.zeros(3).long(), 0,
                torch.qint8),
            "by_last": torch.quantize_per_channel(
                torch.randn(2, 3), torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64), torch.tensor([1, 2, 3]), 1,
                torch.quint8),
            "float_zeros": torch.quantize_per_channel(
                torch.randn(3, 4), torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0.5, 1.5, 2.5]), 0, torch.quint8),
        }
        # PyTorch 2.13 writes tensors of half bytes that it cannot load.
        if torch.__version__.startswith("1."):
            values["half_bytes"] = torch.quantize_per_channel(
                torch.randn(3, 5), torch.tensor([0.2, 0.3, 0.4]), torch.tensor([5.5, 6.5, 7.5]), 0, torch.quint4x2)
        for name, value in values.items():
            self.register_buffer("t_" + name, value)
        self.names = ["t_" + name for name in values]

    def forward(self, x):
        return x + self.weight


class Packed(torch.nn.Module):
    """Packed parameters, as graph mode and freezing leave them."""

    def __init__(self):
        super().__init__()
        ops = torch.ops.quantized
        self.expected = {}
        # QNNPACK makes a bias of zeros where there is none.
        qnnpack = torch.backends.quantized.engine == "qnnpack"

        def weight(*shape, axis=None):
            # Scales that float32 holds exactly: packing rounds them to it.
            if axis is None:
                return torch.quantize_per_tensor(torch.randn(shape), 1 / 64, 0, torch.qint8)
            scales = torch.arange(10, 10 + shape[axis], dtype=torch.float64) / 1024
            return torch.quantize_per_channel(
                torch.randn(shape), scales, torch.zeros(shape[axis]).long(), axis, torch.qint8)

        def conv(name, prepack, w, bias, stride, padding, dilation, groups, output_padding=None):
            if output_padding is None:
                packed = prepack(w, bias, stride, padding, dilation, groups)
            else:
                packed = prepack(w, bias, stride, padding, output_padding, dilation, groups)
            setattr(self, name, packed)
            if len(stride) == 1:  # stored as a two-dimensional convolution of one row
                w = w.unsqueeze(2)
                stride, padding, dilation = [1] + stride, [0] + padding, [1] + dilation
                output_padding = None if output_padding is None else [0] + output_padding
            if bias is None and qnnpack:
                bias = torch.zeros(w.shape[0])
            self.expected[name] = {
                "kind": "conv" if output_padding is None else "conv_transpose",
                "weight": describe(w),
                "bias": describe(bias),
                "stride": stride,
                "padding": padding,
                "dilation": dilation,
                "output_padding": output_padding or [0] * len(stride),
                "groups": groups,
            }

        conv("conv1d", ops.conv1d_prepack, weight(4, 3, 3), torch.randn(4), [2], [1], [1], 1)
        conv("conv2d", ops.conv2d_prepack, weight(4, 2, 3, 2), torch.randn(4), [2, 1], [1, 0], [1, 2], 2)
        conv("by_channel", ops.conv2d_prepack, weight(4, 3, 2, 2, axis=0), torch.randn(4), [1, 1], [0, 0], [1, 1], 1)
        conv("no_bias", ops.conv2d_prepack, weight(2, 2, 1, 1), None, [1, 1], [0, 0], [1, 1], 1)
        conv("transposed", ops.conv_transpose2d_prepack, weight(4, 3, 2, 2), torch.randn(3), [2, 2], [1, 1], [1, 1],
             1, [1, 0])
        conv("transposed1d", ops.conv_transpose1d_prepack, weight(2, 3, 2), torch.randn(3), [2], [1], [1], 1, [1])
        if "fbgemm" in torch.backends.quantized.supported_engines:
            conv("conv3d", ops.conv3d_prepack, weight(2, 3, 1, 2, 2), torch.randn(2), [1, 2, 1], [0, 1, 0],
                 [1, 1, 1], 1)
            w = torch.randn(3, 4)
            self.half = ops.linear_prepack_fp16(w, None)
            self.expected["half"] = {
                "kind": "linear_fp16", "weight": describe(w.half().float()), "bias": describe(None)}
        for name, w, bias in (("linear", weight(3, 4), torch.randn(3)),
                              ("linear_by_channel", weight(3, 4, axis=0), None)):
            setattr(self, name, ops.linear_prepack(w, bias))
            if bias is None and qnnpack:
                bias = torch.zeros(w.shape[0])
            self.expected[name] = {"kind": "linear", "weight": describe(w), "bias": describe(bias)}
        table = torch.quantize_per_channel(
            torch.randn(5, 4), torch.linspace(0.1, 0.2, 5), torch.linspace(3, 4, 5), 0, torch.quint8)
        self.embedding = ops.embedding_bag_prepack(table)
        self.expected["embedding"] = {"kind": "embedding", "weight": describe(table)}

    def forward(self, x: torch.Tensor):
        return torch.ops.quantized.conv2d(x, self.conv2d, 0.1, 0)


def quantized_network():
    """quantize, conv + relu, linear, dequantize; each nnq module holds what its __getstate__ returned."""
    torch.manual_seed(1)
    net = torch.nn.Sequential(
        torch.ao.quantization.QuantStub(), torch.nn.Conv2d(2, 3, 3, padding=1), torch.nn.ReLU(), torch.nn.Flatten(),
        torch.nn.Linear(48, 2), torch.ao.quantization.DeQuantStub()).eval()
    net = torch.ao.quantization.fuse_modules(net, [["1", "2"]])
    net.qconfig = torch.ao.quantization.get_default_qconfig("qnnpack")
    torch.ao.quantization.prepare(net, inplace=True)
    net(torch.randn(4, 2, 4, 4))
    return torch.ao.quantization.convert(net)


def quantized_expectation(net):
    conv, linear = net[1], net[4]
    return {
        "conv": {"weight": describe(conv.weight()), "bias": describe(conv.bias().detach()), "scale": conv.scale,
                 "zero_point": conv.zero_point},
        "linear": {"weight": describe(linear.weight()), "bias": describe(linear.bias().detach()),
                   "scale": linear.scale, "zero_point": linear.zero_point},
        "quant": {"scale": net[0].scale.item(), "zero_point": net[0].zero_point.item()},
    }


class Unseekable:
    """A file that zipfile writes with data descriptors, since it cannot go back."""

    def __init__(self, file):
        self.file = file

    def write(self, data):
        return self.file.write(data)

    def flush(self):
        self.file.flush()


def rezipped():
    """Archives as other zip programs would pack them."""
    source = OUT / "kinds.pt"
    with zipfile.ZipFile(source) as old:
        records = [(n.split("/", 1)[1], old.read(n)) for n in old.namelist()]
    with zipfile.ZipFile(OUT / "rezipped_deflated.pt", "w", zipfile.ZIP_DEFLATED) as new:
        new.writestr("__MACOSX/._other", b"not part of the model")
        new.writestr("another root/", b"")
        for name, data in records:
            new.writestr(f"another root/{name}", data)
    with zipfile.ZipFile(OUT / "rezipped_zip64.pt", "w") as new:
        for name, data in records:
            with new.open(f"kinds/{name}", "w", force_zip64=True) as record:
                record.write(data)
    with open(OUT / "rezipped_descriptors.pt", "wb") as file:
        with zipfile.ZipFile(Unseekable(file), "w", zipfile.ZIP_DEFLATED) as new:
            for name, data in records:
                new.writestr(f"kinds/{name}", data)


class Shared(torch.nn.Module):
    """The same module, list and tensor under two names."""

    a: List[int]
    b: List[int]

    def __init__(self):
        super().__init__()
        self.first = torch.jit.script(torch.nn.Linear(2, 2))
        self.second = self.first
        self.a = [1, 2]
        self.b = [3]
        self.register_buffer("x", torch.ones(3))
        self.register_buffer("y", self.x)

    @torch.jit.export
    def tie(self):
        self.b = self.a

    def forward(self, x):
        return self.second(self.first(x))


def rewritten(source, target, change):
    """Another zip with the same records, but for what `change` does to a name and its bytes."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            result = change(info.filename, old.read(info))
            if result is not None:
                new.writestr(*result)


def foreign():
    """Files that are no TorchScript models."""
    torch.manual_seed(2)
    module = torch.nn.Sequential(torch.nn.Linear(2, 2))
    torch.save(module.state_dict(), OUT / "state_dict.pt")
    torch.save(module.state_dict(), OUT / "state_dict_legacy.pt", _use_new_zipfile_serialization=False)
    torch.save(module, OUT / "pickled_module.pt")
    torch.save(module, OUT / "pickled_module_legacy.pt", _use_new_zipfile_serialization=False)
    torch.save({"epoch": 3, "model": module}, OUT / "checkpoint.pt")
    torch.save(torch.ones(2), OUT / "tensor.pt")
    if torch.__version__.startswith("1."):
        torch.onnx.export(module, torch.ones(1, 2), str(OUT / "model.onnx"))
    else:
        program = torch.export.export(module, (torch.ones(1, 2),))
        torch.export.save(program, OUT / "program.pt2")
    torch.jit.script(module)._save_for_lite_interpreter(str(OUT / "lite.ptl"))
    # The lite interpreter's file without the source that PyTorch adds for itself.
    rewritten(OUT / "lite.ptl", OUT / "bytecode_only.ptl",
              lambda name, data: None if "/code/" in name or name.endswith("constants.pkl") else (name, data))


def main():
    torch.manual_seed(0)
    torch.backends.quantized.engine = "qnnpack"
    kinds = Kinds()
    names = [n for n in vars(kinds) if not n.startswith("_") and n != "training"]
    save("kinds", torch.jit.script(kinds), {n: describe(getattr(kinds, n)) for n in names})

    tensors = Tensors()
    expected = {n: describe(getattr(tensors, n)) for n in tensors.names}
    expected["weight"] = describe(tensors.weight.detach())
    tensors.names = None
    save("tensors", torch.jit.script(tensors), expected)

    engines = torch.backends.quantized.supported_engines
    if "fbgemm" in engines:
        torch.backends.quantized.engine = "fbgemm"
    packed = Packed()
    expected, packed.expected = packed.expected, None
    save("packed", torch.jit.script(packed), expected)
    torch.backends.quantized.engine = "qnnpack"

    net = quantized_network()
    example = torch.randn(1, 2, 4, 4)
    expected = quantized_expectation(net)
    save("traced", torch.jit.trace(net, example), expected)
    scripted = torch.jit.script(net)
    save("scripted", scripted, expected, _extra_files={"notes.txt": b"extra"})
    save("frozen", torch.jit.freeze(scripted.eval()), expected)

    shared = torch.jit.script(Shared())
    shared.tie()
    save("shared", shared, {})
    if torch.__version__.startswith("1."):
        rezipped()
    foreign()


main()
