"""Traces at other sizes than they were made with: the exported model answers what the module does, or a warning says that it does not.

Each module of tests/models/open_size_models.py is traced, exported with open sizes, run in ONNX Runtime at other sizes, and
compared with the module itself, once as PyTorch 1.13 saves it and once with the record of the traced inputs that newer ones add.
"""
import collections
import pickle
import re
import sys
import zipfile

import numpy as np
import pytest

import tools

torch = pytest.importorskip("torch")
sys.path.insert(0, str(tools.REPO / "tests" / "models"))
import make_traced_inputs  # noqa: E402
import open_size_models  # noqa: E402

DATA = tools.REPO / "tests" / "data" / "traced_inputs"


class Record(pickle.Pickler):
    """traced_inputs.pkl as newer PyTorch writes it: tensors without their numbers."""

    class Tensor:
        def __init__(self, tensor):
            self.tensor = tensor

        def __reduce__(self):
            t = self.tensor
            return torch._utils._rebuild_tensor_v2, (Record.Storage(t), 0, tuple(t.shape), t.stride(), False,
                                                     collections.OrderedDict())

    class Storage:
        def __init__(self, tensor):
            self.id = ("storage", {torch.float32: torch.FloatStorage, torch.int64: torch.LongStorage}[tensor.dtype], "0", "cpu",
                       tensor.numel())

    def persistent_id(self, value):
        return value.id if isinstance(value, Record.Storage) else None


def add_traced_inputs(file, inputs):
    with zipfile.ZipFile(file, "a") as archive:
        root = archive.namelist()[0].split("/")[0]
        with archive.open(root + "/traced_inputs.pkl", "w") as record:
            Record(record, protocol=2).dump({"forward": [Record.Tensor(i) for i in inputs]})


def draw(shapes, specs, seed):
    gen = torch.Generator().manual_seed(seed)
    return tuple(torch.randint(0, 10, s, generator=gen) if "int64" in spec else torch.randn(s, generator=gen)
                 for s, spec in zip(shapes, specs))


def export(model, out, specs):
    words = [word for spec in specs for word in ("--input", spec)]
    run = tools.octavo("export", model, "-o", out, "--json", *words, check=False)
    assert run.returncode in (0, 3), run.stderr
    return tools.warnings_of_float_model(run) if run.returncode == 0 else None


def answers(out, module, inputs):
    """Whether the exported model's answer is the module's."""
    with torch.no_grad():
        try:
            want = module(*inputs)
        except RuntimeError:
            return False
    want = [w.numpy() for w in (want if isinstance(want, tuple) else [want])]
    try:
        got = tools.run(out, [i.numpy() for i in inputs])
    except Exception:  # ONNX Runtime's have no class of their own
        return False
    try:
        for w, g in zip(want, got, strict=True):
            tools.assert_same(g, w)
    except (AssertionError, ValueError):
        return False
    return True


@pytest.mark.parametrize("traced_inputs", [False, True], ids=["1.13", "newer"])
@pytest.mark.parametrize("name", open_size_models.CASES)
def test_follows_or_warns(name, traced_inputs, tmp_path):
    case = open_size_models.CASES[name]
    torch.manual_seed(0)
    module, example = case().eval(), draw(case.example, case.specs, 1)
    with torch.no_grad():
        torch.jit.trace(module, example, check_trace=False).save(str(tmp_path / "model.pt"))
    if traced_inputs:
        add_traced_inputs(tmp_path / "model.pt", example)
    warnings = export(tmp_path / "model.pt", tmp_path / "out.onnx", case.specs)
    if warnings is None:
        assert not case.follows, "refused"
        return
    assert answers(tmp_path / "out.onnx", module, example), "wrong at the sizes of the trace"
    right = answers(tmp_path / "out.onnx", module, draw(case.other, case.specs, 2))
    assert right == case.follows
    if right:
        assert warnings == []
    elif case.hidden is None or (case.hidden == "traced inputs" and traced_inputs):
        assert warnings
        open_sizes = {d for spec in case.specs for d in spec[spec.index("[") + 1:-1].split(",") if not d.isdigit()}
        for warning in warnings:
            named = set(re.findall(r"\w+", warning.split(" open in --input")[0])) - {"and", "is", "are"}
            assert named and named <= open_sizes, warning
    else:
        assert warnings == []


@pytest.mark.parametrize("name", open_size_models.CASES)
def test_fixed_sizes_need_no_warning(name, tmp_path):
    case = open_size_models.CASES[name]
    module, example = case().eval(), draw(case.example, case.specs, 1)
    with torch.no_grad():
        torch.jit.trace(module, example, check_trace=False).save(str(tmp_path / "model.pt"))
    add_traced_inputs(tmp_path / "model.pt", example)
    for specs in ([], ["%s%s" % (spec[:spec.index("[")], list(shape)) for spec, shape in zip(case.specs, case.example)]):
        warnings = export(tmp_path / "model.pt", tmp_path / "out.onnx", specs)
        assert warnings == []
        assert answers(tmp_path / "out.onnx", module, example)


class ByTheAuthor(torch.nn.Module):
    """Numbers that are meant."""

    def forward(self, x):
        return x[:, 0] + x[:, 1] + x[:, :2].sum(1) / 3


def test_numbers_of_scripted_code_are_meant(tmp_path):
    torch.jit.script(ByTheAuthor()).save(str(tmp_path / "model.pt"))
    assert export(tmp_path / "model.pt", tmp_path / "out.onnx", ["float32[N,T,4]"]) == []
    for shape in ((2, 3, 4), (3, 7, 4)):
        assert answers(tmp_path / "out.onnx", ByTheAuthor(), draw([shape], ["float32"], 1))
    # In a trace, the same numbers may be those of the example.
    torch.jit.trace(ByTheAuthor(), torch.zeros(2, 2, 4)).save(str(tmp_path / "model.pt"))
    assert len(export(tmp_path / "model.pt", tmp_path / "out.onnx", ["float32[N,T,4]"])) == 1


# ---- Files of PyTorch 2.13

SPECS = {"unrolled": ("float32[T,B,6]", (7, 3, 6), "T"), "baked_batch": ("float32[N,2,3,3]", (4, 2, 3, 3), "N"),
         "follows": ("float32[N,2,H,W]", (3, 2, 11, 14), None)}


@pytest.mark.parametrize("name", SPECS)
def test_of_a_newer_pytorch(name, tmp_path):
    spec, shape, fixed = SPECS[name]
    cls, example = make_traced_inputs.MODELS[name]
    module, out = cls().eval(), tmp_path / "out.onnx"
    warnings = export(DATA / (name + ".pt"), out, [spec])
    assert answers(out, module, draw([tuple(e.shape) for e in example()], [spec], 1))
    assert answers(out, module, draw([shape], [spec], 2)) == (fixed is None)
    assert [w.split(" is open in --input")[0] for w in warnings] == ([fixed] if fixed else [])
    # Without --input, the sizes are the trace's.
    assert export(DATA / (name + ".pt"), out, []) == []
    assert [i.shape for i in tools.session(out).get_inputs()] == [list(e.shape) for e in example()]
    assert answers(out, module, draw([tuple(e.shape) for e in example()], [spec], 3))


def test_inspect_shows_the_warnings():
    run = tools.octavo("inspect", DATA / "unrolled.pt", "--input", "float32[T,B,6]")
    assert "warning: T is open in --input, but the model reads only elements 0 to 4 of it" in run.stderr
    run = tools.octavo("inspect", DATA / "unrolled.pt", "--input", "float32[T,B,6]", "--json")
    assert len(tools.warnings_of_float_model(run)) == 1
