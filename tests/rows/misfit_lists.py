"""Calls with arguments that do not fit of which Octavo and PyTorch 1.13 are known to say something different, and why.

A line is a pattern of rows' names, a regular expression, and the reason.  What is only a limit of Octavo must be refused in words of
its own; a wrong shape or a wrong number never stands here.
"""

# Octavo refuses, in the words of the expression, what PyTorch takes.
REFUSED = (
    # Dtypes.
    ("*", "takes floating-point tensors only|must be floating-point|takes float32 only", "ONNX's operator has no other dtypes"),
    ("*", r"arithmetic on \w+ is not supported|clamping bools is not supported", "ONNX Runtime or the reference has no such arithmetic"),
    ("*", "operands must have the same dtype|Convert the bounds to the dtype of self", "PyTorch promotes dtypes where ONNX has no operator for that"),
    ("*", "cannot be dequantized because its scale is unknown", "of integers PyTorch makes floats"),
    ("*", "a new tensor of dtype q", "a quantized tensor needs a scale"),
    ("aten::arange*", r"arange of \w+ is not supported|with float bounds and an integer dtype", "ONNX's Range has no other dtypes"),
    ("aten::embedding", "quantized weights are not supported", "PyTorch moves their bytes as floats"),
    ("aten::meshgrid*", "meshgrid of quantized tensors", "a limit"),
    ("aten::masked_fill.Tensor", "needs a number as value", "a limit"),
    ("aten::masked_fill*", "argument mask must be bool", "PyTorch 2 refuses it, too"),
    # Quantization that no observer gives.
    ("*", r"the scale \S+ is not a positive float32 number", "PyTorch computes with it"),
    ("*", "quantized per-channel|per-tensor quantization only|per-tensor scales only", "a limit"),
    ("*", "arguments quant_min and quant_max must be 32-bit integers|scales do not fit a tensor", "PyTorch reads what is there"),
    # Modes.
    ("aten::*dropout", "dropout in training mode", "random"),
    ("aten::*grid_sampler*", "combination of interpolation_mode and padding_mode", "PyTorch takes any number for the last mode"),
    # Empty tensors and windows.
    ("aten::mean*", "mean of an empty quantized tensor", "0 / 0 has no level"),
)

# Octavo takes what PyTorch refuses, in the words of the expression.
ACCEPTED = (
    ("aten::cuda", "not linked with support for cuda", "moves nothing here"),
    ("*", "qnnpack_\\w+\\(\\): Got empty input tensor", "other engines give an empty tensor"),
    ("*", "not implemented for 'Half'", "newer versions have it"),
)

# Octavo's converter takes what PyTorch refuses, in the words of the expression, when it sees the elements of a tensor.
CONVERTED = (
    ("*", "index out of range|out of bounds|is out of range for|Class values must be", "indices"),
)

# Both take it, and Octavo's answer is of another type: in the words of the expression.
OTHER_TYPES = (
)
