"""Small files whose sizes, shapes or nesting would cost much time or memory, or overflow: an answer within seconds, and no crash."""
import struct
import time
import unittest

from octavo_cli import CliTest, run
from onnx_file import INT64, floats, integer, message, model, node, tensor, value_info



SECONDS = 20
UNTYPED = [(1, "y")]  # an output of which the file says nothing


def integers(*numbers):
    return struct.pack("<%dq" % len(numbers), *numbers)


def doubling_gather():
    """The rank doubles with each node."""
    names = ["x", *(f"g{i}" for i in range(35)), "y"]
    return model([node("Gather", [a, a], [b], [integer("axis", 0)]) for a, b in zip(names, names[1:])],
                 [value_info("x", INT64, ["A", "B"])], [UNTYPED])


def growing_polynomials():
    """A size is (N0 + ... + N9) to the power of 8."""
    nodes = [node("Concat", [f"x{i}" for i in range(10)], ["s"], [integer("axis", 0)])]
    last = "s"
    for i in range(8):
        nodes += [node("Unsqueeze", [last, "zero"], [f"u{i}"]), node("Gather", [f"u{i}", "s"], [f"v{i}"], [integer("axis", 0)])]
        last = f"v{i}"
    nodes.append(node("Flatten", [last], ["y"], [integer("axis", 0)]))
    return model(nodes, [value_info(f"x{i}", INT64, [f"N{i}"]) for i in range(10)], [UNTYPED],
                 [tensor("zero", INT64, [1], integers(0))])


FILES = {
    "a block whose square overflows": lambda: model([node("DepthToSpace", ["x"], ["y"], [integer("blocksize", 1 << 32)])],
                                                    [value_info("x", shape=(1, 4, 2, 2))]),
    "a size that is divided by -1": lambda: model([node("Reshape", ["x", "s"], ["y"])], [value_info("x", shape=("N", 1 << 31, 1 << 32))],
                                                  initializers=[tensor("s", INT64, [3], integers(3, 6148914691236517205, -1))]),
    "ranks that double": doubling_gather,
    "polynomials that grow": growing_polynomials,
    "many inputs of a node": lambda: model([node("Sum", ["x"] * 100000, ["y"])]),
    "many inputs that are joined": lambda: model([node("Concat", ["x"] * 100000, ["y"], [integer("axis", 0)])]),
    "many dimensions": lambda: model([node("Relu", ["x"], ["y"])], [value_info("x", shape=[1] * 20000)]),
    "a long chain of pools": lambda: model(
        [node("MaxPool", [f"p{i}" if i else "d"], [f"p{i + 1}"], [[(1, "kernel_shape"), (8, 1), (8, 1), (20, 7)]]) for i in range(8000)] +
        [node("DequantizeLinear", ["x", "s"], ["d"])], [value_info("x", 2, (1, 1, 4, 4))], [[(1, "p8000")]],
        [tensor("s", 1, [], floats(0.5))]),
}


class SmallFiles(CliTest):
    def test_convert_and_inspect(self):
        path = self.folder / "small.onnx"
        for name, content in FILES.items():
            path.write_bytes(content())
            for command in (["convert", path, "-o", self.output], ["inspect", path]):
                with self.subTest(f"{command[0]}: {name}"):
                    start = time.monotonic()
                    result = run(*command)
                    self.assertLess(time.monotonic() - start, SECONDS)
                    self.assertIn(result.returncode, (0, 3), result.stderr[:500])

    def test_open_sizes_of_a_file(self):
        """A name that is an expression of others is read as one; any other text names nothing."""
        path = self.folder / "sizes.onnx"
        flatten = [node("Flatten", ["x"], ["y"], [integer("axis", 2)])]
        for size, expected in [("N", "N*N"), ("2*N + 1", "4*N + 4*N*N + 1"), ("A+B", None), ("?1", None), ("7", None)]:
            with self.subTest(size):
                # For another runtime, convert computes the types of the results of a file of Octavo's.
                path.write_bytes(model(flatten, [value_info("x", shape=(size, size, 2))], [UNTYPED]) + message([(2, "octavo")]))
                self.assertEqual(run("convert", path, "-o", self.output, "--target", "openvino").returncode, 0)
                output = [line for line in run("inspect", self.output).stdout.splitlines() if line.startswith("output")][0]
                if expected:
                    self.assertIn(f"float32[{expected},2]", output)
                else:
                    self.assertNotIn("*", output)


if __name__ == "__main__":
    unittest.main()
