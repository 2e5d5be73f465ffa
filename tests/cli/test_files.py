"""Files that are read and written: what is no file, what is read is not overwritten, links, files that change, streams that
are closed or full, signals."""
import os
import pathlib
import resource
import signal
import socket
import subprocess
import threading
import time
import unittest

import npy
import onnx_file as onnx
from octavo_cli import DIGITS, OCTAVO, TIMEOUT, CliTest, records, run, write_archive

IMAGES = DIGITS.parent / "images.npy"
SPEC = ("--input", "x:float32[N,1,8,8]")


def linear(location=None, seed=0.0, **where):
    """y = x + w, with w in another file."""
    w = onnx.tensor("w", onnx.FLOAT, [4], onnx.floats(1, 2, 3, 4 + seed)) if location is None else onnx.external("w", onnx.FLOAT, [4], location, **where)
    return onnx.model([onnx.node("Add", ["x", "w"], ["y"])], initializers=[w])


class FilesTest(CliTest):
    def path(self, name, content=None):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is not None:
            path.write_bytes(content)
        return path

    def content(self):
        return {str(p.relative_to(self.folder)): os.readlink(p) if p.is_symlink() else p.read_bytes() if p.is_file() else None for p in sorted(self.folder.rglob("*"))}

    def ok(self, *words, **options):
        result = run(*words, **options)
        self.assertEqual(result.returncode, 0, (words, result.stderr))
        return result

    def refuse(self, *words, code, says, **options):
        before = self.content()
        start = time.monotonic()
        result = run(*words, **options)
        self.assertEqual(result.returncode, code, (words, result.stdout, result.stderr))
        self.assertEqual(result.stderr.count("octavo: "), 1, result.stderr)
        self.assertIn(says, result.stderr)
        self.assertEqual(self.content(), before, words)
        self.assertLess(time.monotonic() - start, TIMEOUT / 4)
        return result


class NoFiles(FilesTest):
    def setUp(self):
        super().setUp()
        self.x = npy.write(self.folder / "x.npy", "<f4", (1, 4), [1, 2, 3, 4])
        os.mkfifo(self.path("pipe"))
        self.socket = socket.socket(socket.AF_UNIX)
        self.addCleanup(self.socket.close)
        self.socket.bind(str(self.path("socket")))
        self.path("folder").mkdir()
        self.none = {"pipe": "is a pipe", "socket": "is a socket", "folder": "is a directory", "/dev/zero": "is a device", "/dev/tty": "is a device"}

    def test_models(self):
        model = self.path("model.onnx", linear())
        for name, says in self.none.items():
            path = self.path(name)
            for words in (("inspect", path), ("export", path, "-o", self.output), ("convert", path, "-o", self.output), ("run", path, "--input", self.x), ("verify", path), ("verify", model, path), ("bench", path)):
                self.refuse(*words, code=4, says=says)

    def test_arrays(self):
        model = self.path("model.onnx", linear())
        for name, says in self.none.items():
            for words in (("run", model), ("verify", model, model), ("bench", model, "--seconds", "0.01")):
                self.refuse(*words, "--input", self.path(name), code=4, says=says)

    def test_external_data(self):
        for name, says in self.none.items():
            if name.startswith("/"):
                self.path("device").symlink_to(name)
                name, says = "device", "not in the model's folder"
            model = self.path("model.onnx", linear(name))
            for words in (("run", model, "--input", self.x), ("convert", model, "-o", self.output), ("verify", model, model)):
                self.refuse(*words, code=3 if name == "device" else 4, says=says)
            self.path("device").unlink(missing_ok=True)

    def test_plugins(self):
        for name in self.none:
            for words in (("export", DIGITS, "-o", self.output), ("run", DIGITS, "--input", IMAGES), ("verify", DIGITS), ("inspect", DIGITS), ("ops",), ("bench", DIGITS)):
                self.refuse(*words, "--plugin", self.path(name), code=2, says="is not a regular file")

    def test_a_pipe_among_the_outputs(self):
        model = self.path("model.onnx", linear())
        os.mkfifo(self.path("results/y0.npy"))
        self.refuse("run", model, "--input", self.x, "-o", self.path("results"), code=4, says="it is a pipe")


