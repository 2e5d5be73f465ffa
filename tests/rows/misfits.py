"""Calls whose arguments do not fit, and whether PyTorch runs them.

A call of tests/rows/draw_call.py is drawn and then changed at one or two places: the shape, dtype or indices of a tensor, a number,
the length of a list.  It is saved as a TorchScript model, loaded again and run by PyTorch, in a child process that it may end.
"""
import dataclasses
import faulthandler
import json
import os
import resource
import time

import numpy as np
import torch

import compare
import model
from draw import Refused
from draw_call import Call

DTYPES = {"f": (torch.float32, torch.float64, torch.float16), "i": (torch.int64, torch.int32, torch.int8, torch.uint8, torch.int16, torch.bool)}
QUANTIZED = (torch.quint8, torch.qint8, torch.qint32)
NUMBERS = (-1, 0, 1, 2, 3, 7, 100, -100, 2**31, -2**31 - 1, 2**40)
REALS = (0.0, -1.0, 0.5, 1e30, -1e30, 1e-30, float("inf"), float("-inf"), float("nan"))
TEXTS = ("none", "mean", "nearest", "bilinear", "bicubic", "linear", "trilinear", "zeros", "constant", "reflect", "replicate", "circular", "valid", "same",
         "floor", "trunc", "ij,jk->ik", "ii", "i->", "ij->k", "i...->...", "", "?")
MEMORY = 6 << 30  # of the child's address space
SECONDS = 10  # for one call
TRIES = 12


class NoProgram(Exception):
    """These arguments cannot be written as a program."""


def places(arguments):
    found = []
    for i, value in enumerate(arguments):
        found.append((i, None))
        if isinstance(value, list):
            found += [(i, j) for j in range(len(value))]
    return [p for p in found if get(arguments, p) is not None]


def get(arguments, place):
    value = arguments[place[0]]
    return value if place[1] is None else value[place[1]]


