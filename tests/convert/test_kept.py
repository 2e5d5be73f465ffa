"""A model of other software means what ONNX Runtime computes for it: from qdq to qdq its nodes are kept, and ONNX
Runtime with default options answers the same bits."""
import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import kept
import tools

OPERATORS = {
    "average_pool": ("AveragePool", [], dict(kernel_shape=[3, 3], strides=[2, 1], pads=[1, 1, 1, 1])),
    "global_average_pool": ("GlobalAveragePool", [], {}),
    "leaky_relu": ("LeakyRelu", [], dict(alpha=0.3)),
    "softmax": ("Softmax", [], dict(axis=-1)),
    "sigmoid": ("Sigmoid", [], {}),
    "resize_nearest": ("Resize", ["", np.float32([1, 1, 2, 3])], dict(mode="nearest", nearest_mode="floor",
                                                                     coordinate_transformation_mode="asymmetric")),
    "resize_linear": ("Resize", ["", np.float32([1, 1, 2, 1.5])], dict(mode="linear")),
    "reduce_mean": ("ReduceMean", [], dict(axes=[2, 3])),
    "pad": ("Pad", [np.int64([0, 0, 1, 2, 0, 0, 2, 1])], {}),
    "relu": ("Relu", [], {}),
    "transpose": ("Transpose", [], dict(perm=[0, 2, 3, 1])),
    "slice": ("Slice", [np.int64([1]), np.int64([7]), np.int64([2]), np.int64([2])], {}),
}


@pytest.mark.parametrize("signed", (False, True))
@pytest.mark.parametrize("same_scale", (False, True))
@pytest.mark.parametrize("name", OPERATORS)
def test_operator_between_integers(name, same_scale, signed, tmp_path):
    kind, constants, attributes = OPERATORS[name]
    given = kept.between_integers(tmp_path / "given.onnx", kind, *constants, signed=signed, same_scale=same_scale,
                                  **attributes)
    feeds = kept.draw(onnx.load(str(given)), 20)
    copy = kept.convert(given, tmp_path, "--dialect", "qdq")
    assert copy.read_bytes() == given.read_bytes()
    for opset in kept.OPSETS:
        converted = kept.convert(given, tmp_path, "--opset", opset)
        made = onnx.load(str(converted))
        onnx.checker.check_model(made, full_check=True)
        assert {o.domain: o.version for o in made.opset_import} == {"": opset}
        # ONNX Runtime's AveragePool of int8 is none of integers on x86: below.
        if name == "average_pool" and signed and opset >= 19:
            continue
        kept.assert_same_answers(given, converted, feeds)


@pytest.mark.parametrize("head", ("Gemm", "MatMul"))
@pytest.mark.parametrize("way", kept.WAYS)
def test_files_of_the_quantizer(way, head, tmp_path):
    given = kept.quantized_net(tmp_path, way, head)
    feeds = kept.draw(onnx.load(str(given)), 8)
    for opset in (None, *kept.OPSETS):
        converted = kept.convert(given, tmp_path, *(("--opset", opset) if opset else ()))
        kept.assert_same_answers(given, converted, feeds)
        kinds = {node.op_type for node in onnx.load(str(converted)).graph.node}
        assert not {k for k in kinds if k.startswith("QLinear") or k == "QGemm"}
    # The same integer kernels run, and not only the same numbers.
    assert kept.kernels(given, tmp_path) == kept.kernels(converted, tmp_path)
    assert kept.kernels(given, tmp_path)


@pytest.mark.parametrize("opset", (13, 18, 19, 21))
def test_float16_scales(opset, tmp_path):
    """QLinearMatMul of opset 21 may have them; ONNX Runtime computes with float32 all the same."""
    random, half = np.random.default_rng(1), np.float16
    g = kept.Graph()
    y = g.op("QLinearMatMul", "x", half(0.01), np.uint8(120), random.integers(0, 256, (64, 32)).astype(np.uint8), half(0.013),
             np.uint8(130), half(0.05), np.uint8(128))
    given = g.save(tmp_path / "given.onnx", [(y, TensorProto.UINT8)], 21, [("x", TensorProto.UINT8, [40, 64])], ir_version=10)
    kept.assert_same_answers(given, kept.convert(given, tmp_path, "--opset", opset))


def test_qdq_to_qdq_twice(tmp_path):
    given = kept.quantized_net(tmp_path, "qdq_u8s8")
    up = kept.convert(given, tmp_path, "--opset", 21, name="up.onnx")
    down = kept.convert(up, tmp_path, "--opset", 13, name="down.onnx")
    kept.assert_same_answers(given, down)
    assert onnx.load(str(down)).graph.node == onnx.load(str(given)).graph.node


