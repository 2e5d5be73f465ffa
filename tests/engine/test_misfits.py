"""Nodes whose shapes, types, attributes or counts do not fit: refused where ONNX Runtime refuses them, and never a crash."""
import collections
import json
import re
import subprocess

import numpy as np
import pytest

import misfit_int8_nodes
import misfit_nodes
import ort_acceptance
import program

QUICK, ALL = 240, 6000
# Besides `run`, for some of the models.
COMMANDS = [["convert", "{}", "-o", "{}.out", "--dialect", "qdq"],
            ["convert", "{}", "-o", "{}.out", "--dialect", "qdq", "--opset", "21"],
            ["convert", "{}", "-o", "{}.out", "--dialect", "qdq", "--target", "openvino"],
            ["convert", "{}", "-o", "{}.out", "--dialect", "qdq", "--target", "tensorrt"],
            ["convert", "{}", "-o", "{}.out", "--dialect", "caffe2"],
            ["verify", "{}", "{}"], ["inspect", "{}"], ["bench", "{}"]]

# (operator, part of ONNX Runtime's message, why Octavo takes it all the same)
TAKEN = [
    (".*", r"Type Error: Type 'tensor\(\w+\)' of input parameter", "the engine computes more types than ONNX names"),
    (".*", r"bound to different types|does not match expected type", "the engine computes mixed types"),
    (".*", r"two nodes with same node name", "names of nodes mean nothing"),
    ("QLinear.*|Max.*", r"Scale and Zero-point must be a scalar", "a list of one element is read as its element"),
    ("QLinear.*", r"parameter out of computation range", "a limit of one kernel of ONNX Runtime"),
    ("AveragePool", r"Unrecognized attribute: dilations for operator QLinear", "ONNX Runtime's own fusion fails"),
    ("MatMulInteger|QLinearMatMul", r"matmul_integer.cc|quantize_linear_matmul.cc|qlinear_matmul",
     "ONNX Runtime takes a zero point per column of single matrices only"),
    ("LRN", r"NumDimensions|LRN<T>::LRN", "ONNX Runtime takes images and odd sizes only"),
    ("Resize", r"Number of elements of input 'sizes' \(0\)", "ONNX Runtime takes sizes that are inputs for none"),
    ("Resize|Upsample", r"mode only supports", "ONNX Runtime resizes some dimensions only"),
    ("Resize", r"Scale value should be greater than 0", "scales that ONNX Runtime rounds to 0"),
    ("Pad", r"Pads has incorrect number of values", "ONNX Runtime takes axes that are inputs for none"),
    ("Reduce.*", r"Input rank was 0", "ONNX Runtime refuses axes of a scalar only where it knows the rank"),
    ("GroupNormalization|InstanceNormalization", r"ReshapeHelper", "empty tensors, which ONNX Runtime cannot reshape"),
    ("Resize|Upsample|Pad|Slice|Split|.*Pool.*|Clip", r"QuantizeLinear", "ONNX Runtime's own fusion fails"),
]
# (operator, part of Octavo's message, why ONNX Runtime takes it)
REFUSED = [
    (".*", r"out of range for int64", "an array of uint64 that the reader of .npy files does not take"),
    (".*", r"must be a (float|numeric) tensor|input \d+ cannot be \w+$", "a type that the engine does not compute"),
    (".*", r"axis -?\d{10,} is out of range", "ONNX Runtime cuts axes to 32 bits"),
    (".*", r"attribute (strides|dilations|kernel_shape|pads) cannot contain -?\d{10,}", "beyond what the engine computes with"),
    ("Constant|ConstantOfShape", r"", "ONNX Runtime does not look at the inputs or their shapes"),
    ("QLinear.*|MatMulIntegerToFloat", r"must be a scalar", "ONNX Runtime reads the first of several elements"),
    ("ConvInteger|QLinearConv|Conv.*", r"elements, but \d+ are expected", "ONNX Runtime reads the first of several elements"),
    ("GroupNormalization|LayerNormalization|PRelu|MatMulInteger.*|QLinearMatMul",
     r"broadcast|is expected|does not fit|does not match", "ONNX Runtime looks at the number of elements only"),
    ("Scatter.*", r"attribute reduction cannot be", "ONNX Runtime adds nothing where it does not know the word"),
    ("Resize|Upsample|Expand", r"must be a list of|do not fit", "ONNX Runtime does not look at the shapes of sizes and regions"),
    ("TopK", r"k is \d+", "ONNX Runtime looks at k where there is something to sort"),
    ("Reduce.*|ArgM..", r"empty tensor cannot be reduced|has no elements", "a mean or maximum of nothing"),
    ("GatherND", r"does not fit the data", "positions of no coordinates"),
    ("Range|Unsqueeze", r"must be a (scalar|list)", "ONNX Runtime takes a scalar and a list of one for each other"),
    ("Constant", r"occurs twice", "ONNX Runtime takes the last one"),
    (".*", r"refers to an attribute of a function", "ONNX Runtime takes the value beside the reference"),
]


def listed(entries, op, message):
    return any(re.fullmatch(pattern, op) and re.search(text, message) for pattern, text, _ in entries)


