"""Writes TorchScript archives byte by byte: zip records with any header, pickles opcode by opcode.

A model file here is a root folder, code, two pickles and storages, as torch.jit.save writes them.  Every field can be
changed alone.
"""

import struct
import zlib
from dataclasses import dataclass, field, replace

# ---- Zip


@dataclass
class Record:
    """One record; the fields with `local_` are those of its own header where they differ from the directory's."""

    name: bytes
    data: bytes = b""
    deflate: bool = False
    flag: int = 0
    method: int = None
    crc: int = None
    size: int = None
    local_name: bytes = None
    local_crc: int = None
    local_size: int = None
    local_flag: int = None
    local_method: int = None
    extra: bytes = b""
    local_extra: bytes = b""
    comment: bytes = b""
    descriptor: bool = False
    zip64: bool = False
    in_directory: bool = True
    attributes: int = 0
    offset_of: bytes = None  # points at the local header of the record with this name


def deflated(data):
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush()


def zip_file(records, *, prefix=b"", offset_by=0, comment=b"", behind=b"", zip64_end=False, count=None,
             directory_gap=b"", directory_size_by=0, directory_offset_by=0, end=None):
    """The archive of `records`.  `offset_by` is added to all offsets, as tools do that put something in front."""
    out = bytearray(prefix)
    entries = []
    offsets = {}
    for record in records:
        stored = deflated(record.data) if record.deflate else record.data
        method = record.method if record.method is not None else (8 if record.deflate else 0)
        crc = zlib.crc32(record.data) if record.crc is None else record.crc
        size = len(record.data) if record.size is None else record.size
        flag = record.flag | (8 if record.descriptor else 0)
        local_name = record.name if record.local_name is None else record.local_name
        local_size = size if record.local_size is None else record.local_size
        local_stored = len(stored) if record.local_size is None else record.local_size
        local_crc = crc if record.local_crc is None else record.local_crc
        if record.descriptor:
            local_crc = local_size = local_stored = 0
        offset = len(out) + offset_by
        offsets[record.name] = offset
        out += struct.pack("<IHHHHHIIIHH", 0x04034B50, 20,
                           flag if record.local_flag is None else record.local_flag,
                           method if record.local_method is None else record.local_method, 0, 0,
                           local_crc, local_stored, local_size, len(local_name), len(record.local_extra))
        out += local_name + record.local_extra + stored
        if record.descriptor:
            out += struct.pack("<IIII", 0x08074B50, crc, len(stored), size)
        entries.append((record, flag, method, crc, len(stored), size, offset))
    out += directory_gap
    begin = len(out)
    for record, flag, method, crc, stored, size, offset in entries:
        if not record.in_directory:
            continue
        if record.offset_of is not None:
            offset = offsets[record.offset_of]
        extra = record.extra
        if record.zip64:
            extra = struct.pack("<HHQQQ", 1, 24, size, stored, offset) + extra
            stored = size = offset = 0xFFFFFFFF
        out += struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, flag, method, 0, 0, crc, stored, size,
                           len(record.name), len(extra), len(record.comment), 0, 0, record.attributes, offset)
        out += record.name + extra + record.comment
    size = len(out) - begin
    number = sum(record.in_directory for record in records) if count is None else count
    at = begin + offset_by + directory_offset_by
    size += directory_size_by
    if zip64_end:
        where = len(out) + offset_by
        out += struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 20, 45, 0, 0, number, number, size, at)
        out += struct.pack("<IIQI", 0x07064B50, 0, where, 1)
        number, size, at = 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF
    if end is None:
        out += struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, number, number, size, at, len(comment)) + comment
    else:
        out += end(number, size, at)
    return bytes(out + behind)


# ---- Pickle


def text(value):
    data = value.encode() if isinstance(value, str) else value
    return b"X" + struct.pack("<I", len(data)) + data


def integer(value):
    if 0 <= value < 256:
        return b"K" + bytes([value])
    if 0 <= value < 65536:
        return b"M" + struct.pack("<H", value)
    if -2**31 <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    return b"\x8a\x08" + struct.pack("<q", value)


def number(value):
    return b"G" + struct.pack(">d", value)


NONE, TRUE, FALSE = b"N", b"\x88", b"\x89"


def value(item):
    """Of bytes: they are a pickled value already."""
    if isinstance(item, bytes):
        return item
    if item is None:
        return NONE
    if isinstance(item, bool):
        return TRUE if item else FALSE
    if isinstance(item, int):
        return integer(item)
    if isinstance(item, float):
        return number(item)
    if isinstance(item, str):
        return text(item)
    if isinstance(item, tuple):
        return tuple_of(*item)
    if isinstance(item, list):
        return b"](" + b"".join(value(i) for i in item) + b"e"
    raise TypeError(item)


def tuple_of(*items):
    return b"(" + b"".join(value(i) for i in items) + b"t"


def dict_of(items):
    pairs = items.items() if isinstance(items, dict) else items
    return b"}(" + b"".join(value(k) + value(v) for k, v in pairs) + b"u"


def name(module, attribute):
    return b"c" + module.encode() + b"\n" + attribute.encode() + b"\n"


def call(function, *arguments):
    return function + tuple_of(*arguments) + b"R"


