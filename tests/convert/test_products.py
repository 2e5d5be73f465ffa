"""Matrix products with dequantized weights keep their numbers from qdq to qdq, and ONNX Runtime quantizes none of them."""
import numpy as np
import onnx
import pytest

import tools

FOLDERS = sorted(f.parent for f in (tools.MODELS / "layers").glob("dequantized_*/case.json"))


def operators(path, tmp_path):
    """Of the model as ONNX Runtime optimizes it."""
    tools.session(path, tmp_path / "optimized.onnx")
    return {node.op_type for node in onnx.load(str(tmp_path / "optimized.onnx")).graph.node}


def is_symmetric(folder):
    """As TensorRT needs it."""
    return "zero_point" not in folder.name and folder.name != "dequantized_before_quantized"


CASES = [pytest.param(folder, target, id="%s-%s" % (folder.name, target)) for folder in FOLDERS
         for target in ("onnxruntime", "openvino", "tensorrt") if target != "tensorrt" or is_symmetric(folder)]


@pytest.mark.parametrize("folder, target", CASES)
def test_to_qdq(folder, target, tmp_path):
    case, inputs = tools.case(folder), tools.arrays(folder, "in")
    given = tools.export(folder / "traced.pt", tmp_path / "given.onnx", [i["spec"] for i in case["inputs"]], "--target", target)
    want = tools.run(given, inputs)
    assert "MatMulNBits" not in operators(given, tmp_path)
    opsets = [13, 17, 21]
    if "attention" in folder.name:
        opsets.remove(13)  # has no LayerNormalization
    if target == "tensorrt" and folder.name == "dequantized_after_quantized":
        opsets.remove(21)  # ONNX Runtime refuses it: it makes int8 uint8, but for the attribute output_dtype
    for opset in opsets:
        converted = tmp_path / ("converted%d.onnx" % opset)
        tools.octavo("convert", given, "-o", converted, "--dialect", "qdq", "--quiet", "--opset", opset, "--target", target)
        assert "MatMulNBits" not in operators(converted, tmp_path)
        for value, expected in zip(tools.run(converted, inputs), want):
            assert value.shape == expected.shape and value.dtype == expected.dtype
            step = 1 if value.dtype.kind in "iu" else 1e-5 * np.sqrt(np.mean(np.square(expected, dtype=np.float64)))
            assert np.abs(value.astype(np.float64) - expected).max() <= step
