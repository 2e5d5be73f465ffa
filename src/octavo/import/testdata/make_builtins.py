#!/usr/bin/env python3
"""Write builtins.txt: what PyTorch itself makes of the expressions that its printer writes.

Each expression becomes a method of a TorchScript archive, which torch.jit.load reads and PyTorch runs.  A
line of the output is "type<TAB>expression<TAB>result"; the result is Python's repr, or "!" where PyTorch
raises.  Needs PyTorch 1.13 (other versions may print a few floats differently).
"""
import os
import sys
import tempfile
import zipfile

import torch

CASES = """
int | torch.add(1, 2)
int | torch.sub(1, 2)
int | torch.mul(-3, 7)
float | torch.div(7, 2)
float | torch.div(1, 0)
int | torch.floordiv(7, 2)
int | torch.floordiv(-7, 2)
int | torch.floordiv(7, -2)
float | torch.floordiv(7.5, 2.)
int | torch.remainder(7, 3)
int | torch.remainder(-7, 3)
int | torch.remainder(7, -3)
float | torch.remainder(-7.5, 2.)
float | torch.fmod(-7., 3.)
float | torch.pow(2, 10)
float | torch.pow(2, -1)
float | torch.pow(2., 0.5)
int | torch.neg(5)
float | torch.neg(-2.5)
float | torch.add(1, 2.5)
float | torch.mul(0.5, 4)
int | torch.add(9223372036854775807, 1)
int | torch.__and__(12, 10)
int | torch.__or__(12, 10)
int | torch.__xor__(12, 10)
int | torch.__lshift__(3, 4)
int | torch.__rshift__(-16, 2)
bool | torch.__and__(True, False)
bool | torch.__or__(True, False)
bool | torch.__xor__(True, True)
bool | torch.__not__(True)
bool | torch.eq(1, 1)
bool | torch.ne(1, 2)
bool | torch.lt(1, 2)
bool | torch.le(2, 2)
bool | torch.gt(1, 2)
bool | torch.ge(1., 1)
bool | torch.eq("a", "b")
bool | torch.ne("a", "b")
bool | torch.lt("a", "b")
bool | torch.eq([1, 2], [1, 2])
bool | torch.eq([1, 2], [1, 3])
bool | torch.ne([1, 2], [1])
bool | torch.eq(True, True)
bool | torch.__is__(None, None)
bool | torch.__isnot__(annotate(Optional[int], 3), None)
bool | torch.__contains__([1, 2, 3], 2)
bool | torch.__contains__([1, 2, 3], 5)
bool | torch.__contains__(["a", "b"], "b")
bool | torch.__contains__({"a": 1}, "a")
bool | torch.__contains__({"a": 1}, "b")
int | torch.len([1, 2, 3])
int | torch.len("four")
int | torch.len({"a": 1, "b": 2})
int | int(3.9)
int | int(-3.9)
int | int(True)
int | int("42")
float | float(3)
float | float("2.5")
float | float("inf")
bool | bool(3)
bool | bool(0)
bool | bool(0.5)
str | str(3)
str | str(2.5)
str | str(True)
str | str([1, 2])
int | ops.prim.min(3, 5)
int | ops.prim.max(3, 5)
float | ops.prim.min(3., 5.)
float | ops.prim.max(3, 5.5)
int | ops.prim.min([4, 2, 9])
int | ops.prim.max([4, 2, 9])
float | ops.prim.max([4., 2., 9.])
int | ops.prim.abs(-3)
float | ops.prim.abs(-3.5)
int | torch.floor(2.7)
int | torch.floor(-2.7)
int | torch.ceil(2.2)
int | torch.ceil(-2.2)
float | torch.round(2.5)
float | torch.round(3.5)
float | torch.round(-2.5)
float | torch.sqrt(16)
float | torch.sqrt(2.)
float | torch.exp(1.)
float | torch.log(10.)
float | torch.log10(1000.)
float | torch.log1p(0.5)
float | torch.sin(1.)
float | torch.cos(1.)
float | torch.tan(1.)
float | torch.asin(0.5)
float | torch.acos(0.5)
float | torch.atan(0.5)
float | torch.sinh(0.5)
float | torch.cosh(0.5)
float | torch.tanh(0.5)
float | torch.expm1(0.5)
bool | torch.isfinite(inf)
bool | torch.isnan(1.)
bool | torch.isinf(inf)
Tuple[int, int] | torch.divmod(7, 3)
Tuple[int, int] | torch.divmod(-7, 3)
int | torch.__range_length(0, 10, 3)
int | torch.__range_length(10, 0, -3)
int | torch.__range_length(5, 5, 1)
int | torch.__derive_index(2, 1, 3)
List[int] | ops.prim.rangelist(4)
List[int] | torch.add([1, 2], [3])
List[int] | torch.mul([1, 2], 3)
List[int] | torch.slice([0, 1, 2, 3, 4], 1, 3)
List[int] | torch.slice([0, 1, 2, 3, 4], -2, 9223372036854775807)
List[int] | torch.slice([0, 1, 2, 3, 4], 0, 5, 2)
List[int] | torch.slice([0, 1, 2, 3, 4], 3, 1)
List[int] | torch.slice([0, 1, 2, 3, 4], -10, 10)
List[int] | torch.sorted([3, 1, 2])
List[int] | sorted([3, 1, 2])
List[int] | torch.list([1, 2])
List[str] | torch.list("abc")
int | torch.index([5, 6, 7], 6)
int | torch.index([5, 6, 7], 8)
int | torch.count([5, 6, 5], 5)
int | torch.sum([1, 2, 3])
float | torch.sum([0.5, 0.25])
bool | torch.all([True, False])
bool | torch.any([False, True])
int | torch.select([5, 6, 7], 1)
int | [5, 6, 7][0]
int | [5, 6, 7][-1]
int | [5, 6, 7][3]
int | (1, 2)[1]
Tuple[int, int] | (1, 2, 3)[0:2]
List[str] | torch.keys({"a": 1, "b": 2})
List[int] | torch.values({"a": 1, "b": 2})
List[Tuple[str, int]] | torch.items({"a": 1, "b": 2})
int | {"a": 1, "b": 2}["b"]
int | {"a": 1}["c"]
int | torch.get({"a": 1}, "c", 7)
Optional[int] | torch.get({"a": 1}, "a")
Optional[int] | torch.get({"a": 1}, "c")
Dict[str, int] | torch.copy({"a": 1})
List[int] | torch.copy([1, 2])
str | torch.add("ab", "cd")
str | torch.format("{} and {}", 1, "x")
str | torch.format("{}", 2.5)
str | torch.format("{}", [1, 2])
str | torch.percentFormat("%d of %s", (3, "x"))
str | torch.percentFormat("%s", (2.5,))
str | torch.join(", ", ["a", "b"])
bool | torch.startswith("hello", "he")
bool | torch.endswith("hello", "lo")
int | torch.find("hello", "l")
int | torch.find("hello", "z")
str | torch.replace("a-b-c", "-", "+")
str | torch.upper("aBc")
str | torch.lower("aBc")
bool | torch.isdigit("123")
bool | torch.isdigit("12a")
bool | torch.isalpha("ab")
str | torch.strip("  ab ")
str | torch.lstrip("  ab ")
str | torch.rstrip("  ab ")
str | torch.strip("xxabxx", "x")
List[str] | torch.split("a,b,c", ",")
List[str] | torch.split(" a  b ")
str | torch.slice("hello", 1, 3)
str | "hello"[1]
str | "hello"[-1]
int | torch.ord("A")
str | torch.chr(65)
int | torch._unwrap_optional(annotate(Optional[int], 3))
int | unchecked_cast(int, 3)
int | annotate(int, 3)
bool | isinstance(3, int)
int | torch.size(torch.zeros([2, 3]), 1)
List[int] | torch.size(torch.zeros([2, 3]))
int | torch.dim(torch.zeros([2, 3]))
int | torch.numel(torch.zeros([2, 3]))
int | torch.len(torch.zeros([2, 3]))
int | ops.prim.dtype(torch.zeros([2, 3]))
bool | torch.is_floating_point(torch.zeros([2, 3]))
bool | ops.prim.is_cuda(torch.zeros([2, 3]))
bool | ops.prim.is_quantized(torch.zeros([2, 3]))
int | int(ops.prim.NumToTensor(5))
int | int(torch.floor_divide(ops.prim.NumToTensor(7), ops.prim.NumToTensor(2)))
int | int(torch.mul(ops.prim.NumToTensor(7), ops.prim.NumToTensor(2)))
int | int(torch.add(ops.prim.NumToTensor(7), 2))
int | int(torch.sub(ops.prim.NumToTensor(7), 2))
int | int(torch.add(ops.prim.NumToTensor(7), 2, alpha=3))
int | int(torch.rsub(ops.prim.NumToTensor(7), 2))
int | int(torch.remainder(ops.prim.NumToTensor(7), 4))
int | int(torch.neg(ops.prim.NumToTensor(7)))
float | float(torch.div(ops.prim.NumToTensor(7), ops.prim.NumToTensor(2)))
int | int(torch.div(ops.prim.NumToTensor(7), ops.prim.NumToTensor(2), rounding_mode="floor"))
int | int(torch.div(ops.prim.NumToTensor(-7), ops.prim.NumToTensor(2), rounding_mode="trunc"))
float | float(torch.to(ops.prim.NumToTensor(7), 6))
float | float(torch.mul(torch.to(ops.prim.NumToTensor(7), 6), 0.1))
int | int(torch.floor(torch.mul(torch.to(ops.prim.NumToTensor(7), 6), 2.5)))
bool | bool(torch.eq(ops.prim.NumToTensor(7), 7))
bool | bool(torch.lt(ops.prim.NumToTensor(7), ops.prim.NumToTensor(3)))
int | int(torch.tensor(3))
float | float(torch.tensor(0.1))
float | torch.item(torch.tensor(2.5, dtype=7))
List[int] | annotate(List[int], torch.tensor([1, 2, 3]).tolist())
int | torch.size(torch.tensor([[1, 2, 3], [4, 5, 6]]), 1)
int | ops.prim.dtype(torch.scalar_tensor(3))
int | ops.prim.dtype(torch.scalar_tensor(3, dtype=7))
int | int(torch.scalar_tensor(2.9, dtype=4))
int | ops.prim.dtype(torch.tensor([1.5]))
int | ops.prim.dtype(torch.tensor([1]))
int | ops.prim.dtype(torch.tensor([True]))
int | ops.prim.dtype(torch.mul(torch.tensor(2), torch.tensor(2.5)))
int | ops.prim.dtype(torch.div(torch.tensor(2), torch.tensor(2)))
int | ops.prim.dtype(torch.add(torch.tensor(2), 1.5))
int | ops.prim.dtype(torch.add(torch.tensor(2, dtype=3), 1))
str | (torch.device("cuda:1")).type
"""