def instance(class_name, state):
    module, attribute = class_name.rsplit(".", 1)
    return name(module, attribute) + b")\x81" + value(state) + b"b"


def storage(key, count, kind="FloatStorage", device="cpu", word="storage"):
    return tuple_of(word, name("torch", kind), key, device, count) + b"Q"


HOOKS = call(name("collections", "OrderedDict"))


def tensor(store, sizes, strides=None, offset=0, requires_grad=False, *rest, hooks=HOOKS, function="_rebuild_tensor_v2"):
    if strides is None:
        strides = [1] * len(sizes)
        for i in range(len(sizes) - 2, -1, -1):
            strides[i] = strides[i + 1] * sizes[i + 1]
    return call(name("torch._utils", function), store, offset, tuple(sizes), tuple(strides), requires_grad, hooks, *rest)


def quantized(store, sizes, scheme, strides=None, offset=0, requires_grad=False):
    strides = strides or [1]
    return call(name("torch._utils", "_rebuild_qtensor"), store, offset, tuple(sizes), tuple(strides), scheme,
                requires_grad, HOOKS)


def tagged(item, tag):
    return call(name("torch.jit._pickle", "restore_type_tag"), item, tag)


def pickled(root, *, protocol=2, behind=b""):
    return b"\x80" + bytes([protocol]) + value(root) + b"." + behind


# ---- A model

CODE = """class Sub(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  scale : float
  n : int
  def forward(self: __torch__.Sub,
    x: Tensor) -> Tensor:
    scale = self.scale
    n = self.n
    return torch.add(torch.mul(x, scale), n)
class M(Module):
  __parameters__ = ["w", ]
  __buffers__ = ["b", ]
  training : bool
  w : Tensor
  b : Tensor
  q : Tensor
  factors : List[int]
  table : Dict[str, int]
  pair : Tuple[int, float]
  perhaps : Optional[float]
  label : str
  sub : __torch__.Sub
  def forward(self: __torch__.M,
    x: Tensor) -> Tensor:
    w = self.w
    b = self.b
    q = self.q
    sub = self.sub
    factors = self.factors
    table = self.table
    y = torch.add(torch.mul((sub).forward(x, ), w), b)
    y0 = torch.add(y, torch.dequantize(q))
    y1 = torch.mul(y0, factors[1])
    y2 = torch.add(y1, table["k"])
    return torch.add(y2, CONSTANTS.c0)
"""


def floats(*values):
    return struct.pack(f"<{len(values)}f", *values)


STORAGES = {"0": floats(1, 2, 3, 4, 50, 60, 70, 80), "1": floats(0.5, 0.25, 0.125, 0.0625), "2": bytes([10, 20, 30, 40])}

PER_TENSOR = tuple_of(name("torch", "per_tensor_affine"), 0.5, 10)

SUB = {"training": False, "scale": 2.0, "n": 3}


def attributes(**changed):
    """The attributes of the module in its class's order; `sub` may be the attributes of the submodule."""
    values = {
        "training": False,
        "w": tensor(storage("0", 8), [4], requires_grad=True),
        "b": tensor(storage("1", 4), [4]),
        "q": quantized(storage("2", 4, "QUInt8Storage"), [4], PER_TENSOR),
        "factors": call(name("torch.jit._pickle", "build_intlist"), [5, 7]),
        "table": tagged(dict_of({"k": 100, "l": 200}), "Dict[str, int]"),
        "pair": (1, 2.0),
        "perhaps": None,
        "label": "a",
        "sub": SUB,
    }
    values.update(changed)
    if isinstance(values["sub"], dict):
        values["sub"] = instance("__torch__.Sub", dict_of(values["sub"]))
    return values


CONSTANTS = tuple_of(tensor(storage("0", 4), [4]))
CONSTANT_STORAGES = {"0": floats(1000, 2000, 3000, 4000)}


@dataclass
class Model:
    code: dict = field(default_factory=lambda: {"__torch__.py": CODE})
    data: bytes = None
    constants: bytes = None
    storages: dict = field(default_factory=lambda: dict(STORAGES))
    constant_storages: dict = field(default_factory=lambda: dict(CONSTANT_STORAGES))
    version: bytes = b"3\n"
    root: str = "m"

    def records(self):
        data = self.data if self.data is not None else module()
        constants = self.constants if self.constants is not None else pickled(CONSTANTS)
        folder = self.root + "/"
        records = [(f"data/{key}", content) for key, content in self.storages.items()]
        records.append(("data.pkl", data))
        records += [(f"code/{path}", source.encode()) for path, source in self.code.items()]
        records += [(f"constants/{key}", content) for key, content in self.constant_storages.items()]
        records += [("constants.pkl", constants), ("version", self.version)]
        return [Record((folder + record).encode(), content) for record, content in records]


def module(class_name="__torch__.M", **changed):
    return pickled(instance(class_name, dict_of(attributes(**changed))))


def model(**fields):
    return Model(**fields).records()


def changed(records, record, **fields):
    """The records with fields of one of them changed."""
    found = [r.name.endswith(record.encode()) for r in records]
    assert sum(found) == 1, record
    return [replace(r, **fields) if hit else r for r, hit in zip(records, found)]
