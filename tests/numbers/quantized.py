"""Quantized operators: quantized::* and what aten:: operators make of quantized tensors."""
import numpy as np
import torch
import torch.ao.nn.quantized as nnq
import torch.nn.functional as F
import torch.nn.intrinsic.quantized as nniq

from draw import Refused
from table import Table

OPERATORS = table = Table()
O = torch.ops.quantized

FAR = "a real of 2^31 steps and more, or infinity, may become the lowest level"

# ---- arithmetic


def pair(d, broadcast):
    shape = d.shape()
    other = list(shape)
    if broadcast and shape:
        other = [n if d.chance(0.5) else 1 for n in shape][d.integer(0, len(shape) - 1):]
    a, b = d.q(shape), d.q(other)
    return (b, a) if d.chance(0.3) and not broadcast else (a, b)


def output(d, typical=0.03):
    return d.scale(typical), d.zero()


def far(d, f):
    """A scale of 2^10 to 2^13 times the operands': qnnpack shifts by more bits than an integer has."""
    a, b = pair(d, False)
    return f(a, b, max(a.q_scale(), b.q_scale()) * 2.0 ** d.real(10, 13), d.zero())


table("quantized::add far", lambda d: far(d, O.add), covers=(), odd="a shift by 32 bits and more leaves the low bits")
for _op in ("add", "mul"):
    for _relu in ("", "_relu"):
        _name, _f = "quantized::" + _op + _relu, getattr(O, _op + _relu)
        table(_name, lambda d, f=_f: f(*pair(d, False), *output(d)), x86_tail=_op == "add", odd=FAR)
        table(_name + " broadcast", lambda d, f=_f: f(*pair(d, True), *output(d)), covers=(), tail=_op == "add", odd=FAR)
        table(_name + ".out", lambda d, f=_f: into(d, f.out), tail=_op == "add", odd=FAR)
        table(_name + "_out", lambda d, f=getattr(O, _op + _relu + "_out"): into(d, f), tail=_op == "add", odd=FAR,
              unavoidable=0.5 if _op == "add" else 0, unavoidable_by=dict.fromkeys(("fbgemm", "onednn", "x86"), 0))
        _scalar = getattr(O, _op + "_scalar" + _relu)
        table("quantized::%s_scalar%s" % (_op, _relu), lambda d, f=_scalar: f(d.q(d.shape()), number(d)),
              covers=("quantized::%s_scalar%s" % (_op, _relu),))
        table(_name + ".Scalar2", lambda d, f=_f: f(number(d), d.q(d.shape())))


def into(d, f):
    if d.wild:
        raise Refused  # what the importer makes of it overflows elsewhere
    a, b = pair(d, False)
    return f(a, b, out=d.q(a.shape))


def number(d):
    return d.one_of(d.real(-3, 3), d.real(-3, 3), d.integer(-3, 3), 0.0, 0.5, 1e-3, 40.0)


# The matrix library adds in an order of its own, except for small batches.
table("quantized::matmul", lambda d: matmul(d, [d.size() for _ in range(d.integer(0, 2))], d.size(), d.size(20), d.size()), unavoidable=0.001)
table("quantized::matmul small batch", lambda d: matmul(d, [d.size() for _ in range(d.integer(1, 2))], *d.one_of((7, 8, 7), (3, 40, 3), (1, 19, 21))),
      covers=())


def matmul(d, batch, m, k, n):
    a, b = d.q(batch + [m, k]), d.q(batch + [k, n])
    ties = a.q_scale() * b.q_scale() * 2.0 ** d.integer(2, 10)
    return O.matmul(a, b, ties if d.chance(0.7) else d.scale(0.02), d.zero())


def masked_fill(d):
    """With a number that lies at a tie, or is none."""
    shape = d.shape()
    x = d.q(shape)
    steps = float(d.integer(-300, 300)) + d.one_of(0.5, 0.5, d.real(-1, 1))
    return x.masked_fill(d.b(shape), d.one_of(steps * x.q_scale(), steps * x.q_scale(), float("nan"), -1e9))


table("aten::masked_fill quantized", masked_fill, covers=())


