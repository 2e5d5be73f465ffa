"""Code that two readers may read as different models, one ambiguity each."""

from making import add, edited, code, swapped
from model_file import CODE, CONSTANTS, SUB, dict_of, instance, integer, model, module, name, tagged, tuple_of, zip_file

SUB_CODE = CODE[:CODE.index("class M(")]
M_CODE = CODE[CODE.index("class M("):]
OTHER_FORWARD = M_CODE[M_CODE.index("  def forward"):].replace("torch.add(y2,", "torch.sub(y2,")
STATE = """  def __getstate__(self: __torch__.Sub) -> Tuple[float, int]:
    return (self.scale, self.n)
  def __setstate__(self: __torch__.Sub,
    state: Tuple[float, int]) -> NoneType:
    self.training = False
    self.scale = (state)[0]
    self.n = (state)[1]
    return None
"""
DICT_STATE = """  def __getstate__(self: __torch__.Sub) -> Dict[str, int]:
    return {"n": self.n}
  def __setstate__(self: __torch__.Sub,
    state: Dict[str, int]) -> NoneType:
    self.training = False
    self.scale = 4.
    self.n = state["n"]
    return None
"""


def sub_code(more, state, source=None, **changes):
    return zip_file(model(code={"__torch__.py": (source or SUB_CODE) + more + M_CODE},
                          data=module(sub=instance("__torch__.Sub", state)), **changes))


COLOR = """class Color(Enum):
  RED = 1
  BLUE = 2
"""

