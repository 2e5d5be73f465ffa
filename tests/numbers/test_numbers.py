"""Each operator against PyTorch, over random shapes, scales, zero points and data; `scripts/fuzz_numbers` goes on as long as wanted.

Without an option: Debian's PyTorch, whose engine is qnnpack.  --engine: that of pip's PyTorch, which must be the one that runs this.
"""
import json
import os
import subprocess

import pytest

import compare
import exempt
import reference

pytestmark = pytest.mark.filterwarnings("ignore")  # of tracing: each case is traced for its own arguments alone
SEED, CASES, CASES_OF_ENGINE = 1, 20, 8
OPERATORS = compare.table()
OCTAVO = os.environ.get("OCTAVO", str(reference.REPO / "build" / "release" / "octavo"))


def pytest_generate_tests(metafunc):
    if "operator" not in metafunc.fixturenames:
        return
    engines = metafunc.config.getoption("--engine")
    asked = [(o, e) for e in engines for o in OPERATORS if e == "qnnpack" or compare.depends_on_engine(o)]
    metafunc.parametrize("operator, engine", asked, ids=["%s-%s" % (o.name.replace(" ", "-"), e) for o, e in asked])


def test_equals_pytorch(operator, engine, tmp_path):
    most = CASES if engine == "qnnpack" else CASES_OF_ENGINE
    cases, refused, _ = compare.cases(operator, SEED, most, engine=engine)
    if not cases and engine in operator.refused_by:
        return
    assert len(cases) == most, "PyTorch refuses %d of %d draws" % (refused, refused + len(cases))
    [count] = compare.run([cases], tmp_path)
    if engine == "qnnpack":
        assert set(operator.covers) <= operator.reached, "the models hold other operators: %s" % sorted(operator.reached)
    assert not count.failures, "%d of %d elements\n%s" % (count.different, count.elements, "\n".join(count.failures[:5]))
    assert count.unavoidable <= max(1, operator.share(engine) * count.elements)


def rows():
    made = subprocess.run([OCTAVO, "ops", "--json"], capture_output=True, text=True, check=True)
    return sorted({row["operator"] for row in json.loads(made.stdout)["operators"]})


def test_every_row_is_compared():
    covered = {name for operator in OPERATORS for name in operator.covers}
    missing = set(rows()) - covered
    assert missing <= exempt.ROWS.keys(), "no line in tests/numbers for %s" % sorted(missing - exempt.ROWS.keys())
    assert exempt.ROWS.keys() <= missing, "take these out of tests/numbers/exempt.py: %s" % sorted(exempt.ROWS.keys() - missing)
    assert covered <= set(rows()), "lines for what is no row: %s" % sorted(covered - set(rows()))


def test_every_row_has_a_kernel():
    names = sorted({name.split(".")[0] for name in rows()})
    made = subprocess.run([reference.PROGRAM, "--knows", *names], capture_output=True, text=True)
    assert made.returncode == 0 and not made.stdout.split(), "no kernel for " + made.stdout
