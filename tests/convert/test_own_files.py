"""Files that Octavo wrote: from qdq to qdq they keep ONNX Runtime's answers, and no conversion reads a doc_string."""
import json

import onnx
import pytest

import kept
import tools

FOLDERS = sorted(f.parent for f in (tools.MODELS / "layers").glob("*/case.json"))
# An eighth of them, so that every kind of operator is there and the suite stays short; all of them with --all.
SOME = FOLDERS[::8]


def parameters():
    return [pytest.param(f, id=f.name, marks=() if f in SOME else pytest.mark.long) for f in FOLDERS]


def saved(folder):
    forms = tools.case(folder)["forms"]
    return folder / (("traced" if "traced" in forms else forms[0]) + ".pt")


def exported(folder, path, *options):
    words = [word for i in tools.case(folder)["inputs"] for word in ("--input", i["spec"])]
    run = tools.octavo("export", *tools.QNNPACK, saved(folder), "-o", path, "--quiet", *words, *options, check=False)
    assert run.returncode in (0, 3), run.stderr
    return run.returncode == 0


def without_docs(model):
    def strip(graph):
        graph.doc_string = ""
        for values in (graph.node, graph.initializer, graph.input, graph.output, graph.value_info):
            for item in values:
                item.doc_string = ""
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    strip(attribute.g)
    model.doc_string = ""
    strip(model.graph)
    return model


@pytest.mark.parametrize("folder", parameters())
def test_same_answers(folder, tmp_path):
    if not exported(folder, tmp_path / "given.onnx"):
        return
    given = tmp_path / "given.onnx"
    assert kept.convert(given, tmp_path).read_bytes() == given.read_bytes()
    inputs = tools.arrays(folder, "in")
    expected = tools.run(given, inputs)
    for opset in (13, 21):
        run = tools.octavo("convert", given, "-o", tmp_path / "made.onnx", "--opset", opset, check=False)
        if run.returncode:
            assert "is the first" in run.stderr or "opset" in run.stderr, run.stderr
            continue
        if "but for these nodes" in run.stdout:
            continue
        for a, b in zip(expected, tools.run(tmp_path / "made.onnx", inputs)):
            assert a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes(), opset


@pytest.mark.parametrize("folder", parameters())
def test_doc_strings_say_nothing(folder, tmp_path):
    def converted(given, *options):
        run = kept.convert(given, tmp_path, "--quiet", *options, check=False)
        if not run or not hasattr(run, "read_bytes"):
            return run.returncode
        return without_docs(onnx.load(str(run))).SerializeToString()
    for first in ("qdq", "caffe2"):
        if not exported(folder, tmp_path / "given.onnx", "--dialect", first):
            continue
        model = onnx.load(str(tmp_path / "given.onnx"))
        onnx.save(without_docs(model), str(tmp_path / "stripped.onnx"))
        for second in (("--dialect", "caffe2"), ("--dialect", "qdq"), ("--target", "openvino"), ("--numbers", "plain")):
            assert converted(tmp_path / "given.onnx", *second) == converted(tmp_path / "stripped.onnx", *second), second


def test_metadata_says_what_a_node_was(tmp_path):
    digits = tools.REPO / "examples" / "digits"
    tools.export(digits / "digits.pt", tmp_path / "given.onnx", ["float32[N,1,8,8]"])
    model = onnx.load(str(tmp_path / "given.onnx"))
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert metadata["octavo.target"] == "onnxruntime"
    origins = {name: text for text, names in json.loads(metadata["octavo.origins"]).items() for name in names}
    for node in model.graph.node:
        assert origins.get(node.name, "") == node.doc_string
