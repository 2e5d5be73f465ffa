"""Random quantized calls with many values near ties, exported for each engine of pip's PyTorch: where the export says exact, no
element differs; elsewhere one step at most, and convolutions differ less than with the constants for qnnpack."""
import numpy as np
import pytest
import torch
import torch.nn.intrinsic.quantized
import torch.nn.quantized

import oracle
import tools

Q = torch.ops.quantized


class Calls(torch.nn.Module):
    """Calls of one quantized input, each with a result of its own."""

    def __init__(self, parts):
        super().__init__()
        self.parts = torch.nn.ModuleList(parts)

    def forward(self, x):
        return tuple(part(x) for part in self.parts)


def scale(rng):
    """Often a power of two, or a few units in the last place off: many values are then ties, or nearly."""
    value = 2.0 ** rng.integers(-7, -2)
    kind = rng.integers(4)
    return float(value if kind == 0 else value * (1 + rng.integers(-3, 4) * 2.0 ** -24) if kind == 1 else rng.uniform(0.004, 0.1))


def weights(rng, shape, per_channel, most=127, axis=0):
    levels = torch.from_numpy(rng.integers(-most, most + 1, shape).astype(np.int8))
    if not per_channel:
        return torch._make_per_tensor_quantized_tensor(levels, scale(rng) / 16, 0)
    scales = torch.tensor([scale(rng) / 16 for _ in range(shape[axis])], dtype=torch.float64)
    return torch._make_per_channel_quantized_tensor(levels, scales, torch.zeros(shape[axis], dtype=torch.long), axis)


def layer(rng, kind, shape, **options):
    """A quantized layer whose results spread over all levels."""
    per_channel, relu = bool(rng.integers(2)), bool(rng.integers(2))
    nnq, nniq = torch.nn.quantized, torch.nn.intrinsic.quantized
    made = {"conv": nniq.ConvReLU2d if relu else nnq.Conv2d, "linear": nniq.LinearReLU if relu else nnq.Linear,
            "transposed": nnq.ConvTranspose2d}[kind](*shape, **options)
    like = made.weight().shape if kind != "linear" else (shape[1], shape[0])
    w = weights(rng, tuple(like), per_channel and kind != "transposed", 63)
    bias = torch.from_numpy(rng.normal(0, 0.3, made.out_channels if kind != "linear" else shape[1]).astype(np.float32))
    made.set_weight_bias(w, bias if rng.integers(4) else None)
    taps = int(np.prod(like)) // like[0]
    mean = float(torch.mean(w.q_per_channel_scales()) if w.qscheme() != torch.per_tensor_affine else w.q_scale())
    made.scale = float(np.float32(X_SCALE * mean * 73 * 37 * taps ** 0.5 / 40))
    made.zero_point = int(rng.integers(0, 256))
    return made


