#!/usr/bin/python3
"""Writes what PyTorch says of the files in tests/data/models: expected.json.

    make_model_expectations.py

Run it with each PyTorch that made some of the files (the entry's "pytorch"); a file of another version keeps its entry.
Of each file: the tensors of more than one element that it holds; the operators of its inlined program;
those that ran on a random input, as PyTorch's profiler names them.  "inputs" has the SPECs for --input, and is written by hand.
"""
import io
import json
import pathlib
import pickle
import re
import warnings

import torch

try:
    import torchvision  # noqa: F401  its operators
except ImportError:
    pass

warnings.simplefilter("ignore")
FOLDER = pathlib.Path(__file__).resolve().parents[1] / "data" / "models"
SIZES = {"N": 3, "T": 9}


def described(tensor):
    return [str(tensor.dtype).split(".")[-1], list(tensor.shape)]


class Collector(pickle.Unpickler):
    """Lets PyTorch's own functions make the tensors of a record, and keeps them; objects are left out."""
    kept = ("torch._utils", "torch.jit._pickle", "collections", "builtins", "torch")

    def __init__(self, reader, record):
        super().__init__(io.BytesIO(reader.get_record(record + ".pkl")))
        self.reader, self.folder, self.found = reader, {"data": "data/", "constants": "constants/"}[record], []

    def find_class(self, module, name):
        if module.startswith("__torch__"):
            return type(name, (), {"__init__": lambda self, *a: None, "__setstate__": lambda self, state: None})
        if module == "torch.jit._pickle":
            return lambda value, *_: value
        real = super().find_class(module, name)
        if not name.startswith("_rebuild"):
            return real

        def make(*arguments):
            tensor = real(*arguments)
            if isinstance(tensor, torch.Tensor):
                if name == "_rebuild_qtensor":  # its scales and zero points belong to it
                    self.found = [t for t in self.found if all(t is not part for part in arguments[4])]
                self.found.append(tensor)
            return tensor
        return make

    def persistent_load(self, saved):
        _, kind, key, _, count = saved
        dtype = kind.dtype
        size = count * torch._utils._element_size(dtype)
        storage = self.reader.get_storage_from_record(self.folder + key, size, torch.uint8)
        typed = storage._typed_storage() if hasattr(storage, "_typed_storage") else storage.storage()
        untyped = typed._untyped_storage if hasattr(typed, "_untyped_storage") else typed._storage
        try:
            return torch.storage.TypedStorage(wrap_storage=untyped, dtype=dtype, _internal=True)
        except TypeError:  # before PyTorch 2
            return torch.storage.TypedStorage(wrap_storage=untyped, dtype=dtype)


def tensors(path):
    reader, seen, found = torch._C.PyTorchFileReader(str(path)), set(), []
    for record in ("data", "constants"):
        collector = Collector(reader, record)
        collector.load()
        for tensor in collector.found:
            key = (tensor.data_ptr(), tuple(tensor.shape))
            # int16: the window of a packed convolution.
            if tensor.numel() > 1 and tensor.dtype != torch.int16 and key not in seen:
                seen.add(key)
                found.append(tensor)
    return sorted(map(described, found))


def kinds(graph):
    found = set()

    def walk(block):
        for node in block.nodes():
            if not node.kind().startswith("prim::"):
                found.add(node.kind())
            for inner in node.blocks():
                walk(inner)

    walk(graph)
    return found


def random_input(spec):
    dtype, sizes = re.fullmatch(r"(\w+)\[(.*)\]", spec).groups()
    shape = [SIZES.get(size) or int(size) for size in sizes.split(",")]
    dtype = getattr(torch, dtype)
    return torch.zeros(shape, dtype=dtype) if dtype == torch.int64 else torch.randn(shape).to(dtype)


def ran(model, specs):
    inputs = [random_input(spec) for spec in specs]
    with torch.autograd.profiler.profile() as profile:
        model(*inputs)
    return {event.name for event in profile.function_events}


def loaded(path):
    """With an engine that takes the model's weights."""
    for engine in ("qnnpack", "fbgemm", "onednn"):
        if engine in torch.backends.quantized.supported_engines:
            torch.backends.quantized.engine = engine
            try:
                return torch.jit.load(str(path)).eval()
            except RuntimeError as error:
                reason = error
    print("%s cannot be loaded: %s" % (path.name, str(reason).splitlines()[-1]))
    return None


def expectation(path, specs):
    model = loaded(path)
    if model is None:
        return {"tensors": tensors(path), "operators": [], "ran": []}
    graph = model.forward.graph.copy()
    torch._C._jit_pass_inline(graph)
    operators = kinds(graph)
    try:
        executed = sorted(operators & ran(model, specs))
    except RuntimeError as error:  # an operator that this build does not have
        print("%s does not run here: %s" % (path.name, str(error).splitlines()[-1]))
        executed = []
    return {"tensors": tensors(path), "operators": sorted(operators), "ran": executed}


def main():
    file = FOLDER / "expected.json"
    expected = json.loads(file.read_text())
    for name, entry in expected.items():
        if torch.__version__.startswith(entry["pytorch"]):
            entry.update(expectation(FOLDER / name, entry["inputs"]))
    lines = ["%s: %s" % (json.dumps(name), json.dumps(entry)) for name, entry in sorted(expected.items())]
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
