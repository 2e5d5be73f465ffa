"""Random quantized networks: exported, they answer in ONNX Runtime what PyTorch answers, to the bit."""
import json
import sys

import numpy as np
import pytest

import edges
import tools

sys.path.insert(0, str(tools.REPO / "tests" / "models"))
random_model = pytest.importorskip("random_model", reason="needs PyTorch")

QUICK, LONG = 20, 300


@pytest.mark.parametrize("seed", [pytest.param(s, marks=[pytest.mark.long] if s >= QUICK else []) for s in range(LONG)])
def test_equals_pytorch(seed, tmp_path):
    folder = random_model.make(seed)
    case = json.loads((folder / "case.json").read_text())
    out = tools.export(folder / "model.pt", tmp_path / "out.onnx", ["float32[%s]" % ",".join(map(str, case["shape"]))])
    tools.check_model(out, allowed=("Cast",))  # to float64 and back: an addition that no scales make exact
    edges.check(out, [np.load(folder / "in0.npy")])
    got, expected = tools.run(out, [np.load(folder / "in0.npy")])[0], np.load(folder / "out0.npy")
    assert got.shape == expected.shape and got.dtype == expected.dtype
    assert np.array_equal(got, expected), "%d of %d elements differ: %s" % (np.count_nonzero(got != expected), got.size, case)
