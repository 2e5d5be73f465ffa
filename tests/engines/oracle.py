"""Asks pip's PyTorch for its answers, one process per engine, and Octavo for what it says of each node."""
import json
import os
import pathlib
import re
import subprocess

import numpy as np

import tools

ENGINES = ("qnnpack-x86", "fbgemm", "onednn", "x86")
WORKER = pathlib.Path(__file__).with_name("pytorch.py")


def described(spec):
    """dtype, scale and zero point of a SPEC; no dtype if it is not quantized."""
    found = re.fullmatch(r"[^:]*:(\w+)\[[^]]*\](?:\(([^,]+),([^)]+)\))?", spec)
    return {"dtype": found[1], "scale": float(found[2]), "zero_point": int(found[3])} if found[2] else {}


def answers(engine, cases, scratch):
    """{name: outputs or the error's text} for cases of (name, model, [(array file, SPEC)...])."""
    scratch.mkdir(parents=True, exist_ok=True)
    listed = [{"model": str(model), "outputs": str(scratch / (name + ".")),
               "inputs": [dict(file=str(file), **described(spec)) for file, spec in inputs]} for name, model, inputs in cases]
    (scratch / "cases.json").write_text(json.dumps(listed))
    subprocess.run([os.environ["OCTAVO_PYTORCH"], str(WORKER), engine, str(scratch / "cases.json")], check=True, capture_output=True)
    found = {}
    for name, _, _ in cases:
        error = scratch / (name + ".error.txt")
        files = sorted(scratch.glob(name + ".*.npy"), key=lambda f: int(f.suffixes[-2][1:]))
        found[name] = error.read_text() if error.exists() else [np.load(f) for f in files]
    return found


def export(engine, model, specs, out, *options):
    """The report of the export."""
    words = [word for spec in specs for word in ("--input", spec)]
    return json.loads(tools.octavo("export", model, "-o", out, "--json", "--engine", engine, *words, *options).stdout)


def as_meant(report):
    return any(node.get("by") == "as meant" for node in report["exactness"])


def claims_exact(report):
    return all(node["exact"] for node in report["exactness"]) and not any(f["before_quantized"] for f in report["float_operators"])
