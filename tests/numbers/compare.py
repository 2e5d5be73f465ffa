"""Draws cases of operators, asks PyTorch and the reference, and counts the elements that differ."""
import dataclasses
import mmap
import os
import pathlib
import warnings
import zlib

import numpy as np
import torch

import reference
from draw import Draw

warnings.simplefilter("ignore")
torch.set_num_threads(1)


@dataclasses.dataclass
class Case:
    operator: object
    engine: str
    seed: int
    index: int
    inputs: list
    parts: list
    answer: list  # tensors
    loose: bool

    def name(self):
        return "%s, engine %s, seed %d, case %d" % (self.operator.name, self.engine, self.seed, self.index)


@dataclasses.dataclass
class Count:
    """Of one operator."""
    cases: int = 0
    refused: int = 0  # arguments that PyTorch does not take
    elements: int = 0
    different: int = 0  # elements, with the engine's faults
    meant: int = 0  # elements that are otherwise as they are meant
    tail: int = 0  # one step off where PyTorch's own answer depends on the place in memory
    unavoidable: int = 0
    failures: list = dataclasses.field(default_factory=list)

    def add(self, other):
        for field in ("cases", "refused", "elements", "different", "meant", "tail", "unavoidable", "failures"):
            setattr(self, field, getattr(self, field) + getattr(other, field))


def listed(result):
    return list(result) if isinstance(result, (tuple, list)) else [result]


def seed_of(operator, seed):
    return zlib.crc32(operator.name.encode()) + seed * 2**32


def use(operator, engine):
    """Sets PyTorch's engine.  Debian's, "qnnpack", packs what it cannot save with another one."""
    torch.backends.quantized.engine = operator.engine if engine == "qnnpack" else engine.removesuffix("-x86")


def draw(operator, seed, index, engine):
    """A case, or None where PyTorch refuses the arguments."""
    use(operator, engine)
    d = Draw(seed_of(operator, seed), index, loose_allowed=operator.has_tail(engine), engine=engine)
    try:
        with torch.no_grad():
            answer = [t.contiguous() for t in listed(operator.call(d))]
            answer = [t.clone() for t in answer]
    except Exception as e:  # noqa: BLE001 whatever PyTorch says: these arguments make no case
        if isinstance(e, (NameError, TypeError, AttributeError, AssertionError)):
            raise
        return None
    return Case(operator, engine, seed, index, d.inputs, d.made, answer, d.loose)


def fatal(operator, seed, count, start, engine):
    """Indices of draws that end PyTorch's process: they are made in a child first."""
    found = set()
    while True:
        place = mmap.mmap(-1, 8)
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            try:
                _cases(operator, seed, count, start, engine, found, place)
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            return found
        found.add(int.from_bytes(place[:8], "little"))


def _cases(operator, seed, count, start, engine, skipped, place=None):
    found, refused, index = [], 0, start
    while len(found) < count and refused < 20 * count + 200:
        if place is not None:
            place[:8] = index.to_bytes(8, "little")
        case = None if index in skipped else draw(operator, seed, index, engine)
        index += 1
        if case is None:
            refused += 1
        else:
            found.append(case)
    return found, refused, index


def cases(operator, seed, count, start=0, engine="qnnpack"):
    """`count` cases, how many draws were refused, and the next index."""
    return _cases(operator, seed, count, start, engine, fatal(operator, seed, count, start, engine))


class Batch(torch.nn.Module):
    pass


def trace(batch, path):
    """Saves a model that answers all cases of `batch` at once."""
    use(batch[0].operator, batch[0].engine)
    if batch[0].engine == "qnnpack-x86" and batch[0].operator.engine != "qnnpack":
        torch.backends.quantized.engine = "fbgemm"  # qnnpack cannot save it
    module = Batch()
    inputs, places, parts = [], [], []
    for number, case in enumerate(batch):
        places.append(len(inputs))
        inputs += case.inputs
        names = []
        for i, part in enumerate(case.parts):
            names.append("part_%d_%d" % (number, i))
            if isinstance(part, torch.Tensor):
                module.register_buffer(names[-1], part)
            else:
                setattr(module, names[-1], part)
        parts.append(names)

    def forward(self, *given):
        results = []
        for case, place, names in zip(batch, places, parts):
            d = Draw(seed_of(case.operator, case.seed), case.index, given[place:place + len(case.inputs)],
                     [getattr(self, n) for n in names], case.operator.has_tail(case.engine), case.engine)
            results += listed(case.operator.call(d))
        return tuple(results)

    names = ["x%d" % i for i in range(len(inputs))]
    scope = {"body": forward}
    exec("def forward(self, %s):\n    return body(self, %s)" % (", ".join(names), ", ".join(names)), scope)
    Batch.forward = scope["forward"]
    with torch.no_grad():
        traced = torch.jit.trace(module.eval(), tuple(inputs), check_trace=False)
    torch.jit.save(traced, str(path))
    batch[0].operator.reached.update(calls(traced.inlined_graph))
    return [(spec(n, t), integers(t)) for n, t in zip(names, inputs)]


