"""Makes the models that the tests need, once, before the tests are listed."""
import os
import pathlib
import subprocess
import sys

import pytest

import reference


def pytest_addoption(parser):
    parser.addoption("--engine", action="append", choices=["qnnpack-x86", "fbgemm", "onednn", "x86"],
                     help="compare with that engine of pip's PyTorch, which must run this; may be repeated")


def pytest_configure(config):
    if not os.access(reference.PROGRAM, os.X_OK):
        pytest.exit("%s is not there: build it first (cmake --preset release && cmake --build --preset release), "
                    "or name it in OCTAVO_REFERENCE_CASES" % reference.PROGRAM, returncode=2)
    if config.option.engine:
        import torch
        if "fbgemm" not in torch.backends.quantized.supported_engines:
            pytest.exit("--engine needs pip's PyTorch for x86 (tests/requirements-newest.txt)", returncode=2)
        return
    config.option.engine = ["qnnpack"]
    if "OCTAVO_MODELS" in os.environ:
        return
    script = pathlib.Path(__file__).resolve().parents[1] / "models" / "layer_models.py"
    if subprocess.run([sys.executable, str(script)]).returncode:
        pytest.exit("tests/models/layer_models.py failed", returncode=2)


def pytest_ignore_collect(collection_path, config):
    """Networks and refusals need pip's PyTorch; single layers were made for Debian's."""
    others = ("test_networks.py", "test_refusals.py") if config.option.engine == ["qnnpack"] else ("test_layers_reference.py",)
    return True if collection_path.name in others else None
