#!/usr/bin/env python3
"""Runs an exported digits model on the test images with ONNX Runtime, and counts the digits that it recognizes.

    evaluate.py digits.onnx

Needs onnxruntime and numpy (pip install onnxruntime).  If PyTorch is installed, the script also compares every logit
with PyTorch's result, computed by the qnnpack engine.
"""
import pathlib
import sys

import numpy as np
import onnxruntime

HERE = pathlib.Path(__file__).resolve().parent


def logits_of_pytorch(images):
    """PyTorch's name, and its logits for the images; None if it is not installed."""
    try:
        import torch
    except ImportError:
        return None
    torch.backends.quantized.engine = "qnnpack"  # before the model is loaded
    with torch.no_grad():
        logits = torch.jit.load(str(HERE / "digits.pt"))(torch.from_numpy(images)).numpy()
    return "PyTorch %s, engine %s" % (torch.__version__, torch.backends.quantized.engine), logits


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    images, labels = np.load(HERE / "images.npy"), np.load(HERE / "labels.npy")
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.x64quantprecision", "1")  # exact sums on x86 CPUs without VNNI, too
    session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
    logits = session.run(None, {session.get_inputs()[0].name: images})[0]
    right = int((logits.argmax(1) == labels).sum())
    print("%d of %d digits are right (%.2f %%)" % (right, len(labels), 100 * right / len(labels)))
    theirs = logits_of_pytorch(images)
    if theirs is not None:
        print("%d of %d logits differ from PyTorch's (%s)" % (np.count_nonzero(logits != theirs[1]), logits.size, theirs[0]))


if __name__ == "__main__":
    main()