# Statements before a result, with the value that is returned at the end.
PROGRAMS = """
List[int] | a = annotate(List[int], []); _0 = torch.append(a, 1); _1 = torch.append(a, 2); return a
List[int] | a = [1, 2]; torch.extend(a, [3, 4]); return a
List[int] | a = [1, 2]; torch.insert(a, 0, 9); return a
List[int] | a = [1, 2]; torch.insert(a, -1, 9); return a
int | a = [1, 2, 3]; return torch.pop(a)
List[int] | a = [1, 2, 3]; _0 = torch.pop(a, 0); return a
List[int] | a = [1, 2, 3]; torch.clear(a); return a
List[int] | a = [1, 2, 3]; torch.reverse(a); return a
List[int] | a = [3, 1, 2]; torch.sort(a); return a
List[int] | a = [3, 1, 2]; torch.sort(a, True); return a
List[str] | a = ["b", "a"]; torch.sort(a); return a
List[int] | a = [1, 2, 1]; torch.remove(a, 1); return a
List[int] | a = [1, 2]; b = a; _0 = torch.append(b, 3); return a
List[int] | a = [1, 2]; _0 = torch._set_item(a, 0, 9); return a
List[int] | a = [1, 2]; _0 = torch._set_item(a, -1, 9); return a
Dict[str, int] | a = {"x": 1}; torch._set_item(a, "y", 2); return a
Dict[str, int] | a = {"x": 1}; torch._set_item(a, "x", 2); return a
int | a = {"x": 1}; return torch.pop(a, "x")
int | a = {"x": 1}; return torch.pop(a, "z", 5)
int | a = {"x": 1}; return torch.setdefault(a, "z", 5)
Dict[str, int] | a = {"x": 1}; torch.update(a, {"y": 2}); return a
Dict[str, int] | a = {"x": 1}; torch.clear(a); return a
int | a, b, = (1, 2); return b
int | a, b, = [1, 2]; return b
int | a, b, = [1, 2, 3]; return b
"""

