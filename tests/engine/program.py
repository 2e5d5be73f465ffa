"""Runs models in Octavo's engine."""
import os
import pathlib
import subprocess

import numpy as np

REPO = pathlib.Path(__file__).resolve().parents[2]
OCTAVO = os.environ.get("OCTAVO", str(REPO / "build" / "release" / "octavo"))


def run(model, inputs, folder, *options):
    """What `octavo run` answers, or the error's text."""
    words = []
    for i, array in enumerate(inputs):
        np.save(folder / ("x%d.npy" % i), array)
        words += ["--input", str(folder / ("x%d.npy" % i))]
    for old in folder.glob("y*.npy"):
        old.unlink()
    done = subprocess.run([OCTAVO, "run", str(model), "-o", str(folder), "--quiet", *words, *options],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode >= 0, "octavo died of signal %d: %s" % (-done.returncode, done.stderr)
    if done.returncode:
        return done.stderr
    count = len(list(folder.glob("y*.npy")))
    return [np.load(folder / ("y%d.npy" % i)) for i in range(count)]
