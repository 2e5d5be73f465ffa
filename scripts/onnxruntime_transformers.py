#!/usr/bin/env python3
"""Compares docs/onnxruntime.md with what the installed ONNX Runtime registers.

    onnxruntime_transformers.py [--list]    (in a Python that has onnxruntime)

The page's tables name, with their releases, the graph transformers that run by default, the rewrite rules, and the
operators' groups that QDQSelectorActionTransformer looks for.  What the release has comes from the package itself: the
transformers from the log of a session, rules and groups from the library's own record of its classes.  --list prints
both lists and compares nothing.  Exit code 1: they differ.
"""
import argparse
import os
import pathlib
import re
import struct
import sys
import tempfile

PAGE = pathlib.Path(__file__).resolve().parents[1] / "docs" / "onnxruntime.md"


def identity_model():
    """ONNX's bytes by hand, so that the package onnx is not needed."""
    def field(number, data):
        return bytes([number << 3 | 2, len(data)]) + data

    def value(name):
        dim = field(1, field(2, field(1, b"\x08\x01")))  # shape of one dimension of size 1
        return field(1, name) + field(2, field(1, b"\x08\x01" + dim))
    node = field(1, b"x") + field(2, b"y") + field(4, b"Relu")
    graph = field(1, node) + field(2, b"g") + field(11, value(b"x")) + field(12, value(b"y"))
    return b"\x08\x08" + field(7, graph) + field(8, field(1, b"") + b"\x10\x11")


def registered_transformers(onnxruntime):
    """The names in the verbose log of a session, in the order in which they run."""
    kept = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            options = onnxruntime.SessionOptions()
            options.log_severity_level = 0
            onnxruntime.InferenceSession(identity_model(), options, providers=["CPUExecutionProvider"])
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        log.seek(0)
        text = log.read().decode(errors="replace")
    return list(dict.fromkeys(re.findall(r"GraphTransformer (\S+) modified", text)))


class Classes:
    """The classes of a 64-bit ELF library and what they derive from, by its typeinfo objects (Itanium C++ ABI)."""

    def __init__(self, path):
        self.data = path.read_bytes()
        at, = struct.unpack_from("<Q", self.data, 40)
        size, count = struct.unpack_from("<HH", self.data, 58)
        # name, type, flags, address, offset, size, ...
        self.sections = [struct.unpack_from("<IIQQQQ", self.data, at + i * size) for i in range(count)]
        relocations = {}
        for _, kind, _, _, offset, length in self.sections:
            if kind == 4:  # SHT_RELA
                for address, info, addend in struct.iter_unpack("<QQq", self.data[offset:offset + length]):
                    if info & 0xffffffff in (8, 1027):  # R_X86_64_RELATIVE, R_AARCH64_RELATIVE
                        relocations[address] = addend
        self.points_to = relocations
        self.pointers = {}
        for address, target in relocations.items():
            self.pointers.setdefault(target, []).append(address)

    def address(self, offset):
        for _, kind, _, start, at, size in self.sections:
            if kind != 8 and start and at <= offset < at + size:
                return start + offset - at
        return None

    def text(self, address):
        for _, kind, _, start, at, size in self.sections:
            if kind != 8 and start and start <= address < start + size:
                begin = at + address - start
                return self.data[begin:self.data.index(b"\0", begin)].decode(errors="replace")
        return ""

    def derived(self, mangled):
        """The last parts of the names of all classes that derive from this one."""
        name = self.address(self.data.index(b"\0" + mangled.encode() + b"\0") + 1)
        todo = [address - 8 for address in self.pointers.get(name, [])]
        found = {}
        while todo:
            for address in self.pointers.get(todo.pop(), []):
                base = address - 16  # typeinfo: vtable, name, base
                symbol = self.text(self.points_to.get(base + 8, 0))
                if re.match(r"\*?N?\d", symbol) and base not in found:
                    found[base] = unmangled(symbol)
                    todo.append(base)
        return sorted(set(found.values()))


def unmangled(symbol):
    part, at = "", symbol.index("N") + 1 if "N" in symbol[:2] else 0
    while match := re.match(r"\d+", symbol[at:]):
        at += match.end()
        part = symbol[at:at + int(match.group())]
        at += int(match.group())
    return part


def what_the_release_has():
    import onnxruntime
    folder = pathlib.Path(onnxruntime.__file__).parent / "capi"
    library = max(folder.glob("*.so*"), key=lambda path: path.stat().st_size)
    classes = Classes(library)
    has = {"transformer": [n for n in registered_transformers(onnxruntime) if "RuleBased" not in n],
           "rule": classes.derived("N11onnxruntime11RewriteRuleE"),
           "group": [n for n in classes.derived("N11onnxruntime12NodeSelectorE") if n != "BaseSelector"]}
    return tuple(int(x) for x in onnxruntime.__version__.split(".")[:2]), has


def within(releases, version):
    """"all", "from 1.23", "to 1.26", "1.25 to 1.27", joined by commas."""
    for span in releases.split(","):
        numbers = [tuple(int(x) for x in n.split(".")) for n in re.findall(r"\d+\.\d+", span)]
        low = numbers[0] if span.strip()[0] != "t" and numbers else (0, 0)
        high = numbers[-1] if "to" in span else (99, 0)
        if low <= version <= high:
            return True
    return False


def what_the_page_says(version):
    says = {"transformer": set(), "rule": set(), "group": set()}
    for names, kind, releases in re.findall(r"^\| (`[^|]*`) \| (transformer|rule|group) \| ([^|]*) \|", PAGE.read_text(), re.M):
        if within(releases, version):
            says[kind].update(re.findall(r"`([^`]+)`", names))
    return says


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="print what the release has, and what the page says")
    arguments = parser.parse_args()
    version, has = what_the_release_has()
    says, wrong = what_the_page_says(version), 0
    for kind, names in has.items():
        if arguments.list:
            print("%s\n  has:  %s\n  page: %s" % (kind, " ".join(names), " ".join(sorted(says[kind]))))
            continue
        for name in sorted(set(names) - says[kind]):
            print("%s %s of ONNX Runtime %d.%d is not in docs/onnxruntime.md" % (kind, name, *version))
            wrong += 1
        for name in sorted(says[kind] - set(names)):
            print("docs/onnxruntime.md has %s %s, but ONNX Runtime %d.%d has not" % (kind, name, *version))
            wrong += 1
    if not wrong and not arguments.list:
        print("ONNX Runtime %d.%d: %s" % (*version, ", ".join("%d %ss" % (len(n), k) for k, n in has.items())))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
