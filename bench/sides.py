"""What the benchmarks share: commands of the compared programs, and inference times of alternating rounds, one process per program."""
import json
import pathlib
import statistics
import subprocess
import sys

REPO = pathlib.Path(__file__).resolve().parents[1]
PYTHON = str(REPO / "build" / "venv" / "bin" / "python")
WARM_UP = 30  # ONNX Runtime's first runs are slow
# Reads a number of runs per line of standard input, makes them, and prints their median and minimum in milliseconds.
PEER = """
import statistics, sys, time
import numpy, onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(sys.argv[2])
options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
given = session.get_inputs()[0]
name, shape = given.name, [n if isinstance(n, int) else 1 for n in given.shape]
x = numpy.random.default_rng(0).standard_normal(shape, dtype=numpy.float32)
for line in sys.stdin:
    times = []
    for _ in range(int(line)):
        start = time.perf_counter()
        session.run(None, {name: x})
        times.append(1e3 * (time.perf_counter() - start))
    print(statistics.median(times), min(times), flush=True)
"""

# The same for OpenVINO.
OPENVINO = """
import statistics, sys, time
import numpy, openvino
options = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": int(sys.argv[2])}
request = openvino.Core().compile_model(sys.argv[1], "CPU", options).create_infer_request()
x = numpy.random.default_rng(0).standard_normal(tuple(request.get_input_tensor().shape), dtype=numpy.float32)
for line in sys.stdin:
    times = []
    for _ in range(int(line)):
        start = time.perf_counter()
        request.infer([x])
        times.append(1e3 * (time.perf_counter() - start))
    print(statistics.median(times), min(times), flush=True)
"""

OPENVINO_ANSWERS = """
import sys
import numpy, openvino
compiled = openvino.Core().compile_model(sys.argv[1], "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
numpy.save(sys.argv[3], numpy.concatenate([compiled(x[None])[0] for x in numpy.load(sys.argv[2])]))
"""

# The operators that ONNX Runtime runs once it has optimized a model.
OPTIMIZED = """
import collections, json, os, sys, tempfile
import onnx, onnxruntime
options = onnxruntime.SessionOptions()
options.log_severity_level = 3
with tempfile.TemporaryDirectory() as folder:
    options.optimized_model_filepath = os.path.join(folder, "model.onnx")
    onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
    nodes = onnx.load(options.optimized_model_filepath).graph.node
print(json.dumps(collections.Counter(node.op_type for node in nodes)))
"""

# torchvision_cases draws the images.
TORCH_ANSWERS = """
import pathlib, sys
import numpy
sys.path.insert(0, sys.argv[1])
import torchvision_cases
images, answers = torchvision_cases.answers(pathlib.Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
numpy.save(sys.argv[5], numpy.concatenate(images))
numpy.save(sys.argv[6], numpy.concatenate(answers))
"""

TORCH_ONNX = """
import sys, warnings, torch
warnings.simplefilter("ignore")
torch.backends.quantized.engine = "qnnpack"
size = int(sys.argv[3])
torch.onnx.export(torch.jit.load(sys.argv[1]), (torch.zeros(1, 3, size, size),), sys.argv[2], opset_version=13)
"""


def torch_onnx(model, out, size):
    """The command that exports a saved classifier of images with torch.onnx."""
    return ["/usr/bin/python3", "-c", TORCH_ONNX, str(model), str(out), str(size)]


def onnxruntime(model, threads):
    """The command of a side that runs `model` in ONNX Runtime."""
    return [PYTHON, "-c", PEER, str(model), str(threads)]


def optimized(model):
    """How many nodes of each operator ONNX Runtime makes of `model`."""
    made = subprocess.run([PYTHON, "-c", OPTIMIZED, str(model)], capture_output=True, text=True, check=True)
    return json.loads(made.stdout)


def openvino(model, threads):
    """The command of a side that runs `model` in OpenVINO."""
    return [PYTHON, "-c", OPENVINO, str(model), str(threads)]


def openvino_answers(model, images, out):
    """The command that writes OpenVINO's answers to `images`, one after the other; both are .npy files."""
    return [PYTHON, "-c", OPENVINO_ANSWERS, str(model), str(images), str(out)]


def torch_answers(folder, size, count, images, out):
    """The command that writes `count` images and PyTorch's answers for the saved network in `folder`."""
    return [PYTHON, "-c", TORCH_ANSWERS, str(REPO / "tests" / "models"), str(folder), str(size), str(count), str(images), str(out)]


class Side:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.medians, self.least = [], float("inf")

    def run(self, runs):
        self.process.stdin.write("%d\n" % runs)
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit("a side ended: " + " ".join(self.process.args[:2]))
        median, least = map(float, line.split()[:2])
        return median, least

    def measure(self, runs):
        median, least = self.run(runs)
        self.medians.append(median)
        self.least = min(self.least, least)

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def result(self):
        return {"median_ms": statistics.median(self.medians), "least_ms": self.least, "rounds": self.medians}


def measure(commands, rounds, runs, again=lambda results: False, most=4):
    """The result of each command: the median of the rounds' medians, the least, the rounds.

    While `again` says so of the results, as many rounds are added, up to `most` times what is asked for."""
    sides = [Side(command) for command in commands]
    for side in sides:
        side.run(WARM_UP)
    for times in range(1, most + 1):
        for _ in range(rounds):
            for side in sides:
                side.measure(runs)
        results = [side.result() for side in sides]
        if times == most or not again(results):
            break
    for side in sides:
        side.close()
    return results


def ratio(ours, theirs):
    """Quartiles of our time over theirs, round by round: what slows both down at once is not in it."""
    low, middle, high = statistics.quantiles([a / b for a, b in zip(ours["rounds"], theirs["rounds"])], n=4)
    return {"ratio_low": low, "ratio": middle, "ratio_high": high}
