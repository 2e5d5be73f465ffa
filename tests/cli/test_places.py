"""Messages and doc_string name the author's own file and line, where the model's *.debug_pkl know them.

tests/data/reader/*/lines_*.pt and the lines that PyTorch itself says: tests/models/make_source_lines.py."""
import json
import re
import struct
import unittest

from octavo_cli import ROOT, CliTest, records, run, write_archive

READER = ROOT / "tests" / "data" / "reader"
VERSIONS = ["1.13", "2.13"]
SIZES = {"library": "float32[1,4,5,5]"}
# A name that would end the place in a doc_string loses its comma.
AUTHOR = "small_ net.py"
PLACE = re.compile(r"#.*?([^#,(]*\.py:\d+) \((code/[^)]*:\d+:\d+)\)( #\d+)?")


def lines(version):
    """The lines that PyTorch gives, by model; in a script it names the innermost, of which callers are not known."""
    known = json.loads((READER / version / "lines.json").read_text())
    places = {name: [place.replace("small, net.py", AUTHOR) for _, place in known[name]] for name in known}
    # conv, relu, the convolution and the ReLU of `tail`, add, mul: see SOURCE in make_source_lines.py.
    places["script"] = [f"{AUTHOR}:{line}" for line in (14, 15, 17, 17, 17, 27)]
    return places


def model(version, name):
    return READER / version / f"lines_{name}.pt", ["--input", SIZES.get(name, "float32[1,1,5,5]")]


def places_in(text):
    return [match.group(1).strip() for match in map(PLACE.search, text.splitlines()) if match]


class Places(CliTest):
    def test_lines_of_the_author(self):
        for version in VERSIONS:
            for name, expected in lines(version).items():
                with self.subTest(f"{version} {name}"):
                    path, given = model(version, name)
                    result = run("inspect", "--graph", path, *given)
                    self.assertEqual(result.returncode, 0, result.stderr)
                    self.assertEqual(places_in(result.stdout), expected)
                    for folder in ("/home/ann", "C:\\", "dist-packages", "site-packages"):
                        self.assertNotIn(folder, result.stdout)

    def test_doc_string(self):
        for name in ("trace", "script"):
            with self.subTest(name):
                path, given = model("2.13", name)
                self.assertEqual(run("export", path, "-o", self.output, *given).returncode, 0)
                data = self.output.read_bytes()
                self.assertIn(f"aten::relu at {AUTHOR}:15 (code/__torch__/net".encode(), data)
                self.assertIn(b", in inner.tail.1", data)
                self.assertNotIn(b"/home/ann", data)
                places = places_in(run("inspect", "--graph", self.output).stdout)
                self.assertEqual(set(places), set(lines("2.13")[name]))

    def test_values_are_paired_with_and_without_the_lines(self):
        """The model without its debug_pkl is what a file of an older version was made from."""
        path, given = model("2.13", "script")
        root, content = records(path)
        bare = self.folder / "bare.pt"
        write_archive(bare, {n: d for n, d in content.items() if not n.endswith(".debug_pkl")}, root)
        outputs = {}
        for name, source in (("with", path), ("without", bare)):
            outputs[name] = self.folder / f"{name}.onnx"
            self.assertEqual(run("export", source, "-o", outputs[name], *given).returncode, 0)
        self.assertNotIn(AUTHOR.encode(), outputs["without"].read_bytes())
        paired = [json.loads(run("verify", source, output, *given, "--json", "--all").stdout)["layers"]
                  for source in (path, bare) for output in outputs.values()]
        self.assertGreaterEqual(len(paired[0]), 5)
        # The author's line is shown where the first model knows it.
        generated = [[re.sub(r".* \((code/.*)\)", r"\1", layer["place"]) for layer in layers] for layers in paired]
        for places in generated[1:]:
            self.assertEqual(places, generated[0])

    def test_an_error_names_the_line_and_the_generated_one(self):
        path, given = model("2.13", "script")
        root, content = records(path)
        record = next(n for n in content if n.endswith(".py") and b"torch.relu(y)" in content[n])
        # As long as before: the entries of debug_pkl count bytes.
        content[record] = content[record].replace(b"torch.relu(y)", b"torch.stft(y)")
        broken = self.folder / "broken.pt"
        write_archive(broken, content, root)
        message = self.assert_refused(broken, *given, says=["aten::stft", f"{AUTHOR}:15 (code/__torch__/net", "inner"])
        self.assertNotIn("/home/ann", message)

    def test_the_same_bytes_twice(self):
        path, given = model("2.13", "trace")
        other = self.folder / "again.onnx"
        self.assertEqual(run("export", path, "-o", self.output, *given).returncode, 0)
        self.assertEqual(run("export", path, "-o", other, *given).returncode, 0)
        self.assertEqual(self.output.read_bytes(), other.read_bytes())

    def test_broken_records_are_left_aside(self):
        path, given = model("2.13", "script")
        root, content = records(path)
        warnings = run("export", path, "-o", self.output, *given).stderr
        bomb = b"\x80\x02" + b"(" * 1000000
        endless = b"\x80\x02]q\x00h\x00a."
        for name, data in [("empty", b""), ("text", b"text"), ("cut", None), ("bomb", bomb), ("endless", endless),
                           ("global", b"\x80\x02cos\nsystem\n(X\x02\0\0\0idtR."),
                           ("offsets", b"\x80\x02(X\x18\0\0\0FORMAT_WITH_STRING_TABLE(X\0\0\0\0t("
                                       b"(\x8a\x08" + struct.pack("<q", -5) + b"((]K\0K\0tK\0K\0tK\0ttt.")]:
            with self.subTest(name):
                changed = {n: (d[:len(d) // 2] if data is None else data) if n.endswith(".debug_pkl") else d
                           for n, d in content.items()}
                write_archive(self.folder / "model.pt", changed, root)
                result = run("export", self.folder / "model.pt", "-o", self.output, *given)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual(result.stderr, warnings)
                self.assertNotIn(AUTHOR.encode(), self.output.read_bytes())


if __name__ == "__main__":
    unittest.main()
