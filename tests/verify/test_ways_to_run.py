"""The engine gives the same bytes however it runs: with each instruction set's kernels, in one thread and in eight.  With
--no-fuse, where a node's numbers are float64 inside, integers differ at ties alone."""
import os

import numpy as np
import pytest

import tools

FOLDERS = sorted(f.parent for f in (tools.MODELS / "layers").glob("*/case.json") if f.parent.name != "fused_half_cast")  # the reference has no float16
SAMPLE = 12  # every twelfth layer is in the quick suite
INSTRUCTIONS = ["scalar", "avx2"]  # beside the fastest that this machine has, AVX-512 VNNI on one that has it

TIES = 0.01  # at most that share of a layer's elements is one step off with --no-fuse

PARAMETERS = [pytest.param(f, id=f.name, marks=() if i % SAMPLE == 0 else pytest.mark.long) for i, f in enumerate(FOLDERS)]


def answers(model, given, folder, *options, instructions=None):
    environment = dict(os.environ)
    if instructions:
        environment["OCTAVO_INSTRUCTIONS"] = instructions
    tools.octavo("run", model, "-o", folder, "--quiet", *given, *options, env=environment)
    return [np.load(path) for path in sorted(folder.glob("y*.npy"))]


def same_bytes(got, want):
    return [(a.dtype, a.shape, a.tobytes()) for a in got] == [(b.dtype, b.shape, b.tobytes()) for b in want]


@pytest.mark.parametrize("dialect", ["qdq", "caffe2"])
@pytest.mark.parametrize("folder", PARAMETERS)
def test_same_bytes(folder, dialect, tmp_path):
    case, model = tools.case(folder), tmp_path / "model.onnx"
    specs = [word for given in case["inputs"] for word in ("--input", given["spec"])]
    exported = tools.octavo("export", folder / (case["forms"][0] + ".pt"), "-o", model, "--quiet", "--dialect", dialect, *specs, check=False)
    if exported.returncode == 3 and dialect == "caffe2":
        return  # the dialect cannot say it
    assert exported.returncode == 0, exported.stderr
    given = [word for i in range(len(case["inputs"])) for word in ("--input", folder / ("in%d.npy" % i))]
    want = answers(model, given, tmp_path / "y")
    assert want
    for instructions in INSTRUCTIONS:
        assert same_bytes(answers(model, given, tmp_path / instructions, instructions=instructions), want), instructions
    assert same_bytes(answers(model, given, tmp_path / "threads", "--threads", "8"), want), "8 threads"
    literal = answers(model, given, tmp_path / "literal", "--no-fuse")
    for a, b in zip(literal, want, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        if a.dtype.kind in "iub":
            differ, most = tools.difference(a, b)
            assert most <= 1 and differ <= max(1, TIES * a.size), "--no-fuse: %d of %d, by %d" % (differ, a.size, most)
        else:
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=np.abs(b[np.isfinite(b)]).max(initial=0) * 0.02,
                                       equal_nan=True, err_msg="--no-fuse")
