"""src/octavo/onnx/opset/changes.cc lists every change of ONNX's operators; ONNX's own tests of operators answer the
same in every opset."""
import collections
import re

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import kept
import tools

SOURCE = (tools.REPO / "src" / "octavo" / "onnx" / "opset" / "changes.cc").read_text()
FIRST, LAST = 10, 27


def listed():
    table = SOURCE[SOURCE.index("kChanges ="):SOURCE.index("struct ChangesByOperator")]
    changes, new = collections.Counter(), {}
    for opset, names, rest in re.findall(r'\{\s*(\d+),\s*((?:"[^"]*"\s*)+)([^}]*)\}', table):
        for op in "".join(re.findall(r'"([^"]*)"', names)).split():
            changes[op, int(opset)] += 1
            if re.search(r"\b(New|HardSwishAsProduct)$", rest.strip()):
                new[op] = int(opset)
    return changes, new


def test_every_change_is_listed_once():
    changes, new = listed()
    expected, introduced, deprecated = set(), {}, set()
    for schema in onnx.defs.get_all_schemas_with_history():
        if schema.domain == "" and FIRST < schema.since_version <= LAST:
            expected.add((schema.name, schema.since_version))
            if schema.deprecated:
                deprecated.add((schema.name, schema.since_version))
        if schema.domain == "":
            introduced[schema.name] = min(schema.since_version, introduced.get(schema.name, 99))
    assert set(changes) == expected
    assert {key for key, count in changes.items() if count > 1} == set()
    assert new == {op: first for op, first in introduced.items() if FIRST < first <= LAST}
    assert deprecated == {("Scatter", 11), ("GroupNormalization", 18)}


def onnx_cases():
    from onnx.backend.test.loader import load_model_tests
    return [case for case in load_model_tests(kind="node") if case.model is not None]


def feeds_of(case):
    feeds = []
    for inputs, _ in case.data_sets:
        if any(not value.type.HasField("tensor_type") for value in case.model.graph.input):
            return None
        arrays = [numpy_helper.to_array(v) if isinstance(v, onnx.TensorProto) else np.asarray(v) for v in inputs]
        feeds.append(dict(zip((value.name for value in case.model.graph.input), arrays)))
    return feeds


def same(a, b):
    if not isinstance(a, np.ndarray):
        return a is b if a is None else len(a) == len(b) and all(map(same, a, b))
    if a.dtype == object:
        return a.shape == b.shape and bool((a == b).all())
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@pytest.mark.long
@pytest.mark.parametrize("opset", (13, 17, 18, 20, 21))
def test_operator_tests_of_onnx(opset, tmp_path):
    """Whatever ONNX Runtime runs in the case's own opset, it answers the same in another one, or it is refused."""
    given, counts = tmp_path / "given.onnx", collections.Counter()
    for case in onnx_cases():
        feeds = feeds_of(case)
        if feeds is None or case.model.opset_import[0].domain:
            continue
        onnx.save(case.model, str(given))
        try:
            expected = kept.answers(given, feeds)
        except Exception:
            counts["not run"] += 1
            continue
        run = tools.octavo("convert", given, "-o", tmp_path / "made.onnx", "--opset", opset, "--json", check=False)
        if run.returncode:
            assert run.returncode == 3, (case.name, run.stderr)
            counts["refused"] += 1
            continue
        values = kept.answers(tmp_path / "made.onnx", feeds)
        if all(same(a, b) for x, y in zip(expected, values) for a, b in zip(x, y)):
            counts["same"] += 1
        else:
            assert "AveragePool" in run.stdout and '"identical_in": null' in run.stdout, case.name
            counts["said to differ"] += 1
    print(dict(counts))
    assert counts["same"] > 600
