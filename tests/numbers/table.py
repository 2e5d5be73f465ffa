"""The table of operators that are compared with PyTorch: a line is the names of the rows that it covers and a function of a Draw."""
import dataclasses
import typing


@dataclasses.dataclass
class Operator:
    name: str
    covers: tuple  # names of rows
    call: typing.Callable
    tail: bool = False  # PyTorch's vector loop rounds otherwise than what is left of it: draw.py's `loose`
    odd: str = ""  # why the meaning that is meant may differ from qnnpack's
    far: bool = False  # `odd` depends on the place in memory
    ulp: float = 1e-5  # of float results: allowed relative difference
    unavoidable: float = 0.0  # share of the elements that may be one step off; say in docs/numbers.md why
    engine: str = "qnnpack"
    reached: set = dataclasses.field(default_factory=set)  # the operators of the models that were made


class Table(list):
    def __call__(self, name, call, covers=None, **options):
        options.setdefault("far", options.get("odd", "").endswith("may become the lowest level"))
        covers = (name,) if covers is None else tuple(covers.split() if isinstance(covers, str) else covers)
        self.append(Operator(name, covers, call, **options))
