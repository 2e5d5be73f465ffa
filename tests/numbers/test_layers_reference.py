"""Each single-layer model, in each saved form, gives PyTorch's answer in the reference: every integer of a quantized result, and
of a real one what rounding explains."""
import json
import os
import pathlib

import numpy as np
import pytest

import reference

MODELS = pathlib.Path(os.environ.get("OCTAVO_MODELS", reference.REPO / "build" / "models"))
FOLDERS = sorted(f.parent for f in (MODELS / "layers").glob("*/case.json"))


# Layers that the reference refuses by name: it has no float16.
REFUSED = {"fused_half_cast": "aten::to: arithmetic on float16 is not supported"}


def case(folder):
    return json.loads((folder / "case.json").read_text())


CASES = [(folder, form) for folder in FOLDERS for form in case(folder)["forms"]]


def arrays(folder, prefix):
    return [np.load(folder / ("%s%d.npy" % (prefix, i))) for i in range(len(list(folder.glob(prefix + "[0-9].npy"))))]


@pytest.fixture(scope="module")
def answers():
    asked = [(folder / (form + ".pt"), list(zip([i["spec"] for i in case(folder)["inputs"]], arrays(folder, "in"))))
             for folder, form in CASES]
    return dict(zip(CASES, reference.run_in_parallel(asked)))


@pytest.mark.parametrize("folder, form", CASES, ids=["%s-%s" % (f.name, form) for f, form in CASES])
def test_equals_pytorch(folder, form, answers):
    got, want = answers[folder, form], arrays(folder, "out")
    if folder.name in REFUSED:
        assert got.startswith(REFUSED[folder.name])
        return
    assert not isinstance(got, str), got
    assert len(got) == len(want)
    for value, answer, output in zip(got, want, case(folder)["outputs"]):
        assert value.values.shape == answer.shape and value.values.dtype == answer.dtype
        quantized = output["quantization"]
        if quantized:
            assert (value.dtype, value.scales, value.zero_points) == (quantized["dtype"], [quantized["scale"]],
                                                                      [quantized["zero_point"]])
        if answer.dtype.kind in "iub":
            apart = np.abs(value.values.astype(np.int64) - answer.astype(np.int64))
            assert not apart.any(), "%d of %d elements differ, by %d at most" % (np.count_nonzero(apart), apart.size, apart.max())
        else:
            finite = answer[np.isfinite(answer)].astype(np.float64)
            allowed = 1e-5 * np.sqrt(np.mean(finite * finite)) if finite.size else 0.0
            np.testing.assert_allclose(value.values, answer, 0, allowed)
