"""What a person at a terminal sees: progress while it takes long, and nothing of it elsewhere; scripts/quickstart."""
import os
import re
import subprocess
import time
import unittest

import npy
from octavo_cli import DIGITS, ROOT, CliTest, on_a_terminal, run
from test_bad_input import with_body

# A terminal's "go to the line's start and clear it".
CLEAR = "\r\x1b[K"


RED, GREEN, YELLOW, PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"
INPUT = ("--input", "x:float32[1,1,8,8]")


def on_standard_error(*arguments, **options):
    """What the program writes to standard error where that is a terminal."""
    code, text = on_a_terminal(*arguments, stdout=subprocess.DEVNULL, **options)
    assert code == 0, text
    return text


def takes_long():
    """Arguments that keep this machine busy for more than two seconds."""
    runs = 64
    while True:
        arguments = ("verify", DIGITS, "--input", "float32[8,1,8,8]", "--runs", runs)
        start = time.monotonic()
        result = run(*arguments)
        assert result.returncode == 0, result.stderr
        seconds = time.monotonic() - start
        if seconds > 2:
            return arguments, result.stderr
        runs = int(runs * max(2, min(16, 2.5 / seconds)))


class Progress(CliTest):
    def test_is_shown_where_it_takes_long_and_leaves_nothing(self):
        arguments, into_a_pipe = takes_long()
        self.assertEqual(into_a_pipe, "")
        text = on_standard_error(*arguments)
        lines = text.split(CLEAR)
        self.assertGreater(len(lines), 2, text)
        self.assertEqual((lines[0], lines[-1]), ("", ""))
        shares = []
        for line in lines[1:-1]:
            said = re.fullmatch(r".*digits\.pt: run (\d+) of (\d+), \w.*, (\d+) %, \d+ s", line)
            self.assertTrue(said, line)
            run_, runs, share = map(int, said.groups())
            self.assertEqual(runs, arguments[-1])
            self.assertEqual(int(100 * (run_ - 1) / runs), share) if run_ == runs else self.assertLessEqual(abs(100 * run_ / runs - share), 1 + 100 / runs)
            shares.append(share)
        self.assertEqual(shares, sorted(shares))
        self.assertEqual(on_standard_error(*arguments, "--quiet"), "")
        self.assertEqual(on_standard_error(*arguments, "--json"), "")
        # A line that is wider than the terminal could not be cleared.
        for line in on_standard_error(*arguments, columns=40).split(CLEAR)[1:-1]:
            self.assertLess(len(line), 40)
            self.assertRegex(line, r", \d+ %, \d+ s$")

    def test_is_not_shown_where_it_is_quick(self):
        self.assertEqual(on_standard_error("export", DIGITS, "-o", self.output, "--input", "float32[1,1,8,8]", "--target", "openvino"), "")

    def deep(self, layers):
        """A model of so many layers, whose scales take time to choose."""
        body = "".join(f"q = torch.leaky_relu(q, 0.{i % 89 + 1:02d})\n" for i in range(layers))
        return self.changed(with_body("q = torch.quantize_per_tensor(x, 0.1, 77, 13)\n" + body + "return torch.dequantize(q)"), "deep.pt")

    def test_every_command_shows_it(self):
        layers, seconds = 1000, 0
        while seconds < 1.5:
            layers *= 2
            model, converted = self.deep(layers), self.folder / "deep.onnx"
            start = time.monotonic()
            self.assertEqual(run("convert", converted, "-o", self.output).returncode
                             if run("export", model, "-o", converted, *INPUT).returncode == 0 else 1, 0)
            seconds = (time.monotonic() - start) / 3
        x = npy.write(self.folder / "x.npy", "<f4", (4096, 1, 8, 8), [0.5] * (4096 * 64))
        for words, stages in ((("export", model, "-o", self.output, *INPUT), "converting"), (("convert", converted, "-o", self.output, "--target", "openvino"), "converting"),
                              (("inspect", model, *INPUT), "trying qdq|trying caffe2"), (("verify", model, converted), "converted model|reference|layer"),
                              (("run", model, "--input", x), "running"), (("bench", model, *INPUT, "--seconds", "2"), "measuring")):
            with self.subTest(words[0]):
                lines = on_standard_error(*words).split(CLEAR)
                self.assertEqual(lines[0], "")
                # Nothing of it stays; warnings may follow.
                self.assertNotIn("deep.", lines[-1])
                self.assertTrue(all("warning:" in line for line in lines[-1].splitlines()), lines[-1])
                self.assertTrue(any(re.fullmatch(rf".*deep\.\w+: ({stages}).*, \d+ s", line) for line in lines), lines)
                self.assertTrue(any(re.search(r", \d+ %, \d+ s$", line) for line in lines), lines)

    def test_says_how_much_of_a_measurement_is_done(self):
        self.assertEqual(run("export", DIGITS, "-o", self.output, "--input", "x:float32[N,1,8,8]").returncode, 0)
        lines = on_standard_error("bench", self.output, "--seconds", "2", "--input", "float32[1024,1,8,8]").split(CLEAR)
        self.assertGreater(len(lines), 3)
        for line in lines[1:-1]:
            self.assertRegex(line, r"out\.onnx: (warming up|measuring, run \d+|measuring the layers)(, \d+ %)?, \d+ s$")


