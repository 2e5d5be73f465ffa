"""Options that do not go together, or that a command would not look at, are refused and never silently ignored."""
import unittest

from octavo_cli import DIGITS, CliTest, run

IMAGES = DIGITS.parent / "images.npy"
SPEC = ("--input", "x:float32[1,1,8,8]")


class Together(CliTest):
    def setUp(self):
        super().setUp()
        self.onnx = self.folder / "digits.onnx"
        self.assertEqual(run("export", DIGITS, "-o", self.onnx, *SPEC).returncode, 0)

    def refused(self, *words, says=()):
        before = self.files()
        result = run(*words)
        self.assertEqual(result.returncode, 2, (words, result.stderr))
        self.assertTrue(result.stderr.startswith("octavo: "), result.stderr)
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertEqual(self.files(), before)

    def accepted(self, *words, code=0):
        result = run(*words)
        self.assertEqual(result.returncode, code, (words, result.stderr))

    def test_dialects(self):
        for command in (("export", DIGITS, "-o", self.output, *SPEC), ("convert", self.onnx, "-o", self.output), ("verify", DIGITS, *SPEC)):
            for target in ("onnxruntime", "openvino", "tensorrt"):
                self.refused(*command, "--dialect", "caffe2", "--target", target, says=["--target does not go with --dialect caffe2", command[0]])
            for opset in (13, 17):
                self.refused(*command, "--dialect", "caffe2", "--opset", opset, says=["--opset", "caffe2", "9"])
            self.refused(*command, "--opset", "9", says=["--opset 9", "13 to 21"])
            for value in ("error", "requantize"):
                self.refused(*command, "--per-channel-weights", value, says="--per-channel-weights does not go with --dialect qdq")
            self.accepted(*command, "--dialect", "caffe2", "--opset", "9", "--per-channel-weights", "error", "--optimize")

    def test_exact_where_it_cannot_be_promised(self):
        export = ("export", DIGITS, "-o", self.output, *SPEC, "--numbers", "exact")
        self.refused(*export, "--dialect", "caffe2", says="--numbers exact does not go with --dialect caffe2")
        for target in ("openvino", "tensorrt"):
            self.refused(*export, "--target", target, says=f"--numbers exact does not go with --target {target}")
            self.refused("convert", self.onnx, "-o", self.output, "--numbers", "exact", "--target", target, says=f"--target {target}")
        self.accepted(*export, "--target", "onnxruntime")
        self.accepted("export", DIGITS, "-o", self.output, *SPEC, "--numbers", "plain", "--target", "openvino")

    def test_options_for_onnx_models(self):
        for option in (("--arithmetic", "pytorch"), ("--no-fuse",), ("--threads", "2")):
            self.refused("run", DIGITS, "--input", IMAGES, *option, says=[option[0], "ONNX models", "digits.pt"])
            self.refused("bench", DIGITS, *SPEC, "--seconds", "0.01", *option, says=[option[0], "ONNX models"])
            self.accepted("verify", DIGITS, *SPEC, *option, code=0)
        self.refused("bench", DIGITS, *SPEC, "--seconds", "0.01", "--all", says="--all")

    def test_options_for_pytorch_models(self):
        for option in (("--engine", "qnnpack"), ("--faults", "keep"), ("--plugin", "none.so")):
            self.refused("run", self.onnx, "--input", IMAGES, *option, says=[option[0], "digits.onnx"])
            self.refused("bench", self.onnx, "--seconds", "0.01", *option, says=option[0])
            self.refused("verify", self.onnx, self.onnx, *option, says=option[0])
        self.refused("inspect", self.onnx, "--plugin", "none.so", says="--plugin")
        self.refused("inspect", self.onnx, *SPEC, says=["--input", "digits.onnx"])
        self.refused("inspect", self.onnx, "--check", says=["--check", "digits.onnx"])

    def test_no_fuse(self):
        for command in (("run", self.onnx, "--input", IMAGES), ("bench", self.onnx, "--seconds", "0.01"), ("verify", DIGITS, self.onnx)):
            self.refused(*command, "--no-fuse", "--threads", "2", says="--threads does not go with --no-fuse")
            self.refused(*command, "--no-fuse", "--arithmetic", "pytorch", says="--arithmetic does not go with --no-fuse")
        caffe2 = self.folder / "caffe2.onnx"
        self.accepted("export", DIGITS, "-o", caffe2, *SPEC, "--dialect", "caffe2")
        self.accepted("verify", DIGITS, caffe2, "--no-fuse", "--arithmetic", "pytorch")

    def test_a_second_model_is_not_converted(self):
        for option in (("--dialect", "qdq"), ("--target", "onnxruntime"), ("--opset", "17"), ("--numbers", "plain"), ("--per-channel-weights", "error"), ("--optimize",)):
            self.refused("verify", DIGITS, self.onnx, *option, says=[option[0], "converted in memory"])
            self.refused("verify", self.onnx, self.onnx, *option, says=option[0])

    def test_numbers_of_a_verification_with_pytorchs_arithmetic(self):
        for numbers in ("exact", "plain"):
            self.refused("verify", DIGITS, *SPEC, "--arithmetic", "pytorch", "--numbers", numbers, says="--numbers does not go with --arithmetic pytorch")
            self.accepted("verify", DIGITS, *SPEC, "--numbers", numbers, code=0 if numbers == "exact" else run("verify", DIGITS, *SPEC, "--numbers", numbers).returncode)

    def test_runs_with_arrays(self):
        self.refused("verify", DIGITS, self.onnx, "--input", IMAGES, "--runs", "3", says=["--runs 3", "arrays"])
        self.accepted("verify", DIGITS, self.onnx, *SPEC, "--runs", "3")

    def test_what_prints_nothing(self):
        self.refused("inspect", DIGITS, "--graph", "-q", says="--graph")
        self.refused("run", DIGITS, "--input", IMAGES, "--time", "-q", says="--time")
        self.refused("verify", DIGITS, *SPEC, "--all", "-q", says="--all")
        self.refused("bench", self.onnx, "--seconds", "0.01", "--all", "-q", says="--all")


if __name__ == "__main__":
    unittest.main()
