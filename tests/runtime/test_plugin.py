"""examples/plugin: an operator of the user's own, from Python to ONNX Runtime."""
import subprocess
import sys

import numpy as np
import pytest

import tools

EXAMPLE = tools.REPO / "examples" / "plugin"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plugin")
    subprocess.run([sys.executable, str(EXAMPLE / "model.py"), str(folder)], check=True)
    subprocess.run(["cmake", "-S", str(EXAMPLE), "-B", str(folder / "build"), "-G", "Ninja"], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", str(folder / "build")], check=True, stdout=subprocess.DEVNULL)
    return folder


SPEC = ["x:float32[1,1000]"]


def test_without_the_plugin_the_operator_is_named(folder, tmp_path):
    run = tools.octavo("export", folder / "model.pt", "-o", tmp_path / "out.onnx", "--input", *SPEC, check=False)
    assert run.returncode == 3
    assert "mylib::soft_limit" in run.stderr and "--plugin" in run.stderr
    assert not (tmp_path / "out.onnx").exists()


def test_with_the_plugin_it_equals_pytorch(folder, tmp_path):
    out = tools.export(folder / "model.pt", tmp_path / "out.onnx", SPEC, "--plugin", folder / "build" / "soft_limit.so")
    tools.check_model(out)
    tools.assert_same(tools.run(out, [np.load(folder / "x.npy")])[0], np.load(folder / "y.npy"))


def test_caffe2_goes_through_float(folder, tmp_path):
    import onnx
    out = tools.export(folder / "model.pt", tmp_path / "out.onnx", SPEC, "--dialect", "caffe2", "--plugin",
                       folder / "build" / "soft_limit.so")
    kinds = [n.op_type for n in onnx.load(str(out)).graph.node if n.op_type != "Constant"]
    assert kinds == ["Int8Quantize", "Int8Dequantize", "Div", "Tanh", "Mul", "Int8Quantize", "Int8Dequantize", "Div",
                     "Tanh", "Mul"]


def test_what_is_no_plugin(folder, tmp_path):
    for library, reason in (("/nowhere.so", "does not exist"), (folder / "model.pt", "cannot load the plugin")):
        run = tools.octavo("export", folder / "model.pt", "-o", tmp_path / "out.onnx", "--plugin", library, check=False)
        assert run.returncode == 2
        assert reason in run.stderr