class NothingThatIsReadIsOverwritten(FilesTest):
    def setUp(self):
        super().setUp()
        self.x = npy.write(self.folder / "x.npy", "<f4", (1, 4), [1, 2, 3, 4])
        self.model = self.path("x.onnx", linear("x.onnx.data"))
        self.path("x.onnx.data", onnx.floats(1, 2, 3, 4))

    def refuse_to_write(self, *words, says="that is read"):
        self.refuse(*words, code=2, says=says)

    def test_the_model_is_the_output(self):
        self.refuse_to_write("convert", self.model, "-o", self.model, says="the output file is the model file itself")
        for make in (os.link, os.symlink):
            make(self.model, self.path("other.onnx"))
            self.refuse_to_write("convert", self.model, "-o", self.path("other.onnx"), says="the output file is the model file itself")
            self.refuse_to_write("convert", self.path("other.onnx"), "-o", self.model, says="the output file is the model file itself")
            self.path("other.onnx").unlink()

    def test_the_model_is_the_output_s_data(self):
        for name, source, command in (("y.onnx.data", DIGITS.read_bytes(), ("export", *SPEC)), ("y.onnx.data", linear(), ("convert",))):
            model = self.path(name, source)
            self.refuse_to_write(*command, model, "-o", self.path("y.onnx"), "--external-data", "always")
            self.ok(*command, model, "-o", self.path("z.onnx"), "--external-data", "always")
            self.assertEqual(model.read_bytes(), source)

    def test_the_data_are_the_output(self):
        self.refuse_to_write("convert", self.model, "-o", self.path("x.onnx.data"))
        os.link(self.path("x.onnx.data"), self.path("y.onnx.data"))
        for choice in ("auto", "always"):
            self.refuse_to_write("convert", self.model, "-o", self.path("y.onnx"), "--external-data", choice)
        # Written without data, the output leaves the file alone.
        self.ok("convert", self.model, "-o", self.path("y.onnx"), "--external-data", "never")
        self.assertEqual(self.path("y.onnx.data").read_bytes(), onnx.floats(1, 2, 3, 4))
        self.path("y.onnx.data").unlink()
        self.path("y.onnx.data").symlink_to("x.onnx.data")
        self.refuse_to_write("convert", self.model, "-o", self.path("y.onnx"))

    def test_data_that_are_not_read(self):
        """Another dialect reads what it needs: the rest of the model's files is safe, too."""
        self.refuse_to_write("convert", self.model, "-o", self.path("x.onnx.data"), "--dialect", "caffe2")
        unused = onnx.model([onnx.node("Relu", ["x"], ["y"])], initializers=[onnx.external("w", onnx.FLOAT, [4], "unused.data")])
        self.path("unused.data", onnx.floats(1, 2, 3, 4))
        self.refuse_to_write("convert", self.path("u.onnx", unused), "-o", self.path("unused.data"))

    def test_arrays(self):
        folder = self.path("results")
        for name, command in (("x.npy", ("run", self.model)),):
            for make in (os.link, os.symlink):
                folder.mkdir(exist_ok=True)
                make(self.path(name), folder / "y0.npy")
                self.refuse_to_write(*command, "--input", self.x, "-o", folder)
                self.refuse_to_write(*command, "--input", folder / "y0.npy", "-o", folder)
                (folder / "y0.npy").unlink()
        for name in ("x.onnx", "x.onnx.data"):
            os.link(self.path(name), folder / "y0.npy")
            self.refuse_to_write("run", self.model, "--input", self.x, "-o", folder)
            (folder / "y0.npy").unlink()

    def test_folders_must_be_new(self):
        for option in ("--save", "--repro"):
            self.path("results/mine", b"text")
            self.refuse("verify", self.model, self.model, "--input", self.x, option, self.path("results"), code=4, says="the folder is not empty")

    def test_a_link_at_the_name_of_the_data(self):
        self.path("target", b"mine")
        for target in ("target", "no/such/target"):
            link = self.path("out.onnx.data")
            link.symlink_to(target)
            self.ok("export", DIGITS, *SPEC, "-o", self.output, "--external-data", "always")
            self.assertFalse(link.is_symlink())
            self.assertEqual(self.path("target").read_bytes(), b"mine")
            self.assertFalse(self.path("no").exists())
            link.unlink()
            self.output.unlink()

    def test_a_link_at_the_name_of_the_model(self):
        self.path("real/y.onnx", b"old")
        self.output.symlink_to("real/y.onnx")
        self.ok("export", DIGITS, *SPEC, "-o", self.output, "--external-data", "always")
        self.assertTrue(self.output.is_symlink())
        self.ok("run", self.output, "--input", IMAGES)

    def test_a_folder_at_the_name_of_the_data(self):
        self.path("out.onnx.data/mine", b"text")
        self.refuse("export", DIGITS, *SPEC, "-o", self.output, "--external-data", "always", code=4, says="it is a folder")


