"""What is claimed of a model: which PyTorch is meant, how much runs in int8, what may round otherwise."""
import json
import unittest

from octavo_cli import DIGITS, CliTest, run
from test_bad_input import with_body

INPUT = ("--input", "x:float32[1,1,8,8]")
IN_INT8 = "q = torch.quantize_per_tensor(x, 0.1, 77, 13)\n"


class WithBodies(CliTest):
    def export(self, *arguments, body=None, code=0):
        model = self.changed(with_body(body)) if body else DIGITS
        result = run("export", model, "-o", self.output, *INPUT, *arguments)
        self.assertEqual(result.returncode, code, result.stderr)
        return result

    def report(self, *arguments, body=None):
        return json.loads(self.export("--json", *arguments, body=body).stdout)


class Engine(WithBodies):
    def test_export_names_it(self):
        self.assertIn("exact: 12 of 12 quantized nodes (PyTorch qnnpack-x86 → ONNX Runtime)\n", self.export().stdout)
        written = self.output.read_bytes()
        for text in (b"octavo.engine", b"qnnpack-x86", b"octavo.exact_for", b"onnxruntime"):
            self.assertIn(text, written)
        report = self.report()
        self.assertEqual((report["engine"], report["exact_for"]), ("qnnpack-x86", "onnxruntime"))
        self.assertIsNone(self.report("--target", "openvino")["exact_for"])
        self.assertNotIn(b"octavo.exact_for", self.output.read_bytes())

    def test_run_verify_and_bench_name_it(self):
        model = self.folder / "digits.onnx"
        self.assertEqual(run("export", DIGITS, "-o", model, *INPUT).returncode, 0)
        verified = run("verify", DIGITS, model, *INPUT)
        self.assertIn("digits.pt (PyTorch qnnpack-x86, reference) and ", verified.stdout)
        self.assertIn("digits.onnx (engine, onnxruntime arithmetic)\n", verified.stdout)
        first = json.loads(run("verify", DIGITS, *INPUT, "--json").stdout)["first"]
        self.assertEqual((first["runner"], first["engine"], first["faults"]), ("reference", "qnnpack-x86", "meant"))
        self.assertIn("(PyTorch qnnpack-x86 with its faults, reference)", run("verify", DIGITS, *INPUT, "--faults", "keep").stdout)
        images = DIGITS.parent / "images.npy"
        self.assertTrue(run("run", DIGITS, "--input", images).stdout.startswith(str(DIGITS) + " (PyTorch qnnpack-x86, reference)\n"))
        self.assertTrue(run("run", model, "--input", self.image(images)).stdout.startswith(
            str(model) + " (engine, onnxruntime arithmetic)\n"))
        self.assertEqual(json.loads(run("run", DIGITS, "--input", images, "--json").stdout)["engine"], "qnnpack-x86")
        measured = run("bench", DIGITS, *INPUT, "--seconds", "0.01")
        self.assertIn("digits.pt  PyTorch qnnpack-x86, reference\n", measured.stdout)

    def image(self, images):
        import npy
        descr, shape, numbers = npy.read(images)
        return npy.write(self.folder / "x.npy", descr, (1, *shape[1:]), numbers[:64])

    def test_is_named_where_the_reference_runs(self):
        model = self.folder / "out.onnx"
        self.assertEqual(run("export", DIGITS, "-o", model, *INPUT).returncode, 0)
        image = ("--input", DIGITS.parent / "images.npy")
        for engine in ("qnnpack", "qnnpack-x86", "fbgemm", "onednn", "x86"):
            for command in (("run", DIGITS, *image), ("bench", DIGITS, *INPUT, "--seconds", "0.01"), ("verify", DIGITS, model, *INPUT)):
                result = run(*command, "--engine", engine)
                self.assertIn(result.returncode, (0, 1), (command, result.stderr))
                self.assertIn("PyTorch %s, reference" % engine, result.stdout)
                other = "was exported for PyTorch's engine qnnpack-x86, and is compared with %s" % engine
                self.assertEqual(other in result.stderr, command[0] == "verify" and engine != "qnnpack-x86", result.stderr)
            self.assertEqual(json.loads(run("run", DIGITS, *image, "--engine", engine, "--json").stdout)["engine"], engine)

    def test_verify_compares_with_the_engine_of_the_export(self):
        model = self.folder / "out.onnx"
        for engine, options in (("x86", ("--engine", "x86")), ("qnnpack-x86", ()), ("qnnpack", ("--dialect", "caffe2")),
                                ("fbgemm", ("--engine", "fbgemm", "--numbers", "plain"))):
            self.assertEqual(run("export", DIGITS, "-o", model, *INPUT, *options).returncode, 0)
            self.assertIn(b"octavo.engine", model.read_bytes())
            verified = run("verify", DIGITS, model, *INPUT)
            self.assertIn("digits.pt (PyTorch %s, reference) and " % engine, verified.stdout)
            self.assertNotIn("was exported for", verified.stderr)

    def test_convert_says_that_caffe2_has_other_numbers(self):
        model, converted = self.folder / "out.onnx", self.folder / "converted.onnx"
        for engine, warned in (("qnnpack-x86", True), ("qnnpack", False)):
            self.assertEqual(run("export", DIGITS, "-o", model, *INPUT, "--engine", engine).returncode, 0)
            made = run("convert", model, "-o", converted, "--dialect", "caffe2")
            self.assertEqual(made.returncode, 0, made.stderr)
            self.assertIs("the numbers of PyTorch's engine %s, and the caffe2 dialect has those of qnnpack" % engine in made.stderr, warned)
            self.assertIn(b"octavo.engine", converted.read_bytes())
            back = run("convert", converted, "-o", model, "--json")
            self.assertEqual(json.loads(back.stdout)["engine"], "qnnpack")

    def test_export_is_for_each_engine(self):
        for engine in ("qnnpack", "qnnpack-x86", "fbgemm", "onednn", "x86"):
            report = self.report("--engine", engine)
            self.assertEqual(report["engine"], engine)
            self.assertIn(engine.encode(), self.output.read_bytes())
            self.assertIn("quantized nodes (PyTorch %s → ONNX Runtime)" % engine, self.export("--engine", engine).stdout)
            verified = run("verify", DIGITS, *INPUT, "--engine", engine, "--json")
            self.assertIn(verified.returncode, (0, 1), verified.stderr)
            self.assertEqual(json.loads(verified.stdout)["first"]["engine"], engine)
            exact = engine in ("qnnpack", "qnnpack-x86")
            self.assertIs(report["exact"], exact)
            self.export("--engine", engine, "--numbers", "exact", code=0 if exact else 3)
        unknown = run("export", DIGITS, "-o", self.output, "--engine", "xnnpack")
        self.assertEqual(unknown.returncode, 2)
        caffe2 = run("export", DIGITS, "-o", self.output, *INPUT, "--engine", "fbgemm", "--dialect", "caffe2")
        self.assertEqual(caffe2.returncode, 2, caffe2.stdout)
        self.assertIn("--engine fbgemm does not go with --dialect caffe2", caffe2.stderr)


