"""octavo run, verify and bench: what they print and write, and their exit codes."""
import json
import math
import shutil
import unittest
import zipfile

import npy
import onnx_file as onnx
from octavo_cli import DIGITS, ROOT, CliTest, run

IMAGES = ROOT / "examples" / "digits" / "images.npy"
LABELS = ROOT / "examples" / "digits" / "labels.npy"


class WithDigits(CliTest):
    def exported(self, *options, name="digits.onnx"):
        path = self.folder / name
        result = run("export", DIGITS, "-o", path, "--input", "float32[N,1,8,8]", *options)
        self.assertEqual(result.returncode, 0, result.stderr)
        return path

    def ok(self, *arguments, code=0):
        result = run(*arguments)
        self.assertEqual(result.returncode, code, result.stderr)
        return result.stdout

    def one_image(self, name="x.npy"):
        descr, shape, numbers = npy.read(IMAGES)
        return npy.write(self.folder / name, descr, (1, *shape[1:]), numbers[:64])


class Run(WithDigits):
    def accuracy(self, model, *options):
        out = self.folder / "out"
        self.ok("run", model, "--input", IMAGES, "-o", out, *options)
        descr, shape, scores = npy.read(out / "y0.npy")
        self.assertEqual((descr, shape), ("<f4", (360, 10)))
        labels = npy.read(LABELS)[2]
        right = sum(max(range(10), key=lambda k: scores[10 * i + k]) == labels[i] for i in range(360))
        shutil.rmtree(out)
        return right / 360

    def test_recognizes_digits(self):
        of_reference = self.accuracy(DIGITS)
        self.assertGreater(of_reference, 0.98)
        for options in [(), ("--dialect", "caffe2")]:
            model = self.exported(*options)
            self.assertEqual(self.accuracy(model), of_reference)
            self.assertEqual(self.accuracy(model, "--no-fuse"), of_reference)
            self.assertEqual(self.accuracy(model, "--threads", "2", "--arithmetic", "pytorch"), of_reference)

    def test_prints_the_best_classes(self):
        out = self.ok("run", DIGITS, "--input", self.one_image(), "--time")
        self.assertIn("float32[1,10]", out)
        self.assertRegex(out, r" -?\d[\d.e-]* to \d")
        self.assertRegex(out, r"\n  top classes: \d \(-?[\d.]+\), \d \(")
        self.assertRegex(out, r"\nrunning took [\d.]+ s \(reference\), reading [\d.]+ s\n")
        out = self.ok("run", DIGITS, "--input", IMAGES)
        self.assertRegex(out, r"\n  top classes of image 1: \d \(")
        self.assertRegex(out, r"\n  top classes of image 4: \d \(")
        self.assertIn("and 356 more", out)

    def test_what_is_no_image_is_called_item(self):
        model = self.folder / "relu.onnx"
        model.write_bytes(onnx.model([onnx.node("Relu", ["x"], ["y"])], inputs=[onnx.value_info("x", shape=(2, 5))], outputs=[onnx.value_info("y", shape=(2, 5))]))
        x = npy.write(self.folder / "x.npy", "<f4", (2, 5), [0.0, 1.0, 2.0, 3.0, 4.0, 9.0, 8.0, 7.0, 6.0, 5.0])
        out = self.ok("run", model, "--input", x)
        self.assertIn("  top classes of item 1: 4 (4), 3 (3), 2 (2), 1 (1), 0 (0)\n  top classes of item 2: 0 (9), 1 (8), 2 (7), 3 (6), 4 (5)\n", out)

    def test_json(self):
        report = json.loads(self.ok("run", self.exported(), "--input", self.one_image(), "--json"))
        self.assertEqual(report["runner"], "engine")
        self.assertEqual(report["arithmetic"], "onnxruntime")
        self.assertEqual(report["outputs"][0]["shape"], [1, 10])
        self.assertEqual(len(report["outputs"][0]["best"][0]), 5)

    def test_quiet(self):
        self.assertEqual(self.ok("run", DIGITS, "--input", IMAGES, "--quiet"), "")

    def test_inputs_by_name_and_from_an_archive(self):
        x = self.one_image()
        want = self.ok("run", DIGITS, "--input", x)
        name = json.loads(run("inspect", DIGITS, "--json", "--input", "float32[1,1,8,8]").stdout)["inputs"][0]["name"]
        self.assertEqual(self.ok("run", DIGITS, "--input", f"{x}@{name}:"), want)
        self.assertEqual(self.ok("run", DIGITS, "--input", f"{x}@float32[1,1,8,8]"), want)
        self.assertEqual(self.ok("run", DIGITS, "--input", f"{x}@{name}:float32[N,1,8,8]"), want)
        for member in (name, "arr_0"):
            for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                path = self.folder / "x.npz"
                with zipfile.ZipFile(path, "w", compression) as archive:
                    archive.write(x, member + ".npy")
                self.assertEqual(self.ok("run", DIGITS, "--input", path), want)
        at = self.folder / "a@b.npy"
        x.rename(at)
        self.assertEqual(self.ok("run", DIGITS, "--input", at), want)

    def quantize(self):
        """Quantizes its input; the output stays quantized."""
        scale, zero = onnx.tensor("s", onnx.FLOAT, [], onnx.floats(0.5)), onnx.tensor("z", onnx.UINT8, [], b"\x03")
        path = self.folder / "quantize.onnx"
        path.write_bytes(onnx.model([onnx.node("QuantizeLinear", ["x", "s", "z"], ["y"])], initializers=[scale, zero],
                                    outputs=[onnx.value_info("y", onnx.UINT8)]))
        return path

    def test_quantized_outputs_are_integers(self):
        x = npy.write(self.folder / "x.npy", "<f4", (1, 4), [0.0, 1.0, -100.0, 2.25])
        out = self.folder / "deep" / "out"
        self.assertIn("y0.npy", self.ok("run", self.quantize(), "--input", x, "-o", out))
        # 2.25 / 0.5 is 4.5, a tie that goes to the even 4.
        self.assertEqual(npy.read(out / "y0.npy"), ("|u1", (1, 4), [3, 5, 0, 7]))

    def test_elements_that_are_not_finite(self):
        x = npy.write(self.folder / "x.npy", "<f4", (1, 4), [0.0, math.inf, -math.inf, 1.0])
        out = self.folder / "out"
        result = run("run", self.quantize(), "--input", x, "-o", out)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("warning: input x contains 2 NaN or infinite elements", result.stderr)
        self.assertEqual(npy.read(out / "y0.npy")[2], [3, 255, 0, 5])


