"""Files that are given to Octavo by mistake: each is named, with what to do, exit code 3, and nothing left behind.

tests/data/foreign and tests/data/reader hold files of real PyTorch (tests/models/make_foreign_fixtures.py and
make_reader_fixtures.py); the others are the beginnings of files, by their formats' descriptions."""
import struct
import tarfile
import unittest
import zipfile

import npy
import onnx_file
from octavo_cli import DIGITS, ROOT, CliTest, run
from onnx_file import message

FOREIGN = ROOT / "tests" / "data" / "foreign"
READER = ROOT / "tests" / "data" / "reader"
SAVE = "torch.jit.save(torch.jit.trace(model.eval(), example_input), 'model.pt')"
REST = bytes(range(32, 127)) * 4


def flatbuffer(tag):
    return struct.pack("<I", 24) + tag + bytes(200)


# name: content, what the message must say
BYTES = {
    "empty.pt": (b"", ["is empty", "save the model again"]),
    "unknown.pt": (b"\xff\xfe\0\1" * 100, ["not a zip archive", SAVE]),
    "model.ptl": (flatbuffer(b"PTMF"), ["lite interpreter", SAVE]),
    "model.ort": (flatbuffer(b"ORTM"), ["ONNX Runtime's own format", ".onnx"]),
    "model.tflite": (flatbuffer(b"TFL3"), ["TensorFlow Lite", "tf2onnx"]),
    "model.pte": (flatbuffer(b"ET12"), ["ExecuTorch", "torch.jit.save"]),
    "model.h5": (b"\x89HDF\r\n\x1a\n" + REST, ["HDF5", "Keras", "tf2onnx"]),
    "x.npy": (b"\x93NUMPY\1\0v\0{'descr': '<f4'}" + REST, ["NumPy array", "--input x.npy"]),
    "model.gguf": (b"GGUF\3\0\0\0" + REST, ["GGUF", "PyTorch"]),
    "model.engine": (b"ptrt" + REST, ["TensorRT engine"]),
    "newer.engine": (b"ftrt" + REST, ["TensorRT engine"]),
    "model.rknn": (b"RKNN" + REST, ["RKNN"]),
    "model.param": (b"7767517\n2 2\nInput data 0 1 data\n", ["ncnn"]),
    "model.so": (b"\x7fELF\2\1\1\0" + REST, ["compiled library"]),
    "model.pt.gz": (b"\x1f\x8b\x08\0" + REST, ["gzip", "gunzip"]),
    "model.pt.bz2": (b"BZh91AY" + REST, ["bzip2", "bunzip2"]),
    "model.pt.xz": (b"\xfd7zXZ\0" + REST, ["xz", "unxz"]),
    "model.pt.zst": (b"\x28\xb5\x2f\xfd" + REST, ["zstd", "unzstd"]),
    "model.7z": (b"7z\xbc\xaf\x27\x1c" + REST, ["7z archive", "Unpack"]),
    "model.rar": (b"Rar!\x1a\x07\1\0" + REST, ["RAR archive", "Unpack"]),
    "model.safetensors": (struct.pack("<Q", 26) + b'{"w":{"dtype":"F32"}}     ' + REST, ["safetensors", "load_file", "torch.jit.save"]),
    "cat.png": (b"\x89PNG\r\n\x1a\n" + REST, ["an image"]),
    "page.pt": (b"\n<!DOCTYPE html>\n<html><body>Not found</body></html>\n", ["web page", "download"]),
    "denied.pt": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', ["XML", "download"]),
    "model.xml": (b'<?xml version="1.0"?>\n<net name="m" version="11">\n', ["OpenVINO", "ONNX"]),
    "lfs.pt": (b"version https://git-lfs.example/spec/v1\noid sha256:0\nsize 9\n", ["Git LFS pointer", "git lfs pull"]),
    "annex.pt": (b"/annex/objects/SHA256E-s9--0.pt\n", ["git-annex pointer", "git annex get"]),
    "model.pt.dvc": (b"outs:\n- md5: 0\n  path: model.pt\n", ["DVC pointer", "dvc pull"]),
    "config.json": (b'{"architectures": ["BertModel"]}\n', ["JSON", SAVE]),
    "net.py": (b"# A net.\nimport torch\n\nclass Net(torch.nn.Module):\n  pass\n", ["Python program", "torch.jit.save"]),
    "letter.txt": (b"from the desk of Ann\nclass of 2020\n", ["a text", SAVE]),
    "notes.txt": (b"some notes\n" * 10, ["a text", SAVE]),
    "model.pkl": (b"\x80\x04\x95\x05\0\0\0\0\0\0\0K\1.", ["pickle", SAVE]),
    "model.mlmodel": (message([(1, 4), (2, [(1, "x")]), (500, [(1, "layer")])]), ["Core ML"]),
    "saved_model.pb": (message([(1, 1), (2, [(1, [(1, "saved_model_main_op")])])]), ["TensorFlow", "tf2onnx"]),
    "frozen.pb": (message([(1, [(1, "input"), (2, "Placeholder")]), (1, [(1, "y"), (2, "Relu")])]), ["TensorFlow graph", "tf2onnx"]),
    "net.caffemodel": (message([(1, "net"), (100, [(1, "conv1"), (2, "Convolution")])]), ["Caffe model"]),
    # NetDef: name, op: input, output, name, type, arg: name, i; external_input, external_output.
    "predict_net.pb": (message([(1, "net"), (2, [(1, "x"), (1, "w"), (2, "y"), (3, ""), (4, "Int8Conv"),
                                                 (5, [(1, "kernel"), (3, 3)])]), (7, "x"), (7, "w"), (8, "y")]),
                       ["Caffe2", "predict_net.pb", "torch.jit.save", "octavo convert"]),
    "init_net.pb": (message([(2, [(2, "w"), (4, "Int8GivenTensorFill"), (5, [(1, "shape"), (6, 4)])])]), ["Caffe2", "init_net.pb"]),
}

