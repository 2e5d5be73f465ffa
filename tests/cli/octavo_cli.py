"""What the tests of the command line share: running the program, and making archives that are wrong in one place."""
import fcntl
import os
import pathlib
import pty
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import unittest
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
OCTAVO = pathlib.Path(os.environ.get("OCTAVO", ROOT / "build" / "release" / "octavo"))
DIGITS = ROOT / "examples" / "digits" / "digits.pt"
TIMEOUT = 60

# A shell starts what runs in the background with Ctrl-C ignored, which Octavo would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)


def run(*arguments, **options):
    return subprocess.run([str(OCTAVO), *map(str, arguments)], capture_output=True, text=True, timeout=TIMEOUT,
                          errors="replace", **options)


def on_a_terminal(*arguments, columns=0, stdout=None, **environment):
    """Exit code and output of the program where its streams (or standard error alone) are a terminal."""
    ours, theirs = pty.openpty()
    if columns:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    known = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
    process = subprocess.Popen([str(OCTAVO), *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=stdout or theirs, stderr=theirs,
                               env={**known, "TERM": "xterm", **environment})
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
    return process.wait(), text.decode().replace("\r\n", "\n")


def records(path):
    """The records of an archive by name, without its root folder; and that folder's name."""
    with zipfile.ZipFile(path) as archive:
        root = archive.namelist()[0].split("/")[0]
        return root, {name[len(root) + 1:]: archive.read(name) for name in archive.namelist()}


def write_archive(path, content, root="archive"):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in content.items():
            archive.writestr(zipfile.ZipInfo(f"{root}/{name}"), data)


class CliTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="octavo-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.output = self.folder / "out.onnx"

    def files(self):
        return sorted(p.name for p in self.folder.rglob("*"))

    def assert_refused(self, model, *arguments, code=3, says=()):
        """Exit code, a message that says each of `says`, no output, nothing else changed."""
        before = self.files()
        result = run("export", model, "-o", self.output, *arguments)
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertTrue(result.stderr.startswith("octavo: " if code == 2 else "octavo: cannot "), result.stderr[:500])
        self.assertLess(len(result.stderr), 20000)
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertEqual(self.files(), before)
        return result.stderr

    def changed(self, change, name="bad.pt"):
        """The example's archive after change(records)."""
        _, content = records(DIGITS)
        change(content)
        path = self.folder / name
        write_archive(path, content)
        return path