class Apply(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


X_SCALE, CHANNELS = 0.0371, 16


def layers(rng, kind):
    parts = []
    for _ in range(8):
        if kind == "conv":
            groups = int(rng.choice([1, 1, 2, 16]))
            parts.append(layer(rng, "conv", (CHANNELS, 32 if groups < 16 else CHANNELS, int(rng.choice([1, 3]))), padding=int(rng.integers(2)), groups=groups))
        elif kind == "transposed":
            parts.append(layer(rng, "transposed", (CHANNELS, CHANNELS, 3), stride=int(rng.integers(1, 3))))
    return parts


def drawn(rng, name):
    def given():
        return scale(rng), int(rng.integers(0, 256))
    if name in ("conv", "transposed"):
        return layers(rng, name), (8, CHANNELS, 24, 24)
    if name == "linear":
        return [layer(rng, "linear", (64, 48)) for _ in range(8)], (512, 64)
    made = []
    for _ in range(12):
        s, z = given()
        c, bound = float(rng.uniform(-2, 2)), float(rng.integers(-4, 60)) * X_SCALE + X_SCALE / 2
        make = {
            "add": lambda x, s=s, z=z: Q.add(x, torch.flip(x, [0]), s, z),
            "add_relu": lambda x, s=s, z=z: Q.add_relu(x, x, s, z),
            "mul": lambda x, s=s, z=z: Q.mul(x, torch.flip(x, [0]), s, z),
            "add_scalar": lambda x, c=c: Q.add_scalar(x, c),
            "cat": lambda x, s=s, z=z: Q.cat([x, x], 1, s, z),
            "sigmoid": lambda x: torch.sigmoid(x),
            "sigmoid_given": lambda x, s=s: Q.sigmoid(x, 1 / 256, 0),
            "tanh": lambda x: torch.tanh(x),
            "hardsigmoid": lambda x: torch.nn.functional.hardsigmoid(x),
            "hardswish": lambda x, s=s, z=z: Q.hardswish(x, s, z),
            "elu": lambda x, s=s, z=z: Q.elu(x, s, z, 1.3),
            "leaky_relu": lambda x, s=s, z=z: Q.leaky_relu(x, 0.17, False, s, z),
            "clamp": lambda x, b=bound: torch.clamp(x, min(-b, b), max(-b, b) + 1),
            "relu6": lambda x: torch.nn.functional.relu6(x),
            "pad": lambda x, b=bound: torch.nn.functional.pad(x, [1, 1, 1, 1], "constant", b),
            "avg_pool": lambda x, k=int(rng.integers(2, 5)): torch.nn.functional.avg_pool2d(x, k),
            "adaptive": lambda x, k=int(rng.integers(1, 7)): torch.nn.functional.adaptive_avg_pool2d(x, k),
            "mean": lambda x: x.mean([2, 3]),
            "bilinear_channels_last": lambda x, k=int(rng.integers(9, 50)): torch.nn.functional.interpolate(
                x.contiguous(memory_format=torch.channels_last), (k, k + 3), mode="bilinear"),
            "bilinear": lambda x, k=int(rng.integers(9, 50)): torch.nn.functional.interpolate(x, (k, k + 3), mode="bilinear"),
        }[name]
        made.append(Apply(make))
    return made, (4, CHANNELS, 24, 24)


NAMES = ("conv", "transposed", "linear", "add", "add_relu", "mul", "add_scalar", "cat", "sigmoid", "sigmoid_given", "tanh", "hardsigmoid",
         "hardswish", "elu", "leaky_relu", "clamp", "relu6", "pad", "avg_pool", "adaptive", "mean", "bilinear",
         "bilinear_channels_last")
QUANTIZED_INPUT = {"add", "add_relu", "mul", "cat", "sigmoid", "tanh"}


@pytest.fixture(scope="module", params=oracle.ENGINES)
def asked(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    torch.backends.quantized.engine = "qnnpack"
    rng, cases, made = np.random.default_rng(7), [], {}
    for name in NAMES:
        parts, shape = drawn(rng, name)
        zero = int(rng.integers(0, 256))
        levels = rng.integers(0, 256, shape).astype(np.uint8)
        x = torch._make_per_tensor_quantized_tensor(torch.from_numpy(levels), X_SCALE, zero)
        module = torch.jit.trace(Calls(parts), x, check_trace=False)
        torch.jit.save(module, str(folder / (name + ".pt")))
        np.save(folder / (name + ".npy"), levels)
        spec = "x:quint8[%s](%r,%d)" % (",".join(map(str, shape)), X_SCALE, zero)
        cases.append((name, folder / (name + ".pt"), [(folder / (name + ".npy"), spec)]))
        made[name] = (folder / (name + ".pt"), levels, spec)
    return request.param, made, oracle.answers(request.param, cases, folder / request.param)


def differences(engine, model, levels, spec, want, out):
    report = oracle.export(engine, model, [spec], out)
    got = tools.run(out, [levels])
    return report, [tools.difference(g, w) for g, w in zip(got, want, strict=True)]


@pytest.mark.parametrize("name", NAMES)
def test_drawn_calls(asked, name, tmp_path):
    engine, made, answers = asked
    if isinstance(answers[name], str):
        return  # PyTorch refuses it, so there is nothing to compare with
    report, found = differences(engine, *made[name], answers[name], tmp_path / "out.onnx")
    nodes = report["exactness"]
    of_results = [n for n in nodes if n["operator"] not in ("aten::flip",)]
    assert len(of_results) == len(found), [n["operator"] for n in nodes]
    for node, (differ, most) in zip(of_results, found):
        if node.get("by") == "as meant":
            continue
        assert most <= 1, node
        if node["exact"]:
            assert differ == 0, node
    if name == "conv" and engine != "qnnpack-x86":
        _, plain = differences("qnnpack", *made[name], answers[name], tmp_path / "plain.onnx")
        ours, theirs = (sum(d for d, _ in part) for part in (found, plain))
        assert ours < theirs, "%d elements differ, %d with the constants for qnnpack" % (ours, theirs)