class Width(CliTest):
    def widest(self, text):
        return max(len(line) for line in text.split("\n"))

    def test_tables_fit_the_terminal(self):
        whole = run("ops", "conv").stdout
        self.assertGreater(self.widest(whole), 120)
        names = [line.split()[0] for line in whole.split("\n\n")[0].splitlines()[1:]]
        for columns in (60, 80, 120):
            code, text = on_a_terminal("ops", "conv", columns=columns)
            self.assertEqual(code, 0)
            self.assertLessEqual(self.widest(text), columns)
            if columns > 60:
                self.assertEqual([line.split()[0] for line in text.splitlines() if "::" in line], names)
            # Nothing is lost.
            self.assertEqual(sorted(re.sub(r"\s", "", text)), sorted(re.sub(r"\s", "", whole)))
        code, text = on_a_terminal("verify", DIGITS, *INPUT, "--all", columns=90)
        self.assertLessEqual(self.widest(text.split("all layers:\n")[1]), 90)

    def test_columns_from_the_environment(self):
        self.assertLessEqual(self.widest(on_a_terminal("ops", "conv", columns=200, COLUMNS="70")[1]), 70)
        for nonsense in ("x", "-5", "0", ""):
            self.assertLessEqual(self.widest(on_a_terminal("ops", "conv", columns=80, COLUMNS=nonsense)[1]), 80)
        self.assertEqual(run("ops", "conv", env={**os.environ, "COLUMNS": "60"}).stdout, run("ops", "conv").stdout)
        # A terminal that does not know its size.
        self.assertLessEqual(self.widest(on_a_terminal("ops", "conv")[1]), 80)

    def test_help_fits_the_terminal(self):
        for command in ("export", "convert", "inspect", "run", "verify", "bench", "ops"):
            whole = run(command, "--help").stdout
            head, _, examples = whole.partition("Examples:")
            for columns in (72, 100, 200):
                code, text = on_a_terminal(command, "--help", columns=columns)
                self.assertEqual(code, 0)
                self.assertLessEqual(self.widest(text.partition("Examples:")[0]), min(columns, 110))
                self.assertEqual(text.split(), whole.split())

    def test_filter_ignores_case(self):
        self.assertEqual(run("ops", "QUANTIZED::CONV").stdout, run("ops", "quantized::conv").stdout)
        self.assertIn("quantized::conv2d_relu", run("ops", "Conv2D_ReLU").stdout)
        nothing = run("ops", "frobnicate")
        self.assertEqual((nothing.returncode, nothing.stdout), (0, 'no operator has "frobnicate" in its name\n'))


