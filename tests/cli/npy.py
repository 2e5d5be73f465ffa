"""Array files without NumPy: what the tests of the command line write and read."""
import ast
import struct

CODES = {"<f4": "f", "|u1": "B", "|i1": "b", "<i4": "i", "<i8": "q", "<f8": "d", "|b1": "?"}


def header(descr, shape, fortran=False):
    text = str({"descr": descr, "fortran_order": fortran, "shape": tuple(shape)})
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode()


def data(descr, numbers):
    return struct.pack("<%d%s" % (len(numbers), CODES[descr]), *numbers)


def write(path, descr, shape, numbers):
    path.write_bytes(header(descr, shape) + data(descr, numbers))
    return path


def read(path):
    """dtype, shape and the numbers in C order."""
    content = path.read_bytes()
    length = struct.unpack("<H", content[8:10])[0]
    said = ast.literal_eval(content[10:10 + length].decode().strip())
    assert not said["fortran_order"]
    body = content[10 + length:]
    code = CODES[said["descr"]]
    return said["descr"], said["shape"], list(struct.unpack("<%d%s" % (len(body) // struct.calcsize(code), code), body))
