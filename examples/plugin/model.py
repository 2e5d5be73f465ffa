#!/usr/bin/python3
"""Saves a model that calls a custom operator, an input for it, and PyTorch's result.

    model.py FOLDER     writes model.pt, x.npy and y.npy into FOLDER

Needs PyTorch 1.13 (Debian package python3-torch) or later.
"""
import pathlib
import sys

import numpy as np
import torch

library = torch.library.Library("mylib", "DEF")
library.define("soft_limit(Tensor x, float limit) -> Tensor")


def soft_limit(x, limit):
    """limit * tanh(x / limit): close to x near 0, and never beyond the limit."""
    return limit * torch.tanh(x / limit)


def quantized_soft_limit(x, limit):
    return torch.quantize_per_tensor(soft_limit(x.dequantize(), limit), x.q_scale(), x.q_zero_point(), x.dtype)


library.impl("soft_limit", soft_limit, "CPU")
library.impl("soft_limit", quantized_soft_limit, "QuantizedCPU")


class Model(torch.nn.Module):
    def forward(self, x):
        q = torch.quantize_per_tensor(x, 0.05, 128, torch.quint8)
        q = torch.ops.mylib.soft_limit(q, 4.0)
        return torch.ops.mylib.soft_limit(q.dequantize(), 1.5)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    model = torch.jit.script(Model().eval())
    x = torch.linspace(-8, 8, 1000).reshape(1, 1000)
    torch.jit.save(model, str(folder / "model.pt"))
    np.save(folder / "x.npy", x.numpy())
    np.save(folder / "y.npy", model(x).numpy())


if __name__ == "__main__":
    main()
