"""Rows that no line of the tables compares with PyTorch, and why.  This list may only shrink."""

INTO_ANOTHER = """
quantized::add.Scalar_out quantized::add_relu.Scalar_out quantized::add_scalar_out quantized::add_scalar_relu_out
quantized::cat_out quantized::cat_relu_out quantized::mul.Scalar_out quantized::mul_relu.Scalar_out quantized::mul_scalar_out
quantized::mul_scalar_relu_out
"""
OLDER = """
quantized::conv2d quantized::conv2d_relu quantized::conv3d quantized::conv3d_relu
"""
OTHER_NAMES = """
aten::__interpolate aten::add.Scalar aten::clip aten::clip.Tensor aten::concat aten::concatenate aten::conv1d
aten::conv1d.padding aten::conv2d aten::conv2d.padding aten::conv3d aten::conv3d.padding aten::conv_transpose1d
aten::conv_transpose2d aten::conv_transpose3d aten::convolution aten::cpu aten::cuda aten::div.Scalar aten::div.Scalar_mode
aten::divide.Scalar aten::divide.Scalar_mode aten::divide.Tensor aten::divide.Tensor_mode aten::floor_divide.Scalar
aten::greater.Scalar aten::greater.Tensor aten::greater_equal.Scalar aten::greater_equal.Tensor aten::less.Scalar
aten::less.Tensor aten::less_equal.Scalar aten::less_equal.Tensor aten::moveaxis.intlist aten::mul.Scalar aten::multiply.Scalar
aten::multiply.Tensor aten::not_equal.Scalar aten::not_equal.Tensor aten::requires_grad aten::requires_grad_ aten::rsub.Tensor
aten::split aten::sub.Scalar aten::subtract.Scalar aten::subtract.Tensor aten::swapaxes aten::swapdims aten::to.dtype_layout
aten::to.other aten::to.prim_Device aten::to.prim_dtype aten::to.prim_other aten::true_divide.Scalar aten::true_divide.Tensor
quantized::add.Scalar quantized::add_relu.Scalar quantized::mul.Scalar quantized::mul_relu.Scalar
"""
ROWS = dict.fromkeys(INTO_ANOTHER.split(), "the same kernel as the form that makes its own result")
ROWS |= dict.fromkeys(OLDER.split(), "PyTorch 1.13 cannot call it by name; the same kernel as the form .new")
ROWS |= dict.fromkeys(OTHER_NAMES.split(), "tracing records the operator that it is another name or form of, which is compared")
ROWS |= dict.fromkeys(("quantized::max_pool3d", "aten::__interpolate.scale"), "PyTorch 1.13 does not have it")
ROWS |= {
    "aten::_empty_affine_quantized": "memory that nothing was written to has no answer",
    "aten::pin_memory": "needs a GPU",
    "aten::view.dtype": "PyTorch reads the number in a saved program as a size",
}
