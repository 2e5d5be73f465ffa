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
# What the qdq dialect does not say: slices over all, shapes that change nothing, which of two ways to a size.
SAID_OTHERWISE = {"slice_all", "reshape_infer"}
# PyTorch's models whose nodes' order is another: a linear layer's constants.


def kinds(model):
    return [n.op_type for n in model.graph.node if n.op_type != "Constant"]


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_former_exporters_nodes(case, tmp_path):
    words = [word for spec in case["inputs"] for word in ("--input", spec)]
    tools.octavo("export", DATA / (case["name"] + ".pt"), "-o", tmp_path / "qdq.onnx", "--quiet", "--numbers", "plain",
                 *words)
    tools.octavo("convert", tmp_path / "qdq.onnx", "-o", tmp_path / "back.onnx", "--dialect", "caffe2", "--quiet")
    ours, theirs = onnx.load(str(tmp_path / "back.onnx")), onnx.load(str(DATA / (case["name"] + ".onnx")))
    print(kinds(ours), kinds(theirs))
    assert canonical(ours) == canonical(theirs)


FOLDERS = sorted(f.parent for f in (tools.MODELS / "layers").glob("*/case.json"))
