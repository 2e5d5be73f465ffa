"""Models with packed weights of quantized layers that do not fit, as an archive may hold them or as a program makes them, and whether
PyTorch runs them.

    python packed_misfits.py FOLDER KIND COUNT START     writes the models START to COUNT and, a line of JSON each, what PyTorch says

The pickles are written by hand, since PyTorch packs no weights that it refuses.  PyTorch may end the process at any of them: after the
line that names a model, and before the line with its answer.
"""
import collections
import copyreg
import io
import json
import pickle
import resource
import sys
import types

import numpy as np
import torch
import torch.jit._pickle

CLASSES = "__torch__.torch.classes.quantized"
LAYERS = ("linear", "conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d")
ODD = np.array([-1, 0, 1, 2, 3, 5, 2**15, 2**31, 2**40, -2**40], dtype=object)
MEMORY = 6 << 30
SECONDS = 10


class Object:
    """An object of a class of TorchScript, and its state."""

    def __init__(self, state):
        self.state = state

    def __reduce_ex__(self, protocol):
        return copyreg.__newobj__, (type(self),), self.state


def torch_class(module, name):
    made = type(name, (Object,), {"__module__": module})
    sys.modules.setdefault(module, types.ModuleType(module))
    setattr(sys.modules[module], name, made)
    return made


MODEL = torch_class("__torch__", "M")
PACKED = {name: torch_class(CLASSES, name + "PackedParamsBase") for name in ("Linear", "Conv2d")}


class Storage:
    def __init__(self, key, data, kind):
        self.key, self.data, self.kind = key, data, kind


class Tensor:
    def __init__(self, storage, sizes, quantizer=None):
        self.storage, self.sizes, self.quantizer = storage, sizes, quantizer

    def __reduce__(self):
        strides = [int(np.prod([max(n, 1) for n in self.sizes[i + 1:]])) for i in range(len(self.sizes))]
        place = self.storage, 0, tuple(self.sizes), tuple(strides)
        if self.quantizer is None:
            return torch._utils._rebuild_tensor_v2, (*place, False, collections.OrderedDict())
        return torch._utils._rebuild_qtensor, (*place, self.quantizer, False, collections.OrderedDict())


class Typed:
    """A list as TorchScript writes it."""

    def __init__(self, items, kind):
        self.items, self.kind = list(items), kind

    def __reduce__(self):
        if self.kind == "int":
            return torch.jit._pickle.build_intlist, (self.items,)
        return torch.jit._pickle.restore_type_tag, (self.items, "List[%s]" % self.kind)


class Pickler(pickle._Pickler):
    """Lists and dictionaries of one item as TorchScript reads them."""

    def persistent_id(self, obj):
        return ("storage", getattr(torch, obj.kind + "Storage"), obj.key, "cpu", len(obj.data)) if isinstance(obj, Storage) else None

    def _batch_appends(self, items):
        self.all_at_once([(item,) for item in items], pickle.APPENDS)

    def _batch_setitems(self, items):
        self.all_at_once(list(items), pickle.SETITEMS)

    def all_at_once(self, items, opcode):
        if items:
            self.write(pickle.MARK)
            for value in (value for item in items for value in item):
                self.save(value)
            self.write(opcode)


def pickled(value):
    out = io.BytesIO()
    Pickler(out, 2).dump(value)
    return out.getvalue()


