"""Runs models through Octavo's reference: many in one process (reference_cases.cc)."""
import concurrent.futures
import os
import pathlib
import subprocess
import tempfile

import numpy as np

REPO = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("OCTAVO_REFERENCE_CASES", str(REPO / "build" / "release" / "tests" / "numbers" / "reference_cases"))
DTYPES = {"quint8": np.uint8, "qint8": np.int8, "qint32": np.int32, "bool": np.bool_}


class Output:
    """One result: `values` (of a quantized one the integers), `dtype` by PyTorch's name, scales, zero points, axis."""

    def __init__(self, values, dtype, scales=(), zero_points=(), axis=-1):
        self.values, self.dtype, self.scales, self.zero_points, self.axis = values, dtype, list(scales), list(zero_points), axis

    def type(self):
        return (self.dtype, list(self.values.shape), self.scales, self.zero_points, self.axis)


def _listed(text, kind):
    return [kind(n) for n in text.strip("[]").split(",") if n]


def _output(text, path):
    dtype, sizes, scales, zero_points, axis = text.split(" ")
    raw = np.fromfile(path, DTYPES.get(dtype) or np.dtype(dtype))
    return Output(raw.reshape(_listed(sizes, int)), dtype, _listed(scales, float), _listed(zero_points, int), int(axis))


def answers(cases, *options, folder=None):
    """The line that the program answers to each case; "crash: ..." where it ends."""
    made = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = folder or temporary
        lines = []
        for number, (model, inputs) in enumerate(cases):
            fields = [str(model), "%s/%d_out" % (folder, number)]
            for i, (spec, array) in enumerate(inputs):
                path = "%s/%d_in%d" % (folder, number, i)
                np.ascontiguousarray(array).tofile(path)
                fields += [spec, path]
            lines.append("\t".join(fields))
        while len(made) < len(lines):
            rest = lines[len(made):]
            done = subprocess.run([PROGRAM, *options], input="\n".join(rest) + "\n", capture_output=True, text=True)
            made += done.stdout.splitlines()
            if len(made) < len(lines):
                made.append("crash: exit code %d, %s" % (done.returncode, done.stderr.strip()[-400:]))
    return made


def run(cases, engine="qnnpack", faults="meant"):
    """`cases`: (model file, [(specification, array)]) each.  A list of [Output], or of str where the answer is an error."""
    with tempfile.TemporaryDirectory() as folder:
        return [_results(line, "%s/%d_out" % (folder, number))
                for number, line in enumerate(answers(cases, engine, faults, folder=folder))]


def _results(line, prefix):
    status, *fields = line.split("\t")
    if status != "ok":
        return fields[0] if status == "error" else line
    return [_output(text, prefix + str(i)) for i, text in enumerate(fields)]


def run_in_parallel(cases, engine="qnnpack", faults="meant", workers=2):
    parts = [cases[i::workers] for i in range(workers)]
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        done = list(pool.map(lambda part: run(part, engine, faults), parts))
    answers = [None] * len(cases)
    for i, part in enumerate(done):
        answers[i::workers] = part
    return answers
