#!/usr/bin/python3
"""Trains, quantizes and saves a small residual network for the handwritten digits that scikit-learn ships.

Writes three files into its own folder: digits.pt (TorchScript, int8), images.npy (the test images, float32[360,1,8,8]) and
labels.npy (their digits, int64[360]).  It takes under a minute on one core; the seed is fixed.

Needs PyTorch 1.13 and scikit-learn (Debian packages python3-torch and python3-sklearn); newer versions may work.
"""
import pathlib

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.ao import quantization
from torch.nn import functional as F

HERE = pathlib.Path(__file__).resolve().parent


class Block(nn.Module):
    """Two convolutions and a residual addition."""

    def __init__(self, channels):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        self.conv2, self.bn2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        self.relu, self.add = nn.ReLU(), nn.quantized.FloatFunctional()

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        return self.add.add_relu(x, self.bn2(self.conv2(y)))


class Digits(nn.Module):
    def __init__(self):
        super().__init__()
        self.quant, self.dequant = quantization.QuantStub(), quantization.DeQuantStub()
        self.conv, self.bn, self.relu = nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()
        self.block1, self.pool, self.block2 = Block(16), nn.MaxPool2d(2), Block(16)
        self.average, self.fc = nn.AdaptiveAvgPool2d((2, 2)), nn.Linear(64, 10)

    def forward(self, x):
        x = self.relu(self.bn(self.conv(self.quant(x))))
        x = self.average(self.block2(self.pool(self.block1(x))))
        return self.dequant(self.fc(torch.flatten(x, 1)))

    def fuse(self):
        quantization.fuse_modules(self, ["conv", "bn", "relu"], inplace=True)
        for block in (self.block1, self.block2):
            quantization.fuse_modules(block, [["conv1", "bn1", "relu"], ["conv2", "bn2"]], inplace=True)


def train(net, images, labels, epochs=25, batch=64):
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        for chosen in torch.randperm(len(images)).split(batch):
            optimizer.zero_grad()
            F.cross_entropy(net(images[chosen]), labels[chosen]).backward()
            optimizer.step()
        schedule.step()


def accuracy(net, images, labels):
    with torch.no_grad():
        return float((net(images).argmax(1) == labels).float().mean())


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    torch.backends.quantized.engine = "qnnpack"
    digits = load_digits()
    split = train_test_split((digits.images / 16).astype(np.float32)[:, None], digits.target, test_size=360, random_state=0)
    images, test_images, labels, test_labels = map(torch.from_numpy, split)

    net = Digits()
    train(net, images, labels)
    net.eval()
    print("float   %.2f %% of %d test images" % (100 * accuracy(net, test_images, test_labels), len(test_images)))

    net.fuse()
    net.qconfig = quantization.get_default_qconfig("qnnpack")
    quantization.prepare(net, inplace=True)
    accuracy(net, images, labels)  # shows the training images to the observers
    quantization.convert(net, inplace=True)
    print("int8    %.2f %%" % (100 * accuracy(net, test_images, test_labels)))

    with torch.no_grad():
        torch.jit.save(torch.jit.trace(net, test_images[:1]), str(HERE / "digits.pt"))
    np.save(HERE / "images.npy", test_images.numpy())
    np.save(HERE / "labels.npy", test_labels.numpy())
    print("wrote digits.pt, %d bytes" % (HERE / "digits.pt").stat().st_size)


if __name__ == "__main__":
    main()
