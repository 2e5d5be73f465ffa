#!/usr/bin/python3
"""Makes the models of a single layer, with PyTorch's answers.

    layer_models.py [NAME...] [--out DIR] [--list]

For each row of tests/models/layers/, DIR (default: build/models/layers) gets a folder with

    traced.pt, scripted.pt   TorchScript archives
    frozen.pt                torch.jit.freeze of the scripted one, where the layer has weights
    in0.npy, …               the inputs; of quantized ones their integers
    out0.npy, …              PyTorch's answers with the qnnpack engine, from the saved file; of quantized ones
                             their integers; or the meant ones where PyTorch's own are wrong (case.json: why)
    case.json                input specifications, quantization of inputs and outputs, operators, what to allow

Needs PyTorch 1.13 (Debian: python3-torch); other versions may work.
"""
import argparse
import json
import pathlib
import shutil
import sys
import warnings

import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cache  # noqa: E402
from layers import all_layers  # noqa: E402

warnings.simplefilter("ignore")
FOLDER = pathlib.Path(__file__).resolve().parent / "layers"


def key():
    import hashlib
    tables = b"".join(f.read_bytes() for f in sorted(FOLDER.glob("*.py")))
    return cache.key(__file__, hashlib.sha256(tables).hexdigest())


def integers(t):
    return (t.int_repr() if t.is_quantized else t).numpy()


def quantization(t):
    if not t.is_quantized:
        return None
    return {"dtype": str(t.dtype).split(".")[-1], "scale": t.q_scale(), "zero_point": t.q_zero_point()}


def listed(result):
    return list(result) if isinstance(result, (tuple, list)) else [result]


def operators(graph):
    found = set()

    def walk(block):
        for node in block.nodes():
            if not node.kind().startswith("prim::"):
                found.add(node.kind())
            for inner in node.blocks():
                walk(inner)

    torch._C._jit_pass_inline(graph)
    walk(graph)
    return sorted(found)


def archive(layer, form):
    with torch.no_grad():
        if form == "traced":
            return torch.jit.trace(layer.module(), tuple(layer.arguments()), check_trace=False)
        scripted = torch.jit.script(layer.module())
        return torch.jit.freeze(scripted) if form == "frozen" else scripted


def forms(layer):
    made = list(layer.forms)
    if layer.parts and "scripted" in made:
        made.append("frozen")
    return made


def make(layer, out):
    """Writes the layer's folder.  An answer is taken from the first form's saved file; the other forms must agree."""
    torch.backends.quantized.engine = layer.engine
    outputs, found = None, set()
    for form in forms(layer):
        path = out / (form + ".pt")
        module = archive(layer, form)
        torch.jit.save(module, str(path))
        reached = torch.jit.freeze(module) if form == "scripted" else module  # freezing drops untaken branches
        found.update(operators(reached.graph.copy()))
        with torch.no_grad():
            answer = listed(torch.jit.load(str(path))(*layer.arguments()))
        if outputs is None:
            outputs = answer
        for a, b in zip(outputs, answer):
            if quantization(a) != quantization(b) or not np.allclose(integers(a), integers(b), 1e-6, 1e-6, True):
                raise ValueError("%s: PyTorch's own forms differ" % form)
    arrays = [integers(t) for t in outputs]
    if layer.expected:
        arrays = layer.expected(layer, *layer.arguments())
    for i, a in enumerate(arrays):
        np.save(out / ("out%d.npy" % i), np.asarray(a, order="C"))
    for i, t in enumerate(layer.arguments()):
        np.save(out / ("in%d.npy" % i), np.asarray(integers(t), order="C"))
    (out / "case.json").write_text(json.dumps({
        "name": layer.name, "forms": forms(layer), "operators": sorted(found), "exact": layer.exact,
        "why": layer.why,
        "inputs": [{"name": n, "spec": i.spec(n)} for n, i in layer.inputs.items()],
        "outputs": [{"quantization": quantization(t)} for t in outputs]}, indent=1))


def make_all(names=(), out=None):
    """Makes what is missing; returns {name: folder} and {name: what PyTorch said} of those it cannot make."""
    torch.set_num_threads(1)
    out = pathlib.Path(out or cache.ROOT / "layers")
    wanted = key()
    folders, failures = {}, {}
    kept = {layer.name for layer in all_layers()}
    for old in out.glob("*"):
        if old.name not in kept:
            shutil.rmtree(old)
    for layer in all_layers():
        if names and layer.name not in names:
            continue
        folder = out / layer.name
        if not cache.sealed(folder, wanted):
            try:
                make(layer, cache.fresh(folder))
                cache.seal(folder, wanted)
            except Exception as e:  # noqa: BLE001 a row of the table is wrong: say which, go on with the others
                failures[layer.name] = "%s: %s" % (type(e).__name__, str(e).strip()[:400])
                continue
        folders[layer.name] = folder
    return folders, failures


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("names", nargs="*", metavar="NAME")
    ap.add_argument("--out", help="default: build/models/layers")
    ap.add_argument("--list", action="store_true", help="print the names and stop")
    a = ap.parse_args()
    if a.list:
        print("\n".join(layer.name for layer in all_layers()))
        return 0
    folders, failures = make_all(a.names, a.out)
    for name, message in failures.items():
        print("%s: %s" % (name, message), file=sys.stderr)
    print("%d layers, %d failed" % (len(folders), len(failures)))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
