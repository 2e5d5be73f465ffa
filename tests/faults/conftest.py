"""Models, and a folder in which the system fails on demand (faults.c)."""
import json
import os
import pathlib
import shutil
import subprocess

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

ROOT = pathlib.Path(__file__).resolve().parents[2]
OCTAVO = os.environ.get("OCTAVO", str(ROOT / "build" / "release" / "octavo"))
DIGITS = ROOT / "examples" / "digits" / "digits.pt"
IMAGES = DIGITS.parent / "images.npy"
WIDTH = 640  # its weights are more than 256 KiB, so that the file is mapped
TIMEOUT = 120


def make_model(path, seed):
    """A quantized linear layer."""
    torch.manual_seed(seed)
    torch.backends.quantized.engine = "qnnpack"
    model = torch.nn.Sequential(torch.ao.quantization.QuantStub(), torch.nn.Linear(WIDTH, WIDTH), torch.ao.quantization.DeQuantStub()).eval()
    model.qconfig = torch.ao.quantization.get_default_qconfig("qnnpack")
    torch.ao.quantization.prepare(model, inplace=True)
    example = torch.randn(1, WIDTH)
    model(example)
    torch.ao.quantization.convert(model, inplace=True)
    torch.jit.save(torch.jit.trace(model, example), str(path))
    return path


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    path = tmp_path_factory.mktemp("library") / "faults.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", path, pathlib.Path(__file__).with_name("faults.c"), "-ldl"], check=True)
    return path


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Inputs that no test changes: two models, their ONNX forms, arrays, a model that differs from DIGITS."""
    folder = tmp_path_factory.mktemp("models")
    for seed, name in ((1, "new"), (2, "old")):
        make_model(folder / f"{name}.pt", seed)
        octavo("export", folder / f"{name}.pt", "-o", folder / f"{name}.onnx", "--external-data", "always")
        octavo("export", folder / f"{name}.pt", "-o", folder / f"{name}_inline.onnx")
    np.save(folder / "x.npy", np.zeros((1, WIDTH), np.float32))
    np.save(folder / "digits.npy", np.load(IMAGES)[:1])
    octavo("export", DIGITS, "-o", folder / "digits.onnx", "--input", "float32[1,1,8,8]")
    model = onnx.load(str(folder / "digits.onnx"))
    weight = next(i for i in model.graph.initializer if i.name == "block2.conv1.weight")
    array = numpy_helper.to_array(weight).copy()
    array[3, 5] ^= 0x55
    weight.CopyFrom(numpy_helper.from_array(array, weight.name))
    onnx.save(model, str(folder / "wrong.onnx"))
    return folder


def octavo(*words, code=0, **options):
    run = subprocess.run([OCTAVO, *map(str, words)], capture_output=True, text=True, errors="replace", timeout=TIMEOUT, **options)
    assert run.returncode == code, (words, run.returncode, run.stderr)
    return run


class Scenario:
    """A command that writes into the folder `out`, and what is there before."""

    def __init__(self, name, words, prepare=lambda models, out: None, code=0):
        self.name, self.words, self.prepare, self.code = name, words, prepare, code

    def __repr__(self):
        return self.name

    def command(self, models, out):
        places = {"{m}": str(models), "{o}": str(out), "{digits}": str(DIGITS)}
        words = list(self.words)
        for place, path in places.items():
            words = [word.replace(place, path) for word in words]
        return [OCTAVO, *words]


def copy_old(data):
    def prepare(models, out):
        # Exported to that name, as a user would.
        octavo("export", models / "old.pt", "-o", out / "y.onnx", "--external-data", "always" if data else "never")
    return prepare


def old_arrays(models, out):
    (out / "y").mkdir()
    for name in ("y0.npy", "other.txt"):
        (out / "y" / name).write_text("old")


EXPORT = ["export", "{m}/new.pt", "-o", "{o}/y.onnx"]
SCENARIOS = [
    Scenario("inline", EXPORT),
    Scenario("inline_over_inline", EXPORT, copy_old(False)),
    Scenario("inline_over_external", EXPORT, copy_old(True)),
    Scenario("external", [*EXPORT, "--external-data", "always"]),
    Scenario("external_over_inline", [*EXPORT, "--external-data", "always"], copy_old(False)),
    Scenario("external_over_external", [*EXPORT, "--external-data", "always"], copy_old(True)),
    Scenario("convert", ["convert", "{m}/new.onnx", "-o", "{o}/y.onnx", "--opset", "18"]),
    Scenario("convert_over_external", ["convert", "{m}/new.onnx", "-o", "{o}/y.onnx", "--opset", "18"], copy_old(True)),
    Scenario("convert_to_caffe2", ["convert", "{m}/digits.onnx", "-o", "{o}/y.onnx", "--dialect", "caffe2"]),
    Scenario("run", ["run", "{m}/new.onnx", "--input", "{m}/x.npy", "-o", "{o}/a/b"]),
    Scenario("run_over", ["run", "{m}/new.onnx", "--input", "{m}/x.npy", "-o", "{o}/y"], old_arrays),
    Scenario("run_pt", ["run", "{m}/new.pt", "--input", "{m}/x.npy", "-o", "{o}/y"]),
    Scenario("save", ["verify", "{m}/new.pt", "--input", "{m}/x.npy", "--save", "{o}/s"]),
    Scenario("save_in_empty", ["verify", "{m}/new.pt", "--input", "{m}/x.npy", "--save", "{o}/s"], lambda models, out: (out / "s").mkdir()),
    Scenario("repro", ["verify", "{digits}", "{m}/wrong.onnx", "--input", "{m}/digits.npy", "--repro", "{o}/r"], code=1),
    Scenario("inspect", ["inspect", "{m}/new.pt"]),
    Scenario("inspect_onnx", ["inspect", "{m}/new.onnx"]),
]


def snapshot(folder):
    """Every file's content, by path."""
    return {str(p.relative_to(folder)): None if p.is_dir() else p.read_bytes() for p in sorted(folder.rglob("*"))}


