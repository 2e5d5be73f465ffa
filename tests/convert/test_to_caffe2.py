"""From qdq to the Caffe2 dialect: the same nodes as a straight export where the qdq model still says all of it, and the
same numbers where it does not."""
import json
import sys

import numpy as np
import onnx
import pytest

import tools

sys.path.append(str(tools.REPO / "tests" / "caffe2"))
from test_same_nodes import canonical  # noqa: E402

DATA = tools.REPO / "tests" / "data" / "caffe2"
CASES = [c for c in json.loads((DATA / "cases.json").read_text()) if c["expect"] == "same"]
# What the qdq dialect does not say: slices over all of a dimension, a size that a reshape infers, the last bit of a
# double scale of a bias that is not there.
SAID_OTHERWISE = {"slice", "slice_two", "slice_all", "slice_past_the_end", "slice_relu", "reshape_infer", "small_model"}


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_former_exporters_nodes(case, tmp_path):
    words = [word for spec in case["inputs"] for word in ("--input", spec)]
    tools.octavo("export", DATA / (case["name"] + ".pt"), "-o", tmp_path / "qdq.onnx", "--quiet", "--numbers", "plain",
                 *words)
    tools.octavo("convert", tmp_path / "qdq.onnx", "-o", tmp_path / "back.onnx", "--dialect", "caffe2", "--quiet")
    ours, theirs = onnx.load(str(tmp_path / "back.onnx")), onnx.load(str(DATA / (case["name"] + ".onnx")))
    if case["name"] in SAID_OTHERWISE:
        assert canonical(ours) != canonical(theirs), "take it off the list"
    else:
        assert canonical(ours) == canonical(theirs)


FOLDERS = sorted(f.parent for f in (tools.MODELS / "layers").glob("*/case.json"))
SEVERAL = [f for f in FOLDERS if any(n.startswith("quantized::") for n in tools.case(f)["operators"])]
# Of a transposed convolution in steps the weight's scale is left in a product only.
ONE_STEP = ("conv_transpose",)


@pytest.mark.parametrize("folder", SEVERAL, ids=lambda f: f.name)
def test_there_and_back(folder, tmp_path):
    """qdq, Caffe2, qdq: the numbers of the first."""
    case = tools.case(folder)
    forms = case["forms"]
    model = folder / (("traced" if "traced" in forms else forms[0]) + ".pt")
    first = tools.export(model, tmp_path / "first.onnx", [i["spec"] for i in case["inputs"]], "--numbers", "plain")
    run = tools.octavo("convert", first, "-o", tmp_path / "caffe2.onnx", "--dialect", "caffe2", "--numbers", "plain", "--quiet",
                       check=False)
    if run.returncode:
        assert run.returncode == 3
        return
    tools.octavo("convert", tmp_path / "caffe2.onnx", "-o", tmp_path / "last.onnx", "--numbers", "plain", "--quiet")
    inputs = tools.arrays(folder, "in")
    for value, expected in zip(tools.run(tmp_path / "last.onnx", inputs), tools.run(first, inputs)):
        assert value.shape == expected.shape and value.dtype == expected.dtype
        if value.dtype.kind in "iub":
            assert tools.difference(value, expected)[1] <= folder.name.startswith(ONE_STEP)
        else:
            np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-5 * max(1, np.abs(expected).max(initial=0)))
