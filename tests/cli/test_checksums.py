"""Records without a checksum, and weights of which PyTorch saved nothing."""
import json
import struct
import unittest
import zipfile

import npy
from octavo_cli import DIGITS, ROOT, CliTest, records, run, write_archive

FOREIGN = ROOT / "tests" / "data" / "foreign"
INPUT = ("--input", "float32[1,1,8,8]")


def without_checksums(path, names=None):
    """Writes 0 for the checksums of the records (of all), in the directory and in their own headers."""
    data = bytearray(path.read_bytes())
    at = struct.unpack("<I", data[-6:-2])[0]
    changed = 0
    while data[at:at + 4] == b"PK\1\2":
        name_size, extra, comment = struct.unpack("<HHH", data[at + 28:at + 34])
        name = bytes(data[at + 46:at + 46 + name_size]).decode()
        header = struct.unpack("<I", data[at + 42:at + 46])[0]
        if names is None or name.split("/", 1)[1] in names:
            data[at + 16:at + 20] = data[header + 14:header + 18] = bytes(4)
            changed += 1
        at += 46 + name_size + extra + comment
    path.write_bytes(data)
    return changed


class Checksums(CliTest):
    def without(self, names=None, change=lambda content: None):
        path = self.changed(change, "model.pt")
        self.assertGreater(without_checksums(path, names), 0)
        return path

    def export(self, path, *more):
        result = run("export", path, "-o", self.output, *INPUT, *more)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result

    def test_read_with_a_warning(self):
        others = self.export(DIGITS).stderr
        self.assertNotIn("checksum", others)
        expected = self.output.read_bytes()
        result = self.export(self.without())
        self.assertEqual(result.stderr.count("warning: "), others.count("warning: ") + 1, result.stderr)
        self.assertRegex(result.stderr, r"warning: \d+ records have no checksum \(archive/.*damage to them cannot be detected")
        self.assertEqual(self.output.read_bytes(), expected)
        result = self.export(self.without({"data/0"}))
        self.assertIn("warning: the record archive/data/0 has no checksum", result.stderr)

    def test_every_command_warns(self):
        path = self.without({"data/0"})
        npy.write(self.folder / "x.npy", "<f4", (1, 1, 8, 8), [0.0] * 64)
        for command in (["export", path, "-o", self.output, *INPUT], ["inspect", path, *INPUT],
                        ["run", path, "--input", self.folder / "x.npy"], ["verify", path, *INPUT]):
            with self.subTest(command[0]):
                result = run(*command)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertIn("archive/data/0 has no checksum", result.stderr + result.stdout)
                report = json.loads(run(*command, "--json").stdout)
                self.assertTrue(any("archive/data/0 has no checksum" in w for w in report["warnings"]), report["warnings"])

    def test_damage_is_not_detected_there_and_is_elsewhere(self):
        def flip(name):
            def change(content):
                content[name] = bytes([content[name][0] ^ 1]) + content[name][1:]
            return change
        self.export(self.without({"data/0"}, flip("data/0")))
        path = self.without({"data/1"})
        data = bytearray(path.read_bytes())
        _, content = records(DIGITS)
        at = data.index(content["data/0"])
        data[at] ^= 1
        path.write_bytes(data)
        self.assert_refused(path, *INPUT, says=["checksum", "data/0"])

    def test_a_weight_that_pytorch_lost_and_the_model_reads(self):
        model = FOREIGN / "lost_weight.pt"
        result = run("export", model, "-o", self.output, "--input", "float32[2,4]")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("the record lost_weight/data/0 has no checksum", result.stderr)
        self.assertIn("zeros in place of weights that the model uses: fc.weight", result.stderr)
        # PyTorch's own answer, after loading the file, is the bias.
        npy.write(self.folder / "x.npy", "<f4", (2, 4), list(range(8)))
        result = run("run", model, "--input", self.folder / "x.npy", "-o", self.folder / "out")
        self.assertEqual(result.returncode, 0, result.stderr)
        bias = zipfile.ZipFile(model).read("lost_weight/data/1")
        self.assertEqual((self.folder / "out" / "y0.npy").read_bytes()[-24:], bias * 2)

    def test_a_weight_that_pytorch_lost_and_the_model_does_not_read(self):
        result = run("export", FOREIGN / "lost_weight_unread.pt", "-o", self.output, "--input", "float32[2,4]")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("zeros in place of weights that the model does not use: fc.weight", result.stderr)

    def test_zeros_with_a_checksum_are_zeros(self):
        def zeros(content):
            content["data/0"] = bytes(len(content["data/0"]))
        path = self.changed(zeros)
        stderr = self.export(path).stderr
        self.assertNotIn("checksum", stderr)
        self.assertNotIn("zeros in place", stderr)


if __name__ == "__main__":
    unittest.main()
