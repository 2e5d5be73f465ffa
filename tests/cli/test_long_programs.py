"""Programs that are long in one dimension: time grows with their length, not with its square; and graphs of shared
values, modules and calls, which are exponential as trees, end at a limit."""
import os
import resource
import struct
import subprocess
import unittest

import npy
from octavo_cli import OCTAVO, CliTest, write_archive
from onnx_file import FLOAT, INT8, INT64, floats, integer, node, tensor, value_info
import onnx_file

# Processor seconds.  A program that is four times as long may take eight times as long: twice what is right, since the
# machine may be busy.  Less than a second proves nothing.
TIMES, LEAST = 8, 1.0
SECONDS = 10  # whatever the file asks for
ADDRESS_SPACE = 4 << 30


def processor_seconds(*arguments):
    """Of one run of the program; its exit code; what it says of an error."""
    process = subprocess.Popen([str(OCTAVO), *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    error = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    return usage.ru_utime + usage.ru_stime, process.returncode, error.decode(errors="replace")


# ---- ONNX

def chain(op, count, attributes=(), more=()):
    return [node(op, [f"v{i}" if i else "x", *more], [f"v{i + 1}" if i < count - 1 else "y"], attributes) for i in range(count)]


def model(nodes, inputs=None, outputs=None, initializers=(), after=()):
    """As onnx_file's, in time that grows with its length."""
    content = b"".join(onnx_file.message([field]) for field in [
        *((1, n) for n in nodes), (2, "graph"), *((5, t) for t in initializers), *((11, i) for i in inputs or [value_info("x")]),
        *((12, o) for o in outputs or [value_info("y")])])
    return onnx_file.message([(1, 8), (2, "test"), (7, content), (8, [(1, ""), (2, 17)])]) + b"".join(
        onnx_file.message([field]) for field in after)


SCALE = [tensor("s", FLOAT, [], floats(0.5)), tensor("z", INT8, [], b"\0")]


def quantized(count):
    nodes, last = [], "x"
    for i in range(count):
        nodes += [node("QuantizeLinear", [last, "s", "z"], [f"q{i}"]), node("DequantizeLinear", [f"q{i}", "s", "z"], [f"d{i}"]),
                  node("Relu", [f"d{i}"], [f"r{i}" if i < count - 1 else "y"])]
        last = f"r{i}"
    return model(nodes, initializers=SCALE)


def moved(count):
    """Each movement of integers is joined with the one before."""
    nodes = [node("QuantizeLinear", ["x", "s", "z"], ["v0"])]
    nodes += [node("Transpose", [f"v{i}"], [f"v{i + 1}"]) for i in range(count)]
    return model([*nodes, node("DequantizeLinear", [f"v{count}", "s", "z"], ["y"])], initializers=SCALE)


def fan(count):
    nodes = [node("QuantizeLinear", ["x", "s", "z"], ["q"]), node("DequantizeLinear", ["q", "s", "z"], ["h"])]
    nodes += [node("Relu", ["h"], [f"r{i}"]) for i in range(count)]
    return model([*nodes, node("Concat", [f"r{i}" for i in range(count)], ["y"], [integer("axis", 0)])], initializers=SCALE,
                 outputs=[value_info("y", shape=(count, 4))])


def convolutions(count):
    nodes, last = [], "x"
    for i in range(count):
        nodes += [node("DequantizeLinear", [f"w{i}", "s", "z"], [f"dw{i}"]), node("Conv", [last, f"dw{i}"], [f"c{i}" if i < count - 1 else "y"])]
        last = f"c{i}"
    image = (1, 1, 1, 4)
    return model(nodes, [value_info("x", shape=image)], [value_info("y", shape=image)],
                 [*SCALE, *(tensor(f"w{i}", INT8, [1, 1, 1, 1], b"\1") for i in range(count))])


def identities(count):
    """Outputs and nodes that do nothing."""
    nodes = [node("Relu", ["x"], ["r"]), *(node("Identity", ["r"], [f"y{i}"]) for i in range(count))]
    return model(nodes, outputs=[value_info(f"y{i}") for i in range(count)])


ONNX = {
    "Relu": (lambda n: model(chain("Relu", n)), 10_000, ("run", "convert", "inspect")),
    "quantized Relu": (quantized, 4_000, ("run", "convert", "openvino", "inspect")),
    "movements": (moved, 8_000, ("run", "convert")),
    "a fan": (fan, 4_000, ("run", "convert")),
    "convolutions": (convolutions, 2_000, ("convert", "openvino")),
    "identities and outputs": (identities, 8_000, ("run", "convert", "inspect")),
    "Reshape": (lambda n: model(chain("Reshape", n, more=["shape"]), initializers=[tensor("shape", INT64, [2], struct.pack("<2q", 1, 4))]),
                8_000, ("run", "convert")),
    "inputs": (lambda n: model([node("Concat", [f"x{i}" for i in range(n)], ["y"], [integer("axis", 0)])],
                               [value_info(f"x{i}") for i in range(n)], [value_info("y", shape=(n, 4))]), 8_000, ("inspect", "convert")),
    "metadata": (lambda n: model(chain("Relu", 1), after=[(14, [(1, f"k{i}"), (2, "v")]) for i in range(n)]), 20_000, ("inspect", "convert")),
}


# ---- TorchScript

def pickled(text):
    return b"X" + struct.pack("<I", len(text)) + text.encode()


TENSOR = (b"ctorch._utils\n_rebuild_tensor_v2\n((" + pickled("storage") + b"ctorch\nFloatStorage\n" + pickled("0") + pickled("cpu") +
          b"K\x04tQK\x00(K\x04t(K\x01t\x89ccollections\nOrderedDict\n)RtR")
MODULE = b"c__torch__\nS\n)\x81}(" + pickled("training") + b"\x89ub"
MODULE_CLASS = "class S(Module):\n  __parameters__ = []\n  training : bool\n  def forward(self: __torch__.S, x: Tensor) -> Tensor:\n    return torch.relu(x)\n"


def archive(lines, attributes=(), declared=(), code="", parameters="x: Tensor", returns="Tensor"):
    """A module's records: forward's lines, its attributes (name and pickle), lines of the class, code after it."""
    source = ["class M(Module):", "  __parameters__ = []", "  __buffers__ = []", "  training : bool", "  w : Tensor", *(f"  {d}" for d in declared),
              f"  def forward(self: __torch__.M, {parameters}) -> {returns}:", *(f"    {line}" for line in lines)]
    data = b"".join(pickled(name) + value for name, value in [("training", b"\x89"), ("w", TENSOR), *attributes])
    return {"data/0": struct.pack("<4f", 1, 2, 3, 4), "data.pkl": b"\x80\x02c__torch__\nM\n)\x81}(" + data + b"ub.",
            "code/__torch__.py": ("\n".join(source) + "\n" + code).encode(), "constants.pkl": b"\x80\x02).", "version": b"3\n"}


def each(count, line):
    return [line.format(i) for i in range(count)]


TORCHSCRIPT = {
    "statements": (lambda n: archive(["x = torch.relu(x)"] * n + ["return x"]), 5_000, ("inspect", "export", "caffe2", "verify")),
    "a loop": (lambda n: archive([f"for i in range({n}):", "  x = torch.relu(x)", "return x"]), 10_000, ("verify",)),
    "one line": (lambda n: archive(["return torch.cat([" + ", ".join(["torch.relu(x)"] * n) + "], 0)"]), 4_000, ("inspect", "export")),
    "a dict": (lambda n: archive(["d = {" + ", ".join(f"'{i}': {i}" for i in range(n)) + "}", "return torch.relu(x)"]), 20_000, ("export",)),
    "keys that are set": (lambda n: archive(["d = annotate(Dict[int, int], {})", f"for i in range({n}):", "  d[i] = i", "return torch.relu(x)"]),
                          20_000, ("export",)),
    "keywords": (lambda n: archive(["return __torch__.f(" + ", ".join(each(n, "p{}=x")) + ")"],
                                   code="def f(" + ", ".join(each(n, "p{}: Tensor")) + ") -> Tensor:\n  return torch.relu(p0)\n"), 10_000, ("export",)),
    "parameters": (lambda n: archive(["return torch.relu(x)"], parameters=", ".join(["x: Tensor", *each(n, "p{}: Optional[Tensor]=None")])),
                   5_000, ("inspect", "export")),
    "inputs": (lambda n: archive(["return torch.relu(x)"], parameters=", ".join(["x: Tensor", *each(n, "p{}: Tensor")])), 5_000, ("inspect",)),
    "attributes": (lambda n: archive(each(n, "x = torch.add(x, self.a{})") + ["return x"], [(f"a{i}", b"K\x01") for i in range(n)]),
                   5_000, ("inspect", "export")),
    "constants of the class": (lambda n: archive(each(n, "x = torch.add(x, self.a{})") + ["return x"], declared=each(n, "a{} : Final[int] = 1")),
                               5_000, ("inspect", "export")),
    "submodules": (lambda n: archive(each(n, "x = (self.m{}).forward(x, )") + ["return x"], [(f"m{i}", MODULE) for i in range(n)], code=MODULE_CLASS),
                   4_000, ("export",)),
    "outputs": (lambda n: archive(["y = torch.relu(x)", "return (" + ", ".join(["y"] * n) + ",)"]), 4_000, ("export", "verify")),
}
ARRAY = {"convolutions": (1, 1, 1, 4), "movements": (1, 4)}


class LongPrograms(CliTest):
    def command(self, kind, path, name):
        if path.suffix == ".onnx":
            array = self.folder / "x.npy"
            npy.write(array, "<f4", ARRAY.get(name, (1, 4)), [0, 1, 2, 3])
            return {"run": ["run", path, "--input", array], "inspect": ["inspect", path], "convert": ["convert", path, "-o", self.output],
                    "openvino": ["convert", path, "-o", self.output, "--target", "openvino"]}[kind]
        given = ["--input", "float32[4]"]
        return {"inspect": ["inspect", path], "export": ["export", path, "-o", self.output, *given], "verify": ["verify", path, *given],
                "caffe2": ["export", path, "-o", self.output, "--dialect", "caffe2", *given]}[kind]

    def write(self, content, name):
        path = self.folder / (name + (".pt" if isinstance(content, dict) else ".onnx"))
        if isinstance(content, dict):
            write_archive(path, content)
        else:
            path.write_bytes(content)
        return path

    def check(self, table, longer=1):
        for name, (content, count, kinds) in table.items():
            paths = [self.write(content(count * longer * times), f"times_{times}") for times in (1, 4)]
            for kind in kinds:
                with self.subTest(f"{kind}: {name}"):
                    taken = []
                    for path in paths:
                        seconds, code, error = processor_seconds(*self.command(kind, path, name))
                        self.assertEqual(code, 0, error[:500])
                        taken.append(seconds)
                    self.assertLess(taken[1], max(LEAST, TIMES * taken[0]))

    def test_onnx(self):
        self.check(ONNX)

    def test_torchscript(self):
        self.check(TORCHSCRIPT)

    if os.environ.get("OCTAVO_ALL"):  # scripts/test --all
        def test_ten_times_as_long(self):
            self.check(ONNX, 5)
            self.check(TORCHSCRIPT, 5)


def levels(count, kind):
    """Tuples (or lists) that hold the one before twice, as a pickle."""
    data = b")" if kind == "tuple" else b"]"
    for i in range(count):
        data += b"r" + struct.pack("<I", i) + b"j" + struct.pack("<I", i) + b"\x86"
    return data


def deep(count):
    """A list of tuples, each of which holds the one before."""
    steps = [b"j" + struct.pack("<I", i - 1) + b"\x85r" + struct.pack("<I", i) for i in range(1, count)]
    return b"](" + b")r" + struct.pack("<I", 0) + b"".join(steps) + b"e"


def twice(count, b="b"):
    """Modules of which each holds the one before twice, and calls it twice; `b`: the name of one."""
    kinds, data = [MODULE_CLASS], MODULE
    for i in range(count):
        inner = f"N{i - 1}" if i else "S"
        kinds.append(f"class N{i}(Module):\n  a : __torch__.{inner}\n  {b} : __torch__.{inner}\n  def forward(self: __torch__.N{i}, x: Tensor) -> Tensor:\n"
                     f"    return (self.{b}).forward((self.a).forward(x, ), )\n")
        data = f"c__torch__\nN{i}\n)".encode() + b"\x81}(" + pickled("a") + data + b"r" + struct.pack("<I", i) + pickled(b) + b"j" + struct.pack("<I", i) + b"ub"
    return archive(["return (self.m).forward(x, )"], [("m", data)], code="".join(kinds))


class SharedValues(CliTest):
    FILES = {
        "tuples of a pickle that are returned": lambda: archive(["return (x, self.z)"], [("z", levels(60, "tuple"))], returns="Tuple[Tensor, int]"),
        "tuples that are returned": lambda: archive(["t = (x, x)", "for i in range(60):", "  t = (t, t)", "return t"], returns="int"),
        "tuples that are compared": lambda: archive(["t = (1, 1)", "u = (1, 1)", "for i in range(60):", "  t = (t, t)", "  u = (u, u)",
                                                     "if torch.eq(t, u):", "  x = torch.relu(x)", "return x"]),
        "tuples that are printed": lambda: archive(["t = (1, 1)", "for i in range(60):", "  t = (t, t)", "s = str(t)", "return x"]),
        "lists that become a tensor": lambda: archive(["t = [1, 1]", "for i in range(60):", "  t = [t, t]", "return torch.tensor(t)"]),
        "values of a great depth": lambda: archive(["return torch.relu(x)"], [("z", deep(200_000))]),
        "modules that are called twice": lambda: twice(20),
        "modules that are called twice, deeper": lambda: twice(60),
        "modules of long names that are called twice": lambda: twice(60, "a" * 10_000),
        "a loop without an end": lambda: archive(["while True:", "  x = torch.relu(x)", "return x"]),
    }

    def test_end(self):
        for name, content in self.FILES.items():
            path = self.folder / "shared.pt"
            write_archive(path, content())
            for command in (["inspect", path], ["export", path, "-o", self.output, "--input", "float32[4]"]):
                with self.subTest(f"{command[0]}: {name}"):
                    limit = resource.getrlimit(resource.RLIMIT_AS)
                    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, limit[1]))
                    try:
                        seconds, code, error = processor_seconds(*command)
                    finally:
                        resource.setrlimit(resource.RLIMIT_AS, limit)
                    self.assertIn(code, (0, 3), error[:500])
                    self.assertNotIn("not enough memory", error)
                    self.assertLess(seconds, SECONDS)