class Misfit(Call):
    """A call of which some arguments can be changed."""

    def __init__(self, row, schema, index):
        super().__init__(row, schema, index)
        self.names = [a.name for a in schema.arguments]
        self.arguments = [list(v) if isinstance(v, (list, tuple)) else v for v in self.arguments]
        self.drop_unused()

    def drop_unused(self):
        self.inputs = [t for t in self.inputs if any(t is self.at(p) for p in places(self.arguments))]

    def fits(self, op):
        """Whether PyTorch takes the call as it is now."""
        try:
            values = [v.clone() if isinstance(v, torch.Tensor) else v for v in self.arguments]
            keywords = {a.name: v for a, v in zip(op._schema.arguments, values) if a.kwarg_only}
            op(*values[:len(values) - len(keywords)], **keywords)
        except Exception:  # noqa: BLE001 whatever PyTorch says
            return False
        return True

    def at(self, place):
        return get(self.arguments, place)

    def change(self):
        found = places(self.arguments)
        tensors = [p for p in found if isinstance(self.at(p), torch.Tensor)]
        if tensors and self.chance(0.5):
            found = tensors
        if not found:
            raise Refused
        place = self.one_of(*found)
        old = self.at(place)
        new = self.changed(old, self.names[place[0]])
        if place[1] is None:
            self.arguments[place[0]] = new
        else:
            self.arguments[place[0]][place[1]] = new
        self.inputs = [new if t is old else t for t in self.inputs]
        self.drop_unused()

    def changed(self, value, name):
        if isinstance(value, torch.Tensor):
            return self.other_tensor(value, name)
        if isinstance(value, bool):
            return not value
        if isinstance(value, torch.dtype):
            return self.one_of(*DTYPES["f"], *DTYPES["i"], *QUANTIZED)
        if isinstance(value, int):
            rank = len(self.shape)
            return self.one_of(value + 1, value - 1, -value, rank, -rank - 1, *NUMBERS)
        if isinstance(value, float):
            return self.one_of(-value, *REALS)
        if isinstance(value, str):
            return self.one_of(*TEXTS)
        if isinstance(value, list):
            return self.other_list(value)
        return value

    def other_list(self, old):
        kind, values = self.integer(0, 5), list(old)
        if kind == 0 or not values:
            return values + ([self.one_of(*values)] if values else [self.one_of(-1, 0, 1, 2)])
        if kind == 1:
            return values[1:]
        if kind == 2:
            return values[:-1]
        if kind == 3:
            return []
        if kind == 4:
            return values + values
        return values[::-1]

    def other_shape(self, old):
        kind, shape = self.integer(0, 9), list(old)
        at = self.integer(0, max(len(shape) - 1, 0))
        if kind == 0:
            return []
        if kind == 1 or not shape:
            shape.insert(at, self.one_of(0, 1, 2, 3))
        elif kind == 2:
            del shape[at]
        elif kind == 3:
            shape[at] = 0
        elif kind == 4:
            shape[at] = 1
        elif kind == 5:
            shape = shape[::-1]
        elif kind == 6:
            shape = [self.one_of(0, 1, 2, 3, 5) for _ in range(self.integer(0, 5))]
        else:
            shape[at] = max(shape[at] + self.one_of(-1, 1, 1, 2, -2), 0)
        return shape

    def other_tensor(self, old, name):
        kind = self.integer(0, 9)
        shape, dtype = list(old.shape), old.dtype
        if not old.is_quantized and not dtype.is_floating_point and (kind < 5 and "ind" in name or kind == 0):
            values = old.clone().reshape(-1)
            if len(values):
                values[self.integer(0, len(values) - 1)] = self.one_of(-1, -2, 3, 100, -100, 127)
            return values.reshape(old.shape)
        if kind < 7:
            shape = self.other_shape(shape)
        else:
            dtype = self.one_of(*DTYPES["f"], *DTYPES["i"], *QUANTIZED, torch.float32, torch.int64)
        return self.filled(shape, dtype, old)

    def filled(self, shape, dtype, old):
        """A tensor of that shape and dtype, whose elements are some of `old`'s."""
        real = old.dequantize() if old.is_quantized else old
        values = real.reshape(-1).to(torch.float64)
        count = int(np.prod(shape))
        if not len(values):
            values = torch.ones(1, dtype=torch.float64)
        values = values.repeat(count // len(values) + 1)[:count].reshape(shape)
        if dtype not in QUANTIZED:
            return values.to(dtype)
        same = old.is_quantized and old.qscheme() == torch.per_tensor_affine and old.dtype == dtype
        scale, zero = (old.q_scale(), old.q_zero_point()) if same else (0.1, 0 if dtype == torch.qint32 else 3)
        return torch.quantize_per_tensor(values.float(), scale, zero, dtype)


@dataclasses.dataclass
class Asked:
    """One call: the saved model, its inputs' specifications and arrays; `answer`: the types of PyTorch's results, or what it says
    against the call; None where it ended the process."""
    index: int
    path: str
    inputs: list
    answer: object = None
    text: str = ""

    def accepted(self):
        return isinstance(self.answer, list)


class Program(model.Graph):
    """The graph of one call whose results are not known."""

    def __init__(self, call, schema):
        self.call, self.schema = call, schema
        super().__init__([call])

    def value(self, v):
        odd = isinstance(v, float) and not np.isfinite(v)
        if odd or isinstance(v, torch.Tensor) and id(v) not in self.known:
            self.constants.append(("c%d" % len(self.constants), v))
            return "%" + self.constants[-1][0]
        if isinstance(v, list) and not v:
            return self.node("prim::ListConstruct", (), (self.kind_of_empty + "[]",))[0]
        return super().value(v)

    def add(self, call):
        self.known = {}
        for tensor in call.inputs:
            self.known[id(tensor)] = self.input(tensor)
        given = []
        for argument, v in zip(self.schema.arguments, call.arguments):
            text = str(argument.type).replace("Optional[", "").replace("List[", "").rstrip("]")
            self.kind_of_empty = {"number": "int"}.get(text, text) + ("?" if "List[Optional" in str(argument.type) else "")
            given.append(self.value(v))
        types = [str(r.type).replace("List[Tensor]", "Tensor[]") for r in self.schema.returns]
        self.outputs += self.node(call.row["operator"].split(".")[0], given, types)

    def source(self):
        text = super().source()
        if len(self.outputs) == 1 or "prim::TupleConstruct" not in text:
            return text
        types = ", ".join(str(r.type).replace("List[Tensor]", "Tensor[]") for r in self.schema.returns)
        types += ", Tensor" * (len(self.outputs) - len(self.schema.returns))
        return text.replace("(%s)" % ", ".join(["Tensor"] * len(self.outputs)), "(%s)" % types)


def flat(results):
    if isinstance(results, torch.Tensor):
        return [results]
    return [t for r in results for t in flat(r)] if isinstance(results, (list, tuple)) else []


def described(t):
    """As the reference writes the types of its outputs; a quantized tensor's by its dtype."""
    return [str(t.dtype).split(".")[-1], list(t.shape)]


def runnable(tensor):
    return tensor if not tensor.is_quantized else tensor.dequantize()


def misfit(op, row, index):
    """A call that PyTorch takes, if one is soon found, and then something changed in it; every fourth one is left as it is."""
    call = None
    for attempt in range(TRIES):
        try:
            call = Misfit(row, op._schema, index * TRIES + attempt)
        except Refused:
            continue
        if call.fits(op):
            break
    if call is None:
        raise Refused
    for _ in range(index % 4 and call.one_of(1, 1, 1, 2)):
        call.change()
    return call


def one(row, index, folder):
    """Writes the model; a function that asks PyTorch, and the case."""
    volumes = row["operator"].startswith(("quantized::conv3d", "quantized::conv_transpose3d"))
    torch.backends.quantized.engine = "onednn" if volumes else "qnnpack"
    op = model.operator(row)
    with torch.no_grad():
        try:
            call = misfit(op, row, index)
            program = Program(call, op._schema)
            path = "%s/%d.pt" % (folder, index)
            program.save(path)
        except (RuntimeError, Refused, ValueError, IndexError, TypeError, NotImplementedError, KeyError, AttributeError, ZeroDivisionError, OverflowError):
            raise NoProgram from None
    inputs = []
    for number, (name, tensor) in enumerate(program.inputs):
        np.save("%s/%d_in%d.npy" % (folder, index, number), compare.integers(tensor))
        inputs.append((compare.spec(name, tensor), "%s/%d_in%d.npy" % (folder, index, number)))
    given = [t.contiguous().clone() for _, t in program.inputs]

    def ask():
        with torch.no_grad():
            loaded = torch.jit.load(path)
            return [described(t) for t in flat(loaded(*given))]

    return Asked(index, path, inputs, None, program.source()), ask


def _child(row, count, start, folder, written):
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    faulthandler.disable()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    torch.jit.set_fusion_strategy([])
    torch._C._jit_set_profiling_executor(False)
    for index in range(start, count):
        written.write("%d\n" % index)
        try:
            asked, ask = one(row, index, folder)
        except NoProgram:
            continue
        written.write(json.dumps(dataclasses.asdict(asked)) + "\n")
        try:
            answer = ask()
        except Exception as e:  # noqa: BLE001 whatever PyTorch says against these arguments
            answer = "%s: %s" % (type(e).__name__, str(e).strip())
        written.write(json.dumps(answer) + "\n")


def cases(row, count, folder):
    """What PyTorch says of the first `count` calls of a row, those that are programs."""
    model.operator(row)
    found, start = [], 0
    while start < count:
        log = folder / ("log%d" % start)
        child = os.fork()
        if child == 0:
            try:
                with open(log, "w", 1) as written:
                    _child(row, count, start, folder, written)
            finally:
                os._exit(0)
        _wait(child, log)
        for line in log.read_text().splitlines():
            try:
                read = json.loads(line)
            except ValueError:
                break
            if isinstance(read, int):
                start = read + 1
            elif isinstance(read, dict):
                found.append(Asked(**read))
            else:
                found[-1].answer = read
    return found


def _wait(child, log):
    """Until the child ends, or writes nothing for SECONDS: it is then ended."""
    size, since = -1, time.monotonic()
    while os.waitpid(child, os.WNOHANG)[0] == 0:
        now = log.stat().st_size if log.exists() else 0
        if now != size:
            size, since = now, time.monotonic()
        if time.monotonic() > since + SECONDS:
            os.kill(child, 9)
            os.waitpid(child, 0)
            return
        time.sleep(0.002)
