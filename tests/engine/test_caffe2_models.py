"""The files that PyTorch's former Caffe2 exporter wrote (tests/data/caffe2), in the engine, against PyTorch itself."""
import json
import re

import numpy as np
import pytest
import torch

import program

DATA = program.REPO / "tests" / "data" / "caffe2"
CASES = [case for case in json.loads((DATA / "cases.json").read_text()) if (DATA / (case["name"] + ".onnx")).exists()]


def inputs(case):
    torch.manual_seed(1)
    made = []
    for spec in case["inputs"]:
        dtype, shape = re.match(r"(?:\w+:)?(\w+)\[([^\]]*)\]", spec).groups()
        assert dtype == "float32"
        made.append(torch.randn([int(size) for size in shape.split(",")]) * 3)
    return made


def expected(case, x):
    torch.backends.quantized.engine = "qnnpack"
    with torch.no_grad():
        y = torch.jit.load(str(DATA / (case["name"] + ".pt")))(*x)
    return [(v.int_repr() if v.is_quantized else v).numpy() for v in (y if isinstance(y, (tuple, list)) else [y])]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
@pytest.mark.parametrize("fuse", [(), ("--no-fuse",)], ids=["fused", "literal"])
def test_former_exporters_file(case, fuse, tmp_path):
    x = inputs(case)
    answer = program.run(DATA / (case["name"] + ".onnx"), [v.numpy() for v in x], tmp_path, *fuse)
    assert isinstance(answer, list), answer
    wanted = expected(case, x)
    assert len(answer) == len(wanted)
    for y, e in zip(answer, wanted):
        assert y.shape == e.shape
        if case["name"] == "small_model":  # a float layer behind the last dequantization
            assert np.abs(y.astype(np.float64) - e).max() <= 1e-5 * np.sqrt(np.mean(np.square(e, dtype=np.float64)))
        else:
            np.testing.assert_array_equal(y, e)
