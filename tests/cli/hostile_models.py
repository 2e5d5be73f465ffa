"""ONNX files of a few hundred bytes that ask for much memory or work, by name; with the shape of their input x."""
import struct

from onnx_file import FLOAT, INT8, INT64, UINT8, floats, integer, ints, model, node, tensor, value_info

UNTYPED = [[(1, "y")]]
X4 = (4,)


def text(name, value):
    return [(1, name), (4, value), (20, 3)]


def constant(name, *numbers, scalar=False):
    return tensor(name, INT64, [] if scalar else [len(numbers)], struct.pack("<%dq" % len(numbers), *numbers))


def reals(name, shape, *numbers):
    return tensor(name, FLOAT, shape, floats(*numbers))


def of(nodes, *constants, shape=X4, kind=FLOAT):
    return model(nodes, [value_info("x", kind, shape)], UNTYPED, list(constants))


BIG = 1 << 31
SIDE = 1 << 16


def add_x(name="v"):
    """y = the sum of all of v, and x: the value is needed, and its type does not matter."""
    return [node("ReduceMax", [name], ["m"], [integer("keepdims", 0)]), node("Add", ["m", "x"], ["y"])]


def grown(*nodes_and_constants, size=BIG):
    """v is made by the nodes."""
    nodes = [n for n in nodes_and_constants if n and n[-1][0] == 7]
    return of(nodes + add_x(), *[c for c in nodes_and_constants if c not in nodes])