class Colors(CliTest):
    def broken(self):
        """A conversion of the example with one weight changed."""
        self.assertEqual(run("export", DIGITS, "-o", self.output, *INPUT).returncode, 0)
        content = bytearray(self.output.read_bytes())
        initializer = b"B\x0bconv.weightJ"  # fields 8, the name, and 9, raw_data
        content[content.index(initializer) + len(initializer) + 8] ^= 0x60
        self.output.write_bytes(content)
        return self.output

    def test_what_differs_is_red_and_what_is_exact_is_green(self):
        code, text = on_a_terminal("export", DIGITS, "-o", self.output, *INPUT)
        self.assertIn(f"{GREEN}exact:{PLAIN} ", text)
        code, text = on_a_terminal("inspect", DIGITS, *INPUT)
        self.assertIn(f"{GREEN}converts to{PLAIN} qdq", text)
        self.assertIn(f"{YELLOW}needs --input to tell whether it converts to{PLAIN} qdq", on_a_terminal("inspect", DIGITS)[1])
        unknown = self.changed(with_body("return torch.stft(x, 512)"))
        self.assertIn(f"{RED}does not convert to{PLAIN} qdq", on_a_terminal("inspect", unknown, *INPUT)[1])
        code, text = on_a_terminal("verify", DIGITS, *INPUT)
        self.assertEqual(code, 0)
        self.assertIn(f"{GREEN}equal:{PLAIN} 0 of ", text)
        code, text = on_a_terminal("verify", DIGITS, self.broken(), columns=200)
        self.assertEqual(code, 1)
        self.assertIn(f"{RED}different:{PLAIN} ", text)
        self.assertRegex(text, re.escape(RED) + r"\d+" + re.escape(PLAIN) + r" +\d+ LSB")
        self.assertIn(PLAIN, text)
        code, text = on_a_terminal("export", self.folder / "none.pt", "-o", self.output)
        self.assertEqual(code, 4)
        self.assertTrue(text.startswith(f"{RED}octavo:{PLAIN} cannot convert "), text)
        self.assertTrue(on_a_terminal("exprot")[1].startswith(f"{RED}octavo:{PLAIN} unknown command"))

    def test_a_warning_is_yellow(self):
        x = npy.write(self.folder / "x.npy", "<f4", (1, 1, 8, 8), [float("nan")] + 63 * [0.5])
        self.assertIn(f"{YELLOW}warning:{PLAIN} input x contains ", on_a_terminal("run", DIGITS, "--input", x)[1])

    def test_none_where_they_are_not_wanted(self):
        words = ("verify", DIGITS, self.broken())
        self.assertIn("\x1b", on_a_terminal(*words)[1])
        for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": ""}):
            self.assertNotIn("\x1b", on_a_terminal(*words, **environment)[1])
            self.assertNotIn("\x1b", on_a_terminal("exprot", **environment)[1])
        self.assertIn("\x1b", on_a_terminal(*words, NO_COLOR="")[1])
        result = run(*words, env={**os.environ, "TERM": "xterm"})
        self.assertNotIn("\x1b", result.stdout + result.stderr)

    def test_names_from_a_file_drive_no_terminal(self):
        path = self.folder / "\x1b[31mred.pt"
        path.write_bytes(DIGITS.read_bytes())
        code, text = on_a_terminal("verify", path, *INPUT, NO_COLOR="1")
        self.assertEqual(code, 0)
        self.assertNotIn("\x1b", text)


@unittest.skipIf("OCTAVO" in os.environ, "builds and uses build/release/octavo")
class Quickstart(unittest.TestCase):
    def test_converts_and_verifies_the_example(self):
        result = subprocess.run([ROOT / "scripts" / "quickstart"], capture_output=True, text=True, timeout=600)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        exported, verified = result.stdout.index("octavo export"), result.stdout.index("octavo verify")
        self.assertLess(exported, verified)
        self.assertRegex(result.stdout[verified:], r"0 of [\d,]+ elements differ|equal")
        self.assertIn("What next:", result.stdout)


if __name__ == "__main__":
    unittest.main()
