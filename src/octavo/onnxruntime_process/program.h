#pragma once

namespace octavo::onnxruntime_process {

// What the Python process runs.  Its arguments are the descriptor of a socket, and the private folder.
//
// It reads one request a line from the socket and answers each with one line of JSON:
//   load ID HEX         loads the model whose path HEX holds as hexadecimal bytes
//   run ID N            runs it on array_in_0.npy ... array_in_<N-1>.npy; writes array_out_0.npy, ...
//   unload ID
// An answer is {"ok": ...} or {"error": "a message"}.  The first line, before any request, is
//   {"ok": {"python": [3, 11, 2], "executable": "...", "onnxruntime": "1.32.0", "providers": [...]}}
// or, where ONNX Runtime cannot be used, {"python": ..., "executable": ...} of a Python that is too old, the
// same with "missing", the name of a package that is not installed, or with "broken", the message of an
// import that failed.
//
// Lines before the check of the version run on every Python 3.
inline constexpr const char* kProgram = R"PYTHON(
import sys, os
def answer(text):
    line = (text + "\n").encode("ascii")
    while line:
        line = line[os.write(int(sys.argv[1]), line):]
import json
about = {"python": list(sys.version_info[:3]), "executable": sys.executable}
if sys.version_info < (3, 8):
    answer(json.dumps(about))
    sys.exit(0)
folder = sys.argv[2]
def user_packages():
    # -I leaves out the packages of `pip install --user`, which Python itself would find after all others.
    import site
    if sys.prefix == sys.base_prefix:
        path = site.getusersitepackages()
        if os.path.isdir(path):
            site.addsitedir(path)
try:
    try:
        import numpy, onnxruntime
    except ModuleNotFoundError as error:
        if error.name not in ("numpy", "onnxruntime"):
            raise
        user_packages()
        import numpy, onnxruntime
    about["onnxruntime"] = str(onnxruntime.__version__)
    PROVIDERS = ["CPUExecutionProvider"]
    about["providers"] = PROVIDERS
    onnxruntime.InferenceSession
    if hasattr(onnxruntime, "disable_telemetry_events"):
        onnxruntime.disable_telemetry_events()
except ModuleNotFoundError as error:
    about["missing"] = str(error.name)
    answer(json.dumps(about))
    sys.exit(0)
except BaseException as error:
    about["broken"] = type(error).__name__ + ": " + str(error)[:10000]
    answer(json.dumps(about))
    sys.exit(0)
answer(json.dumps({"ok": about}))
sessions = {}
def load(words):
    path = os.fsdecode(bytes.fromhex(words[1]))
    session = onnxruntime.InferenceSession(path, providers=PROVIDERS)
    sessions[words[0]] = session
    return len(session.get_outputs())
def run(words):
    session = sessions[words[0]]
    arrays = [numpy.load(os.path.join(folder, "array_in_%d.npy" % i), allow_pickle=False) for i in range(int(words[1]))]
    names = [value.name for value in session.get_inputs()]
    if len(names) != len(arrays):
        raise ValueError("the model has %d inputs, and %d arrays were given" % (len(names), len(arrays)))
    outputs = session.run(None, dict(zip(names, arrays)))
    for i, (value, info) in enumerate(zip(outputs, session.get_outputs())):
        if not isinstance(value, numpy.ndarray) or value.dtype.kind not in "biufc":
            raise TypeError("the output %s is a %s, and only tensors of numbers can be compared" % (info.name, info.type))
        with open(os.path.join(folder, "array_out_%d.npy" % i), "wb") as file:
            numpy.lib.format.write_array(file, numpy.ascontiguousarray(value).reshape(value.shape), allow_pickle=False)
    return len(outputs)
def unload(words):
    sessions.pop(words[0], None)
    return 0
commands = {"load": load, "run": run, "unload": unload}
for line in os.fdopen(int(sys.argv[1]), "rb", closefd=False):
    words = line.decode("ascii").split()
    try:
        text = json.dumps({"ok": commands[words[0]](words[1:])})
    except BaseException as error:
        text = json.dumps({"error": str(error)[:10000] or type(error).__name__, "system": isinstance(error, OSError)})
    answer(text)
)PYTHON";

}  // namespace octavo::onnxruntime_process
