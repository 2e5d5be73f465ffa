#!/usr/bin/env python3
"""Writes the array files of this folder with NumPy."""
import pathlib

import numpy as np

FOLDER = pathlib.Path(__file__).parent
six = np.arange(6).reshape(2, 3)


def save(name, array, version=None):
    with open(FOLDER / (name + ".npy"), "wb") as file:
        np.lib.format.write_array(file, np.asanyarray(array), version)


for kind in "uint8 int8 int16 int32 int64 float16 float32 float64 uint16 uint32 uint64".split():
    save(kind, six.astype(kind))
save("big_float32", six.astype(">f4"))
save("big_uint16", six.astype(">u2"))
save("big_int64", six.astype(">i8"))
save("fortran", np.asfortranarray(six.astype("float32")))
save("big_fortran", np.asfortranarray(six.astype(">i2")))
save("version2", six.astype("int32"), (2, 0))
save("version3", six.astype("int32"), (3, 0))
save("scalar", np.float32(2.5))
save("empty", np.zeros((0, 3), "float32"))
save("bool", np.array([True, False, True]))
save("complex64", np.array([1 + 2j, 3 - 4j], "complex64"))
save("big_complex64", np.array([1 + 2j, 3 - 4j], ">c8"))
save("half", np.array([-0.0, 2.0 ** -24, 65504, 1.5], "float16"))
save("object", np.array([{"a": 1}], object))
arrays = {"x": np.array([1, 2, 3], "float32"), "mask": np.array([7, 8], "int64")}
np.savez(FOLDER / "stored.npz", **arrays)
np.savez_compressed(FOLDER / "deflated.npz", **arrays)
