"""Every limit can be set, and an error names it; small files that ask for much memory or work end in one error."""
import re
import resource
import subprocess
import sys
import unittest

import hostile_models
import npy
import onnx_file
from octavo_cli import DIGITS, OCTAVO, ROOT, CliTest, records, run, write_archive
from onnx_file import FLOAT, model, node, value_info

DOCS = ROOT / "docs" / "limits.md"
SOURCE = ROOT / "src" / "octavo" / "base" / "limits.cc"
COMMANDS = ("inspect", "export", "convert", "run", "verify", "bench")
GIB = 1 << 30


def documented():
    """Name, default and meaning of each limit, as docs/limits.md has them."""
    return [tuple(cell.strip().strip("`") for cell in line.split("|")[1:4]) for line in DOCS.read_text().splitlines()
            if re.match(r"\| `[a-z-]+` \|", line)]


def names():
    return [name for name, _, _ in documented()]


def measured(*arguments, memory=4 * GIB, seconds=60):
    """The result, and its processor time, of a process with so much address space."""
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = subprocess.run([str(OCTAVO), *map(str, arguments)], capture_output=True, text=True, errors="replace", timeout=seconds,
                            preexec_fn=limit)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return result, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


class Limits(CliTest):
    def code(self, body, name="code.pt"):
        """The example's archive with another forward."""
        _, content = records(DIGITS)
        text = content["code/__torch__.py"].decode()
        signature = re.search(r"  def forward\([^)]*\) -> Tensor:\n", text)
        content["code/__torch__.py"] = (text[:signature.end()] + body).encode()
        path = self.folder / name
        write_archive(path, content)
        return path

    def test_the_table(self):
        table = re.findall(r'Limit\{\s*"([a-z-]+)",\s*"([^"]*)",\s*((?:"[^"]*"\s*)+)', SOURCE.read_text())
        table = [(name, default, "".join(re.findall(r'"([^"]*)"', what))) for name, default, what in table]
        self.assertEqual(documented(), table)
        for command in COMMANDS:
            text = " ".join(run(command, "--help").stdout.split())
            self.assertIn("--limit", text)
            for name in names():
                self.assertIn(name, text, command)

    def test_wrong_limits(self):
        for text, message in (("size=3", 'unknown limit "size"; choose one of memory, work'), ("memory=0", "--limit memory takes an integer"),
                              ("memory", "--limit memory takes"), ("steps=many", 'not "many"')):
            with self.subTest(text):
                result = run("inspect", DIGITS, "--limit", text)
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertIn(message, result.stderr)

    def test_each_limit(self):
        """Set low, it ends the command with an error that names it."""
        x = self.folder / "x.npy"
        npy.write(x, "<f4", (4,), [0, 1, 2, 3])
        relu = self.folder / "relu.onnx"
        relu.write_bytes(model([node("Exp", ["x"], ["e"]), node("Relu", ["e"], ["y"])], [value_info("x", FLOAT, (4,))], [[(1, "y")]]))
        export = ["export", DIGITS, "-o", self.output, "--input", "float32[1,1,8,8]"]
        cases = {
            "memory": ["run", relu, "--input", x, "--limit", "memory=10"],
            "work": ["run", relu, "--input", x, "--limit", "work=10"],
            "records": [*export, "--limit", "records=3"],
            "inflated": [*export, "--limit", "inflated=10"],
            "pickle-depth": [*export, "--limit", "pickle-depth=1"],
            "pickle-values": [*export, "--limit", "pickle-values=10"],
            "source-depth": [*export, "--limit", "source-depth=1"],
            "syntax-nodes": [*export, "--limit", "syntax-nodes=10"],
            "call-depth": [*export, "--limit", "call-depth=1"],
            "steps": [*export, "--limit", "steps=10"],
            "list-length": ["export", self.code("    m = torch.mul([1, 2], 50)\n    return x\n", "list.pt"), "-o", self.output, "--limit", "list-length=30"],
            "values": ["export", self.code("    m = torch.mul([1, 2], 500)\n    n = torch.len(m)\n    return x\n", "values.pt"), "-o", self.output, "--limit",
                       "values=100"],
            "operators": [*export, "--limit", "operators=3"],
        }
        self.assertEqual(sorted(cases), sorted(names()))
        for name, arguments in cases.items():
            with self.subTest(name):
                result = run(*arguments)
                self.assertEqual(result.returncode, 3, result.stdout + result.stderr)
                self.assertIn(f"--limit {name}=", " ".join(result.stderr.split()))
                self.assertFalse(self.output.exists())

    def test_every_command_has_the_budget(self):
        x = self.folder / "x.npy"
        npy.write(x, "<f4", (4,), [0, 1, 2, 3])
        exp = self.folder / "exp.onnx"
        exp.write_bytes(model([node("Exp", ["x"], ["y"])], [value_info("x", FLOAT, (4,))], [[(1, "y")]]))
        onnx = self.folder / "digits.onnx"
        self.assertEqual(run("export", DIGITS, "-o", onnx, "--input", "float32[1,1,8,8]").returncode, 0)
        for limit in ("memory=64", "work=9"):
            for arguments in (["run", exp, "--input", x], ["bench", exp, "--seconds", 0], ["verify", exp, exp],
                              ["bench", DIGITS, "--seconds", 0, "--input", "float32[1,1,8,8]"], ["verify", DIGITS, onnx],
                              ["run", exp, "--input", x, "--no-fuse"]):
                with self.subTest(f"{limit} {arguments[0]} {arguments[1]}"):
                    self.assertEqual(run(*arguments).returncode, 0)
                    result = run(*arguments, "--limit", limit)
                    self.assertEqual(result.returncode, 3, result.stdout)
                    self.assertIn("--limit " + limit.split("=")[0], " ".join(result.stderr.split()))

    def test_the_hint_is_enough(self):
        """The value that an error suggests lets the operator through."""
        x = self.folder / "x.npy"
        npy.write(x, "<f4", (4,), [0, 1, 2, 3])
        exp = self.folder / "exp.onnx"
        exp.write_bytes(model([node("Exp", ["x"], ["y"])], [value_info("x", FLOAT, (4,))], [[(1, "y")]]))
        for limit in ("memory=3", "work=3"):
            result = run("run", exp, "--input", x, "--limit", limit)
            self.assertEqual(result.returncode, 3)
            more = re.search(r"--limit (\w+=\w+)", " ".join(result.stderr.split())).group(1)
            self.assertEqual(run("run", exp, "--input", x, "--limit", more).returncode, 0, more)

    def test_small_files_that_ask_for_much(self):
        shapes = {}
        for name, content in hostile_models.FILES.items():
            path = self.folder / "small.onnx"
            path.write_bytes(content())
            inspected = run("inspect", path).stdout
            dtype, sizes = re.search(r"input\s+x\s+(\w+)\[([\d,]+)\]", inspected).groups()
            sizes = [int(size) for size in sizes.split(",")]
            count = 1
            for size in sizes:
                count *= size
            x = self.folder / "x.npy"
            npy.write(x, {"float32": "<f4", "uint8": "|u1"}[dtype], sizes, range(count))
            for arguments in (["run", path, "--input", x], ["run", path, "--input", x, "--no-fuse"], ["bench", path, "--seconds", 0],
                              ["verify", path, path], ["convert", path, "-o", self.output], ["inspect", path]):
                if "--no-fuse" in arguments and name not in ("Tile", "Einsum of much work", "Conv with huge pads"):
                    continue
                # What runs until the limit runs to the default one once.
                if arguments[0] not in ("convert", "inspect") and (arguments[0], name) != ("run", "a chain of wide values"):
                    arguments += ["--limit", "work=300M"]
                with self.subTest(f"{name}: {arguments[0]}"):
                    result, seconds = measured(*arguments)
                    self.assertLess(seconds, 10)
                    expected = (0, 3) if arguments[0] in ("convert", "inspect") or name.startswith("TopK") else (3,)
                    self.assertIn(result.returncode, expected, (result.stdout + result.stderr)[:500])
                    if result.returncode == 3:
                        self.assertEqual(result.stderr.count("octavo:"), 1)
                    shapes[name] = True
                    self.output.unlink(missing_ok=True)
        self.assertEqual(len(shapes), len(hostile_models.FILES))

    def test_small_programs_that_ask_for_much(self):
        x = self.folder / "x.npy"
        npy.write(x, "<f4", (1, 1, 8, 8), range(64))
        square = "    z = torch.zeros([8192, 8192])\n"
        wide = "    z = torch.zeros([16777216])\n"
        programs = {
            "zeros": "    y = torch.zeros([65536, 65536])\n",
            "zeros beyond int64": "    y = torch.zeros([1099511627776, 1099511627776])\n",
            "full": "    y = torch.full([65536, 65536], 1.5)\n",
            "expand and clone": "    y = torch.clone(torch.expand(x, [65536, 1024, 8, 8]))\n",
            "repeat": "    y = torch.repeat(x, [65536, 1024, 1, 1])\n",
            "repeat_interleave": "    y = torch.repeat_interleave(x, 1000000000, 0)\n",
            "arange": "    y = torch.arange(1000000000000)\n",
            "pad": "    y = torch.constant_pad_nd(x, [100000, 100000, 100000, 100000], 0.)\n",
            "upsample": "    y = torch.upsample_nearest2d(x, [65536, 65536], None)\n",
            "bilinear": "    y = torch.upsample_bilinear2d(x, [65536, 65536], False, None, None)\n",
            "one_hot": "    y = torch.one_hot(torch.to(x, 4), 268435456)\n",
            "conv padding": "    y = torch.conv2d(x, x, None, [1, 1], [65536, 65536], [1, 1], 1)\n",
            "conv of much work": "    y = torch.conv2d(x, x, None, [1, 1], [8192, 8192], [1, 1], 1)\n",
            "einsum": '    y = torch.einsum("abcd,efgh,ijkl->abcdefghijkl", [x, x, torch.repeat(x, [4096, 16, 1, 1])])\n',
            "einsum of much work": square + '    y = torch.einsum("ab,bc->ac", [z, z])\n',
            "matmul of much work": square + "    y = torch.matmul(z, z)\n",
            "cumsum in a loop": wide + "    y = z\n    for i in range(1000):\n      y = torch.cumsum(y, 0)\n",
            "exp in a loop": wide + "    y = z\n    for i in range(1000):\n      y = torch.exp(y)\n",
            "many values at once": wide + "    l = [z]\n    for i in range(1000):\n      l = torch.add(l, [torch.neg(z)])\n    y = torch.cat(l)\n",
        }
        for name, body in programs.items():
            path = self.code(body + "    return torch.add(x, torch.max(y))\n")
            for arguments in (["run", path, "--input", x, "--limit", "work=300M"], ["export", path, "-o", self.output, "--input", "float32[1,1,8,8]"],
                              ["verify", path, "--input", "float32[1,1,8,8]", "--limit", "work=300M"]):
                with self.subTest(f"{arguments[0]}: {name}"):
                    result, seconds = measured(*arguments)
                    self.assertLess(seconds, 10)
                    self.assertIn(result.returncode, (0, 3) if arguments[0] == "export" else (3,), (result.stdout + result.stderr)[:500])
                    if result.returncode == 3:
                        self.assertEqual(result.stderr.count("octavo:"), 1)
                        self.assertFalse(self.output.exists())
                    self.output.unlink(missing_ok=True)

    def test_little_address_space(self):
        """With less and less memory: done, or one error; never a signal, and nothing left."""
        onnx = self.folder / "digits.onnx"
        self.assertEqual(run("export", DIGITS, "-o", onnx, "--input", "float32[1,1,8,8]").returncode, 0)
        x = self.folder / "x.npy"
        npy.write(x, "<f4", (1, 1, 8, 8), range(64))
        commands = (["inspect", DIGITS], ["export", DIGITS, "-o", self.output, "--input", "float32[1,1,8,8]"], ["convert", onnx, "-o", self.output, "--opset", 21],
                    ["run", DIGITS, "--input", x], ["run", onnx, "--input", x], ["verify", DIGITS, onnx], ["bench", onnx, "--seconds", 0], ["ops"])
        enough = 1 << 28
        # Below this the program itself is not loaded, and the loader says so.
        start = next(size for size in range(1 << 20, enough, 1 << 19) if measured("--version", memory=size)[0].returncode == 0)
        done = set()
        for size in range(start, start + (24 << 20), 2 << 20):
            for arguments in commands:
                with self.subTest(f"{arguments[0]} in {size >> 10} KiB"):
                    result, _ = measured(*arguments, memory=size)
                    self.assertIn(result.returncode, (0, 3), f"{result.returncode} {result.stderr[:300]}")
                    if result.returncode == 3:
                        self.assertEqual(result.stderr.count("octavo:"), 1, result.stderr)
                        self.assertFalse(self.output.exists())
                    else:
                        done.add(arguments[0])
                    self.output.unlink(missing_ok=True)
                    self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["digits.onnx", "x.npy"])
        self.assertEqual(done, {arguments[0] for arguments in commands} & done)


