"""Forms that ONNX Runtime rewrites into other numbers with its default options, beside those that Octavo writes in their place.

For each row of the first table of docs/onnxruntime.md: in the plain form the transformer changes numbers, in the releases
that the row names; in Octavo's form it does not, in any release.  tests/runtime runs the models that Octavo writes.
"""
import pathlib
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
from onnx import helper

from tools import F32, VERSION, constant, session

REPO = pathlib.Path(__file__).resolve().parents[2]
ALWAYS, NEVER = (0, 0), (99, 0)


def node(op, inputs, output, **attributes):
    return helper.make_node(op, inputs.split(), [output], **attributes)


class Form:
    """Nodes from x to y, and constants by name."""

    def __init__(self, nodes, **constants):
        self.nodes, self.constants = nodes, [constant(name, value) for name, value in constants.items()]

    def answers(self, x):
        """With the default options, and without any rewriting."""
        off = onnxruntime.SessionOptions()
        off.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        return [session(self.nodes, {"x": x}, ("y", F32), self.constants, options=options).run(None, {"x": x})[0]
                for options in (None, off)]


random = np.random.default_rng(5)
LEVELS = random.integers(-127, 128, (64, 32)).astype(np.int8)
SCALES, BIAS = (random.random(32) * 0.01 + 0.001).astype(F32), random.standard_normal(32).astype(F32)
FILTER = random.standard_normal((4, 4, 3, 3)).astype(F32)
ROWS, IMAGE = random.standard_normal((5, 64)).astype(F32), random.standard_normal((1, 4, 8, 8)).astype(F32)
DEQUANTIZED = node("DequantizeLinear", "w s z", "d", axis=1)
COMPUTED = [node("Cast", "w", "c", to=1), node("Mul", "c s", "d")]
WEIGHT = dict(w=LEVELS, s=SCALES, z=np.zeros(32, np.int8))
KEPT = dict(alpha=1.0)
TWO = dict(s=F32(0.03125), z=np.uint8(114), t=F32(0.0625), u=np.uint8(90))
FLOAT_LAYER = dict(s=F32(0.03), z=np.uint8(120), w=FILTER, t=F32(0.0625), u=np.uint8(100))
TINY = dict(s=F32(1e-9), z=np.uint8(0), low=F32(5e-9), high=F32(1.5e-7))
PADS = dict(pads=np.int64([0, 0, 1, 1, 0, 0, 1, 1]), zero=F32(0))
UP = dict(s=F32(0.03), z=np.uint8(120), factors=F32([1, 1, 2.5, 2.5]))


def quantized(x, y, s="s", z="z", name="0"):
    return [node("QuantizeLinear", "%s %s %s" % (x, s, z), "q" + name), node("DequantizeLinear", "q%s %s %s" % (name, s, z), y)]


# name: input, first and last release in which the plain form changes, plain form, Octavo's form
POOL = dict(kernel_shape=[2, 2], strides=[2, 2], pads=[0, 0, 0, 0])
FORMS = {
    "MatMulNBits of MatMul": (ROWS, (1, 25), NEVER, Form([DEQUANTIZED, node("MatMul", "x d", "y")], **WEIGHT),
                              Form([*COMPUTED, node("MatMul", "x d", "y")], **WEIGHT)),
    "MatMulNBits of Gemm": (ROWS, (1, 25), NEVER, Form([DEQUANTIZED, node("Gemm", "x d b", "y")], b=BIAS, **WEIGHT),
                            Form([*COMPUTED, node("Gemm", "x d b", "y")], b=BIAS, **WEIGHT)),
    "DoubleQDQPairsRemover": (IMAGE, ALWAYS, NEVER, Form(quantized("x", "a") + quantized("a", "y", "t", "u", "1"), **TWO),
                              Form(quantized("x", "a") + [node("LeakyRelu", "a", "b", **KEPT)] + quantized("b", "y", "t", "u", "1"), **TWO)),
    "WeightBiasQuantization": (
        IMAGE, (1, 22), NEVER, Form([*quantized("x", "a"), node("Conv", "a w", "c"), *quantized("c", "y", "t", "u", "1")], **FLOAT_LAYER),
        Form([*quantized("x", "a"), node("Conv", "a w", "c"), node("LeakyRelu", "c", "b", **KEPT), *quantized("b", "y", "t", "u", "1")],
             **FLOAT_LAYER)),
    "ClipQuantFusion": (ROWS * F32(1e-7), ALWAYS, NEVER, Form([node("Abs", "x", "a"), node("Clip", "a low high", "b"), *quantized("b", "y")], **TINY),
                        Form([node("Abs", "x", "a"), node("Clip", "a low high", "b"), node("LeakyRelu", "b", "c", **KEPT), *quantized("c", "y")],
                             **TINY)),
    "PadFusion of MaxPool": (IMAGE - F32(10), ALWAYS, (1, 31), Form([node("Pad", "x pads zero", "a"), node("MaxPool", "a", "y", **POOL)], **PADS),
                             Form([node("Pad", "x pads zero", "a"), node("LeakyRelu", "a", "b", **KEPT), node("MaxPool", "b", "y", **POOL)],
                                  **PADS)),
    "DropQDQNodesSelector of a linear Resize": (
        IMAGE, ALWAYS, (1, 26), Form([*quantized("x", "a"), helper.make_node("Resize", ["a", "", "factors"], ["b"], mode="linear"),
                                      *quantized("b", "y", name="1")], **UP),
        Form([*quantized("x", "a"), helper.make_node("Resize", ["a", "", "factors"], ["b"], mode="linear"),
              node("LeakyRelu", "b", "c", **KEPT), *quantized("c", "y", name="1")], **UP)),
}


def changes(form, x):
    got, want = form.answers(x)
    return bool(np.abs(got.astype(np.float64) - want).max() > 1e-5 * np.sqrt(np.mean(np.square(want, dtype=np.float64))))


@pytest.mark.parametrize("name", FORMS)
def test_octavos_form_keeps_its_numbers(name):
    x, _, _, _, ours = FORMS[name]
    assert not changes(ours, x)


@pytest.mark.parametrize("name", FORMS)
def test_the_plain_form_does_not(name):
    x, first, last, plain, _ = FORMS[name]
    assert changes(plain, x) == (first <= VERSION <= last)


@pytest.mark.skipif(VERSION < (1, 22), reason="docs/onnxruntime.md begins with 1.22")
def test_the_page_lists_what_the_release_registers():
    run = subprocess.run([sys.executable, str(REPO / "scripts" / "onnxruntime_transformers.py")], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