def call(words):
    done = subprocess.run([program.OCTAVO, *words], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def compare(node, done, theirs):
    """What is wrong, or None; and the case's name in the statistics."""
    code, out, err = done
    if not 0 <= code <= 4:
        return "died: %d %s" % (code, err[-300:]), "crash"
    if theirs is None:
        return None, "ONNX Runtime crashed"
    if isinstance(theirs, str):
        if code:
            return None, "both refuse"
        if "NOT_IMPLEMENTED" in theirs:
            return None, "taken, not implemented by ONNX Runtime"
        known = listed(TAKEN, node.op, theirs)
        return None if known else "taken, but ONNX Runtime says: " + theirs[:300], "taken by Octavo alone"
    if code == 0:
        return None, "both take"
    error = json.loads(out)["error"]
    if error["code"] == "unsupported" or listed(REFUSED, node.op, error["message"]):
        return None, "refused by Octavo alone"
    return "refused, but ONNX Runtime answers: " + error["message"], "refused by Octavo alone"


def same_types(folder, theirs):
    for k, expected in enumerate(theirs):
        answer = np.load(folder / ("y%d.npy" % k))
        if answer.shape != np.shape(expected) or answer.dtype != np.asarray(expected).dtype:
            return "%s%s, but ONNX Runtime answers %s%s" % (answer.dtype, answer.shape, np.asarray(expected).dtype,
                                                           np.shape(expected))
    return None


def try_model(folder, seed, nodes, runtime, commands):
    """Draws one model; what is wrong with Octavo's answers, and statistics."""
    rng = np.random.default_rng(seed)
    node = misfit_nodes.draw(nodes, rng)
    try:
        model, feeds = misfit_nodes.Writer(node, rng).model()
    except (ValueError, TypeError, OverflowError):  # no model can be written with such an attribute
        return [], "not a model"
    path = folder / "model.onnx"
    done = run(path, model, feeds, rng.integers(2))
    theirs = runtime.run(model.SerializeToString(), feeds)
    wrong, kind = compare(node, done, theirs)
    if wrong is None and kind == "both take":
        wrong = same_types(folder, theirs)
    what = "%d %s (%s) opset %d" % (seed, node.op, "; ".join(node.changes), node.opset)
    found = ["%s: %s" % (what, wrong)] if wrong else []
    return found + (other_commands(path, what) if commands else []), kind


def run(path, model, feeds, fuses):
    path.write_bytes(model.SerializeToString())
    words = ["run", str(path), "-o", str(path.parent), "--json"] + ([] if fuses else ["--no-fuse"])
    for k, (name, array) in enumerate(feeds.items()):
        np.save(path.parent / ("x%d.npy" % k), array)
        words += ["--input", "%s@%s:" % (path.parent / ("x%d.npy" % k), name)]
    return call(words)


def other_commands(path, what):
    found = []
    for command in COMMANDS:
        code, _, err = call([word.format(path) for word in command] + ["--quiet"])
        if not 0 <= code <= 4 or (code > 1 and not err.startswith("octavo: ")):
            found.append("%s: %s: %d %s" % (what, " ".join(command), code, err[-300:]))
    return found


def try_many(folder, first, count, every):
    nodes, runtime, kinds, wrong = misfit_nodes.table(), ort_acceptance.OnnxRuntime(), collections.Counter(), []
    for seed in range(first, first + count):
        found, kind = try_model(folder, seed, nodes, runtime, seed % every == 0)
        wrong += found
        kinds[kind] += 1
    runtime.close()
    print(dict(kinds))
    assert not wrong, "\n".join(wrong)
    assert kinds["both take"] > count / 4 and kinds["both refuse"] > count / 4


def test_some(tmp_path):
    try_many(tmp_path, 0, QUICK, 20)


@pytest.mark.long
def test_many(tmp_path):
    try_many(tmp_path, QUICK, ALL, 4)


def try_int8(folder, first, count, every):
    wrong, kinds = [], collections.Counter()
    for seed in range(first, first + count):
        rng = np.random.default_rng(seed)
        try:
            node, model, feeds = misfit_int8_nodes.draw(rng)
        except (ValueError, TypeError, OverflowError):  # no model can be written with such an attribute
            continue
        what = "%d %s (%s)" % (seed, node.op, "; ".join(node.changes))
        code, _, err = run(folder / "model.onnx", model, feeds, rng.integers(2))
        kinds[code] += 1
        if code not in (0, 3):
            wrong.append("%s: %d %s" % (what, code, err[-300:]))
        if seed % every == 0:
            wrong += other_commands(folder / "model.onnx", what)
    print(dict(kinds))
    assert not wrong, "\n".join(wrong)
    assert kinds[0] > count / 5 and kinds[3] > count / 5


def test_some_int8(tmp_path):
    try_int8(tmp_path, 0, QUICK // 3, 20)


@pytest.mark.long
def test_many_int8(tmp_path):
    try_int8(tmp_path, QUICK, ALL // 3, 4)


def test_table_has_every_operator():
    listed_words = subprocess.run([program.OCTAVO, "run", "--help"], capture_output=True, text=True).stdout
    assert listed_words  # the program starts
    source = program.REPO / "src" / "octavo" / "engine" / "literal"
    known = set()
    for path in source.glob("*.cc"):
        known.update(re.findall(r'registry\.Add\(\s*"(?:com\.microsoft::)?(\w+)"', path.read_text()))
    assert len(known) > 140
    assert known - {node.op for node in misfit_nodes.table()} == set()