class Stacks(CliTest):
    def deep(self, name, code):
        path = self.folder / name
        head = "class M(Module):\n  __parameters__ = []\n  __buffers__ = []\n  training : bool\n"
        write_archive(path, {"data.pkl": b"\x80\x02c__torch__\nM\n)\x81}X\x08\x00\x00\x00training\x89sb.", "constants.pkl": b"\x80\x02).",
                             "code/__torch__.py": head + code, "version": "3\n"})
        return path

    def test_sizes_beside_a_size_of_nothing(self):
        """What has no elements takes no time, however large its other sizes are."""
        forward = "  def forward(self: __torch__.M,\n    x: Tensor) -> Tensor:\n    return "
        zeros = "torch.zeros([%s])"
        calls = {"conv": "torch.conv2d(%s, torch.ones([1, 1, 1, 1]), None, [1, 1], [0, 0], [1, 1], 1)" % (zeros % "0, 1, 100000, 1000000"),
                 "conv_transpose": "torch.conv_transpose2d(%s, torch.ones([1, 1, 1, 1]), None, [1, 1], [0, 0], [0, 0], 1, [1, 1])" % (zeros % "0, 1, 100000, 1000000"),
                 "softmax": "torch.softmax(%s, 2, None)" % (zeros % "100000, 1000000, 0"), "cumsum": "torch.cumsum(%s, 1, dtype=None)" % (zeros % "100000, 0, 1000000"),
                 "cat": "torch.cat([%s, %s], 1)" % (zeros % "100000, 1000000, 0", zeros % "100000, 1000000, 0"),
                 "relu": "torch.relu(%s)" % (zeros % "100000, 1000000, 0"), "layer_norm": "torch.layer_norm(%s, [1000000])" % (zeros % "100000, 0, 1000000"),
                 "transpose": "torch.add(torch.transpose(%s, 0, 1), 1)" % (zeros % "100000, 1000000, 0"), "pad": "torch.constant_pad_nd(%s, [0, 0, 1, 1], 1)" % (zeros % "100000, 1000000, 0"),
                 "max_pool": "torch.max_pool2d(%s, [2, 2], [1, 1], [0, 0], [1, 1], False)" % (zeros % "0, 1, 100000, 1000000"),
                 "upsample": "torch.upsample_nearest2d(%s, [200000, 1000000], None)" % (zeros % "0, 1, 100000, 1000000"),
                 "matmul": "torch.matmul(%s, %s)" % (zeros % "0, 100000, 1000", zeros % "1000, 100000"),
                 "quantize": "torch.dequantize(torch.quantize_per_tensor(%s, 0.1, 3, 13))" % (zeros % "100000, 1000000, 0")}
        for name, call in calls.items():
            path = self.deep(name + ".pt", forward + call + "\n")
            x = self.folder / "x.npy"
            npy.write(x, "<f4", (4,), [0, 1, 2, 3])
            onnx = self.folder / (name + ".onnx")
            exported = run("export", path, "--input", "float32[4]", "-o", onnx).returncode == 0
            for arguments in (["run", path, "--input", x], ["verify", path, "--input", "float32[4]"], ["bench", path, "--input", "float32[4]", "--seconds", 0],
                              *([["run", onnx, "--input", x], ["verify", onnx, onnx]] if exported else [])):
                with self.subTest(name, command=arguments[0], file=arguments[1].suffix):
                    result, seconds = measured(*arguments)
                    self.assertIn(result.returncode, (0, 3), result.stderr)
                    self.assertLess(seconds, 5)

    def test_sizes_that_overflow(self):
        """Products of 2^64 are not 0."""
        forward = "  def forward(self: __torch__.M,\n    x: Tensor) -> Tensor:\n    return "
        for call in ("torch.tile(x, [9223372036854775807, 1])", "torch.tile(x, [4611686018427387904])", "torch.repeat(x, [4611686018427387904])",
                     "torch.expand(x, [9223372036854775807, 4])", "torch.zeros([4294967296, 4294967296])", "torch.constant_pad_nd(x, [9223372036854775807, 1], 0)",
                     "torch.repeat_interleave(x, 4611686018427387904, 0)", "torch.upsample_nearest1d(torch.reshape(x, [1, 1, 4]), [9223372036854775807])"):
            path = self.deep("huge.pt", forward + call + "\n")
            for arguments in (["export", path, "-o", self.output, "--input", "float32[4]"], ["verify", path, "--input", "float32[4]"]):
                with self.subTest(call, command=arguments[0]):
                    result = run(*arguments)
                    self.assertEqual(result.returncode, 3, result.stdout)
                    self.assertNotIn("report this bug", result.stderr)
                    self.assertIn("code/__torch__.py:7:", result.stderr)
                    self.assertFalse(self.output.exists())

    def test_a_million_shifts(self):
        path = self.deep("roll.pt", "  def forward(self: __torch__.M,\n    x: Tensor) -> Tensor:\n    return torch.roll(x, torch.mul([1], 1000000), torch.mul([0], 1000000))\n")
        result, seconds = measured("export", path, "-o", self.output, "--input", "float32[2,3]")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertLess(seconds, 8)

    def test_the_most_that_a_depth_can_be_set_to(self):
        for name, most in (("source-depth", 4000), ("pickle-depth", 1000)):
            self.assertEqual(run("inspect", DIGITS, "--limit", f"{name}={most}").returncode, 0)
            result = run("inspect", DIGITS, "--limit", f"{name}={most + 1}")
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertIn(f"from 1 to {most}", result.stderr)
        lists = b"(" * 100_000 + b"l" * 100_000
        forward = "  def forward(self: __torch__.M,\n    x: Tensor) -> Tensor:\n    return "
        models = [self.deep("negated.pt", forward + "torch.mul(x, " + "-" * 31_000 + "1)\n"), self.deep("nested.pt", forward + "torch.mul(x, " + "-" * 3_900 + "1)\n")]
        path = self.folder / "lists.pt"
        write_archive(path, {"data.pkl": b"\x80\x02c__torch__\nM\n)\x81}X\x01\x00\x00\x00a" + lists + b"sb.", "constants.pkl": b"\x80\x02).",
                             "code/__torch__.py": "class M(Module):\n  __parameters__ = []\n  a : List[int]\n" + forward + "x\n", "version": "3\n"})
        for model in [*models, path]:
            for command in (["inspect"], ["inspect", "--audit"], ["verify", "--input", "float32[4]"]):
                for kilobytes in (512, 8192):
                    with self.subTest(model.name, command=command[0], stack=kilobytes):
                        result = run(command[0], model, *command[1:], "--limit", "source-depth=4000", "--limit", "pickle-depth=1000",
                                     preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_STACK, (kilobytes << 10, kilobytes << 10)))
                        self.assertIn(result.returncode, (0, 1, 2, 3), result.stderr[:300])

    def test_a_small_stack(self):
        """`ulimit -s`: how deep a model may be nested does not depend on it."""
        forward = "  def forward(self: __torch__.M,\n    x: Tensor) -> Tensor:\n"
        method = "  def f%d(self: __torch__.M,\n    x: Tensor) -> Tensor:\n"
        models = [self.deep("calls.pt", forward + "    return " + "torch.relu(" * 390 + "x" + ")" * 390 + "\n"),
                  self.deep("blocks.pt", forward + "".join("  " * (i + 2) + "if True:\n" for i in range(390)) + "  " * 392 + "pass\n    return x\n"),
                  self.deep("methods.pt", forward + "    return (self).f0(x, )\n" + "".join(
                      method % i + "    return (self).f%d(x, )\n" % (i + 1) for i in range(240)) + method % 240 + "    return torch.relu(x)\n"),
                  self.deep("too_deep.pt", forward + "    return (self).f0(x, )\n" + "".join(
                      method % i + "    return " + "torch.neg(" * 100 + "(self).f%d(x, )" % (i + 1) + ")" * 100 + "\n" for i in range(200)) + method % 200
                      + "    return x\n")]
        for model in models:
            for command in (["inspect"], ["inspect", "--audit"], ["export", "--input", "float32[4]", "-o", self.output], ["verify", "--input", "float32[4]"]):
                with self.subTest(model=model.name, command=command[0]):
                    results = []
                    for kilobytes in (128, 1024, 8192):
                        limit = (kilobytes << 10, kilobytes << 10)
                        result = run(command[0], model, *command[1:], preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_STACK, limit))
                        results.append((result.returncode, result.stdout, result.stderr))
                    self.assertIn(results[0][0], (0, 3))
                    self.assertEqual(results[0][2], results[2][2])
                    self.assertEqual([r[0] for r in results], [results[0][0]] * 3)


