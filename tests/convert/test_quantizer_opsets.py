"""Models of ONNX Runtime's quantizer in all its forms, from opset to opset: ONNX Runtime answers the same bits."""
import json

import onnx
import pytest

import kept
import test_targets
import tools

quantizer_models, quantizer_nets = test_targets.quantizer_models, test_targets.quantizer_nets
SOME = {"qdq-u8u8", "qdq-s8s8-channel-symmetric", "qop-s8s8", "qop-u8s8-channel", "dynamic-u8"}
# Nodes whose quantized form depends on what ONNX Runtime fuses in another opset, or that no opset below has.
REFUSED = ("opset ", "cannot be made uint8", "cannot be written with", "dynamic quantization is not converted yet",
           "several dimensions at once", "of different types", "not 8-bit", "has more than one scale")


def as_opset(path, opset, out):
    """The file with another number: the operators of these networks have one meaning in opsets 21 to 23."""
    model = onnx.load(str(path))
    for entry in model.opset_import:
        if entry.domain in ("", "ai.onnx"):
            entry.version = opset
    model.ir_version = 10 if opset < 23 else 11
    onnx.save(model, str(out))
    return out


def moved(given, folder, opset, feeds):
    """Whether the model could be moved; then its answers are the given one's but for what is said."""
    out = folder / "moved.onnx"
    run = tools.octavo("convert", given, "-o", out, "--opset", opset, "--json", check=False)
    if run.returncode:
        assert run.returncode == 3 and any(text in run.stdout + run.stderr for text in REFUSED), run.stdout + run.stderr
        return False
    report = json.loads(run.stdout)
    lines = [line for line in report["not_identical"] if "may refuse to load" not in line]
    if len(lines) < len(report["not_identical"]):
        assert opset >= 21
        try:
            kept.session(out)
        except Exception as error:
            assert "output_dtype INT8 does not match" in str(error)
            return True
    if lines:
        assert all("AveragePool at " in line or "that of uint8 is 128 higher" in line for line in lines)
    else:
        kept.assert_same_answers(given, out, feeds)
    assert {o.domain: o.version for o in onnx.load(str(out)).opset_import}[""] == opset
    return True


@pytest.mark.parametrize("net, way", test_targets.cases(quantizer_models.WAYS, SOME))
def test_every_opset(net, way, tmp_path):
    given = tmp_path / "given.onnx"
    feeds = test_targets.quantized(net, quantizer_models.WAYS[way], given)
    if feeds is None:
        return
    results = {moved(given, tmp_path, opset, feeds) for opset in kept.OPSETS}
    # HardSwish and LayerNormalization are newer than opset 13.
    if way.startswith("qdq-u8") and "opset21" not in way and "u8s4" not in way and net not in ("layernorm", "hardswish"):
        assert results == {True}


@pytest.mark.parametrize("net", sorted(set(quantizer_nets.NETS) - {"layernorm"}))
@pytest.mark.parametrize("opset", (22, 23))
def test_down_from_newer_opsets(net, opset, tmp_path):
    given = tmp_path / "given.onnx"
    feeds = test_targets.quantized(net, quantizer_models.WAYS["qdq-u8s8-opset21"], given)
    newer = as_opset(given, opset, tmp_path / "newer.onnx")
    for to in kept.OPSETS:
        moved(newer, tmp_path, to, feeds)
