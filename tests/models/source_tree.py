#!/usr/bin/python3
"""The syntax tree of TorchScript's printed source, read by CPython's `ast`, as text: one line a statement.

An expression is (KIND@BEGIN-END ...) with the byte range in the file; names, operators and strings follow as JSON
strings, floating-point numbers as the 16 hexadecimal digits of their bits.  A statement is indented by its block.

    tests/models/source_tree.py FILE
"""

import ast
import json
import struct
import sys

OPERATORS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.MatMult: "@", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>",
    ast.USub: "-", ast.UAdd: "+", ast.Invert: "~", ast.Not: "not", ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<",
    ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip


def bits(number):
    return struct.pack(">d", number).hex()


class Dumper:
    def __init__(self, text):
        self.lines = []
        self.offsets = [0]
        for line in text.encode().split(b"\n"):
            self.offsets.append(self.offsets[-1] + len(line) + 1)

    def place(self, node):
        begin = self.offsets[node.lineno - 1] + node.col_offset
        end = self.offsets[node.end_lineno - 1] + node.end_col_offset
        return f"@{begin}-{end}"

    def constant(self, node, sign=1):
        value = node.value
        if value is None or value is True or value is False or value is Ellipsis:
            names = {None: "none", True: "true", False: "false", Ellipsis: "ellipsis"}
            return names[value], []
        if isinstance(value, int):
            return "int", [str(sign * value)]
        if isinstance(value, float):
            return "float", [bits(sign * value)]
        if isinstance(value, complex):
            return "complex", [bits(sign * value.imag)]
        return "string", [json.dumps(value)]

    def expr(self, node):
        if node is None:
            return "-"
        kind, parts = self.parts(node)
        return "(" + " ".join([kind + self.place(node)] + parts) + ")"

    def parts(self, node):
        if isinstance(node, ast.Constant):
            return self.constant(node)
        if isinstance(node, ast.Name):
            return "name", [json.dumps(node.id)]
        if isinstance(node, ast.Attribute):
            return "attribute", [json.dumps(node.attr), self.expr(node.value)]
        if isinstance(node, ast.Call):
            arguments = []
            for argument in node.args:
                starred = isinstance(argument, ast.Starred)
                arguments.append("*" + self.expr(argument.value) if starred else self.expr(argument))
            arguments += [keyword.arg + "=" + self.expr(keyword.value) for keyword in node.keywords]
            return "call", [self.expr(node.func)] + arguments
        if isinstance(node, ast.Subscript):
            # x[a, b] and x[(a, b)] are the same to CPython; TorchScript's printer writes the first.
            index = node.slice.elts if isinstance(node.slice, ast.Tuple) and node.slice.elts else [node.slice]
            return "subscript", [self.expr(node.value)] + [self.expr(one) for one in index]
        if isinstance(node, ast.Slice):
            return "slice", [self.expr(node.lower), self.expr(node.upper), self.expr(node.step)]
        if isinstance(node, ast.UnaryOp):
            literal = isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant)
            # "-(1)" stays an operation.
            if literal and node.end_col_offset == node.operand.end_col_offset:
                return self.constant(node.operand, -1)
            return "unary", [json.dumps(OPERATORS[type(node.op)]), self.expr(node.operand)]
        if isinstance(node, ast.BinOp):
            return "binary", [json.dumps(OPERATORS[type(node.op)]), self.expr(node.left), self.expr(node.right)]
        if isinstance(node, ast.Compare):
            (op,), (right,) = node.ops, node.comparators
            return "compare", [json.dumps(OPERATORS[type(op)]), self.expr(node.left), self.expr(right)]
        if isinstance(node, ast.BoolOp):
            left, right = node.values
            return "and" if isinstance(node.op, ast.And) else "or", [self.expr(left), self.expr(right)]
        if isinstance(node, ast.IfExp):
            return "ternary", [self.expr(node.body), self.expr(node.test), self.expr(node.orelse)]
        if isinstance(node, (ast.List, ast.Tuple)):
            return type(node).__name__.lower(), [self.expr(element) for element in node.elts]
        if isinstance(node, ast.Dict):
            return "dict", [self.expr(part) for pair in zip(node.keys, node.values) for part in pair]
        if isinstance(node, ast.ListComp):
            (loop,) = node.generators
            return "comprehension", [self.expr(node.elt), self.expr(loop.target), self.expr(loop.iter)]
        raise NotImplementedError(ast.dump(node))

    def line(self, depth, *parts):
        self.lines.append("  " * depth + " ".join(parts))

    def block(self, body, depth):
        for statement in body:
            self.statement(statement, depth)

    def function(self, node, depth):
        self.line(depth, "def", json.dumps(node.name), self.expr(node.returns))
        arguments = node.args
        defaults = [None] * (len(arguments.args) - len(arguments.defaults)) + arguments.defaults
        pairs = [("parameter", *pair) for pair in zip(arguments.args, defaults)]
        pairs += [("keyword", *pair) for pair in zip(arguments.kwonlyargs, arguments.kw_defaults)]
        for kind, argument, default in pairs:
            self.line(depth + 2, kind, json.dumps(argument.arg), self.expr(argument.annotation), self.expr(default))
        self.block(node.body, depth + 1)

    def statement(self, node, depth):
        if isinstance(node, ast.FunctionDef):
            self.function(node, depth)
        elif isinstance(node, ast.ClassDef):
            self.line(depth, "class", json.dumps(node.name), *[self.expr(base) for base in node.bases])
            self.block([part for part in node.body if not isinstance(part, ast.FunctionDef)], depth + 1)
            self.block([part for part in node.body if isinstance(part, ast.FunctionDef)], depth + 1)
        elif isinstance(node, ast.Assign):
            self.line(depth, "assign", *[self.expr(target) for target in node.targets], "-", self.expr(node.value))
        elif isinstance(node, ast.AnnAssign):
            kind = "declare" if node.value is None else "assign"
            self.line(depth, kind, self.expr(node.target), self.expr(node.annotation), self.expr(node.value))
        elif isinstance(node, ast.AugAssign):
            op = json.dumps(OPERATORS[type(node.op)])
            self.line(depth, "augmented", op, self.expr(node.target), self.expr(node.value))
        elif isinstance(node, ast.Expr):
            self.line(depth, "expression", self.expr(node.value))
        elif isinstance(node, (ast.If, ast.While)):
            self.line(depth, type(node).__name__.lower(), self.expr(node.test))
            self.block(node.body, depth + 1)
            if node.orelse:
                self.line(depth, "else")
                self.block(node.orelse, depth + 1)
        elif isinstance(node, ast.For):
            self.line(depth, "for", self.expr(node.target), self.expr(node.iter))
            self.block(node.body, depth + 1)
        elif isinstance(node, ast.With):
            for nesting, item in enumerate(node.items):
                self.line(depth + nesting, "with", self.expr(item.context_expr), self.expr(item.optional_vars))
            self.block(node.body, depth + len(node.items))
        elif isinstance(node, ast.Return):
            self.line(depth, "return", self.expr(node.value))
        elif isinstance(node, ast.Raise):
            self.line(depth, "raise", self.expr(node.exc))
        elif isinstance(node, ast.Assert):
            self.line(depth, "assert", self.expr(node.test), self.expr(node.msg))
        elif isinstance(node, ast.Delete):
            self.line(depth, "delete", *[self.expr(target) for target in node.targets])
        elif isinstance(node, (ast.Pass, ast.Break, ast.Continue)):
            self.line(depth, type(node).__name__.lower())
        else:
            raise NotImplementedError(ast.dump(node))


def dump(text):
    tree = ast.parse(text)
    dumper = Dumper(text)
    # Classes, functions, other statements: the order of source::File.
    for wanted in (ast.ClassDef, ast.FunctionDef):
        dumper.block([node for node in tree.body if isinstance(node, wanted)], 0)
    others = (ast.ClassDef, ast.FunctionDef, ast.Import)
    dumper.block([node for node in tree.body if not isinstance(node, others)], 0)
    return "".join(line + "\n" for line in dumper.lines)


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as source_file:
        sys.stdout.write(dump(source_file.read()))