def cat(d, f, same=False):
    shape = d.shape(1, 2, 3, 4)
    axis = d.integer(0, len(shape) - 1)
    operands = []
    scale, zero = d.scale(), d.zero()
    channels_last = len(shape) == 4 and d.chance(0.5)
    if channels_last and d.chance(0.7):
        axis = 1
    for _ in range(d.integer(1, 3)):
        own = list(shape)
        own[axis] = d.size() if d.chance(0.7) else d.integer(8, 40)
        x = d.q(own, scale=scale if same or d.chance(0.3) else None, zero_point=zero if same else None, channels_last=False)
        operands.append(d.channels_last(x, 0.9) if channels_last else x)
    ties = operands[0].q_scale() * d.integer(1, 12) / d.integer(1, 12), d.zero()
    return f(operands, axis if d.chance(0.7) else axis - len(shape), *d.one_of((scale, zero), ties, output(d)))


for _relu in ("", "_relu"):
    table("quantized::cat" + _relu, lambda d, f=getattr(O, "cat" + _relu): cat(d, f))
table("aten::cat quantized", lambda d: cat(d, lambda x, axis, s, z: torch.cat(x, axis), same=True), covers=())

# ---- convolutions and linear layers


def weight(d, shape, per_channel, axis=0):
    scale, levels = d.scale(0.02), d.levels(tuple(shape), torch.qint8, 0)
    levels = torch.from_numpy(levels).to(torch.int8)
    if not per_channel:
        return torch._make_per_tensor_quantized_tensor(levels, scale, d.one_of(0, 0, 0, 3, -128))
    scales = torch.from_numpy(scale * (0.3 + d.rng.random(shape[axis])))
    return torch._make_per_channel_quantized_tensor(levels, scales, torch.zeros(shape[axis], dtype=torch.int64), axis)


def layer(d, make, shape, channels, fan_in, x_scale, per_channel, axis=0):
    """The module that `make` gives, with weights, and an output scale that fits them."""
    w = weight(d, shape, per_channel, axis)
    w_scale = float(w.q_per_channel_scales().mean() if per_channel else w.q_scale())
    step = x_scale * w_scale * (max(fan_in, 1) ** 0.5) * 50
    b = torch.from_numpy(d.rng.normal(0, step * 30, channels)).float() if d.chance(0.8) else None
    scale, zero = d.near(step), d.zero()
    m = make(b is not None)
    m.set_weight_bias(w, b)
    m.scale, m.zero_point = scale, zero
    return m