class Replacing(FilesTest):
    def test_data_come_and_go(self):
        def export(choice, *more):
            self.ok("export", DIGITS, *SPEC, "-o", self.output, "--external-data", choice, *more)
            return self.content()
        external, again = export("always"), export("always")
        self.assertEqual(sorted(external), ["out.onnx", "out.onnx.data"])
        self.assertEqual(again, external)
        self.assertEqual(sorted(export("never")), ["out.onnx"])
        self.assertEqual(export("always"), external)

    def test_data_of_others_stay(self):
        self.path("out.onnx.data", b"mine")
        self.ok("export", DIGITS, *SPEC, "-o", self.output)
        self.ok("export", DIGITS, *SPEC, "-o", self.output)
        self.assertEqual(self.path("out.onnx.data").read_bytes(), b"mine")
        # A model of other software that has its weights there: its data are not Octavo's to remove.
        self.output.write_bytes(linear("out.onnx.data"))
        self.ok("export", DIGITS, *SPEC, "-o", self.output)
        self.assertEqual(self.path("out.onnx.data").read_bytes(), b"mine")

    def test_permissions(self):
        self.ok("export", DIGITS, *SPEC, "-o", self.output)
        self.output.chmod(0o600)
        self.ok("export", DIGITS, *SPEC, "-o", self.output, "--external-data", "always")
        for name in ("out.onnx", "out.onnx.data"):
            self.assertEqual(self.path(name).stat().st_mode & 0o777, 0o600)

    def test_long_names(self):
        for length in (200, 250):
            output = self.folder / ("n" * (length - 5) + ".onnx")
            for _ in range(2):
                self.ok("export", DIGITS, *SPEC, "-o", output, "--external-data", "always")
        output = self.folder / ("n" * 250 + ".onnx")
        self.refuse("export", DIGITS, *SPEC, "-o", output, "--external-data", "always", code=4, says="the name is too long")

    def test_a_lock_of_others(self):
        """Programs may lock a folder: Octavo waits, and not for ever (30 s, which this test does not wait for)."""
        import fcntl
        folder = os.open(self.folder, os.O_RDONLY)
        fcntl.flock(folder, fcntl.LOCK_EX)
        threading.Timer(0.5, os.close, [folder]).start()
        self.ok("export", DIGITS, *SPEC, "-o", self.output)


class ExternalData(FilesTest):
    def setUp(self):
        super().setUp()
        self.x = npy.write(self.folder / "x.npy", "<f4", (1, 4), [1, 2, 3, 4])
        self.w = onnx.floats(1, 2, 3, 4)

    def runs(self, model):
        self.assertIn("2 to 8", self.ok("run", model, "--input", self.x).stdout)
        self.ok("convert", model, "-o", self.output)
        self.output.unlink()
        self.path("out.onnx.data").unlink()

    def refused(self, model):
        for words in (("run", model, "--input", self.x), ("convert", model, "-o", self.output)):
            self.refuse(*words, code=3, says="which is not in the model's folder")

    def test_a_cache_of_a_model_hub(self):
        """Both files are links into one folder of blobs."""
        self.path("blobs/abc", linear("model.onnx.data"))
        self.path("blobs/def", self.w)
        folder = self.path("snapshots/main/model.onnx").parent
        (folder / "model.onnx").symlink_to("../../blobs/abc")
        (folder / "model.onnx.data").symlink_to("../../blobs/def")
        self.runs(folder / "model.onnx")
        here = os.getcwd()
        os.chdir(folder)
        self.addCleanup(os.chdir, here)
        self.runs("model.onnx")

    def test_beside_the_file_that_a_link_leads_to(self):
        self.path("real/model.onnx", linear("w.data"))
        self.path("real/w.data", self.w)
        self.path("model.onnx").symlink_to("real/model.onnx")
        self.runs(self.path("model.onnx"))

    def test_links_inside(self):
        self.path("m/inner/w.data", self.w)
        self.path("m/w.data").symlink_to(self.path("m/inner/w.data"))
        self.path("m/again").symlink_to("inner")
        self.path("m/hard.data").hardlink_to(self.path("m/inner/w.data"))
        for location in ("w.data", "again/w.data", "inner/w.data", "hard.data", "./w.data"):
            self.runs(self.path("m/model.onnx", linear(location)))

    def test_links_to_the_outside(self):
        self.path("secret", self.w)
        self.path("blobs/model.onnx", linear("w.data"))
        self.path("m/w.data").symlink_to("../secret")
        self.path("m/up").symlink_to("..")
        self.path("m/proc").symlink_to("/proc/self/cwd")
        self.path("m/fd").symlink_to("/proc/self/fd/0")
        self.path("m/model.onnx").symlink_to("../blobs/model.onnx")
        self.refused(self.path("m/model.onnx"))
        self.path("m/model.onnx").unlink()
        here = os.getcwd()
        os.chdir(self.folder)
        self.addCleanup(os.chdir, here)
        for location in ("w.data", "up/secret", "../secret", str(self.path("secret")), "proc/secret", "fd"):
            self.refused(self.path("m/model.onnx", linear(location)))

    def test_a_folder_whose_name_begins_alike(self):
        self.path("model2/secret", self.w)
        self.path("model/w.data").symlink_to("../model2/secret")
        self.refused(self.path("model/model.onnx", linear("w.data")))

    def test_a_swap_does_not_lead_outside(self):
        """Another program swaps the data for a link to a secret, again and again."""
        secret = onnx.floats(100, 100, 100, 100)
        self.path("secret", secret)
        model = self.path("m/model.onnx", linear("w.data"))
        self.path("m/good", self.w)
        swapper = subprocess.Popen(["python3", "-c", """
import os, sys
os.chdir(sys.argv[1])
while True:
    for target in ("../secret", "good"):
        os.symlink(target, "next")
        os.rename("next", "w.data")
""", self.path("m")])
        self.addCleanup(lambda: (swapper.kill(), swapper.wait()))
        while not self.path("m/w.data").is_symlink():
            time.sleep(0.01)
        answers = {0: 0, 3: 0}
        for _ in range(60):
            result = run("run", model, "--input", self.x)
            self.assertIn(result.returncode, answers, result.stderr)
            answers[result.returncode] += 1
            self.assertNotIn("101", result.stdout)
        self.assertGreater(answers[0], 0)
        self.assertGreater(answers[3], 0)


