"""--repro writes ONNX's test folder of the smallest piece that differs: ONNX Runtime, too, gives something else than
what it says the model should."""
import numpy as np
import onnx
from onnx import numpy_helper

import tools

DIGITS = tools.REPO / "examples" / "digits" / "digits.pt"


def read(path):
    tensor = onnx.TensorProto()
    tensor.ParseFromString(path.read_bytes())
    return tensor.name, numpy_helper.to_array(tensor)


def test_smallest_piece(tmp_path):
    path = tools.export(DIGITS, tmp_path / "digits.onnx", ["float32[2,1,8,8]"])
    model = onnx.load(str(path))
    weight = next(i for i in model.graph.initializer if i.name == "block2.conv1.weight")
    array = numpy_helper.to_array(weight).copy()
    array[3, 5] ^= 0x55
    weight.CopyFrom(numpy_helper.from_array(array, weight.name))
    onnx.save(model, str(path))
    run = tools.octavo("verify", DIGITS, path, "--repro", tmp_path / "repro", check=False)
    assert run.returncode == 1, run.stderr
    assert "block2.conv1" in run.stdout.splitlines()[-1]

    piece = tmp_path / "repro" / "model.onnx"
    tools.check_model(piece)
    assert [n.op_type for n in onnx.load(str(piece)).graph.node][-2:] == ["Conv", "QuantizeLinear"]
    data = tmp_path / "repro" / "test_data_set_0"
    (name, given), (_, want) = read(data / "input_0.pb"), read(data / "output_0.pb")
    session = tools.session(piece)
    assert [i.name for i in session.get_inputs()] == [name]
    got = session.run(None, {name: given})[0]
    assert got.shape == want.shape and got.dtype == want.dtype
    assert np.count_nonzero(got[:, 3] != want[:, 3]) > 0  # the channel whose weight was changed
    assert np.count_nonzero(np.delete(got, 3, 1) != np.delete(want, 3, 1)) == 0


def test_nothing_differs(tmp_path):
    run = tools.octavo("verify", DIGITS, "--input", "float32[1,1,8,8]", "--arithmetic", "pytorch", "--repro", tmp_path / "repro")
    assert "wrote nothing" in run.stderr
    assert not (tmp_path / "repro").exists()
