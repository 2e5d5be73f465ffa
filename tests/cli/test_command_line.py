"""How the command line is read: options, values and files in any order, help, and what a wrong one is answered with."""
import json
import re
import unittest

from octavo_cli import DIGITS, CliTest, run
from test_bad_input import with_body

SPEC = "x:float32[N,1,8,8]"
COMMANDS = ("export", "convert", "inspect", "run", "verify", "bench", "ops")
CHOICES = {"--dialect": ("qdq", "caffe2"), "--target": ("onnxruntime", "openvino", "tensorrt"), "--numbers": ("exact", "plain"),
           "--external-data": ("auto", "always", "never"), "--per-channel-weights": ("error", "requantize"),
           "--arithmetic": ("pytorch", "onnxruntime", "caffe2"), "--engine": ("qnnpack", "qnnpack-x86", "fbgemm", "onednn", "x86"),
           "--faults": ("meant", "keep")}


def options_of(command):
    """Each option that --help lists, with the name of its value."""
    return dict(re.findall(r"^ +(?:-\w, )?(--[\w-]+) ?([^ \n]*)", run(command, "--help").stdout, re.M))


class CommandLine(CliTest):
    def exported(self, *words):
        self.output.unlink(missing_ok=True)
        result = run(*words)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(self.output.is_file(), words)
        return result.stdout

    def refused(self, *words, says=(), code=2, hint=None):
        result = run(*words)
        self.assertEqual(result.returncode, code, (words, result.stderr))
        self.assertTrue(result.stderr.startswith("octavo: "), result.stderr)
        self.assertEqual(result.stderr.count("octavo: "), 1, result.stderr)
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, result.stderr)
        if hint:
            self.assertTrue(result.stderr.endswith(hint + "\n"), result.stderr)
        return result


class Order(CommandLine):
    def test_an_option_takes_one_value(self):
        for words in (["--input", SPEC, DIGITS, "-o", self.output], ["-o", self.output, "--input", SPEC, DIGITS],
                      [DIGITS, "--input", SPEC, "-o", self.output], [f"--input={SPEC}", DIGITS, f"--output={self.output}"],
                      ["--output-name", "scores", DIGITS, "-o", self.output, "--input", SPEC], [f"-o{self.output}", "--input", SPEC, DIGITS],
                      [f"-o={self.output}", "--input", SPEC, "--", DIGITS], [f"-qo{self.output}", "--input", SPEC, DIGITS],
                      ["-qo", self.output, "--input", SPEC, DIGITS]):
            with self.subTest(words):
                self.exported("export", *words)

    def test_options_in_front_of_files_in_every_command(self):
        x = DIGITS.parent / "images.npy"
        self.exported("export", "--input", SPEC, DIGITS, "-o", self.output)
        for words in (["inspect", "--input", SPEC, DIGITS], ["run", "--input", x, DIGITS], ["verify", "--input", "float32[1,1,8,8]", DIGITS],
                      ["verify", "--input", "float32[1,1,8,8]", DIGITS, self.output], ["verify", DIGITS, "--runs", "2", self.output],
                      ["bench", "--input", "float32[1,1,8,8]", "--seconds", "0.01", self.output],
                      ["convert", "--opset", "13", self.output, "-o", self.folder / "b.onnx"]):
            with self.subTest(words):
                result = run(*words)
                self.assertEqual(result.returncode, 0, result.stderr)

    def test_a_plugin_is_one_file(self):
        for words in (["ops", "--plugin", "none.so", "conv"], ["ops", "conv", "--plugin=none.so"], ["export", "--plugin", "none.so", DIGITS, "-o", self.output]):
            self.refused(*words, says="none.so")

    def test_repeated(self):
        self.refused("export", DIGITS, "-o", self.output, "--input", "x:float32[1,1,8,8]", "--input", "y:float32[1]", says="y")
        self.refused("export", DIGITS, "-o", self.output, "--dialect", "qdq", "--dialect", "qdq", says="--dialect is given twice")
        self.refused("export", DIGITS, "-o", self.output, "--output", "b.onnx", says="--output is given twice")

    def test_a_list_in_brackets_is_one_value(self):
        self.refused("export", DIGITS, "-o", self.output, "--input", "[1,1,8,8]", says='"[1,1,8,8]"')

    def test_quiet_and_json_before_or_after_the_command(self):
        for words in (["-q", "export"], ["--quiet", "export"], ["export", "-q"]):
            self.assertEqual(self.exported(*words, DIGITS, "-o", self.output, "--input", SPEC), "")
        for words in (["--json", "ops", "relu"], ["ops", "--json", "relu"], ["ops", "relu", "--json"]):
            self.assertIn("operators", json.loads(run(*words).stdout))
        self.refused("-q", "ops", "--json", says="--json and --quiet do not go together")
        self.refused("--dialect", "qdq", "export", DIGITS, says="--dialect is an option of a command")

    def test_a_file_whose_name_begins_with_a_dash(self):
        (self.folder / "-m.pt").write_bytes(DIGITS.read_bytes())
        result = run("inspect", "--input", SPEC, "--", "-m.pt", cwd=self.folder)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(run("inspect", "./-m.pt", "--input", SPEC, cwd=self.folder).returncode, 0)
        (self.folder / "ops").write_bytes(DIGITS.read_bytes())
        self.assertEqual(run("inspect", "ops", "--input", SPEC, cwd=self.folder).returncode, 0)