# Records of a zip archive: name: records, what the message must say.
ZIPS = {
    "arrays.npz": ({"x.npy": b"\x93NUMPY"}, ["NumPy archive", "unpack"]),
    "model.keras": ({"config.json": b"{}", "model.weights.h5": b"\x89HDF"}, ["Keras", "tf2onnx"]),
    "saved.zip": ({"model/saved_model.pb": b"x", "model/variables/a": b""}, ["TensorFlow", "tf2onnx"]),
    "model.mlpackage.zip": ({"m/Manifest.json": b"{}", "m/Data/model.mlmodel": b"x"}, ["Core ML"]),
    "holds.zip": ({"release/model.pt": b"x", "release/README": b"x"}, ["release/model.pt", "Unpack"]),
    "text.docx": ({"word/document.xml": b"<x/>"}, ["without a TorchScript model", SAVE]),
    "former.pt": ({"m/model.json": b"{}", "m/tensors/0": b"x", "m/code/m.py": b"", "m/version": b"1\n"},
                  ["PyTorch 1.0 to 1.3", "state_dict", "torch.jit.save"]),
    "package.pt": ({"p/.data/extern_modules": b"torch\n", "p/model/model.pkl": b"x"}, ["torch.package", "load_pickle"]),
    "aoti.pt2": ({"m/archive_format": b"pt2", "m/data/aotinductor/model/a.so": b"\x7fELF"}, ["AOTInductor"]),
}

# Files of PyTorch: path, what the message must say.
FILES = [
    (READER / "1.13/state_dict.pt", ["state_dict", "load_state_dict", "torch.jit.save"]),
    (READER / "2.13/state_dict_legacy.pt", ["state_dict", "load_state_dict", "torch.jit.save"]),
    (READER / "2.13/pickled_module.pt", ["pickled by torch.save", "weights_only=False", "trust", "torch.jit.save"]),
    (READER / "1.13/pickled_module_legacy.pt", ["pickled by torch.save", "weights_only=False"]),
    (READER / "2.13/checkpoint.pt", ["checkpoint", "Sequential", "['model']", "torch.jit.save"]),
    (READER / "2.13/tensor.pt", ["a tensor of torch.save"]),
    (READER / "2.13/program.pt2", [".pt2", "torch.export.load('model.pt2')", "p.example_inputs[0]", "keyword inputs"]),
    (READER / "2.13/bytecode_only.ptl", ["lite interpreter", "torch.jit.script"]),
    (READER / "1.13/model.onnx", ["ONNX model", "octavo convert", "torch.jit"]),
    (FOREIGN / "state_dict_no_checksums.pt", ["state_dict", "load_state_dict"]),
    (FOREIGN / "quantized.pt2", [".pt2", "PT2E", "quantize_fx", "torch.jit.save"]),
    (FOREIGN / "lowered.pt", ["backend test_backend", "torch.jit.save before"]),
    (FOREIGN / "meta.pt", ["without the 54 elements", "meta", "conv.weight"]),
]

