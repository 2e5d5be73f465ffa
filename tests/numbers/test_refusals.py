"""What an engine of pip's PyTorch refuses, the reference refuses where it keeps the engine's faults, and computes as meant
otherwise; what PyTorch runs, it runs."""
import pytest
import torch
import torch.ao.nn.quantized as nnq

import compare
import reference

ENGINES = ("qnnpack-x86", "fbgemm", "onednn", "x86")


def layer(make, shape, zero_point=0, per_channel=False):
    levels = torch.arange(torch.Size(shape).numel()).reshape(shape).remainder(7).to(torch.int8)
    if per_channel:
        weight = torch._make_per_channel_quantized_tensor(levels, torch.full((shape[1],), 0.1), torch.zeros(shape[1], dtype=torch.int64), 1)
    else:
        weight = torch._make_per_tensor_quantized_tensor(levels, 0.1, zero_point)
    module = make()
    module.set_weight_bias(weight, None)
    module.scale, module.zero_point = 1.0, 3
    return module


IMAGE, ROW = (1, 4, 5, 5), (2, 4)
CONV, LINEAR, TRANSPOSED = [4, 4, 3, 3], [4, 4], [4, 4, 3, 3]
CASES = {  # the module, its input's shape and dtype, and which engines refuse it
    "conv": (lambda: layer(lambda: nnq.Conv2d(4, 4, 3), CONV), IMAGE, torch.quint8, ()),
    "conv of qint8": (lambda: layer(lambda: nnq.Conv2d(4, 4, 3), CONV), IMAGE, torch.qint8, ENGINES),
    "conv, zero point": (lambda: layer(lambda: nnq.Conv2d(4, 4, 3), CONV, 2), IMAGE, torch.quint8, ("onednn",)),
    "linear, zero point": (lambda: layer(lambda: nnq.Linear(4, 4), LINEAR, 2), ROW, torch.quint8, ("onednn",)),
    "linear of qint8": (lambda: layer(lambda: nnq.Linear(4, 4), LINEAR), ROW, torch.qint8, ("qnnpack-x86", "fbgemm", "x86")),
    "output_padding": (lambda: layer(lambda: nnq.ConvTranspose2d(4, 4, 3, 2, output_padding=1), TRANSPOSED), IMAGE, torch.quint8, ("onednn",)),
    "transposed per channel": (lambda: layer(lambda: nnq.ConvTranspose2d(4, 4, 3), TRANSPOSED, per_channel=True), IMAGE, torch.quint8,
                               ("fbgemm", "onednn", "x86")),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", CASES)
def test_refuses_what_pytorch_refuses(name, engine, tmp_path):
    make, shape, dtype, refused_by = CASES[name]
    torch.backends.quantized.engine = "qnnpack"  # which packs all of these
    given = [torch._make_per_tensor_quantized_tensor(torch.ones(shape, dtype=t), 0.1, 1) for t in (torch.uint8, torch.int8)]
    path = tmp_path / "model.pt"
    torch.jit.save(torch.jit.trace(make(), given[0]), str(path))
    x = given[dtype == torch.qint8]
    torch.backends.quantized.engine = engine.removesuffix("-x86")
    try:
        want = torch.jit.load(str(path))(x).int_repr().numpy()
    except RuntimeError:
        want = None
    assert (want is None) == (engine in refused_by)
    case = path, [(compare.spec("", x)[1:], compare.integers(x))]
    [got], [meant] = reference.run([case], engine, "keep"), reference.run([case], engine)
    assert not isinstance(meant, str), meant
    if want is None:
        assert "PyTorch's engine %s refuses" % engine in got, got
    else:
        assert not isinstance(got, str) and (got[0].values == want).all(), got