class Wrong(CommandLine):
    def test_words(self):
        self.refused("exprot", DIGITS, says='unknown command "exprot" (did you mean export?)', hint="`octavo --help` lists the commands.")
        self.refused("nonsense", says='unknown command "nonsense"\n')
        self.refused("model.pt", says="octavo inspect model.pt")
        self.refused("-q", says="a command is missing")
        self.refused("export", DIGITS, "-o", self.output, "--dailect", "qdq", says="unknown option --dailect of octavo export (did you mean --dialect?)",
                     hint="See `octavo export --help`.")
        self.refused("export", DIGITS, "--frob", says="unknown option --frob of octavo export\n")
        self.refused("export", DIGITS, "-x", says="unknown option -x of octavo export\n")
        self.refused("export", DIGITS, "--faults", "keep", says="unknown option --faults of octavo export; it is an option of run, verify or bench")
        self.refused("export", DIGITS, "--quiet=yes", says="--quiet takes no value")
        self.refused("export", "a.pt", "b.pt", "-o", self.output, says='unexpected argument "b.pt"')
        self.refused("ops", "a", "b", says='unexpected argument "b"')

    def test_missing(self):
        self.refused("export", says="MODEL and -o are missing", hint="See `octavo export --help`.")
        self.refused("export", DIGITS, says=["-o is missing", "Usage: octavo export MODEL -o OUT.onnx [options]"])
        self.refused("run", DIGITS, says="--input is missing")
        self.refused("verify", says="FIRST is missing")
        self.refused("export", DIGITS, "-o", says="-o takes a value: -o OUT.onnx")
        self.refused("export", DIGITS, "-o", "--json", says="-o takes a value: -o OUT.onnx, and --json follows")
        self.refused("export", DIGITS, "-o", "-q", says="-o takes a value")
        self.refused("export", DIGITS, "--output=", says="--output takes a value")
        self.refused("export", DIGITS, "-o", "", says="-o takes a value")

    def test_every_choice_is_listed(self):
        seen = set()
        for command in COMMANDS:
            options = options_of(command)
            text = run(command, "--help").stdout
            for option, names in CHOICES.items():
                if option not in options:
                    continue
                seen.add(option)
                for name in names:
                    self.assertRegex(text, rf"\n +{name}( |\n)", f"{command} {option}")
                result = self.refused(command, DIGITS, *(["-o", self.output] if command in ("export", "convert") else []),
                                      *(["--input", "x.npy"] if command == "run" else []), option, "toaster", says='"toaster"; choose ')
                self.assertIn(names[-1], result.stderr)
        self.assertEqual(seen, set(CHOICES))
        self.refused("export", DIGITS, "-o", self.output, "--target", "trt",
                     says='unknown target "trt"; choose onnxruntime, openvino or tensorrt (did you mean tensorrt?)')

    def test_numbers(self):
        cases = {"export": {"--opset": ["0", "-1", "x", "17.5", "1e1", ""]},
                 "verify": {"--runs": ["0", "-1", "1.5", "1e3", "9999999", "x"], "--tolerance": ["-1", "nan", "1.5", "99999999999"],
                            "--float-tolerance": ["nan", "inf", "-inf", "-1", "-0.001", "1e999", "x", "1e-5x"], "--threads": ["0", "-4", "2.5", "100000"]},
                 "bench": {"--seconds": ["nan", "inf", "-1", "x", "1e9"], "--threads": ["0", "nan"]},
                 "run": {"--threads": ["0"]}}
        for command, options in cases.items():
            for option, values in options.items():
                for value in values:
                    with self.subTest(f"{command} {option} {value}"):
                        self.refused(command, DIGITS, *(["-o", self.output] if command == "export" else []),
                                     *(["--input", "x.npy"] if command == "run" else []), f"{option}={value}", says=option)
        self.refused("verify", DIGITS, "--tolerance", "-1", says='--tolerance takes an integer from 0 to 2147483647, not "-1"')
        self.refused("verify", DIGITS, "--float-tolerance", "nan", says='--float-tolerance takes a number of 0 or more, not "nan"')

    def test_json_of_usage_errors(self):
        for words in (["--json", "exprot"], ["export", "--json"], ["export", "--frob", "--json"], ["export", "-o", "--json"], ["verify", DIGITS, "--runs", "0", "--json"],
                      ["--json"], ["-q", "--json", "ops"], ["export", DIGITS, "-o", "-", "--json"], ["run", DIGITS, "--input", "-", "--json"]):
            with self.subTest(words):
                result = self.refused(*words)
                error = json.loads(result.stdout)["error"]
                self.assertEqual(error["code"], "usage")
                self.assertIn(error["message"], result.stderr)
        self.assertEqual(self.refused("export", "--frob", "--", "--json").stdout, "")


