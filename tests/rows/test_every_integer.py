"""What an export says is exact: every integer, or pair of integers, through real PyTorch and real ONNX Runtime."""
import json

import numpy as np
import pytest
import torch

import tools

SETS, ALL_SETS = 12, 60
DTYPES = {"quint8": (torch.quint8, 0), "qint8": (torch.qint8, -128)}


def add(x, y, scale, zero):
    return torch.ops.quantized.add(x, y, scale, zero)


def add_relu(x, y, scale, zero):
    return torch.ops.quantized.add_relu(x, y, scale, zero)


def add_broadcast(x, y, scale, zero):
    return torch.ops.quantized.add(x, y[:1], scale, zero)


def mul(x, y, scale, zero):
    return torch.ops.quantized.mul(x, y, scale, zero)


def cat(x, y, scale, zero):
    return torch.ops.quantized.cat([x, y], 1, scale, zero)


def add_scalar(x, y, scale, zero):
    return torch.ops.quantized.add_scalar(x, 3.7)


def sigmoid(x, y, scale, zero):
    return torch.sigmoid(x)


def tanh(x, y, scale, zero):
    return torch.tanh(x)


def hardsigmoid(x, y, scale, zero):
    return torch.nn.functional.hardsigmoid(x)


def hardswish(x, y, scale, zero):
    return torch.ops.quantized.hardswish(x, scale, zero)


def elu(x, y, scale, zero):
    return torch.ops.quantized.elu(x, scale, zero)


def selu(x, y, scale, zero):
    return torch.ops.quantized.elu(x, scale, zero, 1.6732632423543772, 1.0507009873554805)


def celu(x, y, scale, zero):
    return torch.ops.quantized.celu(x, scale, zero, 1.5)


def gelu(x, y, scale, zero):
    return torch.nn.functional.gelu(x)


def gelu_tanh(x, y, scale, zero):
    return torch.nn.functional.gelu(x, approximate="tanh")


def leaky_relu(x, y, scale, zero):
    return torch.ops.quantized.leaky_relu(x, 0.1, False, scale, zero)


def threshold(x, y, scale, zero):
    return torch.ops.quantized.threshold(x, 0.3, -0.2)


def parameters():
    """256 numbers around 1, in part powers of two."""
    random = np.random.default_rng(9)
    return torch.from_numpy(np.where(np.arange(256) % 4 == 0, 2.0 ** random.integers(-3, 2, 256), random.normal(1, 0.4, 256)).astype("f4"))


WEIGHTS = parameters()
VARIANCES, SHIFTS, MEANS = WEIGHTS * WEIGHTS, WEIGHTS.flip(0).clone(), WEIGHTS - 1


# Each row, an integer, meets 256 channels.
def batch_norm(x, y, scale, zero):
    return torch.ops.quantized.batch_norm1d(x, WEIGHTS, SHIFTS, MEANS, VARIANCES, 1e-5, scale, zero)


SLOPES = {dtype: torch.quantize_per_tensor(WEIGHTS / 4, 0.0078125, 64, dtype) for dtype, _ in DTYPES.values()}


def prelu(x, y, scale, zero):
    return torch.ops.quantized.prelu(x, SLOPES[x.dtype], scale, zero)


# The fewest of twelve sets for which the export must be sure.
FUNCTIONS = {add: 12, add_relu: 12, add_broadcast: 8, mul: 12, cat: 8, add_scalar: 12, sigmoid: 12, tanh: 11, hardsigmoid: 12,
             hardswish: 11, elu: 8, selu: 12, celu: 8, gelu: 12, gelu_tanh: 11, leaky_relu: 8, threshold: 12, batch_norm: 12,
             prelu: 12}


def numbers(index, lowest):
    """Three scales, equal or powers of two in part, since then many results are ties, and three zero points."""
    random = np.random.default_rng(index)
    scales = [float(2.0 ** n) for n in random.integers(-6, 1, 3)] if index % 2 else [float(s) for s in random.uniform(0.005, 0.06, 3)]
    if index % 3 == 0:
        scales[1] = scales[0]
    if index % 4 == 0:
        scales[2] = 2 * scales[0]
    return scales, [int(z) for z in random.integers(lowest, lowest + 256, 3)]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtype", DTYPES)
def test_is_as_exact_as_the_export_says(function, dtype, tmp_path, request):
    torch.backends.quantized.engine = "qnnpack"
    kind, lowest = DTYPES[dtype]
    sets = ALL_SETS if request.config.getoption("--all") else SETS
    sure = 0
    for index in range(sets):
        scales, zeros = numbers(index, lowest)

        class Model(torch.nn.Module):
            def forward(self, x, y):
                x, y = (torch.quantize_per_tensor(v, s, z, kind) for v, s, z in zip((x, y), scales, zeros))
                return function(x, y, scales[2], zeros[2])

        integers = np.arange(lowest, lowest + 256)
        reals = [((integers - z) * s).astype(np.float32) for s, z in zip(scales[:2], zeros)]
        arrays = [np.ascontiguousarray(a) for a in np.meshgrid(*reals, indexing="ij")]
        inputs = tuple(torch.from_numpy(a) for a in arrays)
        model = torch.jit.trace(Model(), inputs, check_trace=False)
        model.save(str(tmp_path / "model.pt"))
        want = model(*inputs).int_repr().numpy()
        made = tools.octavo("export", *tools.QNNPACK, tmp_path / "model.pt", "-o", tmp_path / "model.onnx", "--json", "--input", "float32[256,256]",
                            "--input", "float32[256,256]")
        said = json.loads(made.stdout)["exactness"][-1]
        got = tools.run(tmp_path / "model.onnx", arrays)[0]
        differ, most = tools.difference(got, want)
        what = "set %d, scales %s, zero points %s: %d differ; %s" % (index, scales, zeros, differ, said)
        assert differ == 0 or not said["exact"], what
        assert most <= 1, what
        sure += said["exact"]
    assert sure * SETS >= FUNCTIONS[function] * sets, "the export is sure of %d of %d" % (sure, sets)
