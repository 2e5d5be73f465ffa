"""Each single-layer model, exported for each engine of pip's PyTorch, gives that engine's answer in ONNX Runtime."""
import numpy as np
import pytest

import layer_models
import oracle
import tools

FOLDERS, _ = layer_models.make_all()
# What is not exact is one step off for few elements.
MOST = 1 / 100
# The last channels of a channels-last image are averaged in another way; PyTorch adds float32 numbers in another order.
MANY = {"avg_pool2d_ceil_channels_last", "avg_pool2d_signed_channels_last", "mean_batch"}


def quantized(case):
    return any(o["quantization"] for o in case["outputs"])


CASES = sorted(name for name, folder in FOLDERS.items() if quantized(tools.case(folder)))


@pytest.fixture(scope="module", params=oracle.ENGINES)
def asked(request, tmp_path_factory):
    cases = []
    for name in CASES:
        folder, case = FOLDERS[name], tools.case(FOLDERS[name])
        inputs = [(folder / ("in%d.npy" % i), x["spec"]) for i, x in enumerate(case["inputs"])]
        cases.append((name, folder / (case["forms"][0] + ".pt"), inputs))
    return request.param, oracle.answers(request.param, cases, tmp_path_factory.mktemp(request.param))


@pytest.mark.parametrize("name", CASES)
def test_equals_the_engine(asked, name, tmp_path):
    engine, answers = asked
    folder, want = FOLDERS[name], answers[name]
    case = tools.case(folder)
    report = oracle.export(engine, folder / (case["forms"][0] + ".pt"), [i["spec"] for i in case["inputs"]], tmp_path / "out.onnx")
    got = tools.run(tmp_path / "out.onnx", tools.arrays(folder, "in"))
    if isinstance(want, str):
        return  # PyTorch refuses it: test_what_pytorch_refuses_is_known
    if oracle.as_meant(report):
        assert any("as meant" in w for w in report["warnings"])
        return
    if name.startswith("proven_"):
        assert oracle.claims_exact(report), report["float_operators"] + report["exactness"]
    if name.startswith("unproven_"):
        assert not oracle.claims_exact(report)
    for value, answer in zip(got, want, strict=True):
        assert value.shape == answer.shape and value.dtype == answer.dtype
        if answer.dtype.kind not in "iu":
            continue
        differ, most = tools.difference(value, answer)
        if oracle.claims_exact(report):
            assert differ == 0
        allowed = answer.size * (1 / 4 if name in MANY else MOST)
        assert most <= 1 and differ <= max(2, allowed), "%d of %d" % (differ, answer.size)


def test_what_pytorch_refuses_is_known(asked):
    engine, answers = asked
    refused = {name for name, answer in answers.items() if isinstance(answer, str)}
    assert len(refused) <= 8, "%s refuses %s" % (engine, sorted(refused))
