#!/usr/bin/python3
"""Writes tests/data/caffe2: each model of models.py as TorchScript, and what PyTorch's former Caffe2 exporter makes of it.

    make_expected.py [DIR]

DIR gets NAME.pt; NAME.onnx where the former exporter gives a right model, NAME.wrong.onnx where it gives a wrong one;
answers.npz has the inputs and PyTorch's answers, cases.json says of each which inputs it takes, what to expect and why.
A NAME.pt that is there stays: delete it to have it made anew.  Needs PyTorch 1.13 (Debian: python3-torch), the last one that ships that exporter: it
is switched on by hand, since builds without Caffe2 switch it off.
"""
import io
import json
import pathlib
import sys
import warnings

import numpy as np
import torch
import torch.onnx
from torch.onnx import symbolic_helper

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import models  # noqa: E402

DATA = pathlib.Path(__file__).resolve().parents[1] / "data" / "caffe2"


def former(traced, inputs):
    """The file that the former exporter writes, or None and what it says."""
    buffer = io.BytesIO()
    try:
        torch.onnx.export(traced, inputs, buffer, opset_version=9, input_names=["x", "y"][:len(inputs)],
                          operator_export_type=torch.onnx.OperatorExportTypes.ONNX_ATEN_FALLBACK)
    except Exception as error:  # noqa: BLE001 whatever it is, there is no model
        return None, "%s: %s" % (type(error).__name__, str(error).strip().splitlines()[0][:200])
    return buffer.getvalue(), ""


def spec(t):
    shape = ",".join(map(str, t.shape))
    return "quint8[%s](%r,%d)" % (shape, t.q_scale(), t.q_zero_point()) if t.is_quantized else "float32[%s]" % shape


def main():
    warnings.simplefilter("ignore")
    symbolic_helper.is_caffe2_aten_fallback = lambda: True
    torch.backends.quantized.engine = "qnnpack"
    torch.manual_seed(0)
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*.onnx"):
        old.unlink()
    listed, answers, wrong = [], {}, 0
    for case in models.cases():
        torch.backends.quantized.engine = "onednn" if case.name in models.NOT_QNNPACK else "qnnpack"
        path = out / (case.name + ".pt")
        if not path.exists():
            with torch.no_grad():
                torch.jit.save(torch.jit.trace(case.module, case.inputs, check_trace=False), str(path))
        loaded = torch.jit.load(str(path))
        with torch.no_grad():
            answers[case.name] = loaded(*case.inputs).numpy()
        for i, t in enumerate(case.inputs):
            answers["%s:%d" % (case.name, i)] = (t.int_repr() if t.is_quantized else t).numpy()
        model, said = former(loaded, case.inputs)
        if (model is None) != (case.expect == models.FAILS):
            print("%s: expected %s, and the former exporter %s" % (
                case.name, case.expect, "gave a model" if model else "said " + said), file=sys.stderr)
            wrong += 1
        if model:
            kind = ".onnx" if case.expect == models.SAME else ".wrong.onnx"
            (out / (case.name + kind)).write_bytes(model)
        listed.append({"name": case.name, "expect": case.expect, "why": case.why or said,
                       "refused": case.name in models.REFUSED, "inputs": [spec(t) for t in case.inputs]})
    np.savez_compressed(out / "answers.npz", **answers)
    (out / "cases.json").write_text(json.dumps(listed, indent=1) + "\n")
    print("%d models, %d with the former exporter's graph, %d surprises" % (
        len(listed), sum(c["expect"] == models.SAME for c in listed), wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
