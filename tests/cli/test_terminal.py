"""What a person at a terminal sees: progress while it takes long, and nothing of it elsewhere; scripts/quickstart."""
import os
import pty
import subprocess
import time
import unittest

from octavo_cli import DIGITS, OCTAVO, ROOT, CliTest, run

# A terminal's "go to the line's start and clear it".
CLEAR = "\r\x1b[K"


def on_a_terminal(*arguments):
    """What the program writes to standard error where that is a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([str(OCTAVO), *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    text = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux says so at the end
            break
        if not part:
            break
        text += part
    os.close(ours)
    code = process.wait()
    assert code == 0, text
    return text.decode()


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
        text = on_a_terminal(*arguments)
        lines = text.split(CLEAR)
        self.assertGreater(len(lines), 2, text)
        self.assertEqual((lines[0], lines[-1]), ("", ""))
        for line in lines[1:-1]:
            self.assertRegex(line, r"digits\.pt: \w.*, \d+ s$")
        self.assertEqual(on_a_terminal(*arguments, "--quiet"), "")

    def test_is_not_shown_where_it_is_quick(self):
        self.assertEqual(on_a_terminal("export", DIGITS, "-o", self.output, "--input", "float32[1,1,8,8]"), "")


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