class Int8(WithBodies):
    def test_how_many_operators(self):
        self.assertIn("\n10 of 10 operators run in int8\n", self.export().stdout)
        report = self.report()
        self.assertEqual((report["counted_operators"], report["int8_operators"], report["not_int8"]), (10, 10, {}))
        self.assertIn("\n10 of 10 operators run in int8\n", self.export("--dialect", "caffe2").stdout)
        self.assertIn("\n10 of 10 operators are quantized\n", self.export("--target", "openvino").stdout)

    def test_not_all(self):
        body = IN_INT8 + "return torch.dequantize(torch.tanh(torch.relu(q)))"
        self.assertIn("\n1 of 2 operators run in int8 (not 1 aten::tanh)\n", self.export(body=body).stdout)
        self.assertEqual(self.report(body=body)["not_int8"], {"aten::tanh": 1})

    def test_nothing_is_quantized(self):
        made = self.export(body="return torch.relu(torch.add(x, 0.5))")
        self.assertIn("0 of 2 operators run in int8", made.stdout)
        self.assertIn("warning: nothing in this model is quantized: the ONNX model is float32\n", made.stderr)
        self.assertNotIn("exact:", made.stdout)

    def test_a_share_is_quantized(self):
        body = IN_INT8 + "y = torch.sigmoid(torch.dequantize(torch.relu(q)))\nreturn torch.matmul(y, y)"
        warnings = self.report(body=body)["warnings"]
        self.assertEqual(warnings, ["2 of 3 operators do not run in int8: 1 aten::matmul, 1 aten::sigmoid"])
        self.assertEqual([w for w in self.report()["warnings"] if "int8" in w], [])