class Layer:
    """A layer's numbers, of which some do not fit."""

    def __init__(self, rng):
        self.rng, self.storages = rng, []
        self.op = self.any(LAYERS)
        self.transposed, self.dims = "transpose" in self.op, 0 if self.op == "linear" else int(self.op[-2])
        groups = self.any((1, 1, 2, 3)) if self.dims else 1
        inputs, outputs = groups * self.integer(1, 3), groups * self.integer(1, 3)
        kernel = ([1] if self.dims == 1 else []) + [self.integer(1, 3) for _ in range(self.dims)]
        n = len(kernel)
        self.weight = [inputs, outputs // groups] + kernel if self.transposed else [outputs, inputs // groups] + kernel
        self.axis, self.bias = (1 if self.transposed else 0), [outputs] if rng.random() < 0.8 else None
        self.per_channel = not self.transposed and rng.random() < 0.5
        self.scales = self.weight[self.axis]
        lists = [[1] * (n - self.dims) + [self.integer(1, 2) for _ in range(self.dims)], [0] * (n - self.dims) + [self.integer(0, 1) for _ in range(self.dims)],
                 [1] * n, [0] * n]
        self.config = [n] + [number for numbers in lists for number in numbers] + [groups, int(self.transposed)]
        self.shape = [2, inputs] + [self.integer(3, 7) for _ in range(self.dims)]
        for _ in range(self.integer(0, 2)):
            self.change()

    def any(self, choices):
        return choices[self.integer(0, len(choices) - 1)]

    def integer(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def change(self):
        kind = self.integer(0, 7)
        if kind == 0:
            self.weight[self.integer(0, len(self.weight) - 1)] = self.any((0, 1, 2, 3, 5))
        elif kind == 1:
            self.weight = self.weight[1:] if self.rng.random() < 0.5 else [1] + self.weight
        elif kind in (2, 3) and self.dims:
            self.config[self.integer(0, len(self.config) - 1)] = self.any(ODD)
        elif kind == 4 and self.dims:
            self.config = self.config[:-1] if self.rng.random() < 0.5 else self.config + [0]
        elif kind == 5:
            n = (self.bias or [2])[0]
            self.bias = self.any(([1], [n + 1], [max(n - 1, 0)], [n, 1], [1, n], []))
        elif kind == 6:
            self.per_channel, self.scales, self.axis = True, self.any((0, 1, 2, 3, 4, self.scales)), self.any((-1, 0, 1, 2, 5))
        else:
            at = self.integer(0, len(self.shape) - 1)
            self.shape[at] = self.any((1, 2, self.shape[at] + 1))

    def tensor(self, array, sizes, kind, quantizer=None):
        self.storages.append(Storage(str(len(self.storages)), array, kind))
        return Tensor(self.storages[-1], sizes, quantizer)

    def reals(self, sizes):
        return self.tensor(self.rng.normal(0, 0.3, int(np.prod(sizes))).astype(np.float32), sizes, "Float")

    def in_archive(self):
        """The attributes and the lines of a model that holds the packed weights."""
        if self.per_channel:
            quantizer = (torch.per_channel_affine, self.tensor(np.full(self.scales, 0.1), [self.scales], "Double"),
                         self.tensor(np.zeros(self.scales, np.int64), [self.scales], "Long"), self.axis)
        else:
            quantizer = torch.per_tensor_affine, 0.1, self.any((0, 3))
        count = int(np.prod(self.weight))
        weight = self.tensor(self.rng.integers(-9, 9, count).astype(np.int8), self.weight, "QInt8", quantizer)
        bias = None if self.bias is None else self.reals(self.bias)
        if not self.dims:
            state = weight, bias
        elif self.rng.random() < 0.5 and all(abs(n) < 2**15 for n in self.config):
            config = self.tensor(np.array(self.config, np.int16), [len(self.config)], "Short")
            state = "2", Typed([config, weight], "Tensor"), Typed([bias], "Optional[Tensor]")
        else:
            state = 3, Typed(self.config, "int"), Typed([None, weight, bias], "Optional[Tensor]")
        kind = "Conv2d" if self.dims else "Linear"
        return {"p": PACKED[kind](state)}, ["  p : %s.%sPackedParamsBase" % (CLASSES, kind)], ["p = self.p"]

    def in_program(self):
        """... of one that packs them when it runs."""
        attributes = {"w": self.reals(self.weight)}
        lines = ["wq = torch.quantize_per_tensor(self.w, 0.10000000000000001, %d, 12)" % self.any((0, 3))]
        if self.per_channel:
            attributes["s"] = self.tensor(np.full(self.scales, 0.1), [self.scales], "Double")
            attributes["z"] = self.tensor(np.zeros(self.scales, np.int64), [self.scales], "Long")
            lines = ["wq = torch.quantize_per_channel(self.w, self.s, self.z, %d, 12)" % self.axis]
        if self.bias is not None:
            attributes["b"] = self.reals(self.bias)
        given = ["wq", "None" if self.bias is None else "self.b"]
        if self.dims:
            n, numbers = len(self.weight) - 2, self.config + [1] * 9
            lists = ["[%s]" % ", ".join(map(str, numbers[1 + i * n:1 + (i + 1) * n][-self.dims:])) for i in range(4)]
            given += lists[:2] + ([lists[3]] if self.transposed else []) + [lists[2], str(numbers[1 + 4 * n])]
            if self.dims == 1 and self.rng.random() < 0.8:  # PyTorch takes a weight with and without its height
                attributes["w"].sizes = [n for i, n in enumerate(self.weight) if i != 2]
        lines.append("p = ops.quantized.%s_prepack(%s)" % (self.op, ", ".join(given)))
        return attributes, ["  %s : Tensor" % name for name in attributes], lines

    def save(self, path, kind):
        attributes, declared, lines = self.in_archive() if kind == "archive" else self.in_program()
        code = "\n".join(["class M(Module):", "  __parameters__ = []", "  __buffers__ = []", "  training : bool", *declared,
                          "  def forward(self: __torch__.M,", "    x: Tensor) -> Tensor:",
                          "    q = torch.quantize_per_tensor(x, 0.10000000000000001, 3, 13)", *("    " + line for line in lines),
                          "    return torch.dequantize(ops.quantized.%s(q, p, 0.20000000000000001, 5))" % self.op, ""])
        writer = torch._C.PyTorchFileWriter(path)
        records = {"data.pkl": pickled(MODEL({"training": False, **attributes})), "code/__torch__.py": code.encode(), "constants.pkl": pickled(())}
        for storage in self.storages:
            records["data/" + storage.key] = storage.data.tobytes()
        for name, data in records.items():
            writer.write_record(name, data, len(data))
        writer.write_end_of_file()


def main(folder, kind, count, start):
    import signal
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    torch.set_num_threads(1)
    torch.backends.quantized.engine = "qnnpack"
    for index in range(int(start), int(count)):
        layer = Layer(np.random.default_rng([index, kind == "archive"]))
        path = "%s/%s%d.pt" % (folder, kind, index)
        layer.save(path, kind)
        said = {key: value for key, value in vars(layer).items() if key not in ("rng", "storages")}
        print(json.dumps([index, path, layer.shape, str(said)]), flush=True)
        signal.alarm(SECONDS)
        try:
            answer = list(torch.jit.load(path)(torch.ones(layer.shape)).shape)
        except Exception as e:  # noqa: BLE001 whatever PyTorch says
            answer = str(e)
        signal.alarm(0)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
