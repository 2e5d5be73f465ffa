"""The same lists as misfit_lists.py, for products, convolutions, pools, normalizations, interpolations and quantized operators."""

REFUSED = (
    # Images without elements, and numbers that only make such ones.
    ("aten::*adaptive_*", r"argument output_size must be positive|output_size must have \d elements", "ONNX has no pool without an output; PyTorch adds dimensions"),
    ("aten::*", "an output size of 0 is not supported", "ONNX has no Resize to nothing"),
    ("aten::*pool*", "does not fit into the padded size", "PyTorch answers without elements"),
    ("quantized::max_pool*", r"stride cannot contain \d{10,}", "strides stay below 2^31"),
    ("aten::avg_pool*", "cannot contain|must be at most half", "of quantized tensors PyTorch does not check the window"),
    ("aten::*adaptive*", "the input has no elements", "PyTorch answers without elements"),
    ("quantized::*conv*", "the input has no elements|does not fit into an input of size", "PyTorch answers without elements"),
    ("*batch_norm*", "elements, one for each of the channels|must have a channel dimension", "PyTorch does not look where there are no elements, or reads on"),
    ("*batch_norm*", "in training mode|running_mean or running_var is missing|without running statistics", "a limit"),
    ("aten::instance_norm", "must be a vector of", "a number counts as one for each channel of one"),
    ("quantized::group_norm", "must be a vector of", "PyTorch counts the elements only"),
    ("quantized::batch_norm*", "must be float32 for an input of", "PyTorch does not look where there are no elements"),
    # What qnnpack and interpolations read on from, or do not look at.
    ("quantized::*conv*", r"the input has \d+ channels", "qnnpack does not look at the others, or reads on"),
    ("quantized::linear*", "the layer expects", "qnnpack does not look at the others, or reads on"),
    ("aten::_fake_quantize_learnable_per_tensor_affine", "must have 1 elements|must have rank 1", "PyTorch reads the first ones"),
    ("aten::__interpolate", "not both", "torch.nn.functional.interpolate refuses it, too"),
    ("aten::*grid_sampler*", r"interpolation mode -?\d+ with padding mode|the grid does not fit the input", "PyTorch takes any number for a mode"),
    ("aten::baddbmm", "must have the same dtype", "PyTorch does not look at what is multiplied by 0"),
    ("aten::addmm", "which cannot be broadcast to|must have the same dtype", "TorchScript makes a product and a sum of it; the operator itself refuses it"),
    ("aten::conv*", "must have the same dtype", "PyTorch adds the bias afterwards"),
    ("quantized::*out", "argument out has shape", "PyTorch broadcasts the result to it"),
    ("quantized::prelu", "they must have the same dtype|has 0 slopes", "PyTorch reads its bytes"),
    # Limits.
    ("quantized::*mul*", "argument b must be finite", "a limit"),
    ("*", "arguments? (b|scales?|zero_points?) is computed at run time|no overload takes these arguments", "quantization that is computed at run time"),
    ("aten::einsum", "einsum of tensors of different dtypes", "a limit"),
)

ACCEPTED = (
    ("*", r"output_size must be \d|output_size equals to \d, but got size 1|Expected no strides or 2d strides, got1", "a list of one number stands for all of them, as elsewhere"),
    ("*", r"(qnnpack|xnnp)_\w+\(\)|xnnpack|XNNPACK|ONEDNN|qnnp_status_success", "other engines take it"),
    ("aten::*upsample*", "QuantizedCPU' backend", "a form of dequantize, interpolate, quantize"),
    ("aten::__interpolate", "QuantizedCPU' backend", "a form of dequantize, interpolate, quantize"),
    ("aten::dequantize.tensors", "Could not run", "floats stay as they are"),
    ("quantized::dropout", "Could not run", "a float stays as it is"),
    ("aten::*fake_quantize*", "needs_dynamic_casting", "an assertion of PyTorch's own"),
    ("aten::*fake_quantize_per_channel*", "Zero-point must be Int32, Float or Half, found Long", "older versions take it, and take nothing else"),
    ("aten::*nearest*", r"Non-empty 5D data tensor expected but got a tensor with sizes \[0,", "a batch of no images, which other forms take"),
    ("quantized::celu", "cannot be converted to type float without overflow", "it is 0 or infinite in float32"),
)

CONVERTED = (
    ("aten::*", "QuantizedCPU' backend", "a form of dequantize, interpolate, quantize"),
    ("aten::conv*", "could not create a descriptor|should be greater than zero, but got", "numbers of a window that int32 does not hold"),
)
