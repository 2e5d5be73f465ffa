"""Files that PyTorch's former Caffe2 exporter wrote, against the models that they came from.

They say nothing of their nodes' origin that Octavo wrote, so values are aligned by scale, zero point and shape."""
import json
import unittest

from octavo_cli import ROOT, CliTest, run

DATA = ROOT / "tests" / "data" / "caffe2"
# Wrong in Caffe2 itself, which refuses them or reads them otherwise; with PyTorch's arithmetic the operators mean
# what was meant.
MEANT = {"avg_no_stride", "avg_one_cell", "cat_operands_differ", "conv_large_multiplier", "linear_large_multiplier",
         "linear_three_dimensions", "max_no_stride", "max_one_cell", "upsample_no_multiple", "upsample_smaller"}


def verify(name, file):
    return run("verify", DATA / (name + ".pt"), DATA / file, "--arithmetic", "pytorch", "--json")


class FormerExporter(CliTest):
    def test_right_files_equal(self):
        files = [f.name for f in sorted(DATA.glob("*.onnx")) if ".wrong." not in f.name]
        self.assertGreater(len(files), 50)
        for file in files:
            with self.subTest(file):
                result = verify(file[:-len(".onnx")], file)
                self.assertEqual(result.returncode, 0, result.stderr + result.stdout[:2000])
                layers = json.loads(result.stdout)["layers"]
                self.assertGreater(len(layers), 1)
                self.assertTrue(all("alone" in l or l["input"] for l in layers))

    def test_wrong_files_are_found(self):
        for file in sorted(DATA.glob("*.wrong.onnx")):
            name = file.name[:-len(".wrong.onnx")]
            with self.subTest(file.name):
                result = verify(name, file.name)
                self.assertIn(result.returncode, (0,) if name in MEANT else (1, 3), result.stderr + result.stdout[:2000])

    def test_the_layer_is_named(self):
        for name in ("avg_divisor", "avg_without_padding"):
            layers = json.loads(verify(name, name + ".wrong.onnx").stdout)["layers"]
            wrong = [l["operator"] for l in layers if l.get("alone", {}).get("differ") or l.get("alone", {}).get("mismatch")]
            self.assertEqual(wrong[:1], ["aten::%s_pool2d" % name[:3]], name)


if __name__ == "__main__":
    unittest.main()
