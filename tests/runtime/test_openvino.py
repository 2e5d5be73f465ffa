"""Networks in OpenVINO: no more of their logits differ from PyTorch's than of torch.onnx's models."""
import sys

import pytest

import tools

sys.path.insert(0, str(tools.REPO / "tests" / "models"))
torchvision_models = pytest.importorskip("torchvision_models", reason="needs PyTorch and torchvision")
openvino = pytest.importorskip("openvino", reason="no openvino from PyPI here (tests/requirements.txt)")
import torch_onnx  # noqa: E402
import torchvision_cases  # noqa: E402

IMAGES = 4


def differing(path, images, expected, step):
    compiled = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return sum(tools.difference(compiled(x)[0], y, step)[0] for x, y in zip(images, expected))


# Both add the results of convolutions to others, which OpenVINO does not round in torch.onnx's models.  With activations of 7 bits
# nothing saturates in OpenVINO (docs/dialects.md), and this is most of what differs; with AVX-512 it rounds more by itself.
@pytest.mark.parametrize("name, reduce_range", [("resnet18", False), ("mobilenet_v2", True)])
def test_not_worse_than_torch_onnx(name, reduce_range, tmp_path):
    [folder] = torchvision_models.make(name, [(False, False)], reduce_range=reduce_range)
    size = torchvision_models.image_size(name)
    out = tools.export(folder / "model.pt", tmp_path / "ours.onnx", ["float32[1,3,%d,%d]" % (size, size)], "--target", "openvino")
    tools.check_model(out)
    peer = torch_onnx.export(folder / "model.pt", tmp_path / "peer.onnx", size)
    images, expected = torchvision_cases.answers(folder, size, IMAGES)
    step = tools.case(folder)["step"]
    ours, theirs = differing(out, images, expected, step), differing(peer, images, expected, step)
    assert ours <= (theirs * 3 // 4 if reduce_range else theirs), "%d of %d logits differ, of torch.onnx's model %d" % (
        ours, IMAGES * expected[0].size, theirs)


# Without the identity before its QuantizeLinear OpenVINO adds the unrounded result: a quarter of the elements differ.
def test_what_a_convolution_adds_is_rounded(tmp_path):
    import torch
    torch.backends.quantized.engine = "qnnpack"
    torch.manual_seed(5)
    weight = torch.quantize_per_tensor(torch.randn(32, 32, 3, 3).clamp(-2, 2), 0.032, 0, torch.qint8)

    class Residual(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.quantized.Conv2d(32, 32, 3, padding=1)
            self.conv.set_weight_bias(weight, torch.randn(32))
            self.conv.scale, self.conv.zero_point = 0.11, 114
            self.sum = torch.nn.quantized.QFunctional()
            self.sum.scale, self.sum.zero_point = 0.09, 120

        def forward(self, x, skip):
            q, added = (torch.quantize_per_tensor(t, 0.0123, 0, torch.quint8) for t in (x, skip))
            return self.sum.add(self.conv(q), added).dequantize()

    # Half of the range: OpenVINO's sums of two products stay within 16 bits (docs/dialects.md).
    inputs = tuple(torch.rand(2, 1, 32, 28, 28) * 127 * 0.0123)
    with torch.no_grad():
        module = torch.jit.trace(Residual(), inputs)
        y = module(*inputs).numpy()
    module.save(str(tmp_path / "model.pt"))
    out = tools.export(tmp_path / "model.pt", tmp_path / "ours.onnx", ["float32[1,32,28,28]"] * 2, "--target", "openvino")
    compiled = openvino.Core().compile_model(str(out), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    differ, most = tools.difference(compiled([x.numpy() for x in inputs])[0], y, 0.09)
    assert y.std() > 1
    assert most <= 1 and differ <= y.size // 1000, "%d of %d elements differ" % (differ, y.size)


# Without the identity behind its DequantizeLinear OpenVINO pads the integers with 0, not with the zero point: 64 of 100
# elements differ, by up to 73 steps.
@pytest.mark.parametrize("numbers", ["exact", "plain"])
def test_an_average_counts_padding_as_zero(numbers, tmp_path):
    import torch
    torch.backends.quantized.engine = "qnnpack"
    torch.manual_seed(6)

    class Average(torch.nn.Module):
        def forward(self, x):
            q = torch.quantize_per_tensor(x, 0.03, 131, torch.quint8)
            return torch.nn.functional.avg_pool2d(q, 3, stride=2, padding=1).dequantize()

    x = torch.randn(1, 4, 9, 9)
    module = torch.jit.trace(Average(), (x,), check_trace=False)
    module.save(str(tmp_path / "model.pt"))
    options = ["--numbers", "plain"] if numbers == "plain" else []
    out = tools.export(tmp_path / "model.pt", tmp_path / "ours.onnx", ["float32[1,4,9,9]"], "--target", "openvino",
                       "--engine", "qnnpack", *options)
    compiled = openvino.Core().compile_model(str(out), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    assert tools.difference(compiled(x.numpy())[0], module(x).numpy(), 0.03)[1] <= 1


# With int8 weights OpenVINO is off by up to 63 steps where the input's zero point is 0 and the weights' is not.
@pytest.mark.parametrize("weight_zero, input_zero", [(5, 0), (5, 131), (0, 0)])
def test_a_transposed_convolution_has_the_weights_zero_point(weight_zero, input_zero, tmp_path):
    import torch
    torch.backends.quantized.engine = "qnnpack"
    torch.manual_seed(0)
    weight = torch.quantize_per_tensor(torch.randn(8, 4, 2, 2) * 0.1, 0.002, weight_zero, torch.qint8)

    class Transposed(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.quantized.ConvTranspose2d(8, 4, 2, stride=2)
            self.conv.set_weight_bias(weight, torch.randn(4) * 0.1)
            self.conv.scale, self.conv.zero_point = 0.02, 120

        def forward(self, x):
            return self.conv(torch.quantize_per_tensor(x, 0.03, input_zero, torch.quint8)).dequantize()

    x = torch.randn(1, 8, 9, 9)
    module = torch.jit.trace(Transposed(), (x,), check_trace=False)
    module.save(str(tmp_path / "model.pt"))
    out = tools.export(tmp_path / "model.pt", tmp_path / "ours.onnx", ["float32[1,8,9,9]"], "--target", "openvino",
                       "--engine", "qnnpack")
    compiled = openvino.Core().compile_model(str(out), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    different, most = tools.difference(compiled(x.numpy())[0], module(x).numpy(), 0.02)
    assert most <= 1 and different <= 2
