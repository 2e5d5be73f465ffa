"""The table of operators that are compared with PyTorch: a line is the names of the rows that it covers and a function of a Draw."""
import dataclasses
import typing


@dataclasses.dataclass
class Operator:
    name: str
    covers: tuple  # names of rows
    call: typing.Callable
    tail: bool = False  # PyTorch's vector loop rounds otherwise than what is left of it: draw.py's `loose`
    x86_tail: bool = False  # the same, of pip's PyTorch only
    odd: str = ""  # why what is meant may differ from PyTorch's result
    far: bool = False  # `odd` depends on the place in memory
    ulp: float = 1e-5  # of float results: allowed difference, relative to the root mean square
    unavoidable: float = 0.0  # share of the elements that may be one step off; say in docs/numbers.md why
    unavoidable_by: dict = dataclasses.field(default_factory=dict)  # the same of an engine, if it is another one
    refused_by: tuple = ()  # engines that take no such call
    engine: str = "qnnpack"  # that Debian's PyTorch is to use
    reached: set = dataclasses.field(default_factory=set)  # the operators of the models that were made

    def share(self, engine):
        return self.unavoidable_by.get(engine, self.unavoidable)

    def has_tail(self, engine):
        return self.tail or (self.x86_tail and engine != "qnnpack")


class Table(list):
    def __call__(self, name, call, covers=None, **options):
        options.setdefault("far", options.get("odd", "").endswith("may become the lowest level"))
        covers = (name,) if covers is None else tuple(covers.split() if isinstance(covers, str) else covers)
        self.append(Operator(name, covers, call, **options))
