"""ONNX files and arrays that run, verify and bench must refuse: exit code, one message, nothing written."""
import math
import os
import unittest

import npy
import onnx_file as onnx
from octavo_cli import DIGITS, CliTest, run


class Refused(CliTest):
    def setUp(self):
        super().setUp()
        self.out = self.folder / "results"
        self.x = npy.write(self.folder / "x.npy", "<f4", (1, 4), [0.0, 1.0, 2.0, 3.0])

    def refuse(self, model, *arguments, code=3, says=(), command="run"):
        before = self.files()
        if command == "run":
            arguments = (*(arguments or ("--input", self.x)), "-o", self.out)
        result = run(command, model, *arguments)
        self.assertEqual(result.returncode, code, result.stderr + result.stdout)
        self.assertTrue(result.stderr.startswith("octavo: " if code == 2 else "octavo: cannot "), result.stderr[:500])
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, result.stderr)
        self.assertLess(len(result.stderr), 20000)
        self.assertEqual(result.stdout, "")
        self.assertEqual(self.files(), before)
        return result.stderr

    def written(self, content, name="model.onnx"):
        path = self.folder / name
        path.write_bytes(content)
        return path

    def refuse_model(self, *arguments, code=3, says=(), **keywords):
        path = self.written(onnx.model(*arguments, **keywords))
        self.refuse(path, code=code, says=says)
        self.refuse(path, path, command="verify", code=code, says=says)
        self.refuse(path, "--seconds", "0.01", command="bench", code=code, says=says)


