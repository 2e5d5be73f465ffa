"""Rows that no line of the tables compares with PyTorch, and why.  This list may only shrink."""

INTO_ANOTHER = """
quantized::add.Scalar_out quantized::add.out quantized::add_out quantized::add_relu.Scalar_out quantized::add_relu.out
quantized::add_relu_out quantized::add_scalar_out quantized::add_scalar_relu_out quantized::cat_out quantized::cat_relu_out
quantized::mul.Scalar_out quantized::mul.out quantized::mul_out quantized::mul_relu.Scalar_out quantized::mul_relu.out
quantized::mul_relu_out quantized::mul_scalar_out quantized::mul_scalar_relu_out
"""
OLDER = """
quantized::conv2d quantized::conv2d_relu quantized::conv3d quantized::conv3d_relu
"""
NOT_YET = """
aten::__and__.Scalar aten::__and__.Tensor aten::__interpolate aten::__interpolate.scale aten::__or__.Scalar aten::__or__.Tensor
aten::__xor__.Scalar aten::__xor__.Tensor aten::_convolution aten::_convolution_mode aten::_empty_affine_quantized aten::_to_copy
aten::arange aten::arange.start_step aten::bitwise_and.Scalar_Tensor aten::bitwise_or.Scalar_Tensor
aten::bitwise_xor.Scalar_Tensor aten::concatenate aten::conv1d.padding aten::conv2d.padding aten::conv3d.padding aten::convolution
aten::cuda aten::div.Scalar_mode aten::divide.Scalar_mode aten::divide.Tensor_mode
aten::fake_quantize_per_tensor_affine.tensor_qparams aten::floor_divide.Scalar aten::frobenius_norm.dim aten::full
aten::grid_sampler_2d aten::grid_sampler_3d aten::masked_fill.Tensor aten::meshgrid aten::meshgrid.indexing
aten::native_batch_norm aten::native_layer_norm aten::norm.Scalar aten::norm.ScalarOpt_dim_dtype aten::norm.ScalarOpt_dtype
aten::ones aten::pin_memory aten::quantize_per_tensor.tensor_qparams aten::remainder.Scalar_Tensor aten::requires_grad
aten::requires_grad_ aten::scalar_tensor aten::split aten::split.sizes aten::std aten::std.correction aten::to.device
aten::to.dtype_layout aten::to.other aten::to.prim_Device aten::to.prim_dtype aten::to.prim_other aten::var aten::var.correction
aten::view.dtype aten::where.Scalar aten::where.ScalarOther aten::where.ScalarSelf aten::zeros
"""
ROWS = dict.fromkeys(INTO_ANOTHER.split(), "the same kernel as the form that makes its own result")
ROWS |= dict.fromkeys(OLDER.split(), "PyTorch 1.13 cannot call it by name; the same kernel as the form .new")
ROWS |= dict.fromkeys(NOT_YET.split(), "no line yet; tests/numbers/test_layers_reference.py has a model of it")
ROWS["quantized::max_pool3d"] = "PyTorch 1.13 does not have it"
