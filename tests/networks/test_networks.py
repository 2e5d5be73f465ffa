"""Networks of the PyPI packages pytorchcv and timm in ONNX Runtime, for each of PyTorch's engines.

Where the export says that a network is exact, no element may differ from PyTorch with that engine.  Writes
build/reports/networks.md: how many networks convert, are said to be exact, and differ.  scripts/networks_table.py
writes the table of docs/differences.md from build/reports/networks.json.
"""
import json

import numpy as np
import pytest

import oracle
import tools

third_party_models = pytest.importorskip("third_party_models", reason="needs PyTorch and torchvision")
pytestmark = pytest.mark.long

NAMES = list(third_party_models.MODELS)
ENGINES = ("qnnpack", *oracle.ENGINES)
RESULTS = {}


@pytest.fixture(scope="module")
def folders():
    return {name: third_party_models.make(name) for name in NAMES}


class Expected(dict):
    """{engine: {name: outputs}}, each engine when it is asked for: Debian's PyTorch for qnnpack, pip's for the others."""

    def __init__(self, folders, scratch):
        super().__init__()
        self.folders, self.scratch = folders, scratch

    def __missing__(self, engine):
        if engine == "qnnpack":
            self[engine] = {name: tools.arrays(folder, "y") for name, folder in self.folders.items()}
        else:
            cases = [(name, folder / "model.pt", [(folder / "x0.npy", "x:float32[]")]) for name, folder in self.folders.items()]
            self[engine] = oracle.answers(engine, cases, self.scratch / engine)
        return self[engine]


@pytest.fixture(scope="module")
def expected(folders, tmp_path_factory):
    return Expected(folders, tmp_path_factory.mktemp("expected"))


@pytest.fixture(scope="module", autouse=True)
def report():
    yield
    if RESULTS:
        write_report()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", NAMES)
def test_network(name, engine, folders, expected, tmp_path):
    folder, wanted = folders[name], expected[engine][name]
    assert not isinstance(wanted, str), wanted
    x = np.load(folder / "x0.npy")
    spec = "float32[N,%s]" % ",".join(map(str, x.shape[1:]))
    said = oracle.export(engine, folder / "model.pt", [spec], tmp_path / "m.onnx")
    got = tools.run(tmp_path / "m.onnx", [x])
    differ = sum(int(np.count_nonzero(a != b)) for a, b in zip(got, wanted))
    exact = oracle.claims_exact(said)
    RESULTS[name, engine] = {"exact": exact, "differ": differ, "of": sum(y.size for y in wanted), "why": reasons(said)}
    if exact:
        assert not differ, "%d of %d elements differ" % (differ, RESULTS[name, engine]["of"])


def reasons(said):
    """The operators that keep the network from being exact."""
    return sorted({node["operator"] for node in said["exactness"] if not node["exact"]} |
                  {f["operator"] for f in said["float_operators"] if f["before_quantized"]})


@pytest.mark.parametrize("engine", oracle.ENGINES)
def test_constants_of_the_engine_are_nearer(engine, folders, expected, tmp_path):
    """Fewer elements differ than in the models that are written for qnnpack."""
    mine = theirs = 0
    for name, folder in folders.items():
        x = np.load(folder / "x0.npy")
        oracle.export("qnnpack", folder / "model.pt", ["float32[%s]" % ",".join(map(str, x.shape))], tmp_path / "m.onnx")
        got = tools.run(tmp_path / "m.onnx", [x])
        theirs += sum(int(np.count_nonzero(a != b)) for a, b in zip(got, expected[engine][name]))
        mine += RESULTS[name, engine]["differ"]
    assert mine < theirs, "%d elements differ, %d of the models for qnnpack" % (mine, theirs)


def write_report():
    lines = ["| engine | networks | said to be exact | of those, differ | equal in all elements |", "|---|---|---|---|---|"]
    for engine in ENGINES:
        found = [r for (_, e), r in RESULTS.items() if e == engine]
        exact = [r for r in found if r["exact"]]
        lines.append("| `%s` | %d | %d | %d | %d |" % (engine, len(found), len(exact), sum(r["differ"] > 0 for r in exact),
                                                     sum(r["differ"] == 0 for r in found)))
    lines += ["", "| network | engine | elements that differ | operators that are not exact |", "|---|---|---|---|"]
    for (name, engine), r in RESULTS.items():
        if not r["exact"]:
            lines.append("| %s | `%s` | %d of %d | %s |" % (name, engine, r["differ"], r["of"], ", ".join(r["why"])))
    tools.REPORTS.mkdir(parents=True, exist_ok=True)
    (tools.REPORTS / "networks.md").write_text("\n".join(lines) + "\n")
    (tools.REPORTS / "networks.json").write_text(json.dumps(
        [{"network": name, "engine": engine, **r} for (name, engine), r in RESULTS.items()], indent=1))
