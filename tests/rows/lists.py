"""Rows that are not met, or not in every way.  These lists may only get shorter."""

# No case can be drawn: why.
NOT_DRAWN = {
    "aten::__interpolate.scale": "PyTorch 1.13 has no overload of this name",
    "aten::requires_grad": "PyTorch 1.13 does not have it",
    "quantized::max_pool3d": "PyTorch 1.13 does not have it",
    "aten::_empty_affine_quantized": "memory that nothing was written to has no answer",
    "aten::cuda": "needs a GPU",
    "aten::pin_memory": "needs a GPU",
}
# What Octavo says of single cases that it does not convert; with bad luck it is all of a row's.
LIMITS = ("quint8 activations only", "per-tensor scales only", "quantized per-channel", "caffe2 dialect (opset 9)", "needs ONNX opset", "takes floating-point tensors only",
          "must be floating-point", "windows of different sizes", "operands must have the same dtype", "arithmetic on bool", "Call .dequantize() on them first",
          "does not fit into the padded size", "either one output size", "may hold negative indices", "no 8-bit dtype contains it",
          "would depend on the data", "arange of", "arange with float bounds", "they must have the same dtype", "takes numbers only", "bools is not supported",
          "must be a constant with per-tensor quantization")
# Rows all of whose cases Octavo refuses, by way.
RESULTS = ("aten::native_batch_norm", "aten::native_layer_norm", "aten::*_cachemask*",  # the further results are for training
           "aten::view.dtype")  # PyTorch reads the number in a saved program as a size
REFUSED = {"qdq": RESULTS, "caffe2": RESULTS, "onnxruntime": RESULTS}

# An addition does not say that PyTorch had a tensor given for its result, for which it adds reals.
ADDS_REALS = ("quantized::add.out", "quantized::add_relu.out")
# One step off at most: what two things that compute the same answer have apart, as seen in 20 cases of every row.
APART = {
    # PyTorch's own scales and arithmetic.
    "qdq": ADDS_REALS,
    "caffe2": ADDS_REALS,
    "engine": (),
    # PyTorch's answer is not one value: its vector loops round otherwise than what is left of them (docs/numbers.md).
    "onnxruntime": ("aten::leaky_relu", "aten::cat", "quantized::cat_relu_out"),
}
# Single cases for which ONNX Runtime has no kernel, though ONNX has the operator.
NO_KERNEL = {
    "aten::masked_fill.*": "Where of bools",
    "aten::where.self": "Where of bools",
    "aten::pixel_shuffle": "DepthToSpace of integers",
    "aten::one_hot": "OneHot of a scalar",
}
# Only PyTorch's onednn engine packs these, and it answers up to 76 steps otherwise; ONNX Runtime and the engine agree.
NOT_PYTORCH = ("quantized::conv3d*", "quantized::conv_transpose3d")
