"""Each single-layer model, in each saved form, gives PyTorch's answer in ONNX Runtime."""
import json
import re

import numpy as np
import pytest

import edges
import tools

FOLDERS = sorted(f.parent for f in (tools.MODELS / "layers").glob("*/case.json"))
CASES = [pytest.param(folder, form, id="%s-%s" % (folder.name, form))
         for folder in FOLDERS for form in tools.case(folder)["forms"]]
OPSETS = ("add", "conv2d_relu_padding", "conv2d_per_channel", "linear_2d", "cat", "hardswish", "leaky_relu", "avg_pool2d_stride",
          "mean_spatial", "bilinear2d_factor", "pad_constant", "slice_step", "chunk", "squeeze", "batch_norm2d", "float_layer_norm",
          "float_conv2d", "float_sum", "float_split", "float_gelu", "softmax", "float_hardswish", "reshape", "mul_relu",
          "dequantized_linear_no_bias_3d", "dequantized_addmm", "dequantized_zero_point_uint8", "dequantized_after_quantized")
# Layers whose results' sizes are other formulas of the inputs' sizes.
OPEN_SIZES = (
    "add", "adaptive_avg_pool2d_1", "avg_pool2d_padding", "avg_pool2d_stride", "bilinear2d_factor", "cat_dim0",
    "dequantized_attention", "dequantized_linear_3d", "dequantized_linear_no_bias_2d", "dequantized_linear_no_bias_3d",
    "dequantized_product_plain_per_channel_3d", "dequantized_product_transposed_3d",
    "conv1d_dilation", "conv2d_non_square", "conv2d_relu_stride", "conv2d_reflect", "conv_transpose2d_output_padding",
    "flip", "float_avg_pool2d_ceil", "float_conv2d_circular", "float_conv_transpose1d", "float_einsum", "float_linear_3d", "float_matmul_4d",
    "float_max_pool2d_dilation", "float_pixel_shuffle", "float_window_avg_pool2d_ceil_exclude", "float_window_max_pool2d_ceil_dilation",
    "linear_2d", "linear_3d", "max_pool2d_ceil", "max_pool2d_ceil_dilation", "mean_last_keep",
    "mul_broadcast", "mul_broadcast_rank", "pad_negative", "pad_reflect", "quantized_matmul", "select_negative",
    "slice_negative", "slice_step", "softmax", "squeeze", "stack", "unsqueeze")
# What a model may need to say that types change: their meaning, not a way around something.
CASTS = {"float_compare", "fused_bert", "fused_bert_embedded", "fused_bool_cast", "fused_double_cast", "fused_half_cast",
         "fused_integer_cast"}


# scripts/test --all also has models that pip's PyTorch makes.  Its way to quantize needs float64.
NEWEST = tools.MODELS.name == "models-newest"
ENGINE = ("--engine", "qnnpack-x86") if NEWEST else tools.QNNPACK
ALLOWED = ("Cast",) if NEWEST else ()
# No form in ONNX Runtime has these results of pip's PyTorch, whose sums and blocks of channels round in more than one
# way; the export says so.  This list may only get shorter.
ONE_STEP = {"adaptive_avg_pool2d_uneven_channels_last_signed", "avg_pool2d_ceil_channels_last", "avg_pool2d_signed_channels_last",
            "mean_batch"} if NEWEST else set()


def check(folder, onnx_file):
    case, want = tools.case(folder), tools.arrays(folder, "out")
    spelled = case["name"] in CASTS or "proven_batch_norm" in case["name"]
    model = tools.check_model(onnx_file, allowed=("Cast",) if spelled else ALLOWED)
    edges.check(onnx_file, tools.arrays(folder, "in"))
    got = tools.run(onnx_file, tools.arrays(folder, "in"))
    assert len(got) == len(want)
    known = tools.quantizations(model)
    for value, answer, output, graph_output in zip(got, want, case["outputs"], model.graph.output):
        quantized = output["quantization"]
        if quantized:
            said = known[graph_output.name]
            assert (said["dtype"], said["zero_point"]) == (quantized["dtype"], quantized["zero_point"])
            assert np.float32(said["scale"]) == np.float32(quantized["scale"])
        if folder.name in ONE_STEP:
            assert value.shape == answer.shape and value.dtype == answer.dtype and tools.difference(value, answer)[1] == 1
        else:
            tools.assert_same(value, answer)