@pytest.mark.parametrize("opset", (10, 11, 12))
def test_older_files(opset, tmp_path):
    """Attributes that became inputs in opset 11 and 13."""
    g = kept.Graph()
    x = g.quantized("x", 0.031, np.uint8(131))
    if opset == 10:
        x = g.op("Pad", x, pads=[0, 0, 1, 0, 0, 0, 0, 2], value=0.5)
        x = g.op("Clip", x, min=-1.0, max=2.5)
        x = g.op("Resize", x, np.float32([1, 1, 2, 2]), mode="nearest")
    a, b = g.op("Split", x, outputs=2, axis=1, split=[1, 3])
    y = g.op("Squeeze", g.op("ReduceSum", a, axes=[2], keepdims=1), axes=[2])
    z = g.op("Unsqueeze", g.op("Softmax", g.op("Dropout", b), axis=3), axes=[0])
    given = g.save(tmp_path / "given.onnx", [(y, kept.FLOAT), (z, kept.FLOAT)], opset,
                   ir_version={10: 5, 11: 6, 12: 7}[opset])
    for to in kept.OPSETS:
        converted = kept.convert(given, tmp_path, "--opset", to)
        onnx.checker.check_model(onnx.load(str(converted)), full_check=True)
        kept.assert_same_answers(given, converted)


def test_everything_else_survives(tmp_path):
    given = kept.quantized_net(tmp_path, "qdq_u8s8")
    model = onnx.load(str(given))
    model.doc_string, model.domain, model.model_version = "what it is", "org.example", 7
    helper.set_model_props(model, {"author": "somebody", "octavo.exactness": "[]"})
    for i, node in enumerate(model.graph.node):
        node.doc_string = "node %d" % i
    model.graph.initializer[0].doc_string = "a constant"
    onnx.save(model, str(given))
    made = onnx.load(str(kept.convert(given, tmp_path, "--opset", 21)))
    made.opset_import[0].version, made.ir_version = 13, model.ir_version
    assert made == model


def test_names(tmp_path):
    given = kept.between_integers(tmp_path / "given.onnx", "Relu")
    last = onnx.load(str(given)).graph.output[0].name
    converted = kept.convert(given, tmp_path, "--rename", "x=%s" % last, "--rename", "%s=x" % last)
    made = onnx.load(str(converted))
    assert [made.graph.input[0].name, made.graph.output[0].name] == [last, "x"]
    feed = kept.draw(onnx.load(str(given)), 1)[0]
    np.testing.assert_array_equal(kept.session(given).run(None, feed)[0],
                                  kept.session(converted).run(None, {last: feed["x"]})[0])
    # A value inside makes way.
    inner = onnx.load(str(given)).graph.node[0].output[0]
    onnx.checker.check_model(onnx.load(str(kept.convert(given, tmp_path, "--rename", "x=" + inner))), full_check=True)


@pytest.mark.parametrize("given_outside", (False, True))
@pytest.mark.parametrize("external", ("auto", "always", "never"))
def test_external_data(given_outside, external, tmp_path):
    given = kept.quantized_net(tmp_path, "qdq_u8s8")
    feeds = kept.draw(onnx.load(str(given)))
    if given_outside:
        model = onnx.load(str(given))
        given = tmp_path / "outside.onnx"
        onnx.save_model(model, str(given), save_as_external_data=True, location="w.bin", size_threshold=64)
    folder = tmp_path / "other"
    folder.mkdir()
    converted = kept.convert(given, folder, "--external-data", external)
    outside = external == "always" or (external == "auto" and given_outside)
    assert sorted(f.name for f in folder.iterdir()) == ["converted.onnx"] + ["converted.onnx.data"] * outside
    kept.assert_same_answers(given, converted, feeds)


def test_what_is_said(tmp_path):
    given = kept.between_integers(tmp_path / "given.onnx", "ReduceMean", axes=[2, 3])
    out = tmp_path / "out.onnx"
    said = tools.octavo("convert", given, "-o", out).stdout
    assert "nothing to change: the new file is a copy of the given one" in said and "exact" not in said
    said = tools.octavo("convert", given, "-o", out, "--opset", 18).stdout
    assert "changed: opset 17 → 18: 1 ReduceMean written anew" in said
    assert "exact: the same outputs in ONNX Runtime as the given file, bit for bit" in said
    assert "PyTorch" not in said
    said = json.loads(tools.octavo("convert", given, "-o", out, "--opset", 18, "--json").stdout)
    assert said["changes"] == ["opset 17 → 18: 1 ReduceMean written anew"]
    assert said["identical_in"] == "onnxruntime" and said["exactness"] == [] and said["exact_for"] is None
    assert json.loads(tools.octavo("convert", given, "-o", out, "--json").stdout)["changes"] == []