class BrokenModels(Refused):
    def test_a_small_model_runs(self):
        path = self.written(onnx.model([onnx.node("Relu", ["x"], ["y"])]))
        self.assertEqual(run("run", path, "--input", self.x).returncode, 0)

    def test_no_model(self):
        self.refuse(self.written(b"hello\n" * 100))
        self.refuse(self.written(b""))
        self.refuse(self.written(b"\x08\x07" + os.urandom(300)))
        self.refuse(self.written(b"\x08\x07"), says="not an ONNX model")
        self.refuse(self.folder / "none.onnx", code=4, says="none.onnx")
        self.refuse(self.folder, code=4)

    def test_truncated(self):
        path = self.folder / "whole.onnx"
        self.assertEqual(run("export", DIGITS, "-o", path, "--input", "float32[1,1,8,8]").returncode, 0)
        content = path.read_bytes()
        image = npy.write(self.folder / "image.npy", "<f4", (1, 1, 8, 8), [0.5] * 64)
        for sixteenth in range(16):
            self.refuse(self.written(content[:len(content) * sixteenth // 16], "cut.onnx"), "--input", image)
        self.refuse(self.written(content[:-1], "cut.onnx"), "--input", image)

    def test_cycle(self):
        self.refuse_model([onnx.node("Add", ["x", "b"], ["a"]), onnx.node("Relu", ["a"], ["b"]), onnx.node("Relu", ["b"], ["y"])], says="b")
        self.refuse_model([onnx.node("Add", ["x", "y"], ["y"])], says="y")

    def test_nothing_makes_it(self):
        self.refuse_model([onnx.node("Relu", ["missing"], ["y"])], says="missing")
        self.refuse_model([onnx.node("Relu", ["x"], ["z"])], says="y")
        self.refuse_model([onnx.node("Relu", ["x"], ["y"]), onnx.node("Abs", ["x"], ["y"])], says="y")

    def test_all_unknown_operators_are_named(self):
        self.refuse_model([onnx.node("Wondrous", ["x"], ["a"]), onnx.node("Relu", ["a"], ["b"]), onnx.node("Stranger", ["b"], ["y"], domain="com.example")],
                          says=["Wondrous", "com.example", "Stranger"])

    def test_wrong_types(self):
        self.refuse_model([onnx.node("Conv", ["x", "w"], ["y"])], initializers=[onnx.tensor("w", onnx.INT64, [1, 1, 1], bytes(8))])
        self.refuse_model([onnx.node("Add", ["x", "w"], ["y"])], initializers=[onnx.tensor("w", onnx.INT64, [1], bytes(8))])
        self.refuse_model([onnx.node("QuantizeLinear", ["x", "s", "z"], ["y"])], outputs=[onnx.value_info("y", onnx.UINT8)],
                          initializers=[onnx.tensor("s", onnx.INT64, [], bytes(8)), onnx.tensor("z", onnx.UINT8, [], b"\0")])

    def test_impossible_shapes(self):
        self.refuse_model([onnx.node("MatMul", ["x", "w"], ["y"])], initializers=[onnx.tensor("w", onnx.FLOAT, [3, 2], bytes(24))])
        self.refuse_model([onnx.node("Add", ["x", "w"], ["y"])], initializers=[onnx.tensor("w", onnx.FLOAT, [3], bytes(12))])
        self.refuse_model([onnx.node("Reshape", ["x", "w"], ["y"])], initializers=[onnx.tensor("w", onnx.INT64, [2], (5).to_bytes(8, "little") * 2)])
        self.refuse_model([onnx.node("Transpose", ["x"], ["y"], [onnx.ints("perm", [0, 0])])])

    def test_sizes_that_do_not_fit_the_data(self):
        for shape, size in (([4], 12), ([4], 20), ([-4], 16), ([2 ** 62, 4], 0), ([2 ** 33, 2 ** 33], 0)):
            self.refuse_model([onnx.node("Add", ["x", "w"], ["y"])], initializers=[onnx.tensor("w", onnx.FLOAT, shape, bytes(size))], says="w")

    def test_too_large_for_any_memory(self):
        size = (1 << 40).to_bytes(8, "little")
        self.refuse_model([onnx.node("Expand", ["x", "w"], ["y"])], initializers=[onnx.tensor("w", onnx.INT64, [3], size * 2 + (4).to_bytes(8, "little"))])

    def test_external_data(self):
        """The weights' file must lie in the model's folder."""
        (self.folder / "w.data").write_bytes(onnx.floats(1, 2, 3, 4))
        nodes = [onnx.node("Add", ["x", "w"], ["y"])]
        path = self.written(onnx.model(nodes, initializers=[onnx.external("w", onnx.FLOAT, [4], "w.data")]))
        result = run("run", path, "--input", self.x)
        self.assertEqual(result.returncode, 0, result.stderr)
        inner = self.folder / "inner"
        inner.mkdir()
        (inner / "link").symlink_to(self.folder / "w.data")
        for location in ("../w.data", str(self.folder / "w.data"), "a/../../w.data", "link", "", ".", "none.data", "/dev/zero", "/etc/hostname"):
            path = self.written(onnx.model(nodes, initializers=[onnx.external("w", onnx.FLOAT, [4], location)]), "inner/model.onnx")
            result = run("run", path, "--input", self.x, "-o", self.out)
            self.assertIn(result.returncode, (3, 4), location + result.stderr)
            self.assertTrue(result.stderr.startswith("octavo: cannot run"), result.stderr)
            self.assertFalse(self.out.exists())
        for offset, length in ((4, 16), (2 ** 63 - 1, 16), (-1, 16), (0, 12), (0, 2 ** 62)):
            self.refuse(self.written(onnx.model(nodes, initializers=[onnx.external("w", onnx.FLOAT, [4], "w.data", offset, length)])))


# What a tensor named w may hold that does not fit it: (type, sizes, further fields of the message).
RAW, FLOAT_DATA, INT32_DATA, STRING_DATA = 9, 4, 5, 6
STRING, BOOL, FLOAT8 = 8, 9, 17
TENSORS_THAT_DO_NOT_FIT = (
    ((onnx.FLOAT, [1], (RAW, bytes(16))), "16 bytes"), ((onnx.FLOAT, [4], (RAW, bytes(12))), "12 bytes"), ((onnx.FLOAT, [4]), "0 bytes"),
    ((onnx.FLOAT, [-4], (RAW, bytes(16))), "invalid size"), ((onnx.FLOAT, [2 ** 62, 4], (RAW, b"")), "invalid size"),
    ((onnx.FLOAT, [1], (INT32_DATA, 1)), "0 bytes"), ((onnx.FLOAT, [1], (RAW, b""), (FLOAT_DATA, 1.0)), "0 bytes"),
    ((BOOL, [2], (RAW, b"\1\2")), "the byte 2"), ((BOOL, [1], (INT32_DATA, 3)), "the number 3"), ((BOOL, [1], (INT32_DATA, 256)), "the number 256"),
    ((STRING, [2], (STRING_DATA, "a")), "1 texts for 2"), ((FLOAT8, [2], (RAW, bytes(3))), "3 bytes"))


class KeptTensors(Refused):
    """`convert` keeps the tensors of an ONNX file as they are, wherever they lie: it checks them all the same."""

    def places(self, fields):
        """Models that hold a tensor: by itself, in an attribute, half a sparse one, in a body, in a function."""
        relu = onnx.node("Relu", ["x"], ["y"])
        yield "initializer", onnx.model([relu], initializers=[fields])
        held = onnx.node("Constant", [], ["w"], [[(1, "value"), (5, fields), (20, 4)]])
        yield "attribute", onnx.model([held, relu])
        indices = onnx.tensor("i", onnx.INT64, [1], bytes(8))
        yield "sparse", onnx.model([relu], sparse=[[(1, fields), (2, indices), (3, 4)]])
        yield "sparse attribute", onnx.model([onnx.node("Constant", [], ["w"], [[(1, "sparse_value"), (22, [(1, fields), (2, indices), (3, 4)]), (20, 11)]]), relu])
        body = [(1, onnx.node("Identity", ["x"], ["z"])), (2, "body"), (5, fields), (12, onnx.value_info("z"))]
        condition = onnx.tensor("c", BOOL, [], b"\1")
        yield "body", onnx.model([onnx.node("If", ["c"], ["y"], [[(1, name), (6, body), (20, 5)] for name in ("then_branch", "else_branch")])], initializers=[condition])
        yield "function", onnx.model([relu], functions=[[(1, "F"), (4, "a"), (5, "w"), (7, held), (9, [(1, ""), (2, 17)]), (10, "own")]])

    def test_tensors_that_do_not_fit(self):
        for (kind, shape, *data), says in TENSORS_THAT_DO_NOT_FIT:
            for place, content in self.places([*((1, d) for d in shape), (2, kind), (8, "w"), *data]):
                with self.subTest(place=place, tensor=(kind, shape, data)):
                    for opset in ("17", "21"):
                        error = self.refuse(self.written(content), "--opset", opset, "-o", self.folder / "y.onnx", command="convert")
                        self.assertTrue(says in error or "functions of its own" in error, error)

    def test_tensors_that_fit(self):
        for kind, shape, *data in ((onnx.FLOAT, [1], (RAW, bytes(4))), (onnx.FLOAT, [1], (RAW, bytes(4)), (FLOAT_DATA, 1.0)), (onnx.FLOAT, [1], (FLOAT_DATA, 1.0), (INT32_DATA, 1)),
                                    (onnx.FLOAT, [2], (FLOAT_DATA, 1.0), (FLOAT_DATA, 2.0)), (onnx.FLOAT, [0]), (BOOL, [1], (INT32_DATA, 1)),
                                   (STRING, [1], (STRING_DATA, "a")), (FLOAT8, [2], (RAW, bytes(2))), (99, [2], (RAW, bytes(7)))):
            for place, content in self.places([*((1, d) for d in shape), (2, kind), (8, "w"), *data]):
                with self.subTest(place=place, tensor=(kind, shape, data)):
                    result = run("convert", self.written(content), "--opset", "17", "-o", self.folder / "y.onnx")
                    self.assertEqual(result.returncode, 0, result.stderr)
                    self.assertEqual((self.folder / "y.onnx").read_bytes(), content)

    def test_tensors_in_other_files(self):
        """They are taken along from every place, and what does not fit is refused."""
        (self.folder / "w.data").write_bytes(onnx.floats(1, 2, 3, 4))
        there = self.folder / "there"
        there.mkdir()
        for place, content in self.places(onnx.external("w", onnx.FLOAT, [4], "w.data")):
            with self.subTest(place=place):
                result = run("convert", self.written(content), "--opset", "17", "-o", there / "y.onnx")
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertTrue((there / "y.onnx.data").read_bytes().endswith(onnx.floats(1, 2, 3, 4)))
                self.assertNotIn(b"w.data", (there / "y.onnx").read_bytes())
                result = run("convert", self.written(content), "--opset", "17", "--external-data", "never", "-o", there / "z.onnx")
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertIn(onnx.floats(1, 2, 3, 4), (there / "z.onnx").read_bytes())
                for path in there.iterdir():
                    path.unlink()
        for offset, length in ((4, 12), (0, 12), (0, 17), (4, None), (17, None), (4, 0)):
            for place, content in self.places(onnx.external("w", onnx.FLOAT, [4], "w.data", offset, length)):
                with self.subTest(place=place, offset=offset, length=length):
                    self.refuse(self.written(content), "--opset", "17", "-o", self.folder / "y.onnx", command="convert", says="w")

    def test_defaults_of_functions(self):
        """Their tensors are in a field that is newer than the format that Octavo reads."""
        default = [(1, "value"), (5, onnx.external("w", onnx.FLOAT, [4], "w.data")), (20, 4)]
        function = [(1, "F"), (4, "a"), (5, "a"), (10, "own"), (11, default)]
        (self.folder / "w.data").write_bytes(onnx.floats(1, 2, 3, 4))
        path = self.written(onnx.model([onnx.node("Relu", ["x"], ["y"])], functions=[function]))
        self.refuse(path, "-o", self.folder / "y.onnx", command="convert", says="default values of attributes")

    def test_tensors_that_share_their_data(self):
        """A small file asks for no more disk than its data have, and for little memory."""
        (self.folder / "w.data").write_bytes(bytes(1 << 20))
        tensors = [onnx.external("w%d" % i, onnx.FLOAT, [1 << 18], "w.data") for i in range(100)]
        path = self.written(onnx.model([onnx.node("Relu", ["x"], ["y"])], initializers=tensors))
        (self.folder / "there").mkdir()
        result = run("convert", path, "-o", self.folder / "there/y.onnx")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual((self.folder / "there/y.onnx.data").stat().st_size, 1 << 20)
        self.refuse(path, "-o", self.folder / "z.onnx", "--external-data", "never", "--limit", "memory=64M", command="convert", says="the tensor w")

    def test_constants_that_are_lists(self):
        """The axes of a mean are an attribute below opset 18."""
        nodes = [onnx.node("Constant", [], ["a"], [onnx.ints("value_ints", [1])]), onnx.node("ReduceMean", ["x", "a"], ["y"])]
        result = run("convert", self.written(onnx.model(nodes, opset=21)), "--opset", "17", "-o", self.folder / "y.onnx")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(onnx.message([(5, onnx.ints("axes", [1]))]), (self.folder / "y.onnx").read_bytes())

    def test_an_output_that_is_an_input(self):
        path = self.written(onnx.model([onnx.node("Relu", ["x"], ["y"])], outputs=[onnx.value_info("y"), onnx.value_info("x")]))
        result = run("convert", path, "-o", self.folder / "y.onnx")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual((self.folder / "y.onnx").read_bytes(), path.read_bytes())


class BrokenArrays(Refused):
    def setUp(self):
        super().setUp()
        self.model = self.written(onnx.model([onnx.node("Relu", ["x"], ["y"])]))

    def refuse_array(self, content, says=(), code=3):
        path = self.written(content, "bad.npy")
        self.refuse(self.model, "--input", path, says=says, code=code)
        self.refuse(DIGITS, "--input", path, says=says, code=code)
        self.refuse(self.model, self.model, "--input", path, command="verify", says=says, code=code)
        path.unlink()

    def test_no_array(self):
        self.refuse_array(b"hello", says="not a .npy file")
        self.refuse_array(b"", says="not a .npy file")
        self.refuse_array(b"PK\3\4hello", says="zip")
        self.refuse(self.model, "--input", self.folder / "none.npy", code=4, says="none.npy")
        self.refuse(self.model, "--input", self.folder, code=4)

    def test_pickled_object(self):
        canary = self.folder / "canary"
        command = f"touch {canary}".encode()
        pickle = b"\x80\x02cos\nsystem\nX" + len(command).to_bytes(4, "little") + command + b"\x85R."
        self.refuse_array(npy.header("|O", (1,)) + pickle, says="pickled")
        self.assertFalse(canary.exists())

    def test_false_shapes(self):
        self.refuse_array(npy.header("<f4", (1, 4)) + bytes(12), says="12 bytes follow")
        self.refuse_array(npy.header("<f4", (1, 4)) + bytes(20), says="20 bytes follow")
        self.refuse_array(npy.header("<f4", (2 ** 62, 4)), says="elements of 4 bytes")
        self.refuse_array(npy.header("<f4", (1, -4)) + bytes(16), says="shape")

    def test_wrong_shape_type_and_number(self):
        for shape in ((1, 3), (4,), (1, 4, 1), (2, 4)):
            count = math.prod(shape)
            self.refuse(self.model, "--input", npy.write(self.folder / "w.npy", "<f4", shape, [0.0] * count), code=2, says="x")
        self.refuse(self.model, "--input", npy.write(self.folder / "w.npy", "<i8", (1, 4), [0] * 4), code=2, says=["float32", "int64"])
        self.refuse(self.model, "--input", self.x, "--input", self.x, code=2, says=["2 inputs", "x: float32[1,4]"])
        self.refuse(self.model, "--input", f"{self.x}@z:", code=2, says=["no input z", "x: float32[1,4]"])
        self.refuse(self.model, "--input", f"{self.x}@x:", "--input", f"{self.x}@x:", code=2, says="twice")
        self.refuse(self.model, "--input", f"{self.x}@x:uint8[1,4]", code=2, says="float32")
        self.refuse(self.model, "--input", f"{self.x}@float32[1,5]", code=2, says="[1,5]")
        self.refuse(self.model, "--input", f"{self.x}@quint8(0.1)", code=2)
        self.refuse(self.model, "--input", f"{self.x}@", code=2)
        self.refuse(self.model, "--input", "@x:", code=2)

    def test_of_pytorch_models(self):
        wide = npy.write(self.folder / "w.npy", "<f4", (1, 3, 8, 8), [0.0] * 192)
        self.refuse(DIGITS, "--input", wide, code=3)
        image = npy.write(self.folder / "i.npy", "<f4", (1, 1, 8, 8), [0.0] * 64)
        self.refuse(DIGITS, "--input", image, "--input", image, code=2)
        self.refuse(DIGITS, "--input", f"{image}@nobody:", code=2, says="nobody")

    def test_no_input(self):
        result = run("run", self.model)
        self.assertEqual(result.returncode, 2)
        self.assertIn("--input", result.stderr)

    def test_output_folder(self):
        target = self.folder / "file"
        target.write_text("kept")
        result = run("run", self.model, "--input", self.x, "-o", target)
        self.assertEqual(result.returncode, 4, result.stderr)
        self.assertEqual(target.read_text(), "kept")
        result = run("run", self.model, "--input", self.x, "-o", "/proc/octavo")
        self.assertEqual(result.returncode, 4, result.stderr)

    def test_open_sizes(self):
        model = self.written(onnx.model([onnx.node("Relu", ["x"], ["y"])], inputs=[onnx.value_info("x", shape=("N", "K"))],
                                        outputs=[onnx.value_info("y", shape=("N", "K"))]))
        self.refuse(model, model, command="verify", code=2, says=["input x", "--input"])
        self.assertEqual(run("verify", model, model, "--input", "float32[2,4]").returncode, 0)
        self.assertEqual(run("verify", model, model, "--input", self.x).returncode, 0)

    def test_models_that_cannot_mean_the_same(self):
        two = self.written(onnx.model([onnx.node("Add", ["x", "z"], ["y"])], inputs=[onnx.value_info("x"), onnx.value_info("z")]), "two.onnx")
        self.refuse(self.model, two, command="verify", code=2, says=["1 inputs", "2"])
        self.refuse(self.model, command="verify", code=2, says="second")
        self.refuse(self.folder / "none.pt", command="verify", code=4, says="none.pt")
        self.refuse(DIGITS, self.folder / "none.onnx", command="verify", code=4, says="none.onnx")


if __name__ == "__main__":
    unittest.main()
