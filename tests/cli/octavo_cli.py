"""What the tests of the command line share: running the program, and making archives that are wrong in one place."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
OCTAVO = pathlib.Path(os.environ.get("OCTAVO", ROOT / "build" / "release" / "octavo"))
DIGITS = ROOT / "examples" / "digits" / "digits.pt"
TIMEOUT = 60


def run(*arguments, **options):
    return subprocess.run([str(OCTAVO), *map(str, arguments)], capture_output=True, text=True, timeout=TIMEOUT,
                          errors="replace", **options)


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
        self.assertTrue(result.stderr.startswith("octavo: cannot "), result.stderr[:500])
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