def test_averages_of_floats_from_opset_19_on(tmp_path):
    """ONNX Runtime has another kernel there, which sums in another order: said, and an error with --numbers exact."""
    g = kept.Graph()
    y = g.op("AveragePool", g.op("Mul", "x", np.float32(0.3)), kernel_shape=[3, 3])
    given = g.save(tmp_path / "given.onnx", [(y, kept.FLOAT)])
    kept.assert_same_answers(given, kept.convert(given, tmp_path, "--opset", 18))
    run = tools.octavo("convert", given, "-o", tmp_path / "b.onnx", "--opset", 19, "--json")
    said = json.loads(run.stdout)
    assert said["identical_in"] is None and "AveragePool at node n1" in said["not_identical"][0]
    run = kept.convert(given, tmp_path, "--opset", 19, "--numbers", "exact", check=False)
    assert run.returncode == 3 and "AveragePool at node n1" in run.stderr
    assert kept.convert(given, tmp_path, "--opset", 18, "--numbers", "exact").exists()


def refused(given, folder, *says, options=(), code=3):
    run = kept.convert(given, folder, *options, name="refused.onnx", check=False)
    assert run.returncode == code and run.stderr.startswith("octavo: cannot convert ")
    for text in says:
        assert text in run.stderr, run.stderr
    assert not (folder / "refused.onnx").exists()


def one_node(path, kind, *inputs, opset=21, shape=kept.IMAGE, **attributes):
    g = kept.Graph()
    y = g.op(kind, "x", *inputs, **attributes)
    return g.save(path, [(y, kept.FLOAT)], opset, inputs=[("x", TensorProto.FLOAT, shape)], ir_version=10)


CANNOT_MOVE = {
    "new_operator": (("LayerNormalization", np.ones(8, np.float32)), {}, 16, "opset 17 is the first with this operator"),
    "mish": (("Mish",), {}, 17, "opset 18 is the first with this operator"),
    "antialias": (("Resize", "", np.float32([1, 1, .5, .5])), dict(mode="linear", antialias=1), 17, "antialias 1"),
    "aspect_ratio": (("Resize", "", "", np.int64([4, 4])),
                     dict(mode="linear", axes=[2, 3], keep_aspect_ratio_policy="not_larger"), 17,
                     "keep_aspect_ratio_policy"),
    "symmetric": (("Resize", "", np.float32([1, 1, 2, 2])),
                  dict(mode="linear", coordinate_transformation_mode="half_pixel_symmetric"), 18,
                  "half_pixel_symmetric"),
    "wrap": (("Pad", np.int64([0, 0, 1, 1, 0, 0, 1, 1])), dict(mode="wrap"), 18, "mode wrap"),
    "dilations": (("AveragePool",), dict(kernel_shape=[2, 2], dilations=[2, 2]), 18, "dilations"),
    "no_axes": (("ReduceMean",), dict(noop_with_empty_axes=1), 17, "noop_with_empty_axes"),
    "allowzero": (("Reshape", np.int64([0, 3])), dict(allowzero=1), 13, "allowzero"),
}


@pytest.mark.parametrize("name", CANNOT_MOVE)
def test_what_an_opset_lacks_is_named(name, tmp_path):
    (kind, *inputs), attributes, opset, says = CANNOT_MOVE[name]
    shape = [0, 3] if name == "allowzero" else kept.IMAGE
    given = one_node(tmp_path / "given.onnx", kind, *inputs, shape=shape, **attributes)
    refused(given, tmp_path, kind, "node n0", says, options=("--opset", opset))


MOVED = {
    "pad_axes": (("Pad", np.int64([1, 2]), "", np.int64([-1])), {}),
    "resize_axes": (("Resize", "", "", np.int64([12, 5])), dict(mode="linear", axes=[3, 2])),
    "resize_scales_of_axes": (("Resize", "", np.float32([1.5, 2])), dict(mode="nearest", axes=[2, -1])),
    "reduce_axes": (("ReduceL2", np.int64([1, -1])), dict(keepdims=0)),
    "reduce_all": (("ReduceMax",), {}),
    "reduce_sum_nothing": (("ReduceSum",), dict(noop_with_empty_axes=1)),
    "group_norm": (("GroupNormalization", np.float32([2, 2, .5, .5]), np.float32([1, 1, -1, -1])), dict(num_groups=2)),
    "grid_sample": (("GridSample", np.random.default_rng(0).uniform(-1, 1, (1, 3, 3, 2)).astype(np.float32)),
                    dict(mode="cubic")),
    "average": (("GlobalAveragePool",), {}),
    "lp_pool": (("LpPool",), dict(kernel_shape=[2, 2], dilations=[1, 1], ceil_mode=0)),
}
FIRST_OPSET = {"GroupNormalization": 18, "GridSample": 16}