class Windows(CliTest):
    """A window reads what lies in the image, however large it is."""

    def model(self, op, attributes, weights=(), image=(1, 1, 2, 2)):
        inputs = ["x", *(["w"] if weights else [])]
        return model([node(op, inputs, ["y"], attributes)], [value_info("x", shape=image)], [[(1, "y")]],
                     [tensor("w", FLOAT, [1, 1, *weights], floats(*([1.0] * weights[0] * weights[1])))] if weights else [])

    def test_time(self):
        ints, large = onnx_file.ints, (1 << 30) - 4
        pads = ints("pads", [large - 1] * 4)
        cases = {
            "AveragePool": self.model("AveragePool", [ints("kernel_shape", [large] * 2), pads, ints("strides", [large] * 2)]),
            "AveragePool that counts padding": self.model("AveragePool", [ints("kernel_shape", [large] * 2), pads, ints("strides", [large] * 2),
                                                                           integer("count_include_pad", 1)]),
            "MaxPool": self.model("MaxPool", [ints("kernel_shape", [large] * 2), pads, ints("strides", [large] * 2)]),
            "Conv": self.model("Conv", [ints("kernel_shape", [200, 200]), ints("pads", [400] * 4), ints("strides", [2, 2])], (200, 200)),
            "ConvTranspose": self.model("ConvTranspose", [ints("kernel_shape", [1000, 1000]), ints("pads", [499, 499, 499, 499])], (1000, 1000),
                                        (1, 1, 2, 2)),
        }
        array = self.folder / "x.npy"
        npy.write(array, "<f4", (1, 1, 2, 2), [0, 1, 2, 3])
        path = self.folder / "window.onnx"
        for name, content in cases.items():
            for more in ([], ["--no-fuse"]):
                with self.subTest(f"{name} {more}"):
                    path.write_bytes(content)
                    seconds, code, error = processor_seconds("run", path, "--input", array, *more)
                    self.assertEqual(code, 0, error[:500])
                    self.assertLess(seconds, 3)


if __name__ == "__main__":
    unittest.main()
