"""Calls with arguments that do not fit of which Octavo and PyTorch 1.13 are known to say something different, and why.

A line is a pattern of rows' names, a regular expression, and the reason.  What is only a limit of Octavo must be refused in words of
its own; a wrong shape or a wrong number never stands here.
"""
import misfit_layers

# Octavo refuses, in the words of the expression, what PyTorch takes.
REFUSED = (
    # Dtypes.
    ("*", "takes floating-point tensors only|must be floating-point|takes float32 only", "ONNX's operator has no other dtypes"),
    ("*", r"arithmetic on \w+ is not supported|clamping bools is not supported", "ONNX Runtime or the reference has no such arithmetic"),
    ("*", "operands must have the same dtype|Convert the bounds to the dtype of self", "PyTorch promotes dtypes where ONNX has no operator for that"),
    ("*", "cannot be dequantized because its scale is unknown", "of integers PyTorch makes floats"),
    ("*", r"a new tensor of dtype q|dtype q\w+ is not supported here", "a quantized tensor needs a scale"),
    ("*", r"takes numbers only|reduction in \w+ is not supported by ONNX|maximum or minimum of bools|constant padding of a \w+ tensor", "ONNX has no such operator"),
    ("aten::prelu", "does not take quantized tensors", "a limit; quantized::prelu is supported"),
    ("aten::arange*", r"arange of \w+ is not supported|with float bounds and an integer dtype", "ONNX's Range has no other dtypes"),
    ("aten::embedding", "quantized weights are not supported", "PyTorch moves their bytes as floats"),
    ("aten::meshgrid*", "meshgrid of quantized tensors", "a limit"),
    ("aten::masked_fill.Tensor", "needs a number as value", "a limit"),
    ("aten::masked_fill*", "argument mask must be bool", "PyTorch 2 refuses it, too"),
    # Quantization that no observer gives.
    ("*", r"the scale \S+ is not a positive float32 number", "PyTorch computes with it"),
    ("*", r"the zero point \S+ is out of range for", "PyTorch computes with it"),
    ("*", "quantized per-channel|per-tensor quantization only|per-tensor scales only", "a limit"),
    ("*", "arguments quant_min and quant_max must be 32-bit integers|scales do not fit a tensor", "PyTorch reads what is there"),
    # Modes.
    ("*dropout", "dropout in training mode", "random"),
    ("aten::tensor_split.indices", "must be in ascending order", "parts that overlap are no split"),
    ("aten::one_hot", "would depend on the data", "a limit"),
    ("aten::reflection_pad*", r"argument padding must have \d+ elements", "PyTorch reads the first ones"),
    ("aten::mT", "needs a tensor of rank 2 or more, not 0", "PyTorch 2 refuses it, too"),
    ("aten::index_select", "indexed with one element only", "PyTorch 2 refuses it, too"),
    ("aten::*pad*", "circular padding must not be negative", "a limit"),
    ("aten::*grid_sampler*", "combination of interpolation_mode and padding_mode", "PyTorch takes any number for the last mode"),
    # Empty tensors and windows.
    ("aten::mean*", "mean of an empty quantized tensor", "0 / 0 has no level"),
)

# Octavo takes what PyTorch refuses, in the words of the expression.
ACCEPTED = (
    ("aten::cuda", "not linked with support for cuda", "moves nothing here"),
    ("*", "qnnpack_\\w+\\(\\): Got empty input tensor", "other engines give an empty tensor"),
    ("*", "not implemented for '(Half|BFloat16)'", "newer versions have it"),
    ("aten::*pad*", "not implemented for '(Long|Int|Short|Char|Byte)'", "newer versions have it"),
    ("aten::*pad*", "(Could not run|false INTERNAL ASSERT FAILED.*Quantizer)", "of quantized tensors: a form of dequantize, pad, quantize"),
    ("aten::clamp_m*", "Could not run.*QuantizedCPU|promoteTypes with quantized numbers", "a form of dequantize, clamp, quantize"),
    ("aten::*pad*", "Invalid padding size|reflect.*Only 2D|2D or 3D .* expected for input", "newer versions take images without a batch"),
    ("aten::requires_grad_", "[Oo]nly Tensors of floating point.* require gradients", "no gradients are computed here"),
    ("aten::pin_memory", "Could not run", "moves nothing here"),
    ("aten::gather", "Expected dtype int64 for index", "newer versions take int32"),
    ("aten::index.Tensor", "must be long, byte or bool tensors", "newer versions take int32"),
    ("aten::to.prim_*", "Creation of quantized tensor requires quantized dtype", "with copy=True PyTorch reads a dtype that was not given"),
)

# Octavo's converter takes what PyTorch refuses, in the words of the expression, when it sees the elements of a tensor.
CONVERTED = (
    ("*", "index out of range|INDICES element|self indexing axis dim should be positive|ZeroDivisionError|out of bounds|is out of range for|Class values must be", "indices"),
    ("*", "can't allocate memory|Storage size calculation overflowed|DefaultCPUAllocator|bad_alloc|overflow", "what runs it needs the memory"),
)

# Both take it, and Octavo's answer is of another type: in the words of the expression.
OTHER_TYPES = (
    ("aten::to.prim_*", "^ok", "with copy=True PyTorch reads a dtype that was not given"),
)

REFUSED += misfit_layers.REFUSED
ACCEPTED += misfit_layers.ACCEPTED
CONVERTED += misfit_layers.CONVERTED