class FilesThatChange(FilesTest):
    """A file that another program shortens: an error or a whole result, and no SIGBUS."""
    def shorten_while(self, path, *words, times=12):
        whole = path.read_bytes()
        codes = set()
        for i in range(times):
            path.write_bytes(whole)
            process = subprocess.Popen([OCTAVO, *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            time.sleep(0.004 * i)
            os.truncate(path, 100)
            _, errors = process.communicate(timeout=TIMEOUT)
            self.assertIn(process.returncode, (0, 3, 4), errors)
            self.assertEqual(errors.count("octavo: "), 0 if process.returncode == 0 else 1, errors)
            codes.add(process.returncode)
        path.write_bytes(whole)
        return codes

    def large_model(self):
        """The example with a record of 4 MB that nobody reads but that is there."""
        _, content = records(DIGITS)
        content["extra/ballast"] = bytes(range(256)) * 16384
        path = self.folder / "large.pt"
        write_archive(path, content)
        return path

    def test_models(self):
        path = self.large_model()
        self.shorten_while(path, "export", path, *SPEC, "-o", self.output)
        self.shorten_while(path, "inspect", path)
        self.shorten_while(path, "run", path, "--input", IMAGES)

    def test_data(self):
        self.ok("export", DIGITS, *SPEC, "-o", self.output, "--external-data", "always")
        for path in (self.output, self.path("out.onnx.data")):
            self.shorten_while(path, "run", self.output, "--input", IMAGES, times=6)
            self.shorten_while(path, "convert", self.output, "-o", self.path("other.onnx"), times=6)

    def test_others_wait_or_the_file_is_copied(self):
        """With the file open for writing there is no lease, and the bytes are read into memory."""
        path = self.large_model()
        with open(path, "r+b"):
            self.ok("export", path, *SPEC, "-o", self.output)
        self.ok("export", path, *SPEC, "-o", self.output)


class Streams(FilesTest):
    def setUp(self):
        super().setUp()
        self.model = self.path("model.onnx", linear())
        self.x = npy.write(self.folder / "x.npy", "<f4", (1, 4), [1, 2, 3, 4])

    def commands(self):
        """Each command, as text and as JSON, with success and with an error."""
        plain = (("export", DIGITS, *SPEC, "-o", self.path("digits.onnx")), ("convert", self.model, "-o", self.output), ("inspect", DIGITS), ("inspect", self.model), ("run", self.model, "--input", self.x),
                 ("run", DIGITS, "--input", IMAGES), ("verify", self.model, self.model, "--input", self.x), ("bench", self.model, "--seconds", "0.01"), ("ops", "conv"))
        yield from (("--help",), ("--version",), ("help", "export"), (), ("inspect", "--help"))
        for words in plain:
            yield words
            yield (*words, "--json")

    def test_a_full_disk(self):
        for words in self.commands():
            with open("/dev/full", "w") as full:
                result = subprocess.run([OCTAVO, *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT)
            self.assertEqual(result.returncode, 4, (words, result.stderr))
            self.assertIn("octavo: cannot write to standard output: No space left on device\n", result.stderr, words)
            self.assertEqual(result.stderr.count("octavo: "), 1)

    def test_closed(self):
        for words in self.commands():
            result = subprocess.run(["sh", "-c", '"$@" >&-', "sh", OCTAVO, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT)
            self.assertEqual(result.returncode, 4, (words, result.stderr))
            self.assertIn("octavo: cannot write to standard output: Bad file descriptor\n", result.stderr)
        for streams in ("<&- >&-", ">&- 2>&-", "<&- >&- 2>&-", "2>&-"):
            result = subprocess.run(["sh", "-c", f'"$@" {streams}', "sh", OCTAVO, "export", DIGITS, *SPEC, "-o", self.path("y.onnx"), "-q"], timeout=TIMEOUT)
            self.assertEqual(result.returncode, 0)
            # Nothing that is printed went into the model.
            self.assertIn("octavo", self.ok("inspect", self.path("y.onnx")).stdout)
            self.ok("run", self.path("y.onnx"), "--input", IMAGES)

    def test_nobody_reads(self):
        """Quiet, like other tools: by SIGPIPE, or with an exit code where that is ignored."""
        for ignored, codes in ((False, (-signal.SIGPIPE,)), (True, (4,))):
            for words in (("ops",), ("ops", "--json"), ("--help",), ("help", "export")):
                reading, writing = os.pipe()
                os.close(reading)
                result = subprocess.run([OCTAVO, *words], stdout=writing, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT,
                                        preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN if ignored else signal.SIG_DFL), restore_signals=False)
                os.close(writing)
                self.assertIn(result.returncode, codes, words)
                self.assertEqual(result.stderr, "")

    def test_output_to_an_open_file(self):
        """A model in place of an open file would not be what the other program reads, and the report would follow it."""
        for name in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"):
            self.path("link").unlink(missing_ok=True)
            self.path("link").symlink_to("/dev/stdout")
            for command in (("export", DIGITS, *SPEC), ("convert", self.model)):
                for data in ("auto", "always"):
                    with open(self.path("report"), "w") as report:
                        result = subprocess.run([OCTAVO, *command, "-o", name, "--external-data", data], stdout=report, stderr=subprocess.PIPE, text=True, cwd=self.folder, timeout=TIMEOUT)
                    self.assertEqual(result.returncode, 4, result.stderr)
                    self.assertIn(f"octavo: cannot write {name}: it is an open file of a process", result.stderr)
                    self.assertEqual(self.path("report").read_bytes(), b"")
        with open(self.output, "w") as report:
            result = subprocess.run([OCTAVO, "export", DIGITS, *SPEC, "-o", self.output], stdout=report, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT)
        self.assertEqual(result.returncode, 2)
        self.assertIn("the report on standard output goes to the output file", result.stderr)

    def test_links_in_a_circle(self):
        self.output.symlink_to("out.onnx")
        self.refuse("convert", self.model, "-o", self.output, code=4, says="cannot write")


class Signals(FilesTest):
    def test_ctrl_c(self):
        """Every command ends within 100 ms (more is allowed here, where other tests run) and leaves nothing."""
        _, content = records(DIGITS)
        content["extra/ballast"] = bytes(64 << 20)
        large = self.folder / "large.pt"
        write_archive(large, content)
        many = npy.write(self.folder / "many.npy", "<f4", (20000, 1, 8, 8), [0.5] * (20000 * 64))
        self.path("tmp").mkdir()
        before = set(self.content())
        slow = (("verify", DIGITS, "--input", many), ("verify", DIGITS, "--input", many, "--save", self.path("saved")), ("run", DIGITS, "--input", many, "-o", self.path("run")),
                ("bench", DIGITS, "--input", "float32[100,1,8,8]", "--seconds", "60"), ("verify", DIGITS, "--input", many, "--repro", self.path("repro")))
        for number in (signal.SIGINT, signal.SIGTERM):
            for words in slow:
                process = subprocess.Popen([OCTAVO, *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(self.path("tmp"))})
                time.sleep(0.4)
                if process.poll() is not None:
                    process.communicate()
                    self.fail(f"{words} ended by itself")
                start = time.monotonic()
                process.send_signal(number)
                _, errors = process.communicate(timeout=TIMEOUT)
                self.assertEqual(process.returncode, -number, errors)
                self.assertLess(time.monotonic() - start, 2)
                self.assertEqual(errors, "")
                self.assertEqual(set(self.content()), before)


if __name__ == "__main__":
    unittest.main()
