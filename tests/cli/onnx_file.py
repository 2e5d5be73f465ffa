"""Small ONNX files without the onnx package: protobuf messages as nested lists of (field, value).

A value is an int (varint), bytes or str (length-delimited), a float (fixed32) or a list (a message)."""
import struct

FLOAT, UINT8, INT8, INT32, INT64 = 1, 2, 3, 6, 7


def varint(n):
    if 0 <= n < 128:
        return bytes((n,))
    n &= (1 << 64) - 1
    out = bytearray()
    while True:
        out.append((n & 127) | (128 if n > 127 else 0))
        n >>= 7
        if not n:
            return bytes(out)


def message(fields):
    out = bytearray()
    for number, value in fields:
        if isinstance(value, list):
            value = message(value)
        if isinstance(value, str):
            value = value.encode()
        if isinstance(value, bytes):
            out += varint(number << 3 | 2) + varint(len(value)) + value
        elif isinstance(value, float):
            out += varint(number << 3 | 5) + struct.pack("<f", value)
        else:
            out += varint(number << 3) + varint(value)
    return bytes(out)


def value_info(name, kind=FLOAT, shape=(1, 4)):
    dims = [(1, [(1, d)] if isinstance(d, int) else [(2, d)]) for d in shape]
    return [(1, name), (2, [(1, [(1, kind), (2, dims)])])]


def tensor(name, kind, shape, raw):
    return [*((1, d) for d in shape), (2, kind), (8, name), (9, raw)]


def external(name, kind, shape, location, offset=None, length=None):
    entries = [("location", location)] + [(k, str(v)) for k, v in (("offset", offset), ("length", length)) if v is not None]
    return [*((1, d) for d in shape), (2, kind), (8, name), *((13, [(1, k), (2, v)]) for k, v in entries), (14, 1)]


def floats(*numbers):
    return struct.pack("<%df" % len(numbers), *numbers)


def node(op, inputs, outputs, attributes=(), domain="", name=""):
    return [*((1, i) for i in inputs), *((2, o) for o in outputs), (3, name), (4, op), *((5, a) for a in attributes), (7, domain)]


def integer(name, value):
    return [(1, name), (3, value), (20, 2)]


def ints(name, values):
    return [(1, name), *((8, v) for v in values), (20, 7)]


def model(nodes, inputs=None, outputs=None, initializers=(), opset=17, sparse=(), functions=()):
    graph = [*((1, n) for n in nodes), (2, "graph"), *((5, t) for t in initializers), *((15, t) for t in sparse),
             *((11, i) for i in (inputs if inputs is not None else [value_info("x")])),
             *((12, o) for o in (outputs if outputs is not None else [value_info("y")]))]
    return message([(1, 8), (2, "test"), (7, graph), (8, [(1, ""), (2, opset)]), *((25, f) for f in functions)])
