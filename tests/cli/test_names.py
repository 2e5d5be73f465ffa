"""Names in the written file: constants are named after their layer, and --rename gives inputs and outputs other names."""
import json
import unittest

from octavo_cli import DIGITS, CliTest, run

SPEC = "float32[N,1,8,8]"


class Names(CliTest):
    def export(self, *options):
        result = run("export", DIGITS, "-o", self.output, "--input", SPEC, "--json", *options)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def names(self, report):
        return [value["name"] for value in report["inputs"] + report["outputs"]]

    def graph(self, path):
        result = run("inspect", path, "--graph")
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def test_scales_and_zero_points_are_named_after_their_layer(self):
        self.export()
        graph = self.graph(self.output)
        self.assertNotIn("constant_", graph)
        for name in ("conv.weight", "conv.weight_scale", "conv.weight_zero_point", "conv.bias_scale", "conv.scale",
                     "block1.conv2.zero_point", "uint8_zero_point_0", "quant/Mul_input_1"):
            self.assertIn(name, graph)

    def test_inputs_and_outputs_of_export(self):
        self.assertEqual(self.names(self.export("--rename", "x=image", "--rename", "output=logits")), ["image", "logits"])
        self.assertEqual(self.names(self.export("--output-name", "y", "--rename", "y=z")), ["x", "z"])
        # --input names what the model has.
        result = run("export", DIGITS, "-o", self.output, "--input", f"x:{SPEC}", "--rename", "x=image", "--json")
        self.assertEqual(self.names(json.loads(result.stdout)), ["image", "output"], result.stderr)

    def test_two_names_are_exchanged(self):
        self.assertEqual(self.names(self.export("--rename", "x=output", "--rename", "output=x")), ["output", "x"])
        result = run("verify", DIGITS, self.output, "--input", "float32[2,1,8,8]")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_a_weight_gives_way(self):
        self.assertEqual(self.names(self.export("--rename", "x=conv.weight")), ["conv.weight", "output"])
        self.assertIn("conv.weight_1", self.graph(self.output))

    def test_convert(self):
        self.export()
        new = self.folder / "new.onnx"
        result = run("convert", self.output, "-o", new, "--rename", "x=image", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.names(json.loads(result.stdout)), ["image", "output"])
        result = run("convert", self.output, "-o", self.folder / "none.onnx", "--rename", "y=image")
        self.assertEqual(result.returncode, 2)
        self.assertIn("the model has no input or output y", result.stderr)
        self.assertEqual(self.files(), ["new.onnx", "out.onnx"])

    def test_refused(self):
        given = ("--input", SPEC)
        for renames, says in [(["outptu=y"], ["no input or output outptu", "Did you mean output?"]),
                              (["x=output"], "two inputs or outputs would be named output"),
                              (["x=a", "x=b"], "gives x two names"),
                              (["x=y", "output=y"], "two inputs or outputs would be named y"),
                              (["x"], "expected OLD=NEW"), (["x="], "expected OLD=NEW"), (["=y"], "expected OLD=NEW")]:
            with self.subTest(renames):
                words = [word for rename in renames for word in ("--rename", rename)]
                self.assert_refused(DIGITS, *given, *words, code=2, says=says)


if __name__ == "__main__":
    unittest.main()
