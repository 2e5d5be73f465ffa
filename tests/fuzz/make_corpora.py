#!/usr/bin/python3
"""Makes the corpora that the fuzzers start from, tests/data/fuzz/NAME.

    make_corpora.py [NAME...] [--fuzzers DIR] [--models DIR] [--octavo EXE] [--found DIR] [--seeds DIR] [--only-seeds]

The seeds are models of single layers that PyTorch saved (tests/models/layer_models.py makes them in build/models), what
Octavo exports from them, the models of ONNX's own node tests, and the fixtures in tests/data.  Each fuzzer then keeps
the fewest bytes that cover the same code (-merge=1): of the corpus that is there, the seeds, and DIR/NAME of --found,
what earlier runs found.  Needs the package onnx, the build `fuzz` and a build of the program.
"""
import argparse
import hashlib
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "tests/data"
CORPORA = DATA / "fuzz"
# The longest file of a corpus, and how many bytes a corpus may have.
MAX_FILE, MAX_CORPUS = 8192, {"export": 400_000, "reference": 500_000, "engine": 350_000, "convert": 250_000}
MAX_OTHER_CORPUS = 80_000


def smaller(spec):
    """The specification of an input with few elements: a fuzzer wants short runs."""
    sizes = re.search(r"\[([0-9,]*)\]", spec)
    numbers = [int(n) for n in sizes[1].split(",") if n] if sizes else []
    product = 1
    for n in numbers:
        product *= n
    return spec if product <= 4096 else None


def archive(path, specs):
    """The archive without what the program does not read, and with the record of inputs."""
    out = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        root = old.namelist()[0].split("/")[0]
        for name in old.namelist():
            if not name.endswith(".debug_pkl"):
                kind = zipfile.ZIP_DEFLATED if name.endswith(".py") else zipfile.ZIP_STORED
                new.writestr(zipfile.ZipInfo("m" + name[len(root):]), old.read(name), kind)
        new.writestr(zipfile.ZipInfo("m/extra/inputs"), "".join(spec + "\n" for spec in specs))
    return out.getvalue()


def layers(models):
    """Archives of layers with their inputs."""
    for folder in sorted((models / "layers").iterdir()):
        case = folder / "case.json"
        if not case.exists():
            continue
        specs = [smaller(i["spec"]) for i in json.loads(case.read_text())["inputs"]]
        for form in ("scripted.pt", "traced.pt"):
            if (folder / form).exists() and None not in specs:
                yield folder / form, specs


def archive_seeds(models):
    for path, specs in layers(models):
        yield archive(path, specs)
    for path in sorted(DATA.glob("caffe2/*.pt")) + sorted(DATA.glob("models/*.pt")) + sorted(DATA.glob("reader/*/*.pt")):
        if path.stat().st_size < 30_000 and zipfile.is_zipfile(path):
            yield archive(path, [])


def onnx_seeds(models, octavo):
    for path in sorted(DATA.glob("caffe2/*.onnx")):
        yield path.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.case.node import collect_testcases
        for case in collect_testcases(None):
            yield case.model.SerializeToString()
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "out.onnx"
        for i, (path, specs) in enumerate(layers(models)):
            more = [["--dialect", "caffe2"], ["--opset", "21"], ["--target", "tensorrt"], []][i % 4]
            inputs = [a for spec in specs for a in ("--input", spec)]
            if subprocess.run([octavo, "export", path, "-o", out, "--quiet", *inputs, *more], capture_output=True).returncode == 0:
                yield out.read_bytes()


def saved_files(models):
    """What torch.save writes, in both of its formats, and other models."""
    yield from files("**/*.pt", "**/*.onnx")
    yield from (archive for i, archive in enumerate(archive_seeds(models)) if i % 20 == 0)


def records(models, ending):
    for path, _ in layers(models):
        with zipfile.ZipFile(path) as file:
            yield from (file.read(name) for name in file.namelist() if name.endswith(ending))


def files(*patterns):
    for pattern in patterns:
        for path in sorted(DATA.glob(pattern)):
            yield path.read_bytes()


def graph_texts():
    """The graphs that stand in tests and documents."""
    for path in [*sorted(ROOT.glob("src/octavo/**/*_test.cc")), ROOT / "docs/ir.md"]:
        for text in re.findall(r'R"\w*\((.*?)\)\w*"|```\w*\n(.*?)```', path.read_text(), re.S):
            if "%" in "".join(text):
                yield "".join(text).encode()