def wide(size):
    """w: x as a tensor of that many elements."""
    return [node("Expand", ["x", "wide"], ["w"])], [constant("wide", size // 4, 4)]


def conv(pads, kernel=1, channels=1, op="Conv", **attributes):
    shape = (1, channels, 2, 2)
    weights = reals("k", [channels, channels, kernel, kernel], *[1] * (channels * channels * kernel * kernel))
    return of([node(op, ["x", "k"], ["c"], [ints("pads", [pads] * 4), *[ints(k, v) for k, v in attributes.items()]]),
               node("ReduceMax", ["c"], ["y"], [integer("keepdims", 0)])], weights, shape=shape)


def chain(nodes, *constants):
    wide_nodes, wide_constants = wide(1 << 24)
    return of(wide_nodes + nodes + add_x(), *wide_constants, *constants)


# Name: bytes of the file.  Each wants more memory than 4 GiB, or more work than some minutes.
FILES = {
    "ConstantOfShape": lambda: grown(node("ConstantOfShape", ["s"], ["v"]), constant("s", BIG)),
    "ConstantOfShape of many sizes": lambda: grown(node("ConstantOfShape", ["s"], ["v"]), constant("s", *[2] * 40)),
    "ConstantOfShape beyond int64": lambda: grown(node("ConstantOfShape", ["s"], ["v"]), constant("s", 1 << 40, 1 << 40)),
    "Tile": lambda: grown(node("Tile", ["x", "r"], ["v"]), constant("r", BIG)),
    "Tile of a wide value": lambda: chain([node("Tile", ["w", "r"], ["v"])], constant("r", 1, 1 << 8)),
    "Expand": lambda: grown(node("Expand", ["x", "s"], ["v"]), constant("s", BIG, 4)),
    "Resize": lambda: of([node("Resize", ["x", "", "", "s"], ["v"], [text("mode", "nearest")]), *add_x()],
                         constant("s", 1, 1, SIDE, SIDE), shape=(1, 1, 2, 2)),
    "Resize by a scale": lambda: of([node("Resize", ["x", "", "f"], ["v"], [text("mode", "linear")]), *add_x()],
                                    reals("f", [4], 1, 1, 1e5, 1e5), shape=(1, 1, 2, 2)),
    "Upsample": lambda: of([node("Upsample", ["x", "f"], ["v"]), *add_x()], reals("f", [4], 1, 1, 1e5, 1e5), shape=(1, 1, 2, 2)),
    "OneHot": lambda: grown(node("Cast", ["x"], ["i"], [integer("to", 7)]), node("OneHot", ["i", "depth", "ends"], ["v"]),
                            constant("depth", BIG, scalar=True), reals("ends", [2], 0, 1)),
    "Pad": lambda: grown(node("Pad", ["x", "p"], ["v"]), constant("p", BIG, BIG)),
    "Pad by reflection": lambda: of([node("Pad", ["x", "p"], ["v"], [text("mode", "reflect")]), *add_x()], constant("p", BIG, BIG)),
    "Range": lambda: grown(node("Range", ["a", "b", "c"], ["r"]), node("Cast", ["r"], ["v"], [integer("to", 1)]),
                           constant("a", 0, scalar=True), constant("b", BIG, scalar=True), constant("c", 1, scalar=True)),
    "EyeLike": lambda: grown(node("ConstantOfShape", ["s"], ["z"]), node("EyeLike", ["z"], ["v"]), constant("s", SIDE, SIDE)),
    "MatMul": lambda: of([node("Expand", ["x", "s"], ["a"]), node("Expand", ["x", "t"], ["b"]), node("MatMul", ["a", "b"], ["v"]), *add_x()],
                         constant("s", SIDE, 4), constant("t", 4, SIDE), shape=(1, 1)),
    "MatMul of much work": lambda: of([node("Expand", ["x", "s"], ["a"]), node("MatMul", ["a", "a"], ["v"]), *add_x()],
                                      constant("s", 8192, 8192), shape=(1, 1)),
    "Gemm of much work": lambda: of([node("Expand", ["x", "s"], ["a"]), node("Gemm", ["a", "a"], ["v"]), *add_x()],
                                    constant("s", 8192, 8192), shape=(1, 1)),
    "Einsum": lambda: of([node("Expand", ["x", "s"], ["a"]), node("Einsum", ["a", "a"], ["v"], [text("equation", "i,j->ij")]), *add_x()],
                         constant("s", SIDE), shape=(1,)),
    "Einsum of much work": lambda: of([node("Expand", ["x", "s"], ["a"]),
                                       node("Einsum", ["a", "a", "a"], ["v"], [text("equation", "i,j,k->")]), *add_x()],
                                      constant("s", 8192), shape=(1,)),
    "Conv with huge pads": lambda: conv(SIDE),
    "Conv of much work": lambda: conv(4096, kernel=9, channels=1),
    "ConvTranspose with a huge stride": lambda: conv(0, op="ConvTranspose", strides=[SIDE, SIDE]),
    "ConvTranspose with huge output_padding": lambda: conv(0, kernel=2, op="ConvTranspose", strides=[SIDE, SIDE], output_padding=[SIDE - 1] * 2),
    "MaxPool of huge windows": lambda: of(
        [node("Expand", ["x", "s"], ["a"]), node("MaxPool", ["a"], ["v"], [ints("kernel_shape", [2047, 2047]), ints("pads", [1023] * 4)]), *add_x()],
        constant("s", 1, 1, 2048, 2048), shape=(1, 1, 1, 1)),
    "AveragePool of huge windows": lambda: of(
        [node("Expand", ["x", "s"], ["a"]), node("AveragePool", ["a"], ["v"], [ints("kernel_shape", [2047, 2047]), ints("pads", [1023] * 4)]),
         *add_x()], constant("s", 1, 1, 2048, 2048), shape=(1, 1, 1, 1)),
    "LRN of many channels": lambda: of([node("Expand", ["x", "s"], ["a"]), node("LRN", ["a"], ["v"], [integer("size", 1 << 20)]), *add_x()],
                                       constant("s", 1, 1 << 20, 2, 1), shape=(1, 1, 1, 1)),
    "CumSum of wide values": lambda: chain([*[node("CumSum", [f"c{i}" if i else "w", "axis"], [f"c{i + 1}"]) for i in range(40)],
                                            node("Identity", ["c40"], ["v"])], constant("axis", 0, scalar=True)),
    "a chain of wide values": lambda: chain([*[node("Exp", [f"c{i}" if i else "w"], [f"c{i + 1}"]) for i in range(60)],
                                             node("Identity", ["c60"], ["v"])]),
    "a sum of many wide values": lambda: chain([*[node("Neg", ["w"], [f"c{i}"]) for i in range(100)],
                                                node("Sum", [f"c{i}" for i in range(100)], ["v"])]),
    "TopK of wide values": lambda: chain([node("Flatten", ["w"], ["f"], [integer("axis", 0)]), node("TopK", ["f", "k"], ["v", "i"])],
                                         constant("k", 1 << 24)),
    "Gather of a few elements, often": lambda: chain([node("Cast", ["w"], ["i"], [integer("to", 7)]), node("Gather", ["w", "i"], ["v"])]),
    "an integer product of much work": lambda: of(
        [node("Expand", ["x", "s"], ["a"]), node("MatMulInteger", ["a", "a"], ["v"]), node("ReduceMax", ["v"], ["y"], [integer("keepdims", 0)])],
        constant("s", 8192, 8192), shape=(1, 1), kind=UINT8),
}
