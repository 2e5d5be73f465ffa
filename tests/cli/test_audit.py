"""`octavo inspect --audit`: what a file would do to a program that opens it, and no alarm on clean files."""

import json
import pathlib
import pickle
import struct
import sys
import tempfile
import unittest
import zipfile

import octavo_cli
import onnx_file
from octavo_cli import ROOT

sys.path.insert(0, str(ROOT / "tests" / "same_model"))
import model_file as mf  # noqa: E402
import variants  # noqa: E402

DATA = ROOT / "tests" / "data"
# Files of torch.save with modules in them, which a program imports that unpickles them.
WITH_CLASSES = {"checkpoint.pt", "pickled_module.pt", "pickled_module_legacy.pt"}
# Numbers of torch.save's former format in front of the value.
MAGIC, VERSION, SYSTEM = 0x1950a86a20f9469cfc6c, 1001, {"protocol_version": 1001, "little_endian": True}


class Evil:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class Audit(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)

    def audit(self, path):
        result = octavo_cli.run("inspect", path, "--audit", "--json")
        report = json.loads(result.stdout)
        self.assertEqual(result.returncode, 1 if report["findings"] else 0, result.stderr)
        return report

    def found(self, content, *texts, name="file.pt"):
        """Each text stands in a line of its own; nothing else is found."""
        path = self.folder / name
        path.write_bytes(content)
        lines = [f"{f['where']}: {f['what']}" for f in self.audit(path)["findings"]]
        self.assertEqual(len(lines), len(texts), lines)
        for text in texts:
            self.assertTrue(any(text in line for line in lines), f"{text!r} is not in {lines}")

    def test_no_alarm_on_clean_files(self):
        paths = [path for path in sorted(DATA.rglob("*")) if path.suffix in (".pt", ".ptl", ".pt2", ".onnx")]
        self.assertGreater(len(paths), 100)
        for path in paths:
            with self.subTest(path.name):
                result = octavo_cli.run("inspect", path, "--audit")
                if path.name in WITH_CLASSES:
                    self.assertIn("imports and calls", result.stdout)
                    self.assertEqual(result.returncode, 1)
                elif result.returncode == 3:
                    self.assertIn("does not support", result.stderr)
                else:
                    self.assertEqual((result.returncode, result.stdout.count("\n")), (0, 1), result.stdout + result.stderr)

    def test_pickles_that_call(self):
        evil = Evil(print, "hello")
        for protocol in range(6):
            with self.subTest(protocol):
                self.found(pickle.dumps({"a": evil}, protocol), "print when it is unpickled")
        self.found(b"cos\nsystem\n(S'true'\ntR.", "imports and calls os.system")
        self.found(b"(S'true'\nios\nsystem\n.", "imports and calls os.system")
        self.found(b"cos\nsystem\n(S'true'\ntR\xff", "imports and calls os.system", "is damaged here")
        self.found(b"\x80\x04S'o\\x73'\nS'system'\n\x93)R.", "imports and calls a name that is computed")
        self.found(b"\x80\x02\x82\x07.", "by number")
        self.found(b"\x80\x02cbuiltins\ngetattr\n(cos\npath\nX\x04\0\0\0jointR.", "imports and calls builtins.getattr", "os.path")

    def test_files_of_torch_save(self):
        def archive(data):
            path = self.folder / "saved.zip"
            with zipfile.ZipFile(path, "w") as file:
                file.writestr("a/data.pkl", data)
                file.writestr("a/version", "3\n")
            return path.read_bytes()
        self.found(archive(pickle.dumps({"epoch": 1}, 2)))
        self.found(archive(pickle.dumps({"epoch": Evil(eval, "1")}, 2)), "a/data.pkl, byte")
        legacy = b"".join(pickle.dumps(part, 2) for part in (MAGIC, VERSION, SYSTEM))
        self.found(legacy + pickle.dumps({}, 2) + pickle.dumps([], 2))
        self.found(legacy + pickle.dumps(Evil(exec, "1"), 2) + pickle.dumps([], 2), "pickle 4, byte 2: imports and calls")
        # torch.load takes a file by its first bytes, torch.jit.load by its last.
        self.found(mf.zip_file(mf.model(), prefix=pickle.dumps(Evil(eval, "1"), 2)), "eval", "in front of the first record",
                   "so Octavo does not read it")

    def test_names_that_lead_through_attributes(self):
        self.found(b"\x80\x04X\x0c\0\0\0torch._utilsX\x20\0\0\0_rebuild_tensor.__builtins__.get\x93X\x04\0\0\0exec\x85R.",
                   "calls torch._utils._rebuild_tensor.__builtins__.get")
        self.found(b"\x80\x04X\x05\0\0\0torchX\x10\0\0\0a.b.FloatStorage\x93.", "imports torch.a.b.FloatStorage")

    def test_indexes_that_only_python_reads(self):
        for index in ("1_0", " 10", "+10", "10 "):
            hidden = f"S'os'\np{index}\n0S'collections'\np1\n0S'system'\np2_0\n0S'OrderedDict'\np2\n0g{index}\ng2_0\n\x93(S'true'\ntR.".encode("latin1")
            with self.subTest(index):
                self.found(b"\x80\x04" + hidden, "is damaged here")
                self.assertEqual(pickle.loads(b"\x80\x04" + hidden), 0)

    def test_classes_that_are_changed(self):
        self.found(b"\x80\x02ctorch.storage\nTypedStorage\nN}X\x03\0\0\0newK\x01s\x86b.", "changes torch.storage.TypedStorage itself")
        self.found(pickle.dumps([range(3), slice(1)], 2))

    def test_classes_that_a_call_returns(self):
        counter, state = b"ccollections\nCounter\n", b"N}X\x06\0\0\0updateNs\x86"
        returns = b"\x80\x02ctorch.jit._pickle\nbuild_intlist\n"
        for given in (counter + b"\x85", b"(" + counter + b"t", b"(" + counter + b"t\x85", b"](" + counter + b"e\x85", b"]q\1" + counter + b"a0h\1\x85",
                      b"}N" + counter + b"s\x85", b"N" + counter + b"N\x87Q\x85", counter + b"Q\x85"):
            with self.subTest(given):
                self.found(returns + given + b"R" + state + b"b.", "may be Counter itself")
        self.found(returns + counter + b"\x85RK\1K\2s.", "may be Counter itself")
        self.found(returns + counter + b"\x85RK\1a.", "may be Counter itself")
        self.found(returns + b"cbuiltins\nlist\n" + b"\x85R.")
        # torch.save's former format.
        self.found(b"\x80\x02X\x06\0\0\0module" + counter + b"N\x87Q" + state + b"b.", "changes collections.Counter itself")
        import collections
        self.found(pickle.dumps(collections.defaultdict(list, a=[1], b=[int]), 2))

    def test_a_magic_number_written_otherwise(self):
        """torch.load compares the number, whatever made it."""
        for magic in (b"\x80\x02" + b"N0" * 20 + b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.", b"L%dL\n." % MAGIC,
                      b"\x80\x02cbuiltins\nint\nX\x18\0\0\0" + str(MAGIC).encode() + b"\x85R."):
            with self.subTest(magic):
                self.assertEqual(pickle.loads(magic), MAGIC)
                rest = b"".join(pickle.dumps(part, 2) for part in (VERSION, SYSTEM))
                self.found(magic + rest + pickle.dumps({}, 2) + pickle.dumps([], 2))
                self.found(magic + rest + pickle.dumps(Evil(exec, "1"), 2), "pickle 4")

    def test_tar_archives(self):
        """torch.load unpickles what is in a tar archive, whose first bytes are the name of its first file."""
        import io
        import tarfile
        for name in ("pickle", "\x80\x02N.", "J\x02xxx0cposix\nsystem\n(S'true'\ntR."):
            for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT):
                with self.subTest(name), io.BytesIO() as out:
                    with tarfile.open(fileobj=out, mode="w", format=form, encoding="latin1") as archive:
                        archive.addfile(tarfile.TarInfo(name))
                    content = out.getvalue()
                    self.check_tar(content)
                    self.check_tar(content[:257] + bytes(8) + content[265:])  # the checksum no longer fits: not a tar archive for anyone
        path = self.folder / "file.pt"
        path.write_bytes(mf.zip_file(mf.model(), prefix=content))
        self.assertIn("tar archive", json.dumps(self.audit(path)))

    def check_tar(self, content):
        import io
        import tarfile
        path = self.folder / "file.pt"
        path.write_bytes(content)
        result = octavo_cli.run("inspect", path, "--audit")
        try:
            tarfile.open(fileobj=io.BytesIO(content), mode="r:")
        except tarfile.ReadError:
            return
        self.assertEqual(result.returncode, 3, result.stdout)
        self.assertIn("tar archive", result.stderr)

    def test_archives_of_torch_export(self):
        shell = b"cposix\nsystem\n(S'true'\ntR."
        lists = {"plain": b'{"config": {"w": {"path_name": "weight_0", "use_pickle": false}}}',
                 "pickle": b'{"config": {"w": {"path_name": "weight_0", "use_pickle": true}}}',
                 "hidden": b'{"config": {"w": {"path_name": "weight_0", "use\\u005fpickle": true}}}'}
        computed = b"\x80\x04S'o\\x73'\nS'system'\n\x93)R"
        numbers = struct.pack("<4f", 1, 2, 3, 4)

        def exported(records, listed="plain"):
            path = self.folder / "saved.zip"
            with zipfile.ZipFile(path, "w") as file:
                for name, data in {"archive_format": "pt2", "models/model.json": "{}", "data/weights/model_weights_config.json": lists[listed],
                                   **records}.items():
                    file.writestr("m/" + name, data)
            return path.read_bytes()
        self.found(exported({"data/weights/weight_0": numbers}))
        self.found(exported({"data/weights/weight_0": b"\x82\x01"}))
        self.found(exported({"data/weights/weight_0": b"NN\x93" + numbers}))
        self.found(exported({"data/sample_inputs/model.pt": shell}), "record m/data/sample_inputs/model.pt, byte 0: imports and calls posix.system")
        self.found(exported({"data/weights/weight_0": shell}), "record m/data/weights/weight_0, byte 0: imports and calls posix.system")
        self.found(exported({"data/constants/tensor_0": shell}), "imports and calls posix.system")
        for listed in ("pickle", "hidden"):
            self.found(exported({"data/weights/weight_0": computed}, listed), "a name that is computed", "is damaged here")
        nested = self.folder / "nested.zip"
        with zipfile.ZipFile(nested, "w") as file:
            file.writestr("a/data.pkl", shell)
        self.found(exported({"data/weights/weight_0": nested.read_bytes()}), "imports and calls posix.system")

    def test_texts_that_torch_export_evaluates(self):
        def exported(model, name="models/model.json"):
            path = self.folder / "saved.zip"
            with zipfile.ZipFile(path, "w") as file:
                file.writestr("m/archive_format", "pt2")
                file.writestr("m/" + name, model if isinstance(model, (bytes, str)) else json.dumps(model))
            return path.read_bytes()
        size = "Symbol('s77', positive=True, integer=True)"
        for text in (size, f"Mul(Integer(2), {size})", "2*s0 + 1", "(s0 + 1)//2", "Eq(s0, 3)", "OpaqueUnaryFn_sqrt(u0)", "s0**2 <= 4", "S.Infinity",
                     f"Max(Integer(1), TruncToInt(Mul(Float('1.5e-05', precision=53), ToFloat({size}))))", "Float('-0.5', precision=53)"):
            with self.subTest(text):
                self.found(exported({"a": [{"as_expr": {"expr_str": text}}], "guards_code": []}))
        for text in ("exec('a')", "Integer([open('a')][0])", "Max('exec(1)')", "(exec)('a')", "Symbol('a').func", "Add('a(1)', 2)", "f'{a}'", "3!",
                     "Add(1)(2)", "a if b else c\n", "Symbol('a')\u2003", "__import__", "lambda: 1", "{1}", "Symbol (1)[0]", "print (1)", "'a'.b", "Float('a.b')"):
            with self.subTest(text):
                names = [] if text == "__import__" else ["evaluates the text"]
                self.found(exported({"a": [{"as_expr": {"expr_str": text}}]}), *names)
        self.found(exported(b'{"expr\\u005fstr": "exec(1)"}'), "evaluates the text \"exec(1)\"")
        self.found(exported({"expr_str": "exec(1)"}, "serialized_exported_program.json"), "evaluates")
        self.found(exported('{"expr_str": "exec(1)"', "extra/a.json"))
        self.found(exported({"nodes": [{"target": "torch.ops.aten.add.Tensor"}, {"target": "_operator.mul"}, {"target": "torch.sym_max"}]}))
        self.found(exported({"nodes": [{"target": "torch.ops.aten.from_file.default"}]}), "calls aten::from_file")
        self.found(exported('{"expr_str": 1'), "is not JSON from byte 15")
        self.found(exported("[" * 1000 + "]" * 1000), "nested too deeply")

        for text in ("L['x'].size()[0] == L['y'].size()[1]", "((4*L['x'].size()[0]) % L['i']) == 0", "L['d']['a.b'].size()[1] != (-1)",
                     "(1 + (((-1) + L['x'].size()[2]) // 4)) != 1", "L['d'][\"a b\"][0].size()[1] <= 3", "max(3, L['x'].size()[0]) < 4 and not (L['i'] > 2)",
                     "math.trunc(1.5*torch.sym_float(L['x'].size()[2])) >= 2", "L['x'] == math.inf", "L['x'].stride()[0] >= 1e-05"):
            with self.subTest(text):
                self.found(exported({"guards_code": [text]}))
        for text in ("exec('a')", "torch.load('a')", "math.__loader__", "[exec][0]('a')", "(exec)('a')", "L['x'].save('a')", "L['x'].size", "L['x'].__class__",
                     "L[\"' + exec(1) + '\"] == 1", "L['\\x22']", "f'{exec(1)}'", "x := 3", "1\nexec(1)", "torch._sym_sqrt.a(1)", "L['x'].size()(1)"):
            with self.subTest(text):
                plain = text == "L['x'].size"
                self.found(exported({"guards_code": ["L['x'] == 1", text]}), *[] if plain else ["executes the text"])

    def test_code_that_opens_files(self):
        for call, text in (('torch.save(x, "a")', "writes a file"), ('torch.from_file("a", False, 4)', "opens a file"),
                           ('ops.aten.save(x, "a")', "writes a file"), ('(x).save("a")', "writes a file"),
                           ('ops.image.read_file("a")', "opens a file"), ('getattr(torch, "save")(x, "a")', "by a text"),
                           ("ops.aten.save", "writes a file"), ("torch.save", "writes a file"), ('(torch.save)(x, "a")', "writes a file"),
                           ('(torch.save # a comment\n    )(x, "a")', "writes a file"), ('torch . save (x, "a")', "writes a file"),
                           ('getattr( torch, "save")(x, "a")', "by a text"), ('getattr((torch), "save")(x, "a")', "by a text"),
                           ('getattr(ops.aten, "save")(x, "a")', "by a text"), ("torch", "uses torch other than"),
                           ("ops.aten", "uses ops.aten other than"), ("(ops).aten.b(x)", "uses ops other than"), ("rpc_sync", "other machines")):
            with self.subTest(call):
                code = mf.CODE.replace("torch.add(y2, CONSTANTS.c0)", call)
                self.found(mf.zip_file(mf.model(code={"__torch__.py": code})), "__torch__.py:37: ")
                self.assertIn(text, json.dumps(self.audit(self.folder / "file.pt")))
        code = mf.CODE.replace("torch.add(y2, CONSTANTS.c0)", 'torch.\\\n    save(x, "a")')
        self.found(mf.zip_file(mf.model(code={"__torch__.py": code})), "__torch__.py:38: calls aten::save")
        self.found(mf.zip_file(mf.model(code={"__torch__.py": mf.CODE + '# torch.save(x, "a")\n'})))

    def test_bytecode_of_the_lite_interpreter(self):
        def lite(*operators, pickled=None):
            path = self.folder / "saved.zip"
            path.write_bytes(mf.zip_file(mf.model()))
            code = ("operators", operators), ("constants", ("a file to load::save",))
            with zipfile.ZipFile(path, "a") as file:
                file.writestr("m/bytecode.pkl", pickled or pickle.dumps((8, ("__torch__.M.forward", code)), 2))
            return path.read_bytes()
        self.found(lite(("aten::add", "Scalar", 2), ("quantized::conv2d", "new", 4)))
        self.found(lite(("aten::add", "Scalar", 2), ("aten::save", "", 2)), "m/bytecode.pkl, byte 80: calls aten::save")
        self.found(lite(("aten::from_file", "", 3)), "opens a file")
        self.found(lite(("image::read_file", "", 1)), "opens a file")
        self.found(lite(("prim::rpc_sync", "", 1)), "other machines")
        self.found(lite(pickled=b"\x80\x02cbuiltins\nprint\nN\x86\x8f."), "cannot be read", "imports builtins.print")

    def test_attributes_with_names_of_operators(self):
        code = mf.CODE + """class Other(Module):
  __parameters__ = []
  __buffers__ = []
  save : bool
  torch : int
  ops : __torch__.Other
  def save_all(self: __torch__.Other, torch: int=3, from_file: Optional[Tensor]=None) -> bool:
    save = self.save
    print("torch.save(x)")
    if save:
      _0 = self.ops
    return self.save
"""
        self.found(mf.zip_file(mf.model(code={"__torch__.py": code})))
        self.found(mf.zip_file(mf.model(data=mf.module(label="torch.save(x)"))))

    def test_two_models_in_a_file(self):
        for variant, text in (("case.code_twice", "differs in case only"), ("roots.a_then_b", "a second model in the folder b/"),
                              ("flags.bit_5", "patch"), ("end.behind", "does not end where the zip archive ends"),
                              ("end.zip_in_comment", "more than one end record"), ("end.prefix", "in front of the first record"),
                              ("headers.local_name", "differs from the zip directory"), ("names.parent", "leads out of the folder"),
                              ("opcodes.setitem_on_tensor", "adds items"), ("source.class_twice", "twice"),
                              ("protocol.behind_stop", "5 bytes behind the pickle"), ("records.model_json", "a second model"),
                              ("end.gap_before_directory", "belong to none")):
            with self.subTest(variant):
                path = self.folder / "file.pt"
                path.write_bytes(variants.VARIANTS[variant])
                self.assertIn(text, json.dumps(self.audit(path)))

    def test_one_line_a_finding(self):
        path = self.folder / "file.pt"
        path.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
        result = octavo_cli.run("inspect", path, "--audit")
        self.assertEqual((result.returncode, result.stderr), (1, ""))
        self.assertEqual(result.stdout, "pickle, byte 0: imports and calls os.system when it is unpickled\n")
        self.assertEqual(octavo_cli.run("inspect", path, "--audit", "--quiet").stdout, "")
        self.assertEqual(octavo_cli.run("inspect", path, "--audit", "--check").returncode, 2)
        text = self.folder / "file.txt"
        text.write_text("hello\n")
        self.assertEqual(octavo_cli.run("inspect", text, "--audit").returncode, 3)


