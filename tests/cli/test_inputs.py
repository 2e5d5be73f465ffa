"""Arguments of forward that are no tensors, or are left out: what --input name=value does, what is warned of, what is refused."""
import json
import struct
import unittest

import numpy as np

from octavo_cli import DIGITS, ROOT, CliTest, records, run, write_archive

NESTED = ROOT / "tests" / "data" / "traced_inputs" / "nested.pt"
CLASS = "class M(Module):\n  __parameters__ = []\n  __buffers__ = []\n  training : bool\n"
SCALED = "k: int=3, alpha: float=0.5, flag: bool=False"
SCALE_BODY = "y = torch.mul(torch.mul(x, k), alpha)\nif flag:\n  z = torch.neg(y)\nelse:\n  z = y\nreturn z"
MASKED = "mask: Optional[Tensor]=None, k: int=1"
MASK_BODY = ("if torch.__is__(mask, None):\n  y = x\nelse:\n  mask0 = unchecked_cast(Tensor, mask)\n"
             "  y = torch.add(x, mask0)\nreturn torch.mul(y, k)")


def program(arguments, body):
    lines = "".join("    " + line + "\n" for line in body.splitlines())
    given = "".join(",\n    " + a for a in arguments.split(", ") if a)
    return (CLASS + "  def forward(self: __torch__.M,\n    x: Tensor" + given + ") -> Tensor:\n" + lines).encode()