# Whole bodies, for what has blocks.
BODIES = [
    ("int", "s = 0\nfor i in range(5):\n  s0 = torch.add(s, i)\n  s = s0\nreturn s"),
    ("int", "s = 0\nfor i in range(5):\n  if torch.eq(i, 3):\n    break\n  else:\n    pass\n  s = torch.add(s, i)\nreturn s"),
    ("int", "s = 0\nfor i in range(5):\n  if torch.eq(i, 3):\n    continue\n  else:\n    pass\n  s = torch.add(s, i)\nreturn s"),
    ("int", "s = 0\nwhile torch.lt(s, 10):\n  s = torch.add(s, 3)\nreturn s"),
    ("int", "if torch.gt(2, 1):\n  return 1\nelse:\n  pass\nreturn 2"),
    ("int", "x = 1 if torch.gt(2, 1) else 2\nreturn x"),
    ("bool", "if torch.gt(1, 2):\n  x = True\nelse:\n  x = False\nreturn x"),
    ("List[int]", "out = annotate(List[int], [])\nfor x in [3, 4]:\n  _0 = torch.append(out, x)\nreturn out"),
]

HEADER = """class M(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  _is_full_backward_hook : Optional[bool]
  def forward(self: __torch__.M,
    x: Tensor) -> Tensor:
    return x
"""