add("source",
    class_twice=code(CODE + "class Sub(Module):\n" + SUB_CODE[SUB_CODE.index("  __parameters__"):].replace(
        "torch.mul", "torch.sub")),
    class_twice_before=code(SUB_CODE.replace("torch.mul", "torch.sub") + CODE),
    root_class_twice=code(CODE + M_CODE.replace("torch.add(y2,", "torch.sub(y2,")),
    method_twice=code(CODE + OTHER_FORWARD),
    function_twice=swapped("torch.add(y2, CONSTANTS.c0)", "__torch__.f(y2, )", CODE +
                           "def f(x: Tensor) -> Tensor:\n  return torch.add(x, 1)\n"
                           "def f(x: Tensor) -> Tensor:\n  return torch.sub(x, 1)\n"),
    function_and_class=swapped("torch.add(y2, CONSTANTS.c0)", "__torch__.Sub(y2, )", CODE +
                               "def Sub(x: Tensor) -> Tensor:\n  return torch.sub(x, 1)\n"),
    attribute_twice=swapped("  n : int\n", "  n : int\n  n : int\n"),
    attribute_twice_types=swapped("  n : int\n", "  n : int\n  n : float\n"),
    attribute_named_as_method=swapped("  n : int\n", "  n : int\n  forward : int\n"),
    attribute_with_value=swapped("  n : int\n", "  n : int\n  k : Final[int] = 3\n"),
    attribute_value_and_pickle=swapped("  n : int\n", "  n : Final[int] = 9\n"),
    attribute_annotated_value=swapped("  n : int\n", "  n : int = 9\n"),
    attribute_assigned=swapped("  n : int\n", "  n : int\n  k = 3\n"),
    attribute_unread_absent=swapped("    n = self.n\n", "    n = 3\n"),
    constant_out_of_range=swapped("CONSTANTS.c0", "CONSTANTS.c1"),
    constant_other_name=swapped("CONSTANTS.c0", "CONSTANTS.d0"),
    constant_leading_zero=swapped("CONSTANTS.c0", "CONSTANTS.c00"),
    constant_sign=swapped("CONSTANTS.c0", "CONSTANTS.c"),
    unread_method_broken=code(CODE + "  def other(self: __torch__.M) -> Tensor:\n    return self.absent\n"),
    unread_method_parse_error=code(CODE + "  def other(self: __torch__.M) -> Tensor:\n    return (\n"),
    unread_method_operator=code(CODE + "  def other(self: __torch__.M,\n    x: Tensor) -> Tensor:\n"
                                "    return torch.absent(x)\n"),
    unread_function_operator=code(CODE + "def other(x: Tensor) -> Tensor:\n  return torch.absent(x)\n"),
    unread_class_broken=code(CODE + "class Other(Module):\n  __parameters__ = []\n  __buffers__ = []\n  a : Absent\n"),
    type_absent=swapped("  label : str\n", "  label : Absent\n"),
    no_bases=swapped("class Sub(Module)", "class Sub"),
    other_base=swapped("class Sub(Module)", "class Sub(Nothing)"),
    no_parameters_list=swapped('  __parameters__ = ["w", ]\n', ""),
    parameters_wrong=swapped('__parameters__ = ["w", ]', '__parameters__ = ["absent", ]'),
    import_absent=code("import __torch__.absent\n" + CODE),
    import_op_version=code("op_version_set = 0\n" + CODE),
    return_type=swapped("    x: Tensor) -> Tensor:\n    w = self.w", "    x: Tensor) -> int:\n    w = self.w"),
    argument_default=swapped("    x: Tensor) -> Tensor:\n    w = self.w", "    x: Tensor,\n    k: int=5) -> Tensor:\n    w = self.w"),
    call_of_absent=swapped("(sub).forward(x, )", "(sub).absent(x, )"),
    comment=swapped("    n = self.n\n", "    n = self.n  # hello\n"),
    tabs=swapped("    n = self.n\n", "\tn = self.n\n"),
    crlf=code(CODE.replace("\n", "\r\n")),
    nul=swapped("    n = self.n\n", "    n = self.n\0\n"),
    behind_nul=code(CODE + "\0garbage("),
    not_utf8=edited("__torch__.py", data=CODE.encode() + b"# \xff\n"),
    unicode_name=swapped("    n = self.n\n", "    n = self.n\n    \u00e4 = 5\n"),
    last_line_without_newline=code(CODE[:-1]),
    empty_file=code(""),
    backslash=swapped("torch.mul(x, scale)", "torch.mul(x, \\\n scale)"),
    literal_octal=swapped("factors[1]", "factors[01]"),
    literal_hex=swapped("factors[1]", "factors[0x1]"),
    literal_binary=swapped("factors[1]", "factors[0b1]"),
    literal_underscore=swapped("factors[1]", "factors[0_1]"),
    literal_float_suffix=swapped("torch.add(y2, CONSTANTS.c0)", "torch.add(y2, 1e1)"),
    literal_float_f=swapped("torch.add(y2, CONSTANTS.c0)", "torch.add(y2, 1.5f)"),
    literal_huge=swapped("torch.add(y2, CONSTANTS.c0)", "torch.add(y2, 99999999999999999999)"),
    literal_dot=swapped("torch.add(y2, CONSTANTS.c0)", "torch.add(y2, .5)"),
    literal_complex=swapped("torch.add(y2, CONSTANTS.c0)", "torch.add(y2, 1j)"),
    literal_inf=swapped("torch.add(y2, CONSTANTS.c0)", "torch.add(y2, 1e999)"),
    precedence_power=swapped("torch.add(y2, CONSTANTS.c0)", "torch.add(y2, -2 ** 2)"),
    precedence_power_right=swapped("torch.add(y2, CONSTANTS.c0)", "torch.add(y2, 2 ** 3 ** 2)"),
    precedence_not=swapped("torch.add(y2, CONSTANTS.c0)", "torch.add(y2, int(not 1 == 2))"),
    precedence_shift=swapped("torch.add(y2, CONSTANTS.c0)", "torch.add(y2, 1 << 2 + 1)"),
    precedence_bits=swapped("torch.add(y2, CONSTANTS.c0)", "torch.add(y2, 1 | 2 ^ 3 & 5)"),
    chained_comparison=swapped("torch.add(y2, CONSTANTS.c0)", "torch.add(y2, int(3 > 2 > 1))"),
    division_of_ints=swapped("torch.add(y2, CONSTANTS.c0)", "torch.add(y2, 7 / 2)"),
    floor_division=swapped("torch.add(y2, CONSTANTS.c0)", "torch.add(y2, -7 // 2)"),
    modulo=swapped("torch.add(y2, CONSTANTS.c0)", "torch.add(y2, -7 % 3)"),
    modulo_of_floats=swapped("torch.add(y2, CONSTANTS.c0)", "torch.add(y2, -7.5 % 2.)"),
    int_of_float=swapped("torch.add(y2, CONSTANTS.c0)", "torch.add(y2, int(-2.7))"),
    round=swapped("torch.add(y2, CONSTANTS.c0)", "torch.add(y2, round(2.5))"),
    string_join=swapped("torch.add(y2, CONSTANTS.c0)", 'torch.add(y2, int("1" "2"))'),
    string_escape=swapped('table["k"]', 'table["\\x6b"]'),
    string_octal=swapped('table["k"]', 'table["\\153"]'),
    string_unicode_escape=swapped('table["k"]', 'table["\\u006b"]'),
    string_triple=swapped('table["k"]', 'table["""k"""]'),
    string_raw=swapped('table["k"]', "table[r'k']"),
    negative_index=swapped("factors[1]", "factors[-1]"),
    index_out_of_range=swapped("factors[1]", "factors[2]"),
    key_absent=swapped('table["k"]', 'table["z"]'),
    setstate=sub_code(STATE, tuple_of(2.0, 3)),
    setstate_with_dict=sub_code(STATE, dict_of(SUB)),
    setstate_without_getstate=sub_code(STATE[STATE.index("  def __setstate__"):], dict_of(SUB)),
    setstate_without_getstate_tuple=sub_code(STATE[STATE.index("  def __setstate__"):], tuple_of(2.0, 3)),
    getstate_without_setstate=sub_code(STATE[:STATE.index("  def __setstate__")], dict_of(SUB)),
    setstate_sets_less=sub_code(STATE.replace("    self.n = (state)[1]\n", ""), tuple_of(2.0, 3)),
    setstate_of_other_type=sub_code(STATE, tuple_of(2.0, "a")),
    setstate_untagged_dict=sub_code(DICT_STATE, dict_of({"n": 3})),
    setstate_tagged_dict=sub_code(DICT_STATE, tagged(dict_of({"n": 3}), "Dict[str, int]")),
    setstate_attributes_dict=sub_code(DICT_STATE, dict_of({"training": 0, "scale": 2, "n": 3})),
    unread_setstate=zip_file(model(code={"__torch__.py": CODE + SUB_CODE.replace("class Sub", "class Other") + STATE
                                         .replace("__torch__.Sub", "__torch__.Other")})),
    enum=zip_file(model(code={"__torch__.py": COLOR + CODE.replace("  label : str\n", "  label : __torch__.Color\n")
                              .replace("torch.add(y2, CONSTANTS.c0)", "torch.add(y2, self.label.value)")},
                        data=module(label=name("__torch__", "Color") + integer(2) + b"R"))),
    enum_built=zip_file(model(code={"__torch__.py": COLOR + CODE.replace("  label : str\n", "  label : __torch__.Color\n")
                                    .replace("torch.add(y2, CONSTANTS.c0)", "torch.add(y2, self.label.value)")},
                              data=module(label=name("__torch__", "Color") + b")\x81" + integer(2) + b"b"))),
    enum_absent_value=zip_file(model(code={"__torch__.py": COLOR + CODE.replace("  label : str\n",
                                                                               "  label : __torch__.Color\n")
                                           .replace("torch.add(y2, CONSTANTS.c0)", "torch.add(y2, self.label.value)")},
                                     data=module(label=name("__torch__", "Color") + integer(7) + b"R"))),
    enum_same_value=zip_file(model(code={"__torch__.py": COLOR.replace("BLUE = 2", "BLUE = 1") + CODE.replace(
        "  label : str\n", "  label : __torch__.Color\n").replace("torch.add(y2, CONSTANTS.c0)",
                                                                  "torch.add(y2, self.label.value)")},
                                   data=module(label=name("__torch__", "Color") + integer(1) + b"R"))))