@pytest.mark.parametrize("name", MOVED)
def test_forms_of_each_opset(name, tmp_path):
    (kind, *inputs), attributes = MOVED[name]
    given = one_node(tmp_path / "given.onnx", kind, *inputs, **attributes)
    for opset in range(FIRST_OPSET.get(kind, 13), 22):
        low = kept.convert(given, tmp_path, "--opset", opset, name="low.onnx")
        # Opset 18's GroupNormalization is deprecated, and the checker refuses it.
        if kind != "GroupNormalization":
            onnx.checker.check_model(onnx.load(str(low)), full_check=True)
        kept.assert_same_answers(given, low)
        kept.assert_same_answers(given, kept.convert(low, tmp_path, "--opset", 21))


def test_uneven_split(tmp_path):
    g = kept.Graph()
    y, z = g.op("Split", "x", outputs=2, axis=2, num_outputs=2)
    given = g.save(tmp_path / "given.onnx", [(y, kept.FLOAT), (z, kept.FLOAT)], 18)
    for opset in kept.OPSETS:
        kept.assert_same_answers(given, kept.convert(given, tmp_path, "--opset", opset))


def test_part_of_a_shape(tmp_path):
    g = kept.Graph()
    given = g.save(tmp_path / "given.onnx", [(g.op("Shape", "x", start=-3, end=3), TensorProto.INT64),
                                             (g.op("Shape", "x", start=1), TensorProto.INT64)], 17)
    for opset in kept.OPSETS:
        kept.assert_same_answers(given, kept.convert(given, tmp_path, "--opset", opset))


def test_bodies_are_moved(tmp_path):
    def body(name, axes):
        node = helper.make_node("ReduceMean", ["x"], [name], name=name + "_mean", axes=axes)
        return helper.make_graph([node], name, [], [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)])
    g = kept.Graph()
    condition = g.op("Greater", g.op("ReduceSum", "x", keepdims=0), np.float32(0))
    y = g.op("If", condition, then_branch=body("a", [2]), else_branch=body("b", [3]))
    given = g.save(tmp_path / "given.onnx", [(y, kept.FLOAT)])
    for opset in kept.OPSETS:
        converted = kept.convert(given, tmp_path, "--opset", opset)
        onnx.checker.check_model(onnx.load(str(converted)), full_check=True)
        kept.assert_same_answers(given, converted)


def test_dynamic_quantization_is_named(tmp_path):
    given = kept.float_net(tmp_path / "float.onnx")
    kept.quantization.quantize_dynamic(str(given), str(tmp_path / "given.onnx"))
    for options in ((), ("--opset", 18), ("--dialect", "caffe2"), ("--target", "openvino")):
        refused(tmp_path / "given.onnx", tmp_path, "DynamicQuantizeLinear: dynamic quantization is not converted yet",
                "at node ", options=options)


def test_other_opsets_and_functions(tmp_path):
    given = one_node(tmp_path / "given.onnx", "Relu", opset=9)
    assert kept.convert(given, tmp_path).read_bytes() == given.read_bytes()
    refused(given, tmp_path, "opset 9", options=("--opset", 17))
    model = onnx.load(str(given))
    model.opset_import[0].version = 13
    model.functions.append(helper.make_function("own", "Own", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])],
                                                [helper.make_opsetid("", 13)]))
    onnx.save(model, str(given))
    refused(given, tmp_path, "functions of its own (Own)", options=("--opset", 17))
    refused(given, tmp_path, "functions of its own (Own)", options=("--target", "tensorrt"))


def test_optimize_is_for_other_conversions(tmp_path):
    given = kept.between_integers(tmp_path / "given.onnx", "Relu")
    refused(given, tmp_path, "--optimize", code=2, options=("--optimize",))


def test_an_operator_of_another_domain_stays(tmp_path):
    g = kept.Graph()
    y = g.op("Gelu", g.quantized("x", 0.031, np.uint8(131)), domain="com.microsoft")
    given = g.save(tmp_path / "given.onnx", [(y, kept.FLOAT)])
    model = onnx.load(str(given))
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    onnx.save(model, str(given))
    for opset in kept.OPSETS:
        kept.assert_same_answers(given, kept.convert(given, tmp_path, "--opset", opset))
