"""Every single-layer model: what is converted equals the reference in every element, on the layer's own input.

As it is exported, with ONNX Runtime's arithmetic; and with PyTorch's own scales and arithmetic, in both dialects."""
import fnmatch
import json

import pytest

import tools

FOLDERS = sorted(f.parent for f in (tools.MODELS / "layers").glob("*/case.json") if f.parent.name != "fused_half_cast")  # the reference has no float16
WAYS = {"default": (), "qdq": tools.QNNPACK, "qdq-pytorch": (*tools.QNNPACK, "--arithmetic", "pytorch"),
        "caffe2-pytorch": ("--dialect", "caffe2", "--arithmetic", "pytorch")}

# Where a target's operators do not add up to PyTorch's: by one step at most.  These lists may only get shorter.
SUMS = ["mean_batch"]  # of reals, in float32, whose order is the machine's
# pip's kernels round the last channels of these otherwise than the others, or the sums of uneven parts; the export says so.
LOOPS = ["avg_pool2d_ceil_channels_last", "avg_pool2d_signed_channels_last", "adaptive_avg_pool2d_uneven_channels_last_signed"]
# Floats between quantized operators, without the forms in which ONNX Runtime gives PyTorch's: as --numbers plain writes them.
FLOATS = ["proven_adaptive_avg_pool2d*", "proven_batch_norm*"]
APART = {
    "default": [*SUMS, *LOOPS, "quantized_matmul"],  # at ties
    "qdq": SUMS,
    "qdq-pytorch": [*SUMS, *FLOATS],
    "caffe2-pytorch": [*SUMS, *FLOATS],
}
REFUSED = ("caffe2 dialect", "needs ONNX opset", "no overload takes")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("folder", [pytest.param(f, id=f.name) for f in FOLDERS])
def test_equals_the_reference(folder, way):
    case = tools.case(folder)
    inputs = [word for i, given in enumerate(case["inputs"])
              for word in ("--input", "%s@%s" % (folder / ("in%d.npy" % i), given["spec"]))]
    run = tools.octavo("verify", folder / (case["forms"][0] + ".pt"), *inputs, "--json", *WAYS[way], check=False)
    if run.returncode == 3 and way == "caffe2-pytorch":
        assert any(text in run.stderr for text in REFUSED), run.stderr
        return  # the dialect cannot say it
    assert run.returncode in (0, 1), run.stderr
    report = json.loads(run.stdout)
    for layer in report["layers"]:
        end = layer["end_to_end"]
        what = "%s %s: %s" % (layer["operator"], layer["place"], end)
        assert "mismatch" not in end, what
        if any(fnmatch.fnmatch(folder.name, pattern) for pattern in APART[way]):
            assert end["unit"] == "relative" or end["largest"] <= 1, what
        else:
            assert end["differ"] == 0, what
            assert "alone" in layer or layer["input"], layer["not_alone"]