def specs():
    yield from (b"x:float32[1,3,224,224]", b"float32[N,3,224,224]", b"quint8[1,4,2,3](0.26,128)", b"k=3", b"alpha=0.5", b"flag=false",
                b"mask=None", b"p.1=-4", b"OLD=NEW", b"x:", b"qint32[](1e-3,0)", b"torch.float[2,N]", b"d.a=b:float32[1]", b"memory=16G", b"work=5000000000", b"steps=100M")


def seeds(name, models, octavo):
    if name in ("export", "reference"):
        return archive_seeds(models)
    if name in ("engine", "convert"):
        return onnx_seeds(models, octavo)
    return {
        "audit": lambda: saved_files(models),
        "archive": lambda: (a for i, a in enumerate(archive_seeds(models)) if i % 20 == 0),
        "file_kind": lambda: files("foreign/*", "npy/*.npy", "caffe2/add.*", "reader/*/*.pt"),
        "load": lambda: records(models, "data.pkl"),
        "npy": lambda: files("npy/*.np[yz]"),
        "parser": lambda: (text for kind in (files("source/*.py"), records(models, ".py")) for text in kind),
        "pickle": lambda: (data for ending in ("data.pkl", "constants.pkl") for data in records(models, ending)),
        "source_map": lambda: records(models, ".debug_pkl"),
        "spec": specs,
        "text": graph_texts,
    }[name]()


def size(folder):
    return sum(path.stat().st_size for path in folder.iterdir())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--fuzzers", type=pathlib.Path, default=ROOT / "build/fuzz/fuzzers")
    parser.add_argument("--models", type=pathlib.Path, default=ROOT / "build/models")
    parser.add_argument("--octavo", default=ROOT / "build/release/octavo")
    parser.add_argument("--found", type=pathlib.Path)
    parser.add_argument("--seeds", type=pathlib.Path, default=ROOT / "build/fuzz/seeds", help="where all seeds go")
    parser.add_argument("--only-seeds", action="store_true", help="make no corpora")
    options = parser.parse_args()
    for source in sorted(ROOT.glob("src/octavo/*/*_fuzz.cc")):
        name, fuzzer = source.name[:-len("_fuzz.cc")], options.fuzzers / source.stem
        if options.names and name not in options.names:
            continue
        folder = options.seeds / name
        folder.mkdir(parents=True, exist_ok=True)
        for data in seeds(name, options.models, options.octavo):
            if len(data) <= 4 * MAX_FILE:
                (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)
        if options.only_seeds:
            print("%s: %d seeds" % (name, len(list(folder.iterdir()))))
            continue
        sources = [folder] + [f for f in [CORPORA / name, options.found and options.found / name] if f and f.is_dir()]
        with tempfile.TemporaryDirectory() as merged:
            environment = dict(os.environ, TMPDIR="/dev/shm" if os.path.isdir("/dev/shm") else "/tmp")
            command = [fuzzer, "-merge=1", "-max_len=%d" % MAX_FILE, "-rss_limit_mb=2048", "-timeout=10",
                       "-artifact_prefix=%s/" % folder.parent, merged, *sources]
            done = subprocess.run(command, capture_output=True, env=environment)
            if done.returncode:
                print(done.stderr.decode(errors="replace")[-2000:], file=sys.stderr)
            # The files that -merge=1 adds first cover the most for their size: they stay where there is no room for all.
            kept = sorted(pathlib.Path(merged).iterdir(), key=lambda p: (p.stat().st_size, p.name))
            shutil.rmtree(CORPORA / name, ignore_errors=True)
            (CORPORA / name).mkdir(parents=True)
            room = MAX_CORPUS.get(name, MAX_OTHER_CORPUS)
            for path in kept:
                if path.stat().st_size > room:
                    break
                room -= path.stat().st_size
                shutil.copyfile(path, CORPORA / name / path.name)
        print("%s: %d seeds, %d of %d files, %d bytes" % (name, len(list(folder.iterdir())), len(list((CORPORA / name).iterdir())),
                                                       len(kept), size(CORPORA / name)))


if __name__ == "__main__":
    main()
