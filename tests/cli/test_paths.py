"""Files that are no files: "-", pipes, devices and folders, where a model, an array or an output is named."""
import os
import resource
import subprocess
import unittest

import npy
from octavo_cli import DIGITS, OCTAVO, TIMEOUT, CliTest, run

IMAGES = DIGITS.parent / "images.npy"
SPEC = ("--input", "x:float32[1,1,8,8]")


class Paths(CliTest):
    def setUp(self):
        super().setUp()
        self.onnx = self.folder / "digits.onnx"
        self.assertEqual(run("export", DIGITS, "-o", self.onnx, "--input", "x:float32[N,1,8,8]").returncode, 0)
        self.pipe = self.folder / "pipe"
        os.mkfifo(self.pipe)

    def refused(self, *words, code, says, **options):
        before = self.files()
        result = run(*words, cwd=self.folder, **options)
        self.assertEqual(result.returncode, code, (words, result.stderr))
        self.assertTrue(result.stderr.startswith("octavo: "), result.stderr)
        self.assertIn(says, result.stderr)
        self.assertLessEqual(result.stderr.count("\n"), 3, result.stderr)
        self.assertEqual(self.files(), before)

    def of_a_model(self, model):
        """Every place on the command line where a model may stand."""
        return (("export", model, "-o", "out.onnx"), ("convert", model, "-o", "out.onnx"), ("inspect", model), ("run", model, "--input", IMAGES),
                ("verify", model), ("verify", DIGITS, model), ("bench", model))

    def test_a_model_from_standard_input(self):
        for words in self.of_a_model("-"):
            self.refused(*words, code=2, says='"-" is not the name of a file, and Octavo does not read a model from a pipe')

    def test_a_model_that_is_a_pipe(self):
        for words in self.of_a_model(self.pipe):
            self.refused(*words, code=4, says="is a pipe, and Octavo reads regular files only")
        with subprocess.Popen(["cat", str(DIGITS)], stdout=subprocess.PIPE) as cat:
            self.refused("inspect", "/dev/stdin", code=4, says="/dev/stdin is a pipe", stdin=cat.stdout)
            cat.stdout.close()

    def test_a_model_that_is_a_device_or_a_folder(self):
        for words in self.of_a_model("/dev/null"):
            self.refused(*words, code=4, says="/dev/null is a device")
        for words in self.of_a_model(self.folder):
            self.refused(*words, code=4, says="is a directory")

    def test_a_file_on_standard_input_is_read(self):
        for words, model in ((("inspect", *SPEC), DIGITS), (("export", *SPEC, "-o", self.output), DIGITS), (("inspect",), self.onnx), (("run", "--input", IMAGES), self.onnx),
                             (("verify", *SPEC), DIGITS), (("bench", "--seconds", "0.01"), self.onnx), (("convert", "-o", self.output), self.onnx)):
            with open(model, "rb") as file:
                redirected = run(*words, "/dev/stdin", stdin=file)
            self.assertEqual(redirected.returncode, 0, redirected.stderr)
            if words[0] in ("inspect", "run"):
                self.assertEqual(redirected.stdout.replace("/dev/stdin", str(model)), run(*words, model).stdout)

    def test_arrays(self):
        for command in (("run", self.onnx), ("verify", DIGITS, self.onnx), ("bench", self.onnx, "--seconds", "0.01")):
            for dash in ("-", "-@x:"):
                self.refused(*command, f"--input={dash}", code=2, says="--input - is not supported")
            self.refused(*command, "--input", self.pipe, code=4, says="is a pipe")
            self.refused(*command, "--input", "/dev/null", code=4, says="/dev/null is a device")
            self.refused(*command, "--input", self.folder, code=4, says="is a directory")
        with open(IMAGES, "rb") as file:
            self.assertEqual(run("run", self.onnx, "--input", "/dev/stdin", stdin=file).stdout, run("run", self.onnx, "--input", IMAGES).stdout)

    def test_plugins(self):
        for path in (self.pipe, "/dev/null", self.folder, "-"):
            self.refused("export", DIGITS, "-o", "out.onnx", "--plugin", path, code=2, says=str(path))

    def test_models_that_are_written(self):
        for command in (("export", DIGITS, *SPEC), ("convert", self.onnx)):
            self.refused(*command, "-o", "-", code=2, says="-o - is not supported: Octavo writes a model to a file, not to standard output")
            self.refused(*command, "-o", self.pipe, code=4, says="it is a pipe, and a model is written to a regular file")
            self.refused(*command, "-o", "/dev/stdout", code=4, says="it is a pipe")
            self.refused(*command, "-o", "/dev/full", code=4, says="it is a device")
            self.refused(*command, "-o", self.folder, code=4, says="it is a folder")
            self.refused(*command, "-o", f"{self.folder}/", code=4, says="it is a folder")
            self.refused(*command, "-o", f"{self.folder}/none/", code=4, says="does not exist")
            self.assertEqual(run(*command, "-o", "/dev/null").returncode, 0)
            self.refused(*command, "-o", "/dev/null", "--external-data", "always", code=4, says="/dev/null")

    def test_folders_that_are_written(self):
        for command in (("run", self.onnx, "--input", IMAGES, "-o"), ("verify", DIGITS, self.onnx, "--repro")):
            self.refused(*command, "-", code=2, says="- is not supported: it takes the name of a folder")
            for path in (self.pipe, self.onnx, "/dev/null"):
                self.refused(*command, path, code=4, says="is not a folder")

    def test_standard_output_that_cannot_be_written(self):
        for words in (("ops",), ("--help",), ("inspect", self.onnx), ("ops", "--json"), ("verify", DIGITS, self.onnx)):
            with open("/dev/full", "w") as full:
                result = subprocess.run([OCTAVO, *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT)
            self.assertEqual(result.returncode, 4, words)
            self.assertEqual(result.stderr, "octavo: cannot write to standard output: No space left on device\n")

    def test_too_little_memory(self):
        images = npy.write(self.folder / "many.npy", "<f4", (20000, 1, 8, 8), [0.5] * (20000 * 64))
        for words in (("run", self.onnx, "--input", images), ("run", DIGITS, "--input", images)):
            refused = 0
            for megabytes in (50, 100):
                result = run(*words, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20)))
                if "error while loading shared libraries" in result.stderr or result.returncode == 0:
                    continue
                refused += 1
                self.assertEqual(result.returncode, 3, result.stderr)
                self.assertRegex(result.stderr, "^octavo: cannot run .*(there is not enough memory for |bytes of memory, )")
            self.assertGreater(refused, 0)

    def test_a_pipe_does_not_hang_where_nobody_writes(self):
        subprocess.run([OCTAVO, "inspect", self.pipe], capture_output=True, timeout=TIMEOUT / 4)


if __name__ == "__main__":
    unittest.main()
