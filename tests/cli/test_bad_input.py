"""Files and options that must be refused: exit code, one message with what and where, and nothing left behind."""
import os
import pathlib
import resource
import signal
import struct
import unittest

from octavo_cli import DIGITS, CliTest, records, run, write_archive

INPUT = ("--input", "float32[1,1,8,8]")


def main_source(content):
    """The name of the record that holds the class of data.pkl's root object."""
    pickle = content["data.pkl"]
    start = pickle.index(b"c__torch__") + 1
    module, name = pickle[start:].split(b"\n")[:2]
    record = "code/" + module.decode().replace(".", "/") + ".py"
    return record, name.decode()


def with_forward(content, body, extra=""):
    """Replaces the body of the root module's forward(self, x)."""
    record, name = main_source(content)
    content[record] = (f"class {name}(Module):\n  __parameters__ = []\n  __buffers__ = []\n"
                       f"  def forward(self: __torch__.{name},\n    x: Tensor) -> Tensor:\n"
                       + "".join("    " + line + "\n" for line in body.splitlines()) + extra).encode()


def with_body(body, extra=""):
    return lambda content: with_forward(content, body, extra)


class BrokenArchives(CliTest):
    def test_not_a_zip(self):
        path = self.folder / "text.pt"
        path.write_text("hello\n" * 100)
        self.assert_refused(path)
        path.write_bytes(b"")
        self.assert_refused(path)

    def test_missing_file_and_folder(self):
        self.assert_refused(self.folder / "nothing.pt", code=4, says="nothing.pt")
        self.assert_refused(self.folder, code=4)

    def test_truncated_everywhere(self):
        data = DIGITS.read_bytes()
        path = self.folder / "cut.pt"
        for sixteenth in range(16):
            path.write_bytes(data[:len(data) * sixteenth // 16])
            self.assert_refused(path)
        path.write_bytes(data[:-1])
        self.assert_refused(path)

    def test_every_record_missing(self):
        _, content = records(DIGITS)
        source, _ = main_source(content)
        for name in ["data.pkl", "constants.pkl", source, "data/0"]:
            with self.subTest(name):
                path = self.changed(lambda c, n=name: c.pop(n))
                self.assert_refused(path, *INPUT, says=name.split("/")[-1].replace(".py", ""))

    def test_duplicated_record(self):
        import warnings
        import zipfile
        path = self.changed(lambda c: None)
        with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as archive:
            warnings.simplefilter("ignore")
            archive.writestr(zipfile.ZipInfo("archive/data.pkl"), b"\x80\x02N.")
        self.assert_refused(path, says="data.pkl")

    def patched_directory(self, record, offset, value):
        """The example with bytes of one central directory entry replaced."""
        path = self.changed(lambda c: None)
        data = bytearray(path.read_bytes())
        at = data.rindex(b"archive/" + record.encode()) - 46
        self.assertEqual(data[at:at + 4], b"PK\x01\x02")
        data[at + offset:at + offset + len(value)] = value
        path.write_bytes(data)
        return path

    def test_false_checksum(self):
        self.assert_refused(self.patched_directory("data.pkl", 16, b"\1\2\3\4"), says="data.pkl")
        path = self.patched_directory("data/0", 16, b"\1\2\3\4")
        self.assert_refused(path, *INPUT, says="data/0")

    def test_false_size(self):
        self.assert_refused(self.patched_directory("data.pkl", 20, struct.pack("<II", 2**31, 2**31)))
        self.assert_refused(self.patched_directory("data.pkl", 24, struct.pack("<I", 3)))
        self.assert_refused(self.patched_directory("data.pkl", 42, struct.pack("<I", 2**31)))

    def test_encrypted(self):
        self.assert_refused(self.patched_directory("data.pkl", 8, struct.pack("<H", 1)), says="data.pkl")

    def test_other_compression(self):
        self.assert_refused(self.patched_directory("data.pkl", 10, struct.pack("<H", 14)), says="data.pkl")

    def test_zip_bomb(self):
        import zipfile
        _, content = records(DIGITS)
        source, _ = main_source(content)
        path = self.folder / "bomb.pt"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in content.items():
                archive.writestr("archive/" + name, b"#" * (1 << 31) if name == source else data)
        limit = (4 << 30, 4 << 30)
        result = run("export", path, "-o", self.output, *INPUT,
                     preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limit))
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertFalse(self.output.exists())


class BrokenPickles(CliTest):
    def refused_pickle(self, pickle, says):
        self.assert_refused(self.changed(lambda c: c.__setitem__("data.pkl", pickle)), *INPUT, says=says)

    def test_forbidden_global_is_named_and_not_called(self):
        canary = self.folder / "canary"
        command = f"touch {canary}".encode()
        self.refused_pickle(b"\x80\x02cos\nsystem\nX" + struct.pack("<I", len(command)) + command + b"\x85R.", "os.system")
        self.assertFalse(canary.exists())

    def test_endless_recursion(self):
        self.refused_pickle(b"\x80\x02" + b"(" * 1000000, ["data.pkl"])
        self.refused_pickle(b"\x80\x02" + b"]" * 100000 + b"a" * 99999 + b".", ["data.pkl"])
        self.refused_pickle(b"\x80\x02]q\x00h\x00a.", ["data.pkl"])

    def test_memo_out_of_range(self):
        self.refused_pickle(b"\x80\x02h\xff.", ["data.pkl"])
        self.refused_pickle(b"\x80\x02j\xff\xff\xff\xff.", ["data.pkl"])
        self.refused_pickle(b"\x80\x02Nr\xff\xff\xff\xff.", ["data.pkl"])

    def test_huge_lengths(self):
        self.refused_pickle(b"\x80\x02X\xff\xff\xff\xffa.", ["data.pkl"])
        self.refused_pickle(b"\x80\x04\x8d" + struct.pack("<Q", 2**63) + b"a.", ["data.pkl"])
        self.refused_pickle(b"\x80\x02\x8b\xff\xff\xff\x7fa.", ["data.pkl"])

    def test_ends_early(self):
        self.refused_pickle(b"", ["data.pkl"])
        self.refused_pickle(b"\x80\x02", ["data.pkl"])
        self.refused_pickle(b"\x80\x02.", ["data.pkl"])

    def test_storage_shorter_than_its_tensors(self):
        _, content = records(DIGITS)
        largest = max((n for n in content if n.startswith("data/")), key=lambda n: len(content[n]))
        self.assert_refused(self.changed(lambda c: c.__setitem__(largest, c[largest][:-1])), *INPUT, says=largest)


class BrokenPrograms(CliTest):
    def test_syntax_error(self):
        message = self.assert_refused(self.changed(with_body("return x +* 2")), *INPUT)
        self.assertIn("^", message)
        self.assertRegex(message, r"code/.*\.py:6:\d+")

    def test_nested_brackets(self):
        self.assert_refused(self.changed(with_body("return " + "(" * 10000 + "x" + ")" * 10000)), *INPUT, says="nest")
        self.assert_refused(self.changed(with_body("return " + "[" * 10000)), *INPUT)
        self.assert_refused(self.changed(with_body("return " + "-" * 100000 + "x")), *INPUT)
        self.assert_refused(self.changed(with_body("y = " + "+".join(["1"] * 100000) + "\nreturn x.a")), *INPUT)

    def test_call_cycle(self):
        message = self.assert_refused(self.changed(with_body("return (self).forward(x, )")), *INPUT)
        self.assertIn("calls", message)

    def test_a_method_that_is_for_saving(self):
        self.assert_refused(self.changed(with_body("return (self).__getstate__()", "  def __getstate__(self) -> int:\n    return 1\n")),
                            *INPUT, says=["__getstate__ is called, but it serves only to save a model", ":6:"])

    def test_endless_loop(self):
        self.assert_refused(self.changed(with_body("while True:\n  y = 1\nreturn x")), *INPUT)
        self.assert_refused(self.changed(with_body("l = [1]\nfor i in range(1000000000):\n  _ = torch.append(l, i)\n"
                                                   "return x")), *INPUT)

    def test_endless_string(self):
        self.assert_refused(self.changed(with_body(
            's = "aaaaaaaaaaaaaaaa"\nfor i in range(100):\n  s = torch.add(s, s)\nreturn x')), *INPUT)

    def test_all_unknown_operators_at_once(self):
        message = self.assert_refused(self.changed(with_body(
            "y = torch.stft(x, 512)\nz = ops.mylib.beam_search(x)\nreturn torch.stft(torch.add(y, z), 3)")), *INPUT,
            says=["aten::stft", "mylib::beam_search", "2 operators", ":6:", ":7:", "--plugin"])
        self.assertIn("2 uses", message)

    def test_unknown_operator_that_is_never_reached(self):
        path = self.changed(with_body("if torch.eq(1, 2):\n  y = torch.stft(x, 512)\nelse:\n  y = torch.relu(x)\nreturn y"))
        result = run("export", path, "-o", self.output, *INPUT)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_the_models_own_exception(self):
        self.assert_refused(self.changed(with_body('ops.prim.RaiseException("images only", "builtins.ValueError")\n'
                                                   'return x')), *INPUT, says="images only")

    def test_condition_on_data(self):
        self.assert_refused(self.changed(with_body(
            "if bool(torch.gt(torch.sum(x), 0)):\n  y = x\nelse:\n  y = torch.relu(x)\nreturn y")), *INPUT, says=":6:")

    def test_an_operator_that_refuses_its_arguments_is_named(self):
        for body, says in (("return torch.dropout(x, 0.5, True)", ["aten::dropout: dropout in training mode", "Call model.eval()"]),
                           ("return torch.index(x, [torch.gt(x, 0)])", "aten::index: argument indices is a mask"),
                           ("return torch.transpose(x, 0, 4)", "aten::transpose: argument dim1 is 4, but the tensor has rank 4"),
                           ("return torch.relu(x, 1)", "aten::relu: this operator takes 1 argument, but the model passes more")):
            with self.subTest(body):
                self.assert_refused(self.changed(with_body(body)), *INPUT, says=says)

    def test_an_open_size_where_a_number_is_needed(self):
        path = self.changed(with_body("return torch.add(torch.arange(torch.size(x, 0)), x)"))
        self.assert_refused(path, "--input", "float32[N,1,8,8]",
                            says=["aten::arange: not supported for the open size N", "Give that size a number"])

    def test_undefined_name(self):
        self.assert_refused(self.changed(with_body("return nothing")), *INPUT, says="nothing")

    def test_bad_scales(self):
        for scale in ["0.", "-0.5", "1e-60", "inf", "nan"]:
            with self.subTest(scale):
                literal = scale if scale[0].isdigit() or scale[0] == "-" else f'float("{scale}")'
                self.assert_refused(self.changed(with_body(
                    f"return torch.dequantize(torch.quantize_per_tensor(x, {literal}, 0, 13))")), *INPUT, says="scale")
        self.assert_refused(self.changed(with_body(
            "return torch.dequantize(torch.quantize_per_tensor(x, 0.5, 256, 13))")), *INPUT, says="zero point")


class OtherFiles(CliTest):
    def test_state_dict(self):
        path = self.folder / "weights.pt"
        write_archive(path, {"data.pkl": b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01.", "version": b"3\n"})
        self.assert_refused(path, says=["state_dict", "torch.jit.save"])

    def test_pickled_module(self):
        path = self.folder / "module.pt"
        write_archive(path, {"data.pkl": b"\x80\x02ctorchvision.models.resnet\nResNet\nq\x00)\x81q\x01}q\x02b.",
                             "version": b"3\n"})
        self.assert_refused(path, says="torch.jit.save")

    def test_onnx_file(self):
        self.assertEqual(run("export", DIGITS, "-o", self.folder / "model.onnx", *INPUT).returncode, 0)
        self.assert_refused(self.folder / "model.onnx", says=["ONNX", "torch.jit"])


class BadOptions(CliTest):
    def test_usage(self):
        for arguments in [["export"], ["export", DIGITS], ["nonsense"], ["export", DIGITS, "-o"],
                          ["export", DIGITS, "-o", self.output, "--dialect", "keras"],
                          ["export", DIGITS, "-o", self.output, "--target", "toaster"],
                          ["export", DIGITS, "-o", self.output, "--numbers", "nearly"],
                          ["export", DIGITS, "-o", self.output, "--unknown"]]:
            self.assertEqual(run(*arguments).returncode, 2, arguments)
            self.assertFalse(self.output.exists())

    def test_inputs(self):
        for spec, says in [("float32[1,1,8", "bracket"), ("y:float32[1,1,8,8]", "y"), ("float32[1,3,8,8]", "channel"),
                           ("float32[1,8]", "dimension")]:
            with self.subTest(spec):
                code = 3 if says in ("channel", "dimension") else 2
                before = self.files()
                result = run("export", DIGITS, "-o", self.output, "--input", spec)
                self.assertEqual(result.returncode, code, result.stderr)
                self.assertEqual(self.files(), before)
        self.assert_refused(DIGITS, *INPUT, *INPUT, code=2, says="x")
        self.assert_refused(DIGITS, "--input", "int64[1,1,8,8]")
        self.assert_refused(DIGITS, "--input", "quint8[1,1,8,8](0.1,3)")

    def test_opset(self):
        for opset in ["1", "12", "22", "-5"]:
            self.assert_refused(DIGITS, *INPUT, "--opset", opset, code=2, says="13")
        self.assert_refused(DIGITS, *INPUT, "--opset", "13", "--dialect", "caffe2", code=2, says="9")

    def test_output_names(self):
        self.assert_refused(DIGITS, *INPUT, "--output-name", "a", "--output-name", "b", code=2)
        self.assert_refused(DIGITS, *INPUT, "--output-name", "x", code=2, says="x")

    def test_plugin(self):
        self.assert_refused(DIGITS, "--plugin", self.folder / "no.so", code=2, says="no.so")
        library = self.folder / "text.so"
        library.write_text("no library")
        self.assert_refused(DIGITS, "--plugin", library, code=2, says="text.so")

    def test_shape_needed_and_not_given(self):
        path = self.changed(with_body("return torch.view(x, [torch.size(x, 0), int(torch.div(torch.numel(x), 7))])"))
        self.assert_refused(path, says="--input")


class BadOutputs(CliTest):
    def refused(self, output, **options):
        before = self.files()
        result = run("export", DIGITS, "-o", output, *INPUT, **options)
        self.assertEqual(result.returncode, 4, result.stderr)
        self.assertIn(pathlib.Path(output).name, result.stderr)
        self.assertEqual(self.files(), before)

    def test_no_such_folder(self):
        self.refused(self.folder / "missing" / "out.onnx")

    def test_folder_is_a_file(self):
        (self.folder / "file").write_text("")
        self.refused(self.folder / "file" / "out.onnx")

    def test_output_is_a_folder(self):
        (self.folder / "sub").mkdir()
        self.refused(self.folder / "sub")

    def test_disk_full(self):
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        self.refused(self.output, preexec_fn=limit)

    def test_not_writable(self):
        os.chmod(self.folder, 0o555)
        self.addCleanup(os.chmod, self.folder, 0o700)
        # Root writes everywhere, so it becomes nobody.
        self.refused(self.output, **({"user": 65534} if os.geteuid() == 0 else {}))

    def test_the_model_itself(self):
        path = self.changed(lambda c: None)
        before = path.read_bytes()
        self.assertEqual(run("export", path, "-o", path, *INPUT).returncode, 2)
        self.assertEqual(path.read_bytes(), before)

    def test_an_old_output_survives_a_failure(self):
        self.output.write_text("old")
        broken = self.changed(with_body("return nothing"))
        self.assertEqual(run("export", broken, "-o", self.output).returncode, 3)
        self.assertEqual(self.output.read_text(), "old")


if __name__ == "__main__":
    unittest.main()