def calls(graph):
    """The operators of a graph, with and without their overloads' names."""
    found = set()
    for node in graph.nodes():
        found.add(node.kind())
        overload = node.schema().split("(")[0] if node.schema() != "(no schema)" else ""
        found.add(overload)
    return found


def integers(t):
    return (t.int_repr() if t.is_quantized else t).detach().numpy()


def spec(name, t):
    text = "%s:%s[%s]" % (name, str(t.dtype).split(".")[-1], ",".join(map(str, t.shape)))
    return text + ("(%r,%d)" % (t.q_scale(), t.q_zero_point()) if t.is_quantized else "")


def type_of(t):
    dtype, shape = str(t.dtype).split(".")[-1], list(t.shape)
    return (dtype, shape) + (([t.q_scale()], [t.q_zero_point()], -1) if t.is_quantized else ([], [], -1))


def same_type(want, got):
    """Two products of double scales may be rounded otherwise."""
    return want[:2] == got[:2] and want[3:] == got[3:] and np.allclose(want[2], got[2], 1e-15, 0)


def apart(operator, value, answer):
    """Which elements differ, and which by more than a step."""
    if answer.dtype.kind != "f":
        steps = np.abs(value.astype(np.float64) - answer.astype(np.float64))
        return steps != 0, steps > 1
    if operator.ulp == 0:
        differ = (value.view(np.int32) != answer.view(np.int32)) & ~(np.isnan(value) & np.isnan(answer))
        return differ, differ
    with np.errstate(all="ignore"):
        finite = answer[np.isfinite(answer)].astype(np.float64)
        size = np.sqrt(np.mean(finite * finite)) if finite.size else 0.0
        differ = ~np.isclose(value, answer, 0, operator.ulp * size, equal_nan=True)
    return differ, differ


def check(case, meant, kept, count):
    operator = case.operator
    count.cases += 1
    for want, got, also in zip(case.answer, kept, meant):
        if not same_type(type_of(want), got.type()):
            count.failures.append("%s: %s is %s" % (case.name(), type_of(want), got.type()))
            continue
        answer = integers(want)
        count.elements += answer.size
        differ, far = apart(operator, got.values, answer)
        unmeant, unmeant_far = apart(operator, also.values, answer)
        other = int(unmeant.sum())
        if operator.far:  # PyTorch's vector loops overflow, what is left of them does not
            differ, far = differ & unmeant, far & unmeant_far
        wrong = int(differ.sum())
        if case.loose and not far.any():
            count.tail += wrong
            continue
        if operator.share(case.engine) and not far.any():
            count.unavoidable += wrong
            continue
        count.different += wrong
        count.meant += other
        if wrong or (other and not operator.odd):
            where = np.argwhere(differ if wrong else unmeant)[0]
            place = tuple(where)
            count.failures.append("%s: %d of %d elements differ (%d as meant); at %s PyTorch has %r, the reference %r" % (
                case.name(), wrong, answer.size, other, list(map(int, where)), answer[place], (got if wrong else also).values[place]))


def run(batches, folder):
    """For each batch, all of one engine: what is counted."""
    folder = pathlib.Path(folder)
    asked = []
    for number, batch in enumerate(batches):
        path = folder / ("%d.pt" % number)
        asked.append((path, trace(batch, path)))
    engine = batches[0][0].engine
    answers = {faults: reference.run_in_parallel(asked, engine, faults) for faults in ("meant", "keep")}
    counts = [Count() for _ in batches]
    for number, (batch, count) in enumerate(zip(batches, counts)):
        meant, kept = answers["meant"][number], answers["keep"][number]
        if isinstance(meant, str) or isinstance(kept, str):
            text = meant if isinstance(meant, str) else kept
            if len(batch) == 1:
                count.cases += 1
                count.failures.append("%s: %s" % (batch[0].name(), text))
            else:  # one by one
                for part in run([[case] for case in batch], folder):
                    count.add(part)
            continue
        place = 0
        for case in batch:
            end = place + len(case.answer)
            check(case, meant[place:end], kept[place:end], count)
            place = end
    return counts


def table():
    import elementary
    import memory_formats
    import moving
    import quantized
    import real
    operators = quantized.OPERATORS + real.OPERATORS + elementary.OPERATORS + moving.OPERATORS + memory_formats.OPERATORS
    names = [o.name for o in operators]
    assert len(names) == len(set(names)), sorted(n for n in names if names.count(n) > 1)
    return operators


def depends_on_engine(operator):
    """Whether its results may differ between PyTorch's engines or builds: it has quantized tensors."""
    import memory_formats
    import quantized
    return "quantized" in operator.name or operator in quantized.OPERATORS or operator in memory_formats.OPERATORS
