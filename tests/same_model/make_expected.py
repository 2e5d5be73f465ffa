"""Writes expected.json: what PyTorch 1.13 and 2.13 answer for each file of variants.py.

    python3 make_expected.py /usr/bin/python3 PYTHON_WITH_PYTORCH_2.13
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import variants

FOLDER = pathlib.Path(__file__).parent


def ask(python, folder):
    """What the PyTorch of an interpreter answers, by file: a list of numbers, or None where it reads no model."""
    said = json.loads(subprocess.run([python, FOLDER / "ask_pytorch.py", folder], check=True, capture_output=True).stdout)
    answers = {}
    for file, answer in said["files"].items():
        numbers = answer.get("answers")
        answers[file.removesuffix(".pt")] = numbers if isinstance(numbers, list) else None
    return ".".join(said["version"].split(".")[:2]), answers


def write_files(folder):
    for variant, content in variants.VARIANTS.items():
        (pathlib.Path(folder) / (variant + ".pt")).write_bytes(content)


def main():
    expected = {}
    with tempfile.TemporaryDirectory() as folder:
        write_files(folder)
        for python in sys.argv[1:]:
            version, answers = ask(python, folder)
            for variant, numbers in answers.items():
                expected.setdefault(variant, {})[version] = numbers
    lines = ",\n".join(f"{json.dumps(variant)}: {json.dumps(by_version)}" for variant, by_version in sorted(expected.items()))
    (FOLDER / "expected.json").write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()