class InputsTest(CliTest):
    def model(self, arguments, body, name="model.pt", **more):
        path = self.folder / name
        write_archive(path, {"data.pkl": b"\x80\x02c__torch__\nM\nq\x00)\x81}X\x08\x00\x00\x00trainingq\x01\x89sb.",
                             "code/__torch__.py": program(arguments, body), "constants.pkl": b"\x80\x02).",
                             "version": b"3\n", **more})
        return path

    def array(self, *values, name="x.npy", dtype=np.float32):
        path = self.folder / name
        np.save(path, np.array(values, dtype))
        return path

    def answer(self, model, *inputs, code=0):
        words = [word for i in inputs for word in ("--input", i)]
        result = run("run", model, *words, "-o", self.folder / "y", "--json")
        self.assertEqual(result.returncode, code, result.stderr)
        if code:
            return result.stderr
        return np.load(self.folder / "y" / "y0.npy"), json.loads(result.stdout)["warnings"]

    def report(self, command, model, *inputs):
        words = [word for i in inputs for word in ("--input", i)]
        output = ["-o", self.output] if command == "export" else []
        result = run(command, model, *output, *words, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        report = json.loads(result.stdout)
        if command == "export" or report["dialects"]["qdq"]["converts"]:  # nothing in these models is quantized, which comes last
            self.assertEqual(report["warnings"].pop(), "nothing in this model is quantized: the ONNX model is float32")
        return report


class FixedValues(InputsTest):
    def test_defaults_are_warned_of(self):
        model = self.model(SCALED, SCALE_BODY)
        x = self.array(1, -2)
        value, warnings = self.answer(model, x)
        np.testing.assert_array_equal(value, np.array([1.5, -3], np.float32))
        self.assertEqual(len(warnings), 3)
        for warning, (name, default) in zip(warnings, [("k", "3"), ("alpha", "0.5"), ("flag", "False")]):
            self.assertIn(f"forward's argument {name} is fixed at its default {default}", warning)
            self.assertIn(f"--input {name}=VALUE", warning)
        for command in ("export", "inspect"):
            self.assertEqual(self.report(command, model, "float32[2]")["warnings"][:3], warnings)

    def test_values_replace_them(self):
        model = self.model(SCALED, SCALE_BODY)
        x = self.array(1, -2)
        value, warnings = self.answer(model, x, "k=5", "alpha=2", "flag=true")
        np.testing.assert_array_equal(value, np.array([-10, 20], np.float32))
        self.assertEqual(warnings, [])
        for command in ("export", "inspect"):
            self.assertEqual(self.report(command, model, "k=5", "float32[2]", "alpha=0.25", "flag=False")["warnings"], [])
        # The converted model has the same value inside.
        result = run("run", self.output, "--input", x, "-o", self.folder / "z")
        self.assertEqual(result.returncode, 0, result.stderr)
        np.testing.assert_array_equal(np.load(self.folder / "z" / "y0.npy"), np.array([1.25, -2.5], np.float32))

    def test_verify_and_bench_take_them(self):
        model = self.model("k: int, " + MASKED.split(", ")[0], "return torch.mul(x, k)")
        for spec in ("float32[4]", self.array(1, 2, 3)):
            result = run("verify", model, "--input", spec, "--input", "k=7", "--input", "mask=None", "--json")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(json.loads(result.stdout)["warnings"], [])
        self.report("export", model, "float32[4]", "k=7", "mask=None")
        result = run("verify", model, self.output, "--input", "k=7", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("mask is left out", json.loads(result.stdout)["warnings"][0])
        self.assertEqual(run("verify", model, self.output, "--input", "k=8").returncode, 1)
        result = run("bench", model, "--input", "float32[4]", "--input", "k=7", "--seconds", "0")
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_needed_where_there_is_no_default(self):
        model = self.model("k: int", "return torch.mul(x, k)")
        self.assert_refused(model, "--input", "float32[2]", code=2,
                            says=["forward's argument k is an int, and has no default value", "--input k=3"])
        value, _ = self.answer(model, self.array(2), "k=-4")
        np.testing.assert_array_equal(value, np.array([-8], np.float32))
        model = self.model("mode: str", "return torch.mul(x, torch.len(mode))")
        self.assert_refused(model, code=3, says="forward's argument mode is a str, and has no default value")

    def test_a_file_of_that_name_is_a_file(self):
        model = self.model("", "return torch.neg(x)")
        self.array(3, name="x=1")
        result = run("run", model, "--input", "x=1", "-o", "y", cwd=self.folder)
        self.assertIn("x=1", result.stderr)
        self.array(3, name="x=1.npy")
        result = run("run", model, "--input", "x=1.npy", "-o", "y", cwd=self.folder)
        self.assertEqual(result.returncode, 0, result.stderr)
        np.testing.assert_array_equal(np.load(self.folder / "y" / "y0.npy"), np.array([-3], np.float32))


class OptionalTensors(InputsTest):
    def test_left_out_with_a_warning(self):
        model = self.model(MASKED, MASK_BODY)
        value, warnings = self.answer(model, self.array(1, 2), "k=3")
        np.testing.assert_array_equal(value, np.array([3, 6], np.float32))
        self.assertEqual(len(warnings), 1)
        self.assertIn("forward's argument mask is left out (None); --input mask=None confirms this", warnings[0])
        self.assertIn("--input 'mask:float32[...]' makes it an input", warnings[0])
        self.assertEqual(self.answer(model, self.array(1, 2), "k=3", "mask=None")[1], [])

    def test_an_input_where_a_spec_is_given(self):
        model = self.model(MASKED, MASK_BODY)
        x, mask = self.array(1, 2), self.array(10, 20, name="mask.npy")
        for inputs in ([x, mask], [f"{mask}@mask:", x]):
            value, warnings = self.answer(model, *inputs, "k=1")
            np.testing.assert_array_equal(value, np.array([11, 22], np.float32))
            self.assertEqual(warnings, [])
        for inputs in (["float32[2]", "float32[2]"], ["mask:float32[2]", "x:float32[2]"]):
            report = self.report("export", model, *inputs, "k=1")
            self.assertEqual([(i["name"], i["shape"]) for i in report["inputs"]], [("x", [2]), ("mask", [2])])
            self.assertEqual(report["warnings"], [])
            result = run("run", self.output, "--input", x, "--input", mask, "-o", self.folder / "z")
            self.assertEqual(result.returncode, 0, result.stderr)
            np.testing.assert_array_equal(np.load(self.folder / "z" / "y0.npy"), np.array([11, 22], np.float32))

    def test_verify_gives_the_second_model_what_it_takes(self):
        model = self.model("a: Optional[Tensor]=None, b: Optional[Tensor]=None", MASK_BODY.replace("mask", "b")
                           .replace("torch.mul(y, k)", "torch.neg(y)"))
        self.report("export", model, "x:float32[2]", "b:float32[2]", "a=None")
        result = run("verify", model, self.output, "--input", "a=None", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual([i["name"] for i in json.loads(result.stdout)["inputs"]], ["x", "b"])


class OfOnnxModels(InputsTest):
    def refused(self, *words, says):
        result = run(*words)
        self.assertEqual(result.returncode, 2, result.stdout + result.stderr)
        self.assertIn(says, result.stderr)

    def test_a_spec_must_fit_the_model(self):
        model = self.model("", "return torch.neg(x)")
        self.report("export", model, "float32[2,N]")
        for spec, says in [("y:float32[2,3]", "the model has no input y"), ("int64[2,3]", "the model's input is float32[2,N]"),
                           ("float32[3,3]", "the model's input is float32[2,N]"), ("float32[2]", "the model's input is float32[2,N]")]:
            for words in (("bench", self.output), ("verify", self.output, self.output)):
                with self.subTest(f"{words[0]} {spec}"):
                    self.refused(*words, "--input", spec, says=says)
                    self.refused(*words, "--input", "float32[2,3]", "--input", spec,
                                 says="no input y" if spec[0] == "y" else "--input is given 2 times, but the model has 1 input")
        self.assertEqual(run("verify", self.output, self.output, "--input", "float32[2,5]").returncode, 0)

    def test_integers_mean_the_same_on_both_sides(self):
        model, x = self.model("", "return torch.dequantize(x)"), self.array(1, 2, dtype=np.uint8)
        self.assertEqual(run("export", model, "-o", self.output, "--input", "quint8[2](0.05,128)").returncode, 0)
        for command in ("verify", "bench"):
            words = (command, model, self.output) if command == "verify" else (command, self.output)
            self.refused(*words, "--input", "quint8[2](0.1,128)" if command == "bench" else f"{x}@quint8(0.1,128)", says="quint8[2](0.05,128)")
        self.assertEqual(run("verify", model, self.output, "--input", f"{x}@quint8(0.05,128)").returncode, 0)

    def test_each_output_has_a_line_of_its_own(self):
        model = self.model("", "y = torch.neg(x)\nreturn (x, y, x, y)")
        root, content = records(model)
        content["code/__torch__.py"] = content["code/__torch__.py"].replace(b"-> Tensor", b"-> Tuple[Tensor, Tensor, Tensor, Tensor]")
        write_archive(model, content, root)
        names = sorted(o["name"] for o in self.report("export", model, "float32[2]")["outputs"])
        self.assertEqual(len(names), 4)
        for words in ((model,), (model, self.output), (self.output, self.output)):
            result = run("verify", *words, "--input", "float32[2]")
            self.assertEqual(result.returncode, 0, result.stderr)
            lines = [line.split()[1] for line in result.stdout.splitlines() if line.startswith("output ")]
            self.assertEqual(sorted(lines), names, result.stdout)

    def test_layers_that_cannot_be_compared_alone_do_not_count(self):
        given = ["--input", "float32[1,1,8,8]"]
        other, caffe2 = self.changed(lambda content: content.update({n: bytes(len(d)) for n, d in content.items() if n.startswith("data/") and len(d) > 1000})), self.folder / "caffe2.onnx"
        self.assertEqual(run("export", DIGITS, "-o", self.output, *given).returncode, 0)
        self.assertEqual(run("export", other, "-o", caffe2, "--dialect", "caffe2", *given).returncode, 0)
        result = run("verify", self.output, caffe2, *given)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertRegex(result.stdout, r"different: 0 of 1 layer compared alone introduce a difference, \d+ of 13 layers differ end to end")
        self.assertIn("12 layers could not be compared alone", result.stdout)

    def test_an_unknown_shape_is_warned_of(self):
        model = self.model("", "return torch.neg(x)")
        for specs, unknown in [((), True), (("float32",), True), (("float32[N]",), False), (("float32[]",), False)]:
            warnings = self.report("export", model, *specs)["warnings"]
            self.assertEqual(any("the shape of the input x is unknown" in w for w in warnings), unknown, warnings)


class AssumedTypes(InputsTest):
    MODEL = "return torch.embedding(torch.neg(x), x)"

    def test_an_error_that_may_come_of_the_assumption_names_it(self):
        path = self.model("", self.MODEL)
        self.assert_refused(path, says=["not float32", "The file does not say the type of the input x", "--input 'x:int64[1,128]'"])
        result = run("inspect", path)
        self.assertIn("does not say the type of the input x", result.stdout)
        self.assertNotIn("does not say", self.assert_refused(path, "--input", "float32[2,2]"))


class OpenSizesThatAreRefused(InputsTest):
    def test_details_of_a_single_operator(self):
        model = self.model("", "return torch.add(torch.arange(torch.size(x)[0]), x)")
        result = run("export", model, "-o", self.output, "--input", "float32[N]", "--json")
        [detail] = json.loads(result.stdout)["error"]["details"]
        self.assertEqual((detail["operator"], detail["count"]), ("aten::arange", 1))
        self.assertIn("code/__torch__.py:7", detail["place"])


class TracedInputs(InputsTest):
    def test_default_shapes(self):
        expected = [("x", "float32", [2, 3]), ("pair.0", "float32", [2, 3]), ("pair.1", "int64", [2, 1]),
                    ("items.0", "float32", [1, 3]), ("items.1", "float32", [2, 3]), ("items.2", "float32", [3, 3]),
                    ("named.offset", "float32", [3]), ("named.a scale", "float32", [1, 1])]
        for command in ("inspect", "export"):
            report = self.report(command, NESTED)
            self.assertEqual([(i["name"], i["dtype"], i["shape"]) for i in report["inputs"]], expected)
            self.assertEqual(report["warnings"], [])
            report = self.report(command, NESTED, "named.a scale:float32[10,3]", "float32[4,3]", "float32[4,3]", "int64[4,3]")
            self.assertEqual([i["shape"] for i in report["inputs"]],
                             [[4, 3], [4, 3], [4, 3], [1, 3], [2, 3], [3, 3], [3], [10, 3]])

    def test_a_traced_shape_beside_open_sizes_is_warned_of(self):
        for command in ("inspect", "export"):
            warnings = self.report(command, NESTED, "x:float32[N,3]")["warnings"]
            keep = [w for w in warnings if "keeps the shape" in w]
            self.assertEqual(len(keep), 7, warnings)
            self.assertTrue(keep[0].startswith("the input pair.0 keeps the shape float32[2,3] that it was traced with"), keep[0])
            self.assertIn("--input 'pair.0:float32[...]'", keep[0])

    def with_traced(self, pickle):
        root, content = records(NESTED)
        content["traced_inputs.pkl"] = pickle
        path = self.folder / "traced.pt"
        write_archive(path, content, root)
        return path

    def test_damaged_record(self):
        for pickle in (b"", b"\x80\x02", b"\x80\x02cos\nsystem\n."):
            self.assert_refused(self.with_traced(pickle), says="traced_inputs.pkl")

    def test_a_list_that_holds_another_many_times(self):
        """Each list holds the one before it 200 times: 200 ** 12 items in a file of some kB."""
        lists = b"]q\x00"
        for depth in range(12):
            lists += b"](" + (b"h" + bytes([depth])) * 200 + b"eq" + bytes([depth + 1])
        # Of each list only its last memo is used; the outermost lies in "forward"'s list of arguments.
        pickle = b"\x80\x02" + b"(" + lists + b"tq\x40" + b"}X" + struct.pack("<I", 7) + b"forward](h\x0ces."
        result = run("inspect", self.with_traced(pickle), "--json")
        self.assertIn(result.returncode, (2, 3))
        self.assertLess(len(result.stderr), 5000)


class OpenSizes(InputsTest):
    FOLDER = ROOT / "tests" / "data" / "traced_inputs"

    def test_a_trace_that_does_not_follow_is_warned_of(self):
        for name, spec, says in (("unrolled", "float32[T,B,6]", "T is open in --input, but the model reads only elements 0 to 4"),
                                 ("baked_batch", "float32[N,2,3,3]", "N is open in --input, but the model has the number 1")):
            for command in ("export", "inspect"):
                with self.subTest(f"{command} {name}"):
                    [warning] = self.report(command, self.FOLDER / (name + ".pt"), spec)["warnings"]
                    self.assertTrue(warning.startswith(says), warning)

    def test_a_trace_that_follows_is_not(self):
        for command in ("export", "inspect"):
            self.assertEqual(self.report(command, self.FOLDER / "follows.pt", "float32[N,2,H,W]")["warnings"], [])

    def test_nothing_is_open_without_a_spec(self):
        for name in ("unrolled", "baked_batch", "follows"):
            self.assertEqual(self.report("export", self.FOLDER / (name + ".pt"))["warnings"], [])


class Refused(InputsTest):
    def test_wrong_values(self):
        model = self.model(MASKED + ", flag: bool=False, alpha: float=0.5, mode: str=\"near\", sizes: List[int]=[1]",
                           "return torch.mul(x, k)")
        for value, says in [
                ("K=3", ["forward has no argument K (did you mean k?)", "forward takes x: Tensor, mask: Optional[Tensor]"]),
                ("maks:float32[1]", "forward has no argument maks (did you mean mask?)"),
                ("temperature=3", "forward has no argument temperature"),
                ("k=0.5", ["--input k=0.5: forward's argument k is an int", "--input k=3"]),
                ("k=true", "k is an int"),
                ("k=None", "k is an int"),
                ("k=int64[]", ["\"int64[]\" is neither None, true, false nor a number", "k=3"]),
                ("k=three", "\"three\" is neither"),
                ("k=", "\"\" is neither"),
                ("k=99999999999999999999", "is too large"),
                ("k:int64[]", ["k is an int, not a tensor", "--input k=3", "later version"]),
                ("flag=1", ["flag is a bool", "--input flag=true"]),
                ("flag:bool[]", ["flag is a bool, not a tensor", "--input flag=true"]),
                ("alpha=true", ["alpha is a float", "--input alpha=0.5"]),
                ("alpha:float32[]", "alpha is a float, not a tensor"),
                ("mode=3", "mode is a str"),
                ("sizes=3", "sizes is of type List[int]"),
                ("x=None", ["x is a tensor", "--input 'x:float32[1,3,224,224]'"]),
                ("x=3", "x is a tensor"),
                ("mask=3", ["mask is of type Optional[Tensor]", "--input mask=None"])]:
            for command in ("export", "inspect", "verify", "bench"):
                with self.subTest(f"{command} {value}"):
                    before = self.files()
                    output = ["-o", self.output] if command == "export" else []
                    result = run(command, model, *output, "--input", value)
                    self.assertEqual(result.returncode, 2, result.stderr)
                    self.assertTrue(result.stderr.startswith("octavo: "), result.stderr)
                    for text in [says] if isinstance(says, str) else says:
                        self.assertIn(text, result.stderr)
                    self.assertEqual((result.stdout, self.files()), ("", before))
            if "=" in value:
                self.assertIn([says, says[0]][isinstance(says, list)], self.answer(model, self.array(1), value, code=2))

    def test_tensors_inside_others_are_named(self):
        model = self.model("", "return x")
        root, content = records(model)
        content["code/__torch__.py"] = (CLASS + "  def forward(self: __torch__.M,\n    x: Tensor,\n    p: Tuple[Tensor, Tensor],\n"
                                        "    l: List[Tensor],\n    d: Dict[str, Tensor]) -> Tensor:\n"
                                        "    return torch.add(x, (p)[0])\n").encode()
        write_archive(model, content, root)
        for given, says in [("p:float32[2]", ["argument p of type Tuple[Tensor, Tensor] holds tensors by name", "--input 'p.0:float32"]),
                            ("l:float32[2]", ["argument l of type List[Tensor] holds tensors by name", "'l.KEY:float32"]),
                            ("d:float32[2]", ["argument d of type Dict[str, Tensor] holds tensors by name", "'d.KEY:float32"]),
                            ("l.1:float32[2]", "an item before it in the list l is missing"),
                            ("d=None", ["d is of type Dict[str, Tensor]", "--input 'd.KEY:float32"]),
                            ("p=None", ["p is of type Tuple[Tensor, Tensor]", "--input 'p.0:float32"])]:
            with self.subTest(given):
                self.assert_refused(model, "--input", given, code=2, says=says)

    def test_given_twice(self):
        model = self.model(MASKED, "return torch.mul(x, k)")
        for inputs in (["k=3", "k=3"], ["mask=None", "mask:float32[1]"], ["mask:float32[1]", "mask=None"],
                       ["x:float32[1]", "x:float32[1]"]):
            words = [word for i in inputs for word in ("--input", i)]
            self.assert_refused(model, *words, code=2, says="is given twice")

    def test_too_many(self):
        model = self.model(MASKED, "return torch.mul(x, k)")
        self.assert_refused(model, *["--input", "float32[1]"] * 3, code=2,
                            says="--input is given for 3 tensors, but forward takes 2 by position")

    def test_onnx_models_take_tensors_only(self):
        model = self.model("", "return torch.neg(x)")
        self.report("export", model, "float32[2]")
        x = self.array(1, 2)
        for command in (["run", self.output, "--input", x], ["bench", self.output, "--input", x],
                        ["verify", self.output, self.output, "--input", x]):
            result = run(*command, "--input", "k=3")
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertIn("an ONNX model takes tensors only", result.stderr)

    def test_a_value_for_a_file(self):
        model = self.model("", "return torch.neg(x)")
        self.assertIn("is a value", self.answer(model, f"{self.array(1)}@k=3", code=2))


if __name__ == "__main__":
    unittest.main()
