"""Arguments of forward that are optional or no tensors, in real models: the exported model answers as PyTorch does with them."""
import json
from typing import Dict, List, Optional, Tuple, Union

import numpy as np
import pytest

import tools

torch = pytest.importorskip("torch")


class Many(torch.nn.Module):
    """Every kind of argument."""

    def forward(self, x, mask: Optional[torch.Tensor] = None, k: int = 3, alpha: float = 0.5, flag: bool = False,
                bias: Optional[torch.Tensor] = None, last: Optional[int] = None, by: Union[int, float] = 2,
                mode: str = "sum", axes: Tuple[int, int] = (1, 2)):
        y = x * k * alpha / by
        if flag:
            y = -y
        if mask is not None:
            y = y + mask
        if bias is not None:
            y = y * bias
        if last is not None:
            y = y[:, :last]
        return y.sum(axes[0]) if mode == "sum" else y.mean(axes[1])


class Required(torch.nn.Module):
    def forward(self, x, k: int, flag: bool, pair: Tuple[torch.Tensor, float]):
        return (x + pair[0]) * pair[1] + k if flag else x


class Containers(torch.nn.Module):
    def forward(self, x, pair: Tuple[torch.Tensor, torch.Tensor], items: List[torch.Tensor],
                named: Dict[str, torch.Tensor], more: Optional[Tuple[torch.Tensor, torch.Tensor]] = None):
        y = torch.cat([x, pair[0], pair[1]] + items) * named["scale"]
        return y if more is None else y + more[0] - more[1]


def tensor(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for cls in (Many, Required, Containers):
        torch.jit.script(cls()).save(str(folder / (cls.__name__ + ".pt")))
    return folder


def check(folder, module, specs, inputs, want, tmp_path):
    """Exports, runs, compares; answers the names of what is warned of, and the inputs of the exported model."""
    words = [word for spec in specs for word in ("--input", spec)]
    run = tools.octavo("export", folder / (module.__name__ + ".pt"), "-o", tmp_path / "out.onnx", "--json", *words)
    got = tools.run(tmp_path / "out.onnx", [i.numpy() for i in inputs])
    tools.assert_same(got[0], want.numpy())
    warnings = tools.warnings_of_float_model(run)
    assert all(w.startswith("forward's argument ") for w in warnings)
    return [w.split()[2] for w in warnings], [i.name for i in tools.session(tmp_path / "out.onnx").get_inputs()]


X = "x:float32[2,3,4]"
ALL = ["mask", "k", "alpha", "flag", "bias", "last", "by", "mode", "axes"]
CASES = {
    "defaults": ([X], {}, ALL),
    "by position": (["float32[2,3,4]", "float32[2,3,4]"], {"mask": tensor(2, 3, 4, seed=1)}, ALL[1:]),
    "by name": (["bias:float32[4]", X], {"bias": tensor(4, seed=1)}, [n for n in ALL if n != "bias"]),
    "left out on purpose": ([X, "mask=None", "bias=None", "last=None"], {}, ["k", "alpha", "flag", "by", "mode", "axes"]),
    "the next by position": (["mask=None", "float32[2,3,4]", "float32[2,3,4]"], {"bias": tensor(2, 3, 4, seed=1)},
                             ["k", "alpha", "flag", "last", "by", "mode", "axes"]),
    "numbers": (["k=-2", "alpha=3", "flag=true", "last=2", "by=0.5", X],
                {"k": -2, "alpha": 3.0, "flag": True, "last": 2, "by": 0.5}, ["mask", "bias", "mode", "axes"]),
    "all": (["float32[2,3,4]", "k=5", "mask:float32[3,1]", "alpha=-0.25", "flag=False", "bias:float32[1]", "last=1", "by=4"],
            {"mask": tensor(3, 1, seed=1), "k": 5, "alpha": -0.25, "flag": False, "bias": tensor(1, seed=2), "last": 1, "by": 4},
            ["mode", "axes"]),
}


@pytest.mark.parametrize("name", CASES)
def test_many(name, models, tmp_path):
    specs, arguments, warned = CASES[name]
    x, tensors = tensor(2, 3, 4), [n for n in ("mask", "bias") if n in arguments]
    got = check(models, Many, specs, [x, *(arguments[n] for n in tensors)], Many()(x, **arguments), tmp_path)
    assert got == (warned, ["x", *tensors])
    words = [word for spec in specs for word in ("--input", spec)]
    report = json.loads(tools.octavo("inspect", models / "Many.pt", "--json", *words).stdout)
    assert [w.split()[2] for w in report["warnings"][:-1]] == warned  # the last says that nothing is quantized
    assert [i["name"] for i in report["inputs"] if i["tensor"]] == ["x", *tensors]


def test_run_and_verify_agree(models, tmp_path):
    x, mask = tensor(2, 3, 4), tensor(2, 3, 4, seed=1)
    np.save(tmp_path / "x.npy", x.numpy())
    np.save(tmp_path / "mask.npy", mask.numpy())
    given = ["--input", tmp_path / "x.npy", "--input", "%s@mask:" % (tmp_path / "mask.npy"), "--input", "k=7", "--input", "flag=true"]
    tools.octavo("run", models / "Many.pt", *given, "-o", tmp_path / "y")
    tools.assert_same(np.load(tmp_path / "y" / "y0.npy"), Many()(x, mask, k=7, flag=True).numpy())
    tools.octavo("verify", models / "Many.pt", *given)


def test_required(models, tmp_path):
    x, other = tensor(2, 3), tensor(2, 3, seed=1)
    run = tools.octavo("export", models / "Required.pt", "-o", tmp_path / "out.onnx", "--input", "float32[2,3]", check=False)
    assert run.returncode == 2 and "--input k=3" in run.stderr and not (tmp_path / "out.onnx").exists()
    for k, flag, factor in ((4, True, 0.5), (4, False, 2.0)):
        specs = ["float32[2,3]", "k=%d" % k, "flag=%s" % flag, "pair.0:float32[2,3]", "pair.1=%s" % factor]
        want = Required()(x, k, flag, (other, factor))
        assert check(models, Required, specs, [x, other], want, tmp_path) == ([], ["x", "pair.0"])


def test_containers(models, tmp_path):
    inputs = [tensor(1, 3, seed=i) for i in range(6)]
    x, a, b, c, d, scale = inputs
    want = Containers()(x, (a, b), [c, d], {"scale": scale})
    specs = ["float32[1,3]"] * 3 + ["items.0:float32[1,3]", "items.1:float32[1,3]", "named.scale:float32[1,3]"]
    names = ["x", "pair.0", "pair.1", "items.0", "items.1", "named.scale"]
    assert check(models, Containers, specs, inputs, want, tmp_path) == (["more"], names)
    assert check(models, Containers, [*specs, "more=None"], inputs, want, tmp_path) == ([], names)
    more = (tensor(5, 3, seed=7), tensor(1, seed=8))
    want = Containers()(x, (a, b), [c, d], {"scale": scale}, more)
    specs += ["more.1:float32[1]", "more.0:float32[5,3]"]
    assert check(models, Containers, specs, [*inputs, *more], want, tmp_path) == ([], [*names, "more.0", "more.1"])