INTERFACE = """class Scaler(ModuleInterface):
  def forward(self, x: Tensor) -> Tensor:
    pass
"""
add("interface",
    plain=code(INTERFACE + CODE.replace("  sub : __torch__.Sub\n", "  sub : __torch__.Scaler\n")),
    method_absent=code(INTERFACE.replace("forward", "other") + CODE.replace("  sub : __torch__.Sub\n",
                                                                           "  sub : __torch__.Scaler\n")),
    schema_differs=code(INTERFACE.replace("x: Tensor", "x: int") + CODE.replace("  sub : __torch__.Sub\n",
                                                                               "  sub : __torch__.Scaler\n")))

# ---- Operators whose meaning depends on the file's version

OPERATORS = {
    "div": "torch.add(torch.div(y2, 8), CONSTANTS.c0)",
    "div_of_ints": "torch.add(y2, torch.div(torch.to(y2, 4), torch.to(torch.add(w, 1), 4)))",
    "div_scalar_of_ints": "torch.add(y2, torch.div(torch.to(y2, 4), 3))",
    "div_with_mode": 'torch.add(y2, torch.div(y2, w, rounding_mode="floor"))',
    "div_mode_none": "torch.add(y2, torch.div(torch.to(y2, 4), 3, rounding_mode=None))",
    "div_number": "torch.add(y2, torch.div(torch.tensor(7), 2))",
    "div_out": "torch.add(y2, torch.div(torch.to(y2, 4), torch.to(torch.add(w, 1), 4), out=torch.zeros([4])))",
    "floor_divide": "torch.add(y2, torch.floor_divide(torch.neg(y2), 7))",
    "full_int": "torch.add(y2, torch.full([4], 7))",
    # 16777217 is no float32.
    "full_exact": "torch.add(y2, torch.add(torch.full([4], 16777217), -16777215))",
    "full_out": "torch.add(y2, torch.add(torch.full([4], 16777217, out=torch.zeros([4], dtype=4)), -16777215))",
    "full_dtype": "torch.add(y2, torch.full([4], 7, dtype=6))",
    "arange": "torch.add(y2, torch.arange(4))",
    "gelu": "torch.gelu(torch.div(y2, 2000))",
    "sum_of_ints": "torch.add(y2, torch.sum(torch.to(y2, 4)))",
    "pow": "torch.add(y2, torch.pow(w, 2))",
    "slice": "torch.add(y2, torch.slice(w, 0, 0, 4, 1))",
}
for operator, expression in OPERATORS.items():
    for version in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11):
        if version in (5, 6, 7) and not operator.startswith(("full", "gelu")):
            continue
        add("versions", **{f"{operator}_{version}": swapped("torch.add(y2, CONSTANTS.c0)", expression,
                                                            version=f"{version}\n".encode())})