def field(number, content):
    """A field of protobuf: bytes, text or an integer."""
    return onnx_file.message([(number, content)])


class OnnxAudit(unittest.TestCase):
    setUp, audit, found = Audit.setUp, Audit.audit, Audit.found

    def model(self, graph, more=b""):
        return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 17)) + more

    def tensor(self, location=None, more=b""):
        entries = field(14, 1) + field(13, field(1, "location") + field(2, location)) if location else b""
        return field(5, field(1, 4) + field(2, 1) + field(8, "w") + entries + more)

    def test_onnx(self):
        graph = field(1, field(1, "x") + field(2, "y") + field(4, "Relu")) + field(2, "g")
        find = lambda content, *texts: self.found(content, *texts, name="model.onnx")  # noqa: E731
        find(self.model(graph))
        find(self.model(graph + self.tensor("w.bin")))
        for location in ("/etc/passwd", "../w.bin", "a/../../w.bin", "..\\w.bin"):
            with self.subTest(location):
                find(self.model(graph + self.tensor(location)), "outside of the model's folder")
        (self.folder / "link").symlink_to("/etc")
        find(self.model(graph + self.tensor("link/passwd")), "a link to /etc/passwd")
        find(self.model(graph, field(7, graph)), "has field 7 twice")
        find(self.model(graph, field(8, field(2, 13))), "twice")
        # A default of a function's attribute, the algorithm and the initialization of training, and tensors of an attribute.
        outside = self.tensor("../w.bin")[2:]
        for number, content in ((25, field(1, "f") + field(11, field(1, "a") + field(5, outside))), (20, field(1, self.tensor("../w.bin"))),
                                (20, field(2, self.tensor("../w.bin")))):
            with self.subTest(number):
                find(self.model(graph, field(number, content)), "outside of the model's folder")
        find(self.model(graph + self.tensor(more=field(9, bytes(16)) + field(4, struct.pack("<4f", 1, 2, 3, 4)))), "two fields")
        find(self.model(graph + field(1, field(4, "PythonOp") + field(7, "com.microsoft"))), "runs Python code")
        find(self.model(graph + field(1, field(4, "EPContext") + field(7, "com.microsoft"))), "compiled code")
        # A program that takes the file for a pickle.
        self.found(b"J8xxx0cposix\nsystem\n(S'true'\ntR." + self.model(graph), "calls posix.system")
        body = field(1, field(4, "PyOp") + field(7, "pyopmulti"))
        find(self.model(graph + field(1, field(4, "If") + field(5, field(1, "then_branch") + field(6, body)))), "runs Python code")


if __name__ == "__main__":
    unittest.main()
