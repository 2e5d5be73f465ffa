"""Asks PyTorch for the answers of drawn calls, and saves them as a TorchScript model.

The model's graph is written out, not traced: tracing and scripting record other names for many operators (aten::clip becomes
aten::clamp), and each row is to be met by its own name.  A quantized input is a float one that the model quantizes, since the
caffe2 dialect has no other.
"""
import dataclasses
import faulthandler
import mmap
import os
import time
import warnings

import numpy as np
import torch

from draw import Refused
from draw_call import Call

warnings.simplefilter("ignore")
torch.set_num_threads(1)

TRIES, SECONDS = 3000, 20
CODES = {torch.uint8: 0, torch.int8: 1, torch.int16: 2, torch.int32: 3, torch.int64: 4, torch.float32: 6, torch.float64: 7,
         torch.bool: 11, torch.qint8: 12, torch.quint8: 13}


class Missing(Exception):
    """This PyTorch has no such operator."""


@dataclasses.dataclass
class Case:
    index: int
    call: Call
    results: list  # of the schema: a tensor, or a list of them
    answer: list  # tensors

    def text(self):
        return "case %d\n%s" % (self.index, Graph([self]).source())


def operator(row):
    """The overload that a row is named after, or all overloads of its name."""
    namespace, name = row["operator"].split("::")
    name, _, overload = name.partition(".")
    try:
        found = getattr(getattr(torch.ops, namespace), name)
        if overload or "default" in found.overloads():
            return getattr(found, overload or "default")
        return getattr(found, next(o for o in found.overloads() if "out" not in o))
    except (AttributeError, StopIteration) as e:
        raise Missing(str(e)) from e


def tensors(results):
    return [t for r in results for t in (r if isinstance(r, (list, tuple)) else [r])]


def draw(row, index):
    """A case, or None where PyTorch refuses the arguments."""
    volumes = row["operator"].startswith(("quantized::conv3d", "quantized::conv_transpose3d"))  # qnnpack cannot save their weights
    torch.backends.quantized.engine = "onednn" if volumes else "qnnpack"
    op = operator(row)
    try:
        with torch.no_grad():
            call = Call(row, op._schema, index)
            values = [v.clone() if isinstance(v, torch.Tensor) else v for v in call.arguments]
            keywords = {a.name: v for a, v in zip(op._schema.arguments, values) if a.kwarg_only}
            made = op(*values[:len(values) - len(keywords)], **keywords)
            results = list(made) if isinstance(made, tuple) else [made]
            answer = [t.contiguous().clone() for t in tensors(results)]
    except Exception as e:  # noqa: BLE001 whatever PyTorch says: these arguments make no case
        if isinstance(e, (NameError, UnboundLocalError)):
            raise
        return None
    if sum(t.numel() for t in answer) > 20_000:
        return None
    return Case(index, call, results, answer)


def cases(row, count, tries=TRIES):
    """The first `count` draws that PyTorch takes.  They are looked for in a child process, which some of the others end."""
    shared = mmap.mmap(-1, 8 * (count + 2))  # the next try, how many were taken, which
    place = np.frombuffer(shared, np.int64)
    operator(row)
    start = time.monotonic()
    while place[1] < count and place[0] < tries and time.monotonic() < start + SECONDS:
        child = os.fork()
        if child == 0:
            try:
                faulthandler.disable()
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
                while place[1] < count and place[0] < tries and time.monotonic() < start + SECONDS:
                    index = int(place[0])
                    place[0] += 1
                    if draw(row, index) is not None:
                        place[2 + place[1]] = index
                        place[1] += 1
            finally:
                os._exit(0)
        os.waitpid(child, 0)
    return [draw(row, int(index)) for index in place[2:2 + place[1]]]


class Graph:
    """The graph of some cases as text; what has no text is an input that becomes a constant."""

    def __init__(self, cases):
        self.lines, self.inputs, self.constants, self.outputs, self.names = [], [], [], [], 0
        for case in cases:
            self.add(case)
        if not self.inputs:  # a model has one
            self.outputs.append(self.input(torch.ones(1)))

    def new(self):
        self.names += 1
        return "%%v%d" % self.names

    def node(self, kind, arguments, types=("Tensor",)):
        made = [self.new() for _ in types]
        self.lines.append("%s = %s(%s)" % (", ".join("%s : %s" % pair for pair in zip(made, types)), kind, ", ".join(arguments)))
        return made

    def constant(self, kind, text):
        return self.node("prim::Constant[value=%s]" % text, (), (kind,))[0]

    def input(self, tensor):
        name = "x%d" % len(self.inputs)
        self.inputs.append((name, tensor.dequantize() if tensor.is_quantized else tensor))
        if not tensor.is_quantized:
            return "%" + name
        quantization = [tensor.q_scale(), tensor.q_zero_point(), tensor.dtype]
        return self.node("aten::quantize_per_tensor", ["%" + name] + [self.value(v) for v in quantization])[0]

    def value(self, v):
        if v is None:
            return self.node("prim::Constant", (), ("NoneType",))[0]
        if isinstance(v, bool):
            return self.constant("bool", int(v))
        if isinstance(v, torch.dtype):
            return self.constant("int", CODES[v])
        if isinstance(v, (int, float)):
            return self.constant(type(v).__name__, repr(v))
        if isinstance(v, (str, torch.device)):
            return self.constant("str" if isinstance(v, str) else "Device", '"%s"' % v)
        if isinstance(v, (list, tuple)):
            kind = "int" if not v else "Tensor" if any(isinstance(e, torch.Tensor) for e in v) else type(v[0]).__name__
            kind += "?" * any(e is None for e in v)
            return self.node("prim::ListConstruct", [self.value(e) for e in v], (kind + "[]",))[0]
        if id(v) in self.known:
            return self.known[id(v)]
        name = "c%d" % len(self.constants)  # a constant tensor, packed weights
        self.constants.append((name, v))
        return "%" + name

    def add(self, case):
        self.known = {}
        for tensor in case.call.inputs:
            self.known[id(tensor)] = self.input(tensor)
        types = ["Tensor[]" if isinstance(r, (list, tuple)) else "Tensor" for r in case.results]
        name = case.call.row["operator"].split(".")[0]
        for made, result in zip(self.node(name, [self.value(v) for v in case.call.arguments], types), case.results):
            if isinstance(result, (list, tuple)):
                self.outputs += self.node("prim::ListUnpack", [made], ["Tensor"] * len(result))
            else:
                self.outputs.append(made)

    def source(self):
        inputs = ["%" + name + " : Tensor" for name, _ in self.inputs] + ["%" + name for name, _ in self.constants]
        out = self.outputs[0]
        lines = self.lines
        if len(self.outputs) > 1:
            out = "%out"
            lines = lines + ["%%out : (%s) = prim::TupleConstruct(%s)" % (", ".join(["Tensor"] * len(self.outputs)), ", ".join(self.outputs))]
        return "graph(%s):\n  %s\n  return (%s)" % (", ".join(inputs), "\n  ".join(lines), out)

    def save(self, path):
        graph = torch._C.parse_ir(self.source())
        given = list(graph.inputs())
        for place in range(len(given) - 1, len(self.inputs) - 1, -1):
            graph.setInsertPoint(next(iter(graph.nodes())))
            given[place].replaceAllUsesWith(graph.insertConstant(self.constants[place - len(self.inputs)][1]))
            graph.eraseInput(place)
        function = torch._C._create_function_from_graph("forward", graph)
        function.save(str(path))
        return self.inputs