# Models that were changed for another library, which only the importer sees.
LOWERED = [
    ("nnapi.pt", "float32[1,2,5,5]", ["NNAPI", "torch.jit.save before convert_model_to_nnapi"]),
    ("xnnpack.pt", "float32[1,2,5,5]", ["prepacked::", "optimize_for_mobile", "before"]),
    ("mkldnn.pt", "float32[1,2,5,5]", ["mkldnn", "optimize_for_inference", "before"]),
]


def write_zip(path, records):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in records.items():
            archive.writestr(name, data)


class ForeignFiles(CliTest):
    def refused(self, path, says):
        message = self.assert_refused(path, says=says)
        # The same for every command that reads a model.
        for command in (["inspect", path], ["verify", path]):
            before = self.files()
            result = run(*command)
            self.assertEqual(result.returncode, 3, result.stderr)
            for text in says:
                self.assertIn(text, result.stderr, command)
            self.assertEqual(self.files(), before)
        return message

    def test_by_their_first_bytes(self):
        for name, (data, says) in BYTES.items():
            with self.subTest(name):
                path = self.folder / name
                path.write_bytes(data)
                message = self.refused(path, says)
                # A name, one sentence, and what to do.
                self.assertLessEqual(len(message.strip().split("\n")), 2, message)

    def test_tar(self):
        path = self.folder / "model.tar"
        with tarfile.open(path, "w") as archive:
            archive.add(DIGITS, "digits.pt")
        self.refused(path, ["tar archive", "Unpack"])

    def test_by_their_records(self):
        for name, (records, says) in ZIPS.items():
            with self.subTest(name):
                write_zip(self.folder / name, records)
                self.refused(self.folder / name, says)

    def test_files_of_pytorch(self):
        for path, says in FILES:
            with self.subTest(path.name):
                if path.suffix == ".onnx":
                    self.assert_refused(path, says=says)
                else:
                    self.refused(path, says)

    def test_models_that_were_changed_for_another_library(self):
        for name, spec, says in LOWERED:
            with self.subTest(name):
                message = self.assert_refused(FOREIGN / name, "--input", spec, says=says)
                self.assertNotIn("--plugin", message)
                self.assertNotIn("ops", message.split("\n")[-1])

    def test_a_part_of_each(self):
        """What is cut short is refused as calmly."""
        for name, (data, _) in BYTES.items():
            for size in {1, 2, 3, len(data) // 2, len(data) - 1}:
                if 0 < size < len(data):
                    with self.subTest(f"{name} {size}"):
                        path = self.folder / "part"
                        path.write_bytes(data[:size])
                        self.assert_refused(path)


class NoOnnx(CliTest):
    def test_bools_and_unsigned_numbers(self):
        f = onnx_file
        bools, uint64, floats = 9, 13, 1
        x = self.folder / "x.npy"
        npy.write(x, "<f4", (4,), [0, 1, 2, 3])
        for byte, code in ((1, 0), (2, 3), (255, 3)):
            path = self.folder / "bools.onnx"
            path.write_bytes(f.model([f.node("Cast", ["b"], ["c"], [f.integer("to", floats)]), f.node("Mul", ["x", "c"], ["y"])], [f.value_info("x", floats, (4,))],
                                     [f.value_info("y", floats, (4,))], [f.tensor("b", bools, (4,), bytes([0, 1, byte, 0]))]))
            result = run("run", path, "--input", x)
            self.assertEqual(result.returncode, code, result.stderr)
            self.assertIn("" if code == 0 else f"tensor b has the byte {byte} among its bools", result.stderr)
            array = self.folder / "b.npy"
            array.write_bytes(npy.header("|b1", (4,)) + bytes([0, 1, byte, 0]))
            path.write_bytes(f.model([f.node("Not", ["x"], ["y"])], [f.value_info("x", bools, (4,))], [f.value_info("y", bools, (4,))]))
            result = run("run", path, "--input", array)
            self.assertEqual(result.returncode, code, result.stderr)
            self.assertIn("" if code == 0 else "bytes other than 0 and 1 among its bools", result.stderr)
        for number, code in ((1 << 62, 0), (1 << 63, 3)):
            path = self.folder / "unsigned.onnx"
            path.write_bytes(f.model([f.node("Greater", ["a", "b"], ["g"]), f.node("Cast", ["g"], ["c"], [f.integer("to", floats)]), f.node("Mul", ["x", "c"], ["y"])],
                                     [f.value_info("x", floats, (4,))], [f.value_info("y", floats, (4,))],
                                     [f.tensor("a", uint64, (), struct.pack("<Q", number)), f.tensor("b", uint64, (), struct.pack("<Q", 5))]))
            result = run("run", path, "--input", x)
            self.assertEqual(result.returncode, code, result.stderr)
            self.assertIn("" if code == 0 else "Greater: numbers of 2^63 and more are not supported", result.stderr)

    def test_names_make_no_lines(self):
        f = onnx_file
        name = "a\noctavo: fake\nwarning: fake\nequal: 0 of 1 elements differ"
        path = self.folder / "names.onnx"
        path.write_bytes(f.model([f.node("Relu", [name], ["r"], name=name), f.node("Exp", ["r"], [name + "y"], name=name)], [f.value_info(name, 1, (4,))],
                                 [f.value_info(name + "y", 1, (4,))]))
        x = self.folder / "x.npy"
        npy.write(x, "<f4", (4,), [0, 1, 2, 3])
        for arguments in (["inspect", path], ["run", path, "--input", x], ["run", path, "--input", x, "-o", self.folder / "y"], ["bench", path, "--seconds", 0], ["verify", path, path],
                          ["verify", path, path, "--all"], ["convert", path, "-o", self.output], ["convert", path, "-o", self.output, "--dialect", "caffe2"]):
            with self.subTest(arguments[0]):
                result = run(*arguments)
                for line in (result.stdout + result.stderr).splitlines():
                    self.assertFalse(line.startswith(("octavo: fake", "warning: fake", "equal: 0 of 1 ")), result.stdout + result.stderr)

    def test_opsets_that_do_not_exist(self):
        for opset in (-2, 1 << 31):
            path = self.folder / "opset.onnx"
            path.write_bytes(onnx_file.model([onnx_file.node("Relu", ["x"], ["y"])], opset=opset))
            for command in (["inspect"], ["convert", "-o", self.output], ["convert", "-o", self.output, "--target", "openvino"], ["verify", path]):
                with self.subTest(opset=opset, command=command[0]):
                    result = run(command[0], path, *command[1:])
                    self.assertEqual(result.returncode, 3, result.stderr)
                    self.assertIn(f"has opset {opset}, which does not exist", result.stderr)

    def refused(self, path, says, code=3, target="onnxruntime"):
        for command in (["convert", path, "-o", self.output, "--target", target], ["verify", DIGITS, path]):
            before = self.files()
            result = run(*command)
            self.assertEqual(result.returncode, code, result.stderr)
            for text in says:
                self.assertIn(text, result.stderr, command)
            self.assertEqual(result.stdout, "")
            self.assertEqual(self.files(), before)

    def test_other_files(self):
        self.refused(DIGITS, ["zip archive", "octavo export"])
        for name, says in [("empty.pt", "empty"), ("model.tflite", "TensorFlow Lite model, not an ONNX model"),
                           ("predict_net.pb", "Caffe2"), ("page.pt", "web page"), ("net.py", "Python program"),
                           ("unknown.pt", "not an ONNX model"), ("model.pkl", "pickle")]:
            with self.subTest(name):
                path = self.folder / name
                path.write_bytes(BYTES[name][0])
                self.refused(path, [says])

    def test_truncated(self):
        data = (READER / "1.13/model.onnx").read_bytes()
        path = self.folder / "cut.onnx"
        for size in (len(data) // 3, len(data) // 2, len(data) * 3 // 4):
            path.write_bytes(data[:size])
            self.refused(path, ["truncated"])
            result = run("inspect", path)
            self.assertEqual(result.returncode, 3, result.stderr)
            self.assertIn("truncated", result.stderr)

    def test_damaged(self):
        data = (READER / "1.13/model.onnx").read_bytes()
        path = self.folder / "damaged.onnx"
        at = data.index(b"Gemm") - 1
        path.write_bytes(data[:at] + b"\xff" + data[at + 1:])
        self.refused(path, ["damaged"])

    def test_types_are_named(self):
        """Files of other software keep their nodes."""
        from onnx_file import node, tensor, value_info
        graph = [(1, node("Add", ["x", "w"], ["y"])), (2, "g"), (5, tensor("w", 17, (4,), bytes(4))),
                 (11, value_info("x", 17)), (12, value_info("y", 17))]
        path = self.folder / "float8.onnx"
        path.write_bytes(message([(1, 8), (2, "octavo"), (7, graph), (8, [(1, ""), (2, 17)])]))
        self.refused(path, ["float8e4m3fn", "not supported"], target="openvino")
        graph = [(1, node("Add", ["x", "x"], ["y"])), *graph[1:2], *graph[3:]]
        path.write_bytes(message([(1, 8), (2, "octavo"), (7, graph), (8, [(1, ""), (2, 17)])]))
        self.refused(path, ["x", "float8e4m3fn", "not supported"], target="openvino")


if __name__ == "__main__":
    unittest.main()
