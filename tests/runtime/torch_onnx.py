"""PyTorch's own exporter, the peer that octavo's models are compared with."""
import contextlib
import io
import json
import tempfile
import warnings

import torch


def export(model, out, size, opset=13):
    """Exports a saved torchvision classifier; an exception where torch.onnx cannot."""
    torch.backends.quantized.engine = "qnnpack"
    warnings.simplefilter("ignore")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        torch.onnx.export(torch.jit.load(str(model)), (torch.zeros(1, 3, size, size),), str(out), opset_version=opset,
                          input_names=["x"])
    return out


def cached(folder, size, measure):
    """What `measure` says of torch.onnx's model of `folder`, or None; kept in the folder, which a new model empties."""
    kept = folder / "torch_onnx.json"
    if not kept.is_file():
        with tempfile.TemporaryDirectory() as scratch:
            try:
                made = export(folder / "model.pt", scratch + "/peer.onnx", size)
                result = measure(made)
            except Exception as e:  # noqa: BLE001 it fails in many ways; that it does is the finding
                result, why = None, "%s: %s" % (type(e).__name__, str(e).split("\n")[0][:300])
            else:
                why = ""
        kept.write_text(json.dumps({"result": result, "why": why, "torch": torch.__version__}, indent=1))
    return json.loads(kept.read_text())["result"]