class Floats(WithBodies):
    def test_behind_the_quantized_part(self):
        body = IN_INT8 + "return torch.softmax(torch.dequantize(torch.relu(q)), 1)"
        text = self.export(body=body).stdout
        self.assertIn("exact: 2 of 2 quantized nodes (PyTorch qnnpack-x86 → ONNX Runtime); 1 float operator may round otherwise\n", text)
        self.assertRegex(text, r"\n  aten::softmax  code/__torch__\.py:\d+:\d+: a sum of floats, .*; float outputs may differ in their last bits\n")
        self.assertIn(b"octavo.float_operators", self.output.read_bytes())
        self.assertIs(self.report(body=body)["exact"], True)

    def test_before_it(self):
        body = "q = torch.quantize_per_tensor(torch.sigmoid(torch.exp(x)), 0.1, 77, 13)\nreturn torch.dequantize(torch.relu(q))"
        report = self.report(body=body)
        self.assertEqual([(n["operator"], n["before_quantized"]) for n in report["float_operators"]],
                         [("aten::exp", True), ("aten::sigmoid", True)])
        self.assertIs(report["exact"], False)
        text = self.export(body=body).stdout
        self.assertIn("an integer computed from it may be one step off", text)
        self.assertIn("exact: 2 of 4 nodes (PyTorch qnnpack-x86 → ONNX Runtime); 2 float operators may round otherwise\n", text)
        refused = self.export("--numbers", "exact", body=body, code=3)
        self.assertIn("2 of 4 nodes cannot be exact (PyTorch qnnpack-x86 → ONNX Runtime)\n  aten::exp: ", refused.stderr)

    def test_one_operation_on_the_input_is_proven(self):
        body = "q = torch.quantize_per_tensor(torch.add(x, 1.0), 0.1, 77, 13)\nreturn torch.dequantize(torch.relu(q))"
        report = self.report(body=body)
        self.assertEqual(report["float_operators"], [])
        self.assertIs(report["exact"], True)

    def test_what_is_the_same_everywhere_is_not_listed(self):
        body = IN_INT8 + "y = torch.relu(torch.dequantize(q))\nreturn torch.max_pool2d(torch.transpose(y, 2, 3), [2, 2])"
        self.assertEqual(self.report(body=body)["float_operators"], [])


class AsMeant(WithBodies):
    BODY = IN_INT8 + "return torch.dequantize(torch.avg_pool2d(q, [3, 3], [1, 1], [1, 1], False, False, None))"

    def test_is_not_exact(self):
        made = self.export(body=self.BODY)
        self.assertRegex(made.stdout, r"exact: 1 of 2 quantized nodes .*\n  aten::avg_pool2d  code/__torch__\.py:\d+:\d+: as meant; "
                                      r"PyTorch overlooks count_include_pad=False")
        self.assertRegex(made.stderr, r"warning: aten::avg_pool2d at code/__torch__\.py:\d+:\d+: PyTorch overlooks count_include_pad=False; "
                                      r"here the result is as meant, and not what PyTorch's qnnpack-x86 engine gives\n")
        node = self.report(body=self.BODY)["exactness"][1]
        self.assertEqual((node["exact"], node["by"]), (False, "as meant"))
        self.assertIn(b'"as meant"', self.output.read_bytes())

    def test_whoever_asks_for_exact_results_gets_an_error(self):
        refused = self.export("--numbers", "exact", body=self.BODY, code=3)
        self.assertIn("1 of 2 quantized nodes cannot be exact (PyTorch qnnpack-x86 → ONNX Runtime)\n  aten::avg_pool2d: ", refused.stderr)

    def test_verify_and_run_say_so_too(self):
        model = self.changed(with_body(self.BODY))
        self.assertIn("warning: aten::avg_pool2d", run("verify", model, *INPUT).stderr)
        image = Engine.image(self, DIGITS.parent / "images.npy")
        self.assertIn("warning: aten::avg_pool2d", run("run", model, "--input", image).stderr)
        self.assertEqual(run("run", model, "--input", image, "--faults", "keep").stderr, "")


class Saturation(WithBodies):
    def test_counts_the_layers(self):
        warnings = [w for w in self.report()["warnings"] if "saturate" in w]
        self.assertEqual(len(warnings), 1)
        self.assertRegex(warnings[0], r"^\d layers have weights that can saturate on x86 CPUs without VNNI.*session\.x64quantprecision")
        for others in (("--target", "openvino"), ("--dialect", "caffe2")):
            self.assertEqual([w for w in self.report(*others)["warnings"] if "saturate" in w], [])


if __name__ == "__main__":
    unittest.main()