@pytest.mark.parametrize("folder, form", CASES)
def test_equals_pytorch(folder, form, tmp_path):
    specs = [i["spec"] for i in tools.case(folder)["inputs"]]
    check(folder, tools.export(folder / (form + ".pt"), tmp_path / "out.onnx", specs, *ENGINE))


@pytest.mark.parametrize("opset", [13, 14, 15, 16, 18, 19, 20, 21])
@pytest.mark.parametrize("name", OPSETS)
def test_every_opset(name, opset, tmp_path):
    folder = tools.MODELS / "layers" / name
    specs = [i["spec"] for i in tools.case(folder)["inputs"]]
    out = tools.export(folder / "traced.pt", tmp_path / "out.onnx", specs, "--opset", opset, *ENGINE)
    assert {o.version for o in tools.check_model(out, ALLOWED).opset_import if o.domain == ""} == {opset}
    check(folder, out)


@pytest.mark.parametrize("name", OPEN_SIZES)
def test_open_sizes(name, tmp_path):
    """Where no size is known, those between the nodes are the formulas that value_info has, or not said."""
    folder = tools.MODELS / "layers" / name
    specs = []
    for i, x in enumerate(tools.case(folder)["inputs"]):
        before, sizes, after = re.fullmatch(r"(.*\[)([^]]*)(\].*)", x["spec"]).groups()
        specs.append(before + ",".join("S%d_%d" % (i, d) for d in range(len(sizes.split(",")))) + after)
    check(folder, tools.export(folder / "traced.pt", tmp_path / "out.onnx", specs, *ENGINE))


def test_same_bytes_each_time(tmp_path):
    folder = tools.MODELS / "layers" / "conv2d_per_channel"
    specs = [i["spec"] for i in tools.case(folder)["inputs"]]
    made = [tools.export(folder / "traced.pt", tmp_path / name, specs).read_bytes() for name in ("a.onnx", "b.onnx")]
    assert made[0] == made[1]


# Operators that have a row and no layer here: mostly other names, which PyTorch 1.13 replaces when it saves, and
# which other versions keep.  This list may only get shorter.
WITHOUT_A_LAYER = set("""
    aten::_cast_Double aten::_cast_Float aten::_cast_Int aten::_cast_Long aten::_empty_affine_quantized
    aten::_pad_circular aten::_to_copy aten::alias_copy aten::clip aten::concat aten::concatenate
    aten::convolution aten::cpu aten::cuda aten::detach_copy aten::divide aten::expand_copy
    aten::greater aten::greater_equal aten::grid_sampler_2d
    aten::grid_sampler_3d aten::less aten::less_equal aten::lift_fresh aten::lift_fresh_copy
    aten::moveaxis aten::multiply aten::not_equal aten::pin_memory aten::quantize_per_channel
    aten::reflection_pad1d aten::reflection_pad3d aten::replication_pad1d aten::replication_pad2d
    aten::replication_pad3d aten::requires_grad aten::requires_grad_ aten::select_copy aten::slice_copy
    aten::subtract aten::swapaxes aten::swapdims aten::true_divide aten::view_copy quantized::add_out
    quantized::add_relu_out quantized::add_scalar_out quantized::add_scalar_relu_out quantized::cat_out
    quantized::cat_relu_out quantized::max_pool3d quantized::mul_out quantized::mul_relu_out
    quantized::mul_scalar_out quantized::mul_scalar_relu_out
""".split())


def test_every_row_has_a_layer():
    rows = {row["operator"].split(".")[0] for row in json.loads(tools.octavo("ops", "--json").stdout)["operators"]}
    in_layers = {name for folder in FOLDERS for name in tools.case(folder)["operators"]}
    assert not rows - in_layers - WITHOUT_A_LAYER, "rows without a layer in tests/models/layers"
    assert not WITHOUT_A_LAYER & in_layers, "these have a layer now: take them off the list"
