"""A broken model is found: what changes an output of the exported example, verify reports with the layer that it is in.

Whether an output changes is ONNX Runtime's word."""
import collections
import json
import random

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper

import tools

DIGITS = tools.REPO / "examples" / "digits"
COUNT = 200
SEED = 1


class Mutator:
    """Changes one thing of a model; says the origins (doc_string) of the nodes that then mean something else."""

    def __init__(self, model, rng):
        self.model, self.rng = model, rng
        self.graph = model.graph
        self.users = collections.defaultdict(list)
        for node in self.graph.node:
            for index, name in enumerate(node.input):
                self.users[name].append((node, index))

    def pick(self, wanted):
        found = [i for i in self.graph.initializer if any(wanted(node, index) for node, index in self.users[i.name])]
        return self.rng.choice(found) if found else None

    def put(self, initializer, array):
        initializer.CopyFrom(numpy_helper.from_array(array.copy(), initializer.name))
        return {node.doc_string for node, _ in self.users[initializer.name]}

    def scale(self):
        chosen = self.pick(lambda node, index: node.op_type in ("QuantizeLinear", "DequantizeLinear") and index == 1)
        array = numpy_helper.to_array(chosen).copy()
        flat = array.reshape(-1)
        flat[self.rng.randrange(flat.size)] *= np.float32(self.rng.choice([0.5, 0.8, 0.97, 1.03, 1.25, 2.0]))
        return self.put(chosen, array)

    def zero_point(self):
        chosen = self.pick(lambda node, index: node.op_type in ("QuantizeLinear", "DequantizeLinear") and index == 2)
        array = numpy_helper.to_array(chosen).copy()
        limits = np.iinfo(array.dtype)
        flat = array.reshape(-1)
        at = self.rng.randrange(flat.size)
        flat[at] = min(limits.max, max(limits.min, int(flat[at]) + self.rng.choice([-20, -3, -1, 1, 3, 20])))
        return self.put(chosen, array)

    def weight(self):
        chosen = self.pick(lambda node, index: node.op_type == "DequantizeLinear" and index == 0)
        array = numpy_helper.to_array(chosen).copy()
        flat = array.reshape(-1)
        at = self.rng.randrange(flat.size)
        if array.dtype == np.int8:
            flat[at] = np.int8((int(flat[at]) + 128 + self.rng.randrange(30, 226)) % 256 - 128)
        else:
            flat[at] += self.rng.choice([-1, 1]) * self.rng.randrange(100, 5000)
        return self.put(chosen, array)

    def attribute(self):
        node = self.rng.choice([n for n in self.graph.node if n.attribute])
        attribute = self.rng.choice(list(node.attribute))
        if attribute.type == onnx.AttributeProto.INTS and len(attribute.ints) > 1:
            values = list(attribute.ints)
            if self.rng.random() < 0.5:  # the sum stays, so that sizes often do
                a, b = self.rng.sample(range(len(values)), 2)
                values[a], values[b] = values[a] + 1, values[b] - 1
            else:
                values[self.rng.randrange(len(values))] += self.rng.choice([-1, 1])
            del attribute.ints[:]
            attribute.ints.extend(values)
        elif attribute.type == onnx.AttributeProto.INT:
            attribute.i += self.rng.choice([-1, 1])
        elif attribute.type == onnx.AttributeProto.FLOAT:
            attribute.f *= self.rng.choice([0.5, 2.0])
        return {node.doc_string}

    def edge(self):
        position = {name: i for i, node in enumerate(self.graph.node) for name in node.output}
        node_at = self.rng.randrange(1, len(self.graph.node))
        node = self.graph.node[node_at]
        index = self.rng.randrange(len(node.input))
        initializers = [i.name for i in self.graph.initializer]
        others = [n for n, at in position.items() if at < node_at] if node.input[index] in position else initializers
        others = [n for n in others if n != node.input[index]]
        if not others:
            return set()
        node.input[index] = self.rng.choice(others)
        return {node.doc_string}


def answer(model, images, optimizes=False):
    """What ONNX Runtime says; None where it does not take the model."""
    try:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        # The optimizer may fail where the model is odd but sound.
        if not optimizes:
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return session.run(None, {session.get_inputs()[0].name: images})[0]
    except Exception:  # noqa: BLE001 whatever it says, this is no model
        return None


def name_of(doc):
    """ "quantized::conv2d at code/x.py:1:2, in conv1" -> operator and module."""
    return doc.split(" at ")[0], doc.rpartition(", in ")[2] if ", in " in doc else ""


@pytest.mark.parametrize("dialect", ["qdq"])
def test_mutations(dialect, tmp_path):
    path = tools.export(DIGITS / "digits.pt", tmp_path / "digits.onnx", ["float32[8,1,8,8]"], "--dialect", dialect)
    images = np.load(DIGITS / "images.npy")[:8]
    np.save(tmp_path / "x.npy", images)
    original = onnx.load(str(path))
    want = answer(original, images)
    assert tools.octavo("verify", DIGITS / "digits.pt", path, "--input", tmp_path / "x.npy", "--quiet", check=False).returncode == 0

    rng = random.Random(SEED)
    kinds = ["scale", "zero_point", "weight", "attribute", "edge"]
    done, changed, broken = collections.Counter(), collections.Counter(), tmp_path / "broken.onnx"
    attempts = 0
    while sum(done.values()) < COUNT:
        attempts += 1
        assert attempts < 40 * COUNT, "too few mutations make a model: %s" % done
        kind = min(kinds, key=lambda k: done[k])
        model = onnx.ModelProto()
        model.CopyFrom(original)
        places = getattr(Mutator(model, rng), kind)()
        if not places:
            continue
        got = answer(model, images)
        if got is None or got.shape != want.shape:
            continue
        onnx.save(model, str(broken))
        run = tools.octavo("verify", DIGITS / "digits.pt", broken, "--input", tmp_path / "x.npy", "--json", check=False)
        if run.returncode == 3:
            continue  # ONNX Runtime takes models that are not sound: a cast of a type that does not fit, and such
        done[kind] += 1
        # What counts is ONNX Runtime with its default options, where it takes the model: its integer kernels do not look
        # at the scale of a bias, for example.
        optimized = answer(model, images, optimizes=True)
        got = optimized if optimized is not None and optimized.shape == want.shape else got
        changes = bool(np.abs(got - want).max() > 1e-3 * np.sqrt(np.mean(want ** 2)))
        if not changes:
            continue
        changed[kind] += 1
        what = "%s at %s: " % (kind, sorted(places))
        assert run.returncode == 1, what + "not found\n" + run.stderr
        report = json.loads(run.stdout)
        alone = {(l["operator"], l["place"]) for l in report["layers"] if l.get("alone", {}).get("differ") or l.get("alone", {}).get("mismatch")}
        allowed = {name_of(place) for place in places}
        matches = [(op, place) for op, place in alone if any(op == o and (not m or place == m) for o, m in allowed)]
        assert matches, what + "reported are %s" % sorted(alone)
        assert len(matches) == len(alone), what + "reported are %s" % sorted(alone)
    print("\nmutations: %s; of these changed an output, and were found: %s" % (dict(done), dict(changed)))
    assert all(changed[k] >= 10 for k in kinds)