class Stage:
    """One scenario, run again and again from the same beginning."""

    def __init__(self, scenario, models, folder, library):
        self.scenario, self.models, self.library = scenario, models, library
        self.out, self.tmp, self.hit = folder / "out", folder / "tmp", folder / "hit"
        self.origin = folder / "origin"
        self.origin.mkdir()
        self.tmp.mkdir()
        scenario.prepare(models, self.origin)
        self.reset()
        self.before = snapshot(self.out)
        run = self.run()
        assert run.returncode == scenario.code, run.stderr
        self.after = snapshot(self.out)

    def reset(self):
        shutil.rmtree(self.out, ignore_errors=True)
        # Models refer to their data by name: the copy is as good as the original.
        shutil.copytree(self.origin, self.out)
        self.hit.unlink(missing_ok=True)

    def run(self, fault="", always="", **options):
        env = {**os.environ, "TMPDIR": str(self.tmp)}
        if fault or always:
            env.update(LD_PRELOAD=str(self.library), OCTAVO_FAULT=fault, OCTAVO_FAULT_ALWAYS=always, OCTAVO_FAULT_HIT=str(self.hit))
        return subprocess.run(self.scenario.command(self.models, self.out), capture_output=True, text=True, errors="replace", timeout=TIMEOUT, env=env, **options)

    def model(self, folder=None):
        """The model and its data that a reader of y.onnx finds; None: there is no model."""
        folder = folder or self.out
        path = folder / "y.onnx"
        if not path.exists():
            return None
        model = onnx.load(str(path), load_external_data=False)
        tensors = []
        for tensor in model.graph.initializer:
            if tensor.external_data:  # not by the onnx package, which refuses data that have two names for a moment
                at = {entry.key: entry.value for entry in tensor.external_data}
                content = (folder / at["location"]).read_bytes()[int(at["offset"]):][:int(at["length"])]
                assert len(content) == int(at["length"])
            else:
                content = numpy_helper.to_array(tensor).tobytes()
            tensors.append((tensor.name, content))
        return tensors