def conv(d, cls, dims, transposed=False):
    groups = d.one_of(1, 1, 2, 3)
    depthwise = d.chance(0.2) and not transposed
    cin, cout = groups * d.integer(1, 5), groups * d.integer(1, 5)
    if depthwise:
        groups = cin
        cout = cin * d.one_of(1, 1, 2)
    kernel = [d.integer(1, 4) for _ in range(dims)]
    stride = [d.integer(1, 3) for _ in range(dims)]
    dilation = [d.one_of(1, 1, 2) for _ in range(dims)]
    padding = [d.integer(0, 2) for _ in range(dims)]
    if d.engine != "qnnpack" and d.chance(0.4) and not transposed:
        cin, cout, groups = of_vectors(d, dims, kernel, stride, dilation, padding)
    if d.engine in ("onednn", "x86") and transposed:
        cout = cin  # PyTorch is wrong otherwise (docs/numbers.md)
        stride = [min(s, l * (k - 1) + 1) for s, k, l in zip(stride, kernel, dilation)]  # likewise
    x_scale = d.scale()
    shape = [d.one_of(0, 1, 1, 2, 3) if d.chance(0.2) else 1, cin] + [d.size(12) for _ in range(dims)]
    for size, k, p, l in zip(shape[2:], kernel, padding, dilation):
        if not transposed and size + 2 * p < l * (k - 1) + 1:
            raise Refused  # qnnpack ends the process
    if d.engine in ("onednn", "x86") and not transposed and onednn_is_wrong(shape[2:], kernel, stride, padding, dilation, groups == cin < cout):
        raise Refused
    x = d.q(shape, scale=x_scale)
    per_channel = d.chance(0.4) and not (transposed and (groups > 1 or dims == 3 and d.engine != "qnnpack"))
    options = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)
    if transposed:
        options["output_padding"] = [d.integer(0, max(0, max(s, k) - 1)) if d.chance(0.3) else 0 for s, k in zip(stride, dilation)]
    w_shape = ([cin, cout // groups] if transposed else [cout, cin // groups]) + kernel
    fan_in = cin // groups * int(torch.Size(kernel).numel())
    axis = 1 if transposed else 0
    make = lambda bias: cls(cin, cout, kernel, bias=bias, **options)
    m = d.part(lambda: saved(d, dims, lambda: layer(d, make, w_shape, cout, fan_in, x_scale, per_channel, axis)))
    if dims < 3 or d.given is not None:
        return m(x)
    if d.engine == "qnnpack" or (d.engine == "qnnpack-x86" and transposed):
        return exact(d, m, x)
    again = make(m.bias() is not None)
    again.set_weight_bias(m.weight(), m.bias())
    again.scale, again.zero_point = m.scale, m.zero_point
    return again(x)


def saved(d, dims, make):
    """A module.  PyTorch cannot save those over three dimensions that qnnpack has packed."""
    return make() if dims < 3 or d.engine != "qnnpack-x86" else with_fbgemm(make)


def with_fbgemm(f):
    engine = torch.backends.quantized.engine
    torch.backends.quantized.engine = "fbgemm"
    try:
        return f()
    finally:
        torch.backends.quantized.engine = engine


def onednn_is_wrong(sizes, kernel, stride, padding, dilation, multiplies):
    """Where a dimension of the result has one element (docs/numbers.md).  `multiplies`: depthwise with more channels than it is given."""
    out = [(n + 2 * p - l * (k - 1) - 1) // s + 1 for n, k, s, p, l in zip(sizes, kernel, stride, padding, dilation)]
    if multiplies and 1 in out and (max(stride) > 1 or len(out) == 3):
        return True
    return any(n == 1 and l > 1 and p > 0 for n, l, p in zip(out, dilation, padding))


def of_vectors(d, dims, kernel, stride, dilation, padding):
    """Channels for which FBGEMM has kernels of their own: depthwise, whose sums saturate; and some where it just has not."""
    channels = 8 * d.integer(1, 3)
    if d.chance(0.3):
        return channels, 8 * d.integer(1, 3), d.one_of(1, 2, 4, 8)
    size = d.one_of(3, 3, 5, 7, 9) if dims == 2 else 3
    for i in range(dims):
        kernel[i], stride[i], dilation[i], padding[i] = size, d.one_of(1, 2), 1, size // 2
    if d.chance(0.3):
        which = d.integer(0, dims - 1)
        d.one_of(kernel, stride, dilation, padding)[which] = d.integer(1, 3)
    return channels, channels * d.one_of(1, 1, 2, 3), channels


def exact(d, m, x):
    """Of three dimensions, which qnnpack cannot save, and computes wrong where they are transposed: its formula, with sums in float64, which holds them exactly."""
    w, bias = (m.weight(), m.bias()) if d.engine == "qnnpack" else with_fbgemm(lambda: (m.weight(), m.bias()))
    x_scale = x.q_scale()
    if d.dtype != torch.quint8 or x.numel() == 0:
        raise Refused
    channels = [-1, 1, 1, 1]
    per_channel = w.qscheme() == torch.per_channel_affine
    scales = (w.q_per_channel_scales() if per_channel else torch.tensor([w.q_scale()], dtype=torch.float64)).view(channels)
    levels, weights = x.int_repr().double() - x.q_zero_point(), w.int_repr().double() - (0 if per_channel else w.q_zero_point())
    if "Transpose" in type(m).__name__:
        sums = torch.conv_transpose3d(levels, weights, None, m.stride, m.padding, m.output_padding, m.groups, m.dilation)
    else:
        sums = torch.conv3d(levels, weights, None, m.stride, m.padding, m.dilation, m.groups)
    if bias is not None:
        sums = sums + torch.round(bias.view(channels) * (1 / (scales * x_scale).float())).clamp(-2.0**31, 2.0**31 - 1).double()
    if (sums.float() * scales.float() * torch.tensor(x_scale).float() * (1 / torch.tensor(m.scale).float())).abs().max() >= 2.0**31:
        raise Refused
    multiplier = scales.float() * torch.tensor(x_scale).float() * (1 / torch.tensor(m.scale).float())
    low = m.zero_point if "ReLU" in type(m).__name__ else 0
    y = (torch.round(sums.float() * multiplier) + m.zero_point).clamp(low, 255).to(torch.uint8)
    return torch._make_per_tensor_quantized_tensor(y, m.scale, m.zero_point)


LARGE = "a sum times the multiplier of 2^31 and more becomes the lowest level"
for _dims in (1, 2, 3):
    _options = dict(odd=LARGE, engine="onednn" if _dims == 3 else "qnnpack")
    table("quantized::conv%dd" % _dims, lambda d, n=_dims: conv(d, getattr(nnq, "Conv%dd" % n), n),
          covers=["quantized::conv%dd%s" % (_dims, "" if _dims == 1 else ".new")], **_options)
    table("quantized::conv%dd_relu" % _dims, lambda d, n=_dims: conv(d, getattr(nniq, "ConvReLU%dd" % n), n),
          covers=["quantized::conv%dd_relu%s" % (_dims, "" if _dims == 1 else ".new")], **_options)
    table("quantized::conv_transpose%dd" % _dims, lambda d, n=_dims: conv(d, getattr(nnq, "ConvTranspose%dd" % n), n, True),
          unavoidable_by={"onednn": 0.001, "x86": 0.001}, **_options)  # oneDNN has two kernels for them


def linear(d, cls):
    cin, cout = d.size(40), d.size(20)
    x_scale = d.scale()
    x = d.q([d.size() for _ in range(d.integer(1, 3))] + [cin], scale=x_scale, channels_last=False)
    return d.part(lambda: layer(d, lambda bias: cls(cin, cout, bias), [cout, cin], cout, cin, x_scale, d.chance(0.4)))(x)


table("quantized::linear", lambda d: linear(d, nnq.Linear), odd=LARGE)
table("quantized::linear_relu", lambda d: linear(d, nniq.LinearReLU), odd=LARGE)

# ---- activations

ACTIVATIONS = {
    "aten::relu": lambda d, x: torch.relu(x),
    "aten::relu6": lambda d, x: F.relu6(x),
    "quantized::relu6": lambda d, x: O.relu6(x, False),
    "aten::hardtanh": lambda d, x: F.hardtanh(x, *sorted((d.real(-2, 2), d.real(-2, 2)))),
    "aten::clamp": lambda d, x: torch.clamp(x, *sorted((d.real(-2, 2), d.real(-2, 2)))),
    "quantized::clamp": lambda d, x: O.clamp(x, *sorted((d.real(-2, 2), d.real(-2, 2)))),
    "aten::sigmoid": lambda d, x: torch.sigmoid(x),
    "quantized::sigmoid": lambda d, x: O.sigmoid(x, *d.one_of((1 / 256, 0), output(d, 1 / 256))),
    "aten::tanh": lambda d, x: torch.tanh(x),
    "aten::hardsigmoid": lambda d, x: F.hardsigmoid(x),
    "quantized::hardswish": lambda d, x: O.hardswish(x, d.near(0.02), d.zero()),
    "aten::leaky_relu": lambda d, x: F.leaky_relu(x, d.real(-0.5, 1.5)),
    "quantized::leaky_relu": lambda d, x: O.leaky_relu(x, d.real(-0.5, 1.5), False, d.near(0.02), d.zero()),
    "quantized::elu": lambda d, x: O.elu(x, d.near(0.02), d.zero(), d.real(0.1, 2), d.one_of(1.0, d.real(0.1, 2)), d.one_of(1.0, d.real(0.1, 2))),
    "quantized::celu": lambda d, x: O.celu(x, d.near(0.02), d.zero(), d.real(0.1, 2)),
    "aten::gelu": lambda d, x: F.gelu(x, approximate=d.one_of("none", "none", "tanh")),
    "aten::threshold": lambda d, x: F.threshold(x, d.real(-2, 2), d.real(-2, 2)),
    "quantized::threshold": lambda d, x: O.threshold(x, d.real(-2, 2), d.real(-2, 2)),
}
INTEGERS = ("relu", "relu6", "hardtanh", "clamp")


def activation(d, f, integers):
    shape = d.shape()
    if 0 in shape:
        raise Refused  # qnnpack's tables end the process
    return f(d, d.q(shape, channels_last=not integers))


for _name, _f in ACTIVATIONS.items():
    _integers = _name.split("::")[1] in INTEGERS
    table(_name + (" quantized" if _name.startswith("aten") else ""), lambda d, f=_f, i=_integers: activation(d, f, i),
          covers=(_name,), tail=not _integers, odd=FAR)


def prelu(d):
    shape = d.shape(2, 3, 4)
    channels = shape[1] if d.chance(0.7) else 1
    low, high = (0, 255) if d.dtype == torch.quint8 else (-128, 127)
    scale, zero = d.scale(), d.zero()
    levels = torch.from_numpy(d.rng.integers(low, high, channels, endpoint=True)).to(torch.uint8 if low == 0 else torch.int8)
    x = d.q(shape)
    return O.prelu(x, d.part(lambda: torch._make_per_tensor_quantized_tensor(levels, scale, zero)), *output(d))


table("quantized::prelu", prelu, odd=FAR)


def softmax(d):
    shape = d.shape(1, 2, 3, 4, most=20)
    if 0 in shape:
        raise Refused  # qnnpack ends the process
    x = d.q(shape, strided=False)
    return O.softmax(x, d.integer(-len(shape), len(shape) - 1), *d.one_of((1 / 256, 0), (1 / 256, 0), output(d, 1 / 256)))


table("quantized::softmax", softmax)
table("quantized::dropout", lambda d: O.dropout(d.q(d.shape()), d.scale(), d.zero(), 0.5, False))

# ---- normalizations


def batch_norm(d, f, ranks):
    c = d.size(40)
    x = d.q([d.one_of(1, 2, 3), c] + [d.size() for _ in range(d.one_of(*ranks) - 2)])
    return f(x, d.parameter([c], -1, 2), d.parameter([c], -1, 1), d.parameter([c], -1, 1), d.parameter([c], 0.01, 2),
             d.one_of(1e-5, 1e-3), d.near(0.03), d.zero())


for _relu in ("", "_relu"):
    for _kind, _ranks in (("", (2, 3, 4, 5)), ("1d", (2, 3)), ("2d", (4,)), ("3d", (5,))):
        _name = "batch_norm%s%s" % (_kind, _relu)
        table("quantized::" + _name, lambda d, f=getattr(O, _name), r=_ranks: batch_norm(d, f, r), odd=FAR)


def layer_norm(d):
    shape = d.shape(1, 2, 3, 4, most=40)
    own = shape[-d.integer(1, len(shape)):]
    x = d.q(shape)
    return O.layer_norm(x, own, d.parameter(own), d.parameter(own), d.one_of(1e-5, 1e-3), d.near(0.02), d.zero())


def group_norm(d, instance=False):
    groups = d.integer(1, 4)
    c = groups * d.integer(1, 4)
    shape = [d.size(3), c] + [d.size() for _ in range(d.integer(1, 3))]
    shape[1] = c = c + groups * (c == 1 and len(shape) > 3)  # docs/numbers.md: one channel
    shape[-1] += torch.Size(shape[2:]).numel() == 1
    x = d.q(shape, sliced=True)
    rest = (d.parameter([c]), d.parameter([c]), d.one_of(1e-5, 1e-3), d.near(0.02), d.zero())
    return O.instance_norm(x, *rest) if instance else O.group_norm(x, groups, *rest)


table("quantized::layer_norm", layer_norm, odd=FAR)
table("quantized::group_norm", group_norm, odd=FAR)
table("quantized::instance_norm", lambda d: group_norm(d, True), odd=FAR)

# ---- pools, means, resizing


def images(d, dims, most=14, batch=True):
    """Not of one element, nor unbatched volumes of depth 1 or of 1 x 1: PyTorch takes such for channels-last ones and mixes up their
    channels."""
    shape = d.image(dims, most, batch)
    if d.chance(0.2):  # some vectors, and more
        shape[-dims - 1] = d.integer(8, 40)
    if torch.Size(shape[-dims:]).numel() == 1:
        shape[-1] = 2
    if dims == 3 and not batch:
        shape[1] = max(shape[1], 2)
        if shape[2] == shape[3] == 1:
            shape[3] = 2
    return shape


def averaged(d, n):
    x = d.q(images(d, n, 7 if n == 3 else 14, d.chance(0.8)), sliced=True)
    if n > 1 and x.dim() == n + 2 and d.chance(0.4):
        x = x.contiguous(memory_format=torch.channels_last if n == 2 else torch.channels_last_3d)
    return x


def fits(d, x, windows):
    """Windows that hang over the padded image are refused when a model is imported."""
    for size, k, p, l in zip(x.shape[-len(windows["kernel_size"]):], windows["kernel_size"], windows["padding"], windows.get("dilation", [1] * 3)):
        if int(size) + 2 * p < l * (k - 1) + 1 or (l > 1 and int(size) < 2):
            raise Refused
    return windows


def windows(d, dims, dilated=True, **options):
    kernel = [d.integer(1, 4) for _ in range(dims)]
    padding = [d.integer(0, k // 2) for k in kernel]
    arguments = dict(kernel_size=kernel, stride=d.one_of(None, [d.integer(1, 3) for _ in range(dims)]), padding=padding, **options)
    if dilated:
        arguments["dilation"] = [d.one_of(1, 1, 1, 2) for _ in range(dims)]
    return arguments


BORDER = "qnnpack reads other elements where a dilated window reaches into the padding"
for _dims in (1, 2):
    table("aten::max_pool%dd quantized" % _dims, lambda d, n=_dims: aten_max_pool(d, n), covers=["aten::max_pool%dd" % _dims], odd=BORDER)
    table("quantized::max_pool%dd" % _dims, lambda d, n=_dims: max_pool(d, n), odd=BORDER)


def aten_max_pool(d, n):
    x = d.q(images(d, n), sliced=True)
    return getattr(F, "max_pool%dd" % n)(x, **fits(d, x, windows(d, n, ceil_mode=d.chance(0.3))))


def max_pool(d, n):
    x = d.q(images(d, n), sliced=True)
    w = fits(d, x, windows(d, n))
    return getattr(O, "max_pool%dd" % n)(x, w["kernel_size"], w["stride"] or w["kernel_size"], w["padding"], w["dilation"], d.chance(0.3))


def avg_pool(d, n):
    x = averaged(d, n)
    w = fits(d, x, windows(d, n, False, ceil_mode=d.chance(0.3), count_include_pad=d.chance(0.7)))
    if n > 1 and d.chance(0.2):
        w["divisor_override"] = d.integer(1, 9)
    return getattr(F, "avg_pool%dd" % n)(x, **w)


COUNT = "qnnpack overlooks count_include_pad=False and divisor_override"
for _dims in (1, 2, 3):
    table("aten::avg_pool%dd quantized" % _dims, lambda d, n=_dims: avg_pool(d, n), covers=["aten::avg_pool%dd" % _dims], odd=COUNT)
    table("aten::adaptive_avg_pool%dd quantized" % _dims, lambda d, n=_dims: getattr(F, "adaptive_avg_pool%dd" % n)(
        averaged(d, n), [d.size(8) for _ in range(n)]),
        covers=["aten::adaptive_avg_pool%dd" % _dims])


def mean(d):
    shape = d.shape(1, 2, 3, 4)
    x = d.q(shape, channels_last=False)
    if 0 in shape:
        raise Refused
    x = d.channels_last(x)
    dims = sorted(set(d.integer(0, len(shape) - 1) for _ in range(d.integer(1, 3))))
    if len(shape) == 4 and d.chance(0.5):
        dims = [2, 3]
    return x.mean(dims, d.chance(0.5))


table("aten::mean.dim quantized", mean, covers=["aten::mean.dim"], unavoidable=0.001)


def resize(d, dims, mode, **options):
    shape = images(d, dims, 8)
    if dims == 3 or mode == "bilinear":  # docs/numbers.md: one channel
        shape[1] = max(shape[1], 2)
    x = d.q(shape, sliced=True)
    if dims == 2:
        x = d.channels_last(x)
    if d.chance(0.5):
        return F.interpolate(x, size=[d.size(20) for _ in range(dims)], mode=mode, **options)
    factors = [d.one_of(2.0, 0.5, 1.0, d.real(0.4, 3)) for _ in range(dims)]
    if any(int(n * f) == 0 for n, f in zip(shape[2:], factors)):
        raise Refused
    return F.interpolate(x, scale_factor=factors, mode=mode, **options)


for _dims in (2, 3):
    table("aten::upsample_nearest%dd.vec quantized" % _dims, lambda d, n=_dims: resize(d, n, "nearest"), covers=["aten::upsample_nearest%dd.vec" % _dims])
    table("aten::_upsample_nearest_exact%dd.vec quantized" % _dims, lambda d, n=_dims: resize(d, n, "nearest-exact"),
          covers=["aten::_upsample_nearest_exact%dd.vec" % _dims])
table("aten::upsample_bilinear2d.vec quantized", lambda d: resize(d, 2, "bilinear", align_corners=d.chance(0.4)),
      covers=["aten::upsample_bilinear2d.vec"])

# ---- quantize, dequantize

DTYPES = (torch.quint8, torch.quint8, torch.qint8, torch.qint32)


def quantize(d, by_tensors=False):
    scale, dtype = d.scale(), d.one_of(*DTYPES)
    zero = d.zero(dtype)
    far = scale * d.one_of(100, 300)
    shape = d.shape()
    if d.chance(0.3):  # ties
        halves = d.rng.integers(-600, 600, tuple(shape)) / 2
        values = d.input(torch.from_numpy(np.asarray(halves * scale, np.float32)))
    else:
        values = d.f(shape, -far, far, special=0.3)
    if by_tensors:
        return torch.quantize_per_tensor(values, *numbers_as_tensors(d, scale, zero, torch.float64, torch.int64), dtype)
    return torch.quantize_per_tensor(values, scale, zero, dtype)


def numbers_as_tensors(d, scale, zero, real, integer):
    """Constants of the model."""
    return d.part(lambda: torch.tensor(scale, dtype=real)), d.part(lambda: torch.tensor(zero, dtype=integer))


def quantize_per_channel(d):
    shape = d.shape(1, 2, 3, 4)
    axis, dtype = d.integer(0, len(shape) - 1), d.one_of(torch.quint8, torch.qint8, torch.qint32)
    scale = d.scale()
    scales = scale * (0.3 + d.rng.random(shape[axis]))
    zeros = [d.zero(dtype) for _ in range(shape[axis])]
    far = scale * 300
    by_floats = dtype != torch.qint32 and d.chance(0.4)  # PyTorch cannot dequantize qint32 with float zero points
    if by_floats:
        scales = np.float32(scales)
        zeros = [z if d.chance(0.7) else z + d.one_of(0.5, 0.3, -0.25) for z in zeros]
    q = torch.quantize_per_channel(d.f(shape, -far, far, special=0.3), d.part(lambda: torch.from_numpy(scales)),
                                   d.part(lambda: torch.tensor(zeros, dtype=torch.float32 if by_floats else torch.int64)), axis, dtype)
    return q.dequantize(), q.int_repr()


INFINITE = "infinity and what is beyond int64 become the lowest level"
table("aten::quantize_per_tensor", quantize, odd=INFINITE)
table("aten::quantize_per_tensor.tensor_qparams", lambda d: quantize(d, True), odd=INFINITE)
table("aten::quantize_per_channel", quantize_per_channel, odd=INFINITE)
table("aten::dequantize", lambda d: d.q(d.shape(), d.one_of(*DTYPES)).dequantize(), ulp=0)
table("aten::dequantize.tensors", lambda d: torch.dequantize([d.q(d.shape(), d.one_of(*DTYPES)) for _ in range(d.integer(1, 3))]), ulp=0)
table("aten::int_repr", lambda d: d.q(d.shape(), d.one_of(*DTYPES)).int_repr())


def reals(d, shape, scale):
    if d.chance(0.7):
        return d.f(shape, -300 * scale, 300 * scale)
    return d.input(torch.from_numpy(np.asarray(d.rng.integers(-600, 600, tuple(shape)) / 2 * scale, np.float32)))  # ties


RANGES = ((0, 255), (0, 255), (-128, 127), (-127, 127), (0, 127), (-64, 63), (-8, 7), (0, 15), (-7, 7), (0, 1))
fake = torch.ops.aten


def fake_quantize(d, by_tensors=False, masked=False, learned=False):
    scale, (low, high) = d.scale(), d.one_of(*RANGES)
    x, zero = reals(d, d.shape(), scale), d.integer(low, high)
    if learned:
        zero = zero + d.one_of(0.0, 0.3, 0.5, -0.5)
        parameters = d.part(lambda: torch.tensor([scale], dtype=torch.float32)), d.part(lambda: torch.tensor([zero], dtype=torch.float32))
        return fake._fake_quantize_learnable_per_tensor_affine(x, *parameters, low, high, 1.0)
    if by_tensors:
        numbers = numbers_as_tensors(d, scale, zero, torch.float32, torch.int32)
        if masked:
            enabled = d.part(lambda: torch.tensor([d.integer(0, 1)]))
            return fake._fake_quantize_per_tensor_affine_cachemask_tensor_qparams(x, *numbers, enabled, low, high)
        return torch.fake_quantize_per_tensor_affine(x, *numbers, low, high)
    if masked:
        return fake.fake_quantize_per_tensor_affine_cachemask(x, scale, zero, low, high)
    return torch.fake_quantize_per_tensor_affine(x, scale, zero, low, high)


def fake_quantize_per_channel(d, masked=False, learned=False):
    shape, (low, high) = d.shape(1, 2, 3, 4), d.one_of(*RANGES)
    axis, scale = d.integer(0, len(shape) - 1), d.scale()
    scales = torch.from_numpy(scale * d.rng.choice([0.25, 0.5, 1.0, 0.7], shape[axis])).float()
    zeros = torch.tensor([d.integer(low, high) for _ in range(shape[axis])], dtype=torch.int32)
    if learned:
        zeros = zeros.float() + d.one_of(0.0, 0.3, 0.5, -0.5)
    elif d.chance(0.3):
        zeros = zeros.float()  # PyTorch adds it before it rounds
    function = (fake._fake_quantize_learnable_per_channel_affine if learned else
                fake.fake_quantize_per_channel_affine_cachemask if masked else torch.fake_quantize_per_channel_affine)
    return function(reals(d, shape, scale), d.part(lambda: scales), d.part(lambda: zeros), axis, low, high, *([1.0] if learned else []))


table("aten::fake_quantize_per_tensor_affine", fake_quantize, ulp=0, odd=INFINITE)
table("aten::fake_quantize_per_tensor_affine.tensor_qparams", lambda d: fake_quantize(d, True), ulp=0, odd=INFINITE)
table("aten::fake_quantize_per_channel_affine", fake_quantize_per_channel, ulp=0, odd=INFINITE)
table("aten::fake_quantize_per_tensor_affine_cachemask", lambda d: fake_quantize(d, masked=True), ulp=0, odd=INFINITE)
table("aten::_fake_quantize_per_tensor_affine_cachemask_tensor_qparams", lambda d: fake_quantize(d, True, True), ulp=0, odd=INFINITE)
table("aten::fake_quantize_per_channel_affine_cachemask", lambda d: fake_quantize_per_channel(d, True), ulp=0, odd=INFINITE)
table("aten::_fake_quantize_learnable_per_tensor_affine", lambda d: fake_quantize(d, learned=True), ulp=0, odd=INFINITE)
table("aten::_fake_quantize_learnable_per_channel_affine", lambda d: fake_quantize_per_channel(d, learned=True), ulp=0, odd=INFINITE)
