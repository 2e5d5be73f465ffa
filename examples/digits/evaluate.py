#!/usr/bin/env python3
"""Runs an exported digits model on the test images with ONNX Runtime.

    evaluate.py digits.onnx

Needs onnxruntime and numpy (pip install onnxruntime).  With PyTorch at hand it also compares every logit with
PyTorch's own.
"""
import pathlib
import sys

import numpy as np
import onnxruntime

HERE = pathlib.Path(__file__).resolve().parent


def logits_of_pytorch(images):
    try:
        import torch
    except ImportError:
        return None
    torch.backends.quantized.engine = "qnnpack"
    with torch.no_grad():
        return torch.jit.load(str(HERE / "digits.pt"))(torch.from_numpy(images)).numpy()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    images, labels = np.load(HERE / "images.npy"), np.load(HERE / "labels.npy")
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.x64quantprecision", "1")  # exact on processors without VNNI, too
    session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
    logits = session.run(None, {session.get_inputs()[0].name: images})[0]
    right = int((logits.argmax(1) == labels).sum())
    print("%d of %d digits right (%.2f %%)" % (right, len(labels), 100 * right / len(labels)))
    theirs = logits_of_pytorch(images)
    if theirs is not None:
        print("%d of %d logits differ from PyTorch's" % (np.count_nonzero(logits != theirs), logits.size))


if __name__ == "__main__":
    main()
