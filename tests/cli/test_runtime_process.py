"""`verify --runtime onnxruntime`: options, and a Python that does not do what it should.

The programs here stand for a broken Python; what a real one computes, tests/verify/test_in_onnxruntime.py compares."""
import json
import os
import pathlib
import signal
import stat
import subprocess
import time
import unittest

from octavo_cli import DIGITS, OCTAVO, CliTest, run

IMAGES = DIGITS.parent / "images.npy"
INPUT = ("--input", IMAGES)
RUNTIME = ("--runtime", "onnxruntime")
ABOUT = '{"ok": {"python": [3, 11, 2], "executable": "x", "onnxruntime": "1.32.0", "providers": ["CPUExecutionProvider"]}}'


class RuntimeProcess(CliTest):
    def setUp(self):
        super().setUp()
        self.temporary = self.folder / "tmp"
        self.temporary.mkdir()
        self.environment = {**os.environ, "TMPDIR": str(self.temporary)}

    def program(self, text, name="python"):
        path = self.folder / name
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    def shell(self, *lines):
        return self.program("#!/bin/sh\n" + "\n".join(lines) + "\n")

    def answers(self, *lines):
        """A program that gives these answers, the first unasked."""
        return self.shell("echo '%s' >&3" % ABOUT, *("read request <&3\ncat >&3 <<'END'\n%s\nEND" % line for line in lines), "sleep 1000")

    def verify(self, *words, code, says=(), **environment):
        """One message, and nothing is left behind."""
        before = self.files()
        result = run("verify", DIGITS, *INPUT, *RUNTIME, *words, env={**self.environment, **environment})
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertTrue(result.stderr.startswith("octavo: "), result.stderr)
        self.assertEqual(result.stderr.count("octavo: "), 1, result.stderr)
        self.assertLess(len(result.stderr), 4000)
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, result.stderr)
        self.assertEqual(self.files(), before)
        return result.stderr

    def test_options_that_do_not_go_together(self):
        for option in (("--arithmetic", "onnxruntime"), ("--no-fuse",), ("--threads", "2")):
            self.verify(*option, code=2, says=["%s does not go with --runtime onnxruntime" % option[0]])
        self.verify("--dialect", "caffe2", code=2, says="--dialect caffe2 does not go with --runtime onnxruntime")
        for words in ((), ("--runtime", "octavo")):
            result = run("verify", DIGITS, *INPUT, *words, "--python", "python3")
            self.assertEqual(result.returncode, 2)
            self.assertIn("--python has no effect without --runtime onnxruntime", result.stderr)
        result = run("verify", DIGITS, *INPUT, "--runtime", "onnxrt")
        self.assertEqual(result.returncode, 2)
        self.assertIn('unknown runtime "onnxrt"; choose octavo or onnxruntime (did you mean onnxruntime?)', result.stderr)

    def test_default_is_octavos_engine(self):
        for words in ((), ("--runtime", "octavo")):
            result = run("verify", DIGITS, *INPUT, "--json", *words)
            self.assertEqual(result.returncode, 0)
            self.assertEqual(json.loads(result.stdout)["second"]["runner"], "engine, onnxruntime arithmetic")

    def test_no_such_program(self):
        self.verify("--python", "no-such-python", code=4, says=["cannot find the program no-such-python", "PATH", "pip install onnxruntime"])
        self.verify("--python", "./no-such-python", code=4, says="the program ./no-such-python does not exist")
        self.verify("--python", self.folder, code=4, says="not a program that can be run")
        file = self.folder / "file"
        file.write_text("text")
        self.verify("--python", file, code=4, says="not a program that can be run")
        self.verify(code=4, says=["cannot find the program python3", "pip install onnxruntime", "--python EXE"], PATH=str(self.folder))

    def test_the_working_folder_is_no_part_of_the_path(self):
        self.program("#!/bin/sh\ntouch %s\n" % (self.folder / "ran"), "python3")
        for path in (".", "", ":", "./", str(self.temporary) + "::."):
            result = subprocess.run([str(OCTAVO), "verify", str(DIGITS), "--input", str(IMAGES), *RUNTIME], cwd=self.folder,
                                    env={**self.environment, "PATH": path}, capture_output=True, text=True, timeout=60)
            self.assertEqual(result.returncode, 4, result.stderr)
        self.assertNotIn("ran", self.files())

    def test_not_python(self):
        self.verify("--python", "/bin/cat", code=3, says=["/bin/cat ended with exit code 1", "Python 3.8 or newer", "--python EXE"])
        self.verify("--python", self.program("garbage (("), code=4, says="cannot start")
        self.verify("--python", self.shell("echo hello; exit 3"), code=3, says=["exit code 3", "it printed: hello"])
        self.verify("--python", self.shell("exit 0"), code=3, says="exit code 0")

    def test_a_python_that_cannot(self):
        self.verify("--python", self.shell("""echo '{"python": [3, 6, 2], "executable": "x"}' >&3"""), code=3,
                    says=["Python 3.6.2", "too old", "3.8 or newer"])
        self.verify("--python", self.shell("""echo '{"python": [3, 9, 1], "executable": "x", "missing": "onnxruntime"}' >&3"""), code=3,
                    says=["Python 3.9.1", "no package onnxruntime", "-m pip install onnxruntime"])
        self.verify("--python", self.shell("""echo '{"python": [3, 9, 1], "executable": "x", "broken": "ImportError: no libthing.so"}' >&3"""),
                    code=3, says=["cannot import the package onnxruntime", "no libthing.so"])
        self.verify("--python", self.shell("echo '%s' >&3" % ABOUT.replace("1.32.0", "1.9.1")), code=3,
                    says=["onnxruntime 1.9.1", "too old", "1.17 or newer", "pip install --upgrade onnxruntime"])

    def test_a_process_that_fails(self):
        self.verify("--python", self.shell("echo dying; kill -SEGV $$"), code=3, says=["signal 11", "it printed: dying"])
        self.verify("--python", self.shell("exec 3>&-", "sleep 1000"), code=3, says="closed its connection")
        self.verify("--python", self.shell("while :; do head -c 1000000 /dev/zero; done"), code=3, says="printed more than 64 MiB")
        self.verify("--python", self.shell("head -c 3000000 /dev/zero | tr '\\0' x >&3", "sleep 1000"), code=3, says="answered with more than 1 MiB")

    def test_answers_that_are_none(self):
        for first in ("junk", "[]", "{}", '{"ok": 1}', "[" * 100_000, ABOUT.replace('"1.32.0"', "7"), ABOUT.replace('["CPUExecutionProvider"]', "[]")):
            self.verify("--python", self.shell("cat >&3 <<'END'\n%s\nEND" % first, "sleep 1000"), code=3, says="not an answer of Octavo's program")
        for answers in (["junk"], ['{"ok": "x"}'], ['{"error": 5}'], ['{"ok": 1}', "junk"], ['{"ok": 1}', '{"ok": -1}'], ['{"ok": 1}', '{"ok": 99999999999}']):
            self.verify("--python", self.answers(*answers), code=3, says="not an answer of Octavo's program")
        self.verify("--python", self.answers('{"error": "[ONNXRuntimeError] : 10 : INVALID_GRAPH : no\\n such\\tnode."}'), code=3,
                    says="ONNX Runtime 1.32.0: no such node\n")
        self.verify("--python", self.answers('{"error": "%s"}' % ("x" * 9000)), code=3, says="xxx...")
        self.verify("--python", self.answers('{"ok": 1}', '{"ok": 5}'), code=3, says="did not write array_out_0.npy")

    def test_arrays_that_are_none(self):
        write = "read request <&3\n%s\necho '{\"ok\": 1}' >&3"
        for command, says in (("printf rubbish > array_out_0.npy", "not a .npy file"),
                              ("ln -s /etc/passwd array_out_0.npy", "did not write array_out_0.npy"),
                              ("mkfifo array_out_0.npy", "did not write array_out_0.npy"),
                              ("mkdir array_out_0.npy", "did not write array_out_0.npy"),
                              ("truncate -s 3T array_out_0.npy", "more than the limit of")):
            self.verify("--python", self.shell("echo '%s' >&3" % ABOUT, "read request <&3\necho '{\"ok\": 1}' >&3", write % command, "sleep 1000"),
                        code=3, says=says)

    def test_no_folder_for_temporary_files(self):
        self.verify("--python", self.shell("exit 0"), code=4, says=["temporary", "TMPDIR"], TMPDIR=str(self.folder / "missing"))
        self.verify("--python", self.shell("exit 0"), code=4, says=["temporary", "TMPDIR"], TMPDIR="/proc")

    def test_the_process_gets_no_python_variables(self):
        python = self.shell("env > %s" % (self.folder / "environment"), "pwd >> %s" % (self.folder / "environment"), "exit 1")
        run("verify", DIGITS, *INPUT, *RUNTIME, "--python", python,
            env={**self.environment, "PYTHONPATH": "x", "PYTHONHOME": "y", "PYTHONSTARTUP": "z"})
        environment = (self.folder / "environment").read_text().splitlines()
        self.assertEqual([line for line in environment if line.startswith("PYTHON")], [])
        self.assertTrue(environment[-1].startswith(str(self.temporary) + "/octavo-"), environment[-1])

    @staticmethod
    def default_signals():
        """A process in the background ignores some, and so would what it starts."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)

    def test_signals(self):
        python = self.shell("echo $$ > %s" % (self.folder / "pid"), "sleep 1000")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            (self.folder / "pid").unlink(missing_ok=True)
            process = subprocess.Popen([str(OCTAVO), "verify", str(DIGITS), "--input", str(IMAGES), *RUNTIME, "--python", str(python),
                                        "--save", str(self.folder / "saved")], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                       preexec_fn=self.default_signals)
            deadline = time.monotonic() + 30
            while not ((self.folder / "pid").exists() and (self.folder / "pid").read_text()) and time.monotonic() < deadline:
                time.sleep(0.01)
            child = int((self.folder / "pid").read_text())
            process.send_signal(number)
            output = process.communicate(timeout=30)
            self.assertEqual((process.returncode, *output), (-number, b"", b""))
            self.assertEqual(self.files(), ["pid", "python", "tmp"])
            self.assertFalse(runs(child))

    def test_an_error_as_json(self):
        result = run("verify", DIGITS, *INPUT, *RUNTIME, "--python", self.shell("exit 1"), "--json", env=self.environment)
        self.assertEqual(result.returncode, 3)
        self.assertIn("exit code 1", json.loads(result.stdout)["error"]["message"])


class Save(CliTest):
    """`verify --save DIR` with Octavo's engine."""

    def verify(self, folder, *words, code=0, says=(), **options):
        result = run("verify", DIGITS, *INPUT, "--save", folder, *words, **options)
        self.assertEqual(result.returncode, code, result.stderr)
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, result.stderr + result.stdout)
        return result

    def test_every_value(self):
        saved = self.folder / "saved"
        result = self.verify(saved, "--json")
        report = json.loads(result.stdout)
        index = json.loads((saved / "index.json").read_text())
        self.assertEqual(sorted(p.name for p in saved.iterdir()), sorted([entry["file"] for entry in index["arrays"]] + ["index.json"]))
        self.assertEqual(report["save"], {"folder": str(saved), "arrays": len(index["arrays"])})
        sides = {(entry["layer"], entry["side"]) for entry in index["arrays"]}
        for layer in report["layers"]:
            wanted = ["first", "second"] + (["second_alone"] if "alone" in layer else [])
            for side in ("first", "second", "second_alone"):
                self.assertEqual((layer["index"], side) in sides, side in wanted, (layer, side))
        for entry in index["arrays"]:
            self.assertEqual(entry["file"], "run0_layer%d_%s.npy" % (entry["layer"], entry["side"]))
            if entry["dtype"] in ("uint8", "int8"):
                self.assertIn("zero_point", entry)
        self.assertEqual(saved.stat().st_mode & 0o777, 0o777 & ~umask())
        text = self.verify(self.folder / "again").stdout
        self.assertIn("%d arrays are saved to %s" % (len(index["arrays"]), self.folder / "again"), text)

    def test_an_empty_folder(self):
        saved = self.folder / "saved"
        saved.mkdir()
        inode = saved.stat().st_ino
        self.verify(saved)
        self.assertEqual(saved.stat().st_ino, inode)
        self.assertIn("index.json", [p.name for p in saved.iterdir()])
        self.assertEqual([p.name for p in saved.iterdir() if p.name.startswith(".")], [])

    def test_the_working_folder(self):
        saved = self.folder / "here"
        saved.mkdir()
        self.verify(".", cwd=saved)
        self.assertTrue((saved / "index.json").exists())

    def test_folders_that_cannot_be(self):
        file = self.folder / "file"
        file.write_text("text")
        full = self.folder / "full"
        full.mkdir()
        (full / "mine").write_text("text")
        for folder, says in ((file, "not a folder"), (full, "not empty"), (self.folder / "missing" / "saved", ["does not exist", "mkdir -p"]),
                             ("/proc/saved", "/proc/saved")):
            before = self.files()
            result = self.verify(folder, code=4, says=says)
            self.assertEqual(result.stdout, "")
            self.assertEqual(result.stderr.count("octavo: "), 1)
            self.assertEqual(self.files(), before)
        self.verify("-", code=2, says="--save -")

    def test_a_limit_of_files(self):
        for limit in (1, 4):
            before = self.files()
            script = "ulimit -f %d; exec %s verify %s --input %s --save %s" % (limit, OCTAVO, DIGITS, IMAGES, self.folder / "saved")
            result = subprocess.run(["bash", "-c", "trap '' XFSZ; " + script], capture_output=True, text=True, timeout=60)
            self.assertEqual(result.returncode, 4, result.stderr)
            self.assertIn(str(self.folder / "saved"), result.stderr)
            self.assertNotIn(".octavo", result.stderr)
            self.assertEqual(self.files(), before)

    def test_nothing_is_left_of_a_verification_that_fails(self):
        before = self.files()
        for words, code in ((("--input", "float32[1,3,8,8]"), 3), (("--input", "y:float32[1,1,8,8]"), 2), (("--plugin", "none.so"), 2)):
            result = run("verify", DIGITS, *words, "--save", self.folder / "saved")
            self.assertEqual(result.returncode, code, result.stderr)
        self.assertEqual(self.files(), before)

    def test_runs(self):
        saved = self.folder / "saved"
        self.assertEqual(run("verify", DIGITS, "--input", "float32[2,1,8,8]", "--runs", "3", "--save", saved).returncode, 0)
        index = json.loads((saved / "index.json").read_text())
        self.assertEqual({entry["run"] for entry in index["arrays"]}, {0, 1, 2})


def runs(process):
    """Whether it runs; one that has ended may wait for its parent to take notice."""
    try:
        return pathlib.Path("/proc/%d/stat" % process).read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


if __name__ == "__main__":
    unittest.main()
