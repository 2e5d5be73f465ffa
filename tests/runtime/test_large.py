"""A model above the 2 GB that one ONNX file can hold."""
import numpy as np
import onnx
import pytest

import tools

torch = pytest.importorskip("torch")
WIDTH, LAYERS = 25_000, 4


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """2.5 GB of int8 weights, and PyTorch's answer."""
    from torch.ao.nn import quantized as nnq
    torch.backends.quantized.engine = "qnnpack"
    folder = tmp_path_factory.mktemp("large")
    layers = []
    for i in range(LAYERS):
        gen = torch.Generator().manual_seed(i)
        levels = torch.randint(-128, 128, (WIDTH, WIDTH), dtype=torch.int8, generator=gen)
        layer = nnq.Linear(1, 1)
        layer.set_weight_bias(torch._make_per_tensor_quantized_tensor(levels, 0.001, 0), torch.randn(WIDTH, generator=gen))
        layer.scale, layer.zero_point = 0.09, 128
        layers.append(layer)
    net = torch.nn.Sequential(nnq.Quantize(0.01, 128, torch.quint8), *layers, nnq.DeQuantize()).eval()
    x = torch.randn(2, WIDTH, generator=torch.Generator().manual_seed(9))
    with torch.no_grad():
        y = net(x).numpy()
        torch.jit.save(torch.jit.trace(net, x, check_trace=False), str(folder / "large.pt"))
    return folder / "large.pt", x.numpy(), y


@pytest.mark.long
def test_above_two_gigabytes(large, tmp_path):
    model, x, y = large
    assert model.stat().st_size > 2.4e9
    out = tools.export(model, tmp_path / "large.onnx", ["float32[N,%d]" % WIDTH])
    assert out.stat().st_size < 1 << 24
    files = sorted(f.name for f in tmp_path.iterdir())
    assert len(files) == 2, files
    onnx.checker.check_model(str(out))
    differ, most = tools.difference(tools.run(out, [x])[0], y, 0.09)
    assert most <= 1 and differ <= y.size // 1000


@pytest.mark.long
def test_one_file_cannot_hold_it(large, tmp_path):
    run = tools.octavo("export", large[0], "-o", tmp_path / "large.onnx", "--external-data", "never", check=False)
    assert run.returncode in (2, 3)
    assert "--external-data" in run.stderr
    assert not list(tmp_path.iterdir())