class M(torch.nn.Module):
    def forward(self, x):
        return x


def run(kind, body):
    """The repr of what PyTorch computes, or "!"."""
    with tempfile.TemporaryDirectory() as folder:
        plain, changed = os.path.join(folder, "a.pt"), os.path.join(folder, "b.pt")
        M.__module__ = "__main__"
        torch.jit.save(torch.jit.script(M()), plain)
        lines = "".join("    %s\n" % line for line in body.split("\n"))
        code = HEADER + "  def f(self: __torch__.M) -> %s:\n%s" % (kind, lines)
        with zipfile.ZipFile(plain) as source, zipfile.ZipFile(changed, "w") as target:
            for name in source.namelist():
                if name.endswith(".debug_pkl"):
                    continue
                data = source.read(name)
                if name.endswith("__torch__.py"):
                    data = code
                elif name.endswith("/version"):
                    data = "10\n"  # today's meaning of each operator
                target.writestr(name, data)
        try:
            module = torch.jit.load(changed)
        except RuntimeError as error:
            sys.exit("PyTorch does not take %s\n%s" % (body, error))
        try:
            return repr(module.f())
        except Exception:  # whatever kind the program or PyTorch raises
            return "!"


def main():
    cases = []
    for line in CASES.strip().splitlines():
        kind, expression = line.split(" | ", 1)
        cases.append((kind, "return " + expression))
    for line in PROGRAMS.strip().splitlines():
        kind, program = line.split(" | ", 1)
        cases.append((kind, program.replace("; ", "\n")))
    cases += BODIES
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "builtins.txt")
    with open(path, "w") as out:
        for kind, body in cases:
            out.write("%s\t%s\t%s\n" % (kind, body.replace("\n", "\\n"), run(kind, body)))


if __name__ == "__main__":
    main()