class Details(CommandLine):
    def test_missing_operators_are_objects(self):
        path = self.changed(with_body("y = torch.stft(x, 512)\nz = ops.mylib.beam_search(x)\nreturn torch.stft(torch.add(y, z), 3)"))
        result = run("export", path, "-o", self.output, "--input", SPEC, "--json")
        self.assertEqual(result.returncode, 3)
        details = {detail["operator"]: detail for detail in json.loads(result.stdout)["error"]["details"]}
        self.assertEqual({name: detail["count"] for name, detail in details.items()}, {"aten::stft": 2, "mylib::beam_search": 1})
        self.assertRegex(details["aten::stft"]["place"], r"\.py:6:\d+$")
        self.assertIn("torch.stft(x, 512)", details["aten::stft"]["excerpt"])
        self.assertIn("aten::stft", details["aten::stft"]["message"])

    def test_operators_that_a_dialect_does_not_have_are_objects(self):
        path = self.changed(with_body("y = torch.quantize_per_tensor(x, 0.1, 0, 12)\nz = torch.quantize_per_tensor(x, 0.2, 0, 12)\n"
                                      "return torch.add(torch.dequantize(y), torch.dequantize(z))"))
        result = run("export", path, "-o", self.output, "--input", SPEC, "--dialect", "caffe2", "--json")
        self.assertEqual(result.returncode, 3, result.stderr)
        details = json.loads(result.stdout)["error"]["details"]
        self.assertEqual([detail["operator"] for detail in details], ["aten::quantize_per_tensor"] * 2)
        self.assertEqual([detail["count"] for detail in details], [1, 1])
        for detail, line in zip(details, (6, 7)):
            self.assertRegex(detail["place"], rf"\.py:{line}:\d+$")
            self.assertNotIn(".py:", detail["message"])


class Help(CommandLine):
    def test_alone_and_asked_for(self):
        alone = run()
        self.assertEqual(alone.returncode, 0)
        self.assertEqual(alone.stderr, "")
        for words in (["--help"], ["-h"], ["help"]):
            result = run(*words)
            self.assertEqual((result.returncode, result.stdout), (0, alone.stdout))
        for command in COMMANDS:
            self.assertIn(f"  {command} ", alone.stdout)
            text = run(command, "--help").stdout
            self.assertIn(f"Usage: octavo {command} ", text)
            self.assertIn(f"Examples:\n  octavo {command}", text)
            for words in (["help", command], [command, "-h"], ["--help", command], [command, "--frob", "--help"], ["-q", command, "x", "--help", "y", "z", "w"]):
                result = run(*words)
                self.assertEqual((result.returncode, result.stdout), (0, text), words)
        self.refused("help", "exprot", says="did you mean export?")
        self.refused("exprot", "--help", says="did you mean export?")

    def test_every_default_is_the_one_that_is_said(self):
        """Defaults that have a number: given explicitly, nothing changes."""
        for default in ("--opset 17", "--dialect qdq", "--target onnxruntime", "--external-data auto"):
            self.exported("export", DIGITS, "-o", self.output, "--input", SPEC)
            content = self.output.read_bytes()
            self.exported("export", DIGITS, "-o", self.output, "--input", SPEC, *default.split())
            self.assertEqual(self.output.read_bytes(), content, default)
            option, value = default.split()
            self.assertRegex(run("export", "--help").stdout, rf"{option}[^-]*\n?[^-]*{value}[^\n]*" if option != "--opset" else r"default: 17")

    def test_version(self):
        self.assertRegex(run("--version").stdout, r"^octavo \d+\.\d+\.\d+\n$")


if __name__ == "__main__":
    unittest.main()
