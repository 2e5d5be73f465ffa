"""Runs saved models with one engine of this Python's PyTorch.

    pytorch.py ENGINE CASES.json

Each case is {"model": FILE, "inputs": [{"file": NPY, "dtype", "scale", "zero_point"}...], "outputs": PREFIX}.
The answers are PREFIX0.npy, ...: integers of quantized tensors.  A case that PyTorch refuses leaves PREFIXerror.txt.
"""
import json
import pathlib
import sys
import warnings

import numpy as np
import torch

warnings.simplefilter("ignore")


def tensor(entry):
    array = torch.from_numpy(np.load(entry["file"]))
    if not entry.get("dtype"):
        return array
    return torch._make_per_tensor_quantized_tensor(array, entry["scale"], entry["zero_point"])


def listed(result):
    if isinstance(result, dict):
        result = list(result.values())
    return [x for part in result for x in listed(part)] if isinstance(result, (tuple, list)) else [result]


def main():
    torch.set_num_threads(1)
    torch.backends.quantized.engine = sys.argv[1].replace("qnnpack-x86", "qnnpack")
    for case in json.loads(pathlib.Path(sys.argv[2]).read_text()):
        try:
            module = torch.jit.load(case["model"])  # packs the weights for the engine
            with torch.no_grad():
                results = listed(module(*map(tensor, case["inputs"])))
        except RuntimeError as error:
            pathlib.Path(case["outputs"] + "error.txt").write_text(str(error))
            continue
        for i, t in enumerate(results):
            np.save("%s%d.npy" % (case["outputs"], i), (t.int_repr() if t.is_quantized else t).numpy())


if __name__ == "__main__":
    main()