class EmptyMessages(CliTest):
    """Many empty protobuf fields or tiny nodes."""

    def peak(self, content, command="inspect"):
        path = self.folder / "many.onnx"
        path.write_bytes(content)
        program = ("import resource, subprocess, sys\n"
                   "r = subprocess.run(sys.argv[1:], capture_output=True, text=True, errors='replace')\n"
                   "print(r.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, r.stderr[:300])")
        arguments = [command, path] if command == "inspect" else [command, path, "-o", self.output]
        out = subprocess.run([sys.executable, "-c", program, str(OCTAVO), *map(str, arguments)], capture_output=True, text=True).stdout
        code, kilobytes, *message = out.split(None, 2)
        return int(code), int(kilobytes) * 1024, " ".join(message)

    def test_memory(self):
        count = 200_000
        head = b"\x08\x08" + b"\x42\x02\x10\x11"  # IR version 8, opset 17

        def field(number, content):
            return onnx_file.message([(number, content)])

        def graph(content):
            return head + field(7, content)
        relu = field(1, b"x") + field(2, b"y") + field(4, b"Relu")
        files = {
            "nodes without a type": graph(field(1, b"") * count),
            "nodes with an empty type": graph(field(1, field(4, b"")) * count),
            "tiny nodes": graph(field(1, field(4, b"A")) * count),
            "nodes with an output": graph(field(1, field(2, b"") + field(4, b"A")) * count),
            "attributes": graph(field(1, relu + field(5, b"") * count)),
            "named attributes": graph(field(1, relu + field(5, field(1, b"a")) * count)),
            "tensors": graph(field(5, b"") * count),
            "named tensors": graph(field(5, field(8, b"t")) * count),
            "inputs": graph(field(11, b"") * count),
            "named values": graph(field(13, field(1, b"v")) * count),
            "names of inputs": graph(field(1, field(1, b"") * count + field(4, b"A"))),
            "dimensions": graph(field(11, field(1, b"x") + field(2, field(1, field(2, field(1, b"") * count))))),
            "metadata": graph(b"") + field(14, b"") * count,
            "opsets": graph(b"") + field(8, b"") * count,
            "functions": graph(b"") + field(25, b"") * count,
            "tensors of an attribute": graph(field(1, relu + field(5, field(1, b"a") + field(10, b"") * count))),
            "graphs of an attribute": graph(field(1, relu + field(5, field(1, b"a") + field(11, b"") * count))),
        }
        for name, content in files.items():
            for command in ("inspect", "convert"):
                with self.subTest(f"{command}: {name}"):
                    code, peak, message = self.peak(content, command)
                    self.assertIn(code, (0, 3), message)
                    self.assertLess(peak, (64 << 20) + 100 * len(content) + (16 << 20), message)
                    self.output.unlink(missing_ok=True)
        self.assertIn("has no operator type", self.peak(files["nodes without a type"])[2])
        self.assertLess(self.peak(files["nodes without a type"])[1], 64 << 20)


if __name__ == "__main__":
    unittest.main()