class Verify(WithDigits):
    def test_a_model_and_its_conversions(self):
        out = self.ok("verify", DIGITS, "--input", "float32[2,1,8,8]", "--arithmetic", "pytorch")
        self.assertIn("equal: 0 of ", out)
        out = self.ok("verify", DIGITS, "--input", f"{IMAGES}@x:float32[360,1,8,8]", "--dialect", "caffe2")
        self.assertIn("equal: 0 of ", out)
        self.assertIn("caffe2", out)

    def test_a_model_and_a_file(self):
        for options in [(), ("--dialect", "caffe2"), ("--dialect", "caffe2", "--optimize"), ("--opset", "13")]:
            path = self.exported(*options)
            report = json.loads(self.ok("verify", DIGITS, path, "--arithmetic", "pytorch", "--json"))
            self.assertTrue(report["equal"])
            in_memory = json.loads(self.ok("verify", DIGITS, "--input", "float32[1,1,8,8]", "--arithmetic", "pytorch", "--json", *options))
            self.assertTrue(in_memory["equal"])
            # The same values are paired by what the file says and by what the conversion knows.
            self.assertEqual([(l["operator"], l["place"]) for l in report["layers"]],
                             [(l["operator"], l["place"]) for l in in_memory["layers"]])
            self.assertTrue(all("alone" in l for l in report["layers"] if not l["input"]))

    def test_two_files(self):
        a, b = self.exported(name="a.onnx"), self.exported("--dialect", "caffe2", name="b.onnx")
        self.assertIn("equal: 0 of ", self.ok("verify", a, b, "--arithmetic", "pytorch"))
        self.assertIn("equal: 0 of ", self.ok("verify", b, a, "--arithmetic", "pytorch", "--input", IMAGES))
        self.assertIn("equal: 0 of ", self.ok("verify", a, a, "--no-fuse", "--runs", "3"))

    def broken(self):
        """The exported model with one byte of a convolution's weight changed, and the layer's place."""
        path = self.exported()
        layer = next(l["module"] for l in json.loads(run("inspect", DIGITS, "--input", "float32[1,1,8,8]", "--json").stdout)["layers"]
                     if l["operator"] == "quantized::conv2d_relu")
        content = bytearray(path.read_bytes())
        name = layer.encode() + b".weight"
        initializer = b"B" + bytes([len(name)]) + name + b"J"  # fields 8, the name, and 9, raw_data
        content[content.index(initializer) + len(initializer) + 8] ^= 0x60
        path.write_bytes(content)
        return path, layer

    def test_a_broken_weight_is_found(self):
        path, place = self.broken()
        folder = self.folder / "repro"
        report = json.loads(self.ok("verify", DIGITS, path, "--arithmetic", "pytorch", "--json", "--repro", folder, code=1))
        self.assertFalse(report["equal"])
        alone = [l["place"] for l in report["layers"] if l.get("alone", {}).get("differ")]
        self.assertEqual(alone, [place])
        for name in ("model.onnx", "test_data_set_0/input_0.pb", "test_data_set_0/output_0.pb"):
            self.assertTrue((folder / name).is_file(), name)
        text = self.ok("verify", DIGITS, path, "--arithmetic", "pytorch", code=1)
        self.assertIn("different: 1 of 13 layers introduces a difference, ", text)
        self.assertIn("layers that introduce a difference", text)
        self.assertIn(place, text)
        self.assertIn("layers that differ end to end, worst first", text)
        self.assertRegex(text, r"output output  \d+ of 10 elements differ, relative error up to \d\.\de[+-]\d+")

    def test_tolerance(self):
        path, _ = self.broken()
        options = ("--arithmetic", "pytorch", "--tolerance", "255", "--float-tolerance", "1000")
        self.assertIn("integers within 255 LSB", self.ok("verify", DIGITS, path, *options))

    def test_all_and_runs(self):
        out = self.ok("verify", DIGITS, "--input", "float32[1,1,8,8]", "--runs", "3", "--all", "--arithmetic", "pytorch")
        self.assertIn("float32[1,1,8,8], random in 3 runs", out)
        self.assertIn("all layers", out)
        self.assertIn("quantized::conv2d_relu", out)

    def test_the_same_twice(self):
        reports = [json.loads(self.ok("verify", DIGITS, "--input", "float32[1,1,8,8]", "--json", "--arithmetic", "pytorch")) for _ in range(2)]
        for report in reports:
            del report["seconds"]
        self.assertEqual(*reports)


class Bench(WithDigits):
    def test_onnx(self):
        out = self.ok("bench", self.exported(), "--seconds", "0.1", "--threads", "2")
        self.assertRegex(out, r"median [\d.]+ ms \(10–90 %: [\d.]+–[\d.]+, min [\d.]+; [\d,]+ runs after \d+ warm-up\)")
        self.assertIn("2 threads", out)
        self.assertIn(" %", out)

    def test_json(self):
        report = json.loads(self.ok("bench", self.exported(), "--seconds", "0.1", "--json", "--input", "float32[4,1,8,8]"))
        self.assertEqual(report["inputs"][0]["shape"], [4, 1, 8, 8])
        self.assertAlmostEqual(sum(l["share"] for l in report["layers"]), 1, 6)
        self.assertLessEqual(report["fastest_seconds"], report["low_seconds"])
        self.assertLessEqual(report["low_seconds"], report["median_seconds"])
        self.assertLessEqual(report["median_seconds"], report["high_seconds"])

    def test_reference(self):
        self.assertIn("reference", self.ok("bench", DIGITS, "--seconds", "0.05", "--input", "float32[1,1,8,8]"))


if __name__ == "__main__":
    unittest.main()
