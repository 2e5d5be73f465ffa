"""`octavo inspect` on models of every kind that PyTorch saves, with and without --input.

What they hold and what runs of them was asked of PyTorch (tests/models/make_model_expectations.py)."""
import collections
import json
import unittest

from octavo_cli import DIGITS, ROOT, CliTest, run
from test_bad_input import with_body

MODELS = ROOT / "tests" / "data" / "models"
EXPECTED = json.loads((MODELS / "expected.json").read_text())
DIALECTS = ("qdq", "caffe2")
# Operators that move nothing: of a constant, or of a tensor that has that type and order already, they are left out.
VANISH = {"aten::to", "aten::contiguous", "aten::transpose", "aten::permute", "aten::view", "aten::detach", "aten::copy_"}
# Of numbers, which are evaluated; and PyTorch's choice where a model asks for gradients, of the same numbers.
NOT_LISTED = {("attention-quantizable.pt", "aten::mul"), ("lstm-dynamic-scripted.pt", "aten::mul"),
              ("vit-scripted.pt", "aten::_native_multi_head_attention")}


def inspected(path, *arguments):
    result = run("inspect", path, "--json", *arguments)
    assert result.returncode == 0, "%s: exit code %d\n%s" % (path, result.returncode, result.stderr)
    return json.loads(result.stdout)


def specs(name):
    return [word for spec in EXPECTED[name]["inputs"] for word in ("--input", spec)]


def listed(report):
    return {layer["operator"] for layer in report["layers"]}


def held(report):
    tensors = [weight for layer in report["layers"] for weight in layer["weights"]] + report["unread"]
    return collections.Counter((t["dtype"], tuple(t["shape"])) for t in tensors)


class EveryModel(CliTest):
    def test_lists_the_weights_that_pytorch_reads(self):
        for name, expected in EXPECTED.items():
            with self.subTest(name=name):
                report = inspected(MODELS / name)
                missing = collections.Counter((d, tuple(s)) for d, s in expected["tensors"]) - held(report)
                self.assertFalse(missing, "not listed")
                elements = sum(self.product(shape) for _, shape in expected["tensors"])
                self.assertGreaterEqual(report["parameters"], elements)

    @staticmethod
    def product(sizes):
        count = 1
        for size in sizes:
            count *= size
        return count

    def test_lists_the_operators_that_pytorch_runs(self):
        for name, expected in EXPECTED.items():
            for arguments in ((), specs(name)):
                with self.subTest(name=name, arguments=arguments):
                    found = listed(inspected(MODELS / name, *arguments))
                    self.assertGreater(len(found), 0)
                    ran = {operator.rstrip("_") if not operator.endswith("__") else operator
                           for operator in set(expected["ran"]) - VANISH}
                    ran -= {operator for model, operator in NOT_LISTED if model == name}
                    self.assertEqual(ran - found, set())

    def test_without_input_it_says_only_what_holds_with_it(self):
        answers = collections.Counter()
        for name in EXPECTED:
            without, given = inspected(MODELS / name), inspected(MODELS / name, *specs(name))
            self.assertTrue(given["inputs_known"] or "N" in " ".join(specs(name)), name)
            for dialect in DIALECTS:
                answer, truth = (r["dialects"][dialect]["converts"] for r in (without, given))
                answers[answer] += 1
                with self.subTest(name=name, dialect=dialect):
                    self.assertIsNotNone(truth)
                    if answer is not None:
                        self.assertEqual(answer, truth, without["dialects"][dialect].get("error"))
        for answer in (True, False, None):
            self.assertGreater(answers[answer], 2, answers)

    def test_export_says_the_same(self):
        for name in EXPECTED:
            report = inspected(MODELS / name, *specs(name))
            for dialect in DIALECTS:
                with self.subTest(name=name, dialect=dialect):
                    result = run("export", MODELS / name, "-o", self.output, "--dialect", dialect, *specs(name))
                    self.assertEqual(result.returncode, 0 if report["dialects"][dialect]["converts"] else 3, result.stderr)

    def test_check(self):
        for name in EXPECTED:
            for arguments in ((), specs(name)):
                converts = inspected(MODELS / name, *arguments)["dialects"]
                for dialect in DIALECTS:
                    with self.subTest(name=name, dialect=dialect, arguments=arguments):
                        result = run("inspect", MODELS / name, "--check", "--dialect", dialect, *arguments)
                        self.assertEqual(result.returncode, 0 if converts[dialect]["converts"] else 1, result.stderr)

    def test_every_operator_that_is_missing_is_not_supported(self):
        for name in EXPECTED:
            report = inspected(MODELS / name, *specs(name))
            error = report["dialects"]["qdq"].get("error", {"details": []})
            for detail in error["details"]:
                if "not supported yet" in error["message"] and "::" in detail["operator"]:
                    with self.subTest(name=name, operator=detail["operator"]):
                        uses = [layer for layer in report["layers"] if layer["operator"] == detail["operator"]]
                        self.assertEqual({use["supported"]["qdq"] for use in uses}, {False})
                        self.assertEqual(len(uses), detail["count"])


class Listing(CliTest):
    def test_evaluated_or_code(self):
        self.assertEqual(inspected(MODELS / "bilinear-scripted.pt")["listing"], "code")
        given = inspected(MODELS / "bilinear-scripted.pt", *specs("bilinear-scripted.pt"))
        self.assertEqual(given["listing"], "evaluated")
        self.assertFalse(any(layer["perhaps"] for layer in given["layers"]))

    def test_types_that_the_file_does_not_have_are_not_guessed(self):
        report = inspected(MODELS / "bilinear-scripted.pt")
        self.assertEqual(report["inputs"], [{"name": "X", "declared": "Tensor", "tensor": True}])
        self.assertFalse(report["inputs_known"])
        text = run("inspect", MODELS / "bilinear-scripted.pt").stdout
        self.assertIn("input  X  Tensor, type not in the file\n", text)
        self.assertIn("found in the model's code", text)
        self.assertIn("--input 'X:DTYPE[SIZES]'", text)
        self.assertIn("needs --input to tell whether it converts to qdq or caffe2", text)
        self.assertNotIn("does not convert", text)

    def test_types_of_a_trace_are_known(self):
        report = inspected(MODELS / "ssd-topk.pt")
        self.assertTrue(report["inputs_known"])
        self.assertEqual(report["inputs"][0]["shape"], [1, 3, 12, 12])

    def test_an_assumed_type_is_said_by_export_too(self):
        path = self.changed(with_body("return torch.relu(x)"))
        for result in (run("inspect", path), run("export", path, "-o", self.output)):
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn("warning: the file does not say the type of the input x, so float32 is assumed", result.stderr)
        given = run("export", path, "-o", self.output, "--input", "int64[2]")
        self.assertNotIn("assumed", given.stderr)
        self.assertNotIn("dtype", inspected(path)["inputs"][0])

    def test_both_sides_of_a_branch_on_a_size(self):
        body = "if torch.gt(torch.size(x, 0), 3):\n  y = torch.relu(x)\nelse:\n  y = torch.sigmoid(x)\nreturn torch.tanh(y)"
        report = inspected(self.changed(with_body(body)))
        self.assertEqual([(layer["operator"], layer["perhaps"]) for layer in report["layers"]],
                         [("aten::relu", True), ("aten::sigmoid", True), ("aten::tanh", False)])
        self.assertIsNone(report["dialects"]["qdq"]["converts"])
        decided = inspected(self.changed(with_body(body)), "--input", "float32[2,1,8,8]")
        self.assertEqual([layer["operator"] for layer in decided["layers"]], ["aten::sigmoid", "aten::tanh"])
        self.assertTrue(decided["dialects"]["qdq"]["converts"])

    def test_a_branch_that_is_not_taken_is_not_followed(self):
        body = "if torch.eq(1, 2):\n  y = torch.stft(x, 512)\nelse:\n  y = torch.relu(torch.view(x, [torch.size(x, 0), -1]))\nreturn y"
        self.assertEqual([layer["operator"] for layer in inspected(self.changed(with_body(body)))["layers"]],
                         ["aten::view", "aten::relu"])

    def test_an_operator_in_a_branch_may_not_be_needed(self):
        """It is no reason to say that the model does not convert."""
        body = "if torch.gt(torch.size(x, 0), 3):\n  y = torch.stft(x, 512)\nelse:\n  y = torch.sigmoid(x)\nreturn y"
        path = self.changed(with_body(body))
        self.assertIsNone(inspected(path)["dialects"]["qdq"]["converts"])
        self.assertTrue(inspected(path, "--input", "float32[2,1,8,8]")["dialects"]["qdq"]["converts"])
        self.assertFalse(inspected(path, "--input", "float32[4,1,8,8]")["dialects"]["qdq"]["converts"])

    def test_loops_and_choices_on_a_size(self):
        body = ("y = x\nfor i in range(torch.size(x, 0)):\n  y = torch.relu(y)\n"
                "n = torch.size(x, 1)\nwhile torch.gt(n, 2):\n  y = torch.tanh(y)\n  n = torch.sub(n, 1)\n"
                "z = torch.sigmoid(y) if torch.gt(n, 1) else torch.exp(y)\nreturn z")
        self.assertEqual([(layer["operator"], layer["perhaps"]) for layer in inspected(self.changed(with_body(body)))["layers"]],
                         [("aten::relu", True), ("aten::tanh", True), ("aten::sigmoid", True), ("aten::exp", True)])

    def test_what_follows_an_operator_that_is_not_supported(self):
        body = ("y = torch.stft(x, 512)\nif torch.gt(torch.size(y, 0), 3):\n  z = torch.relu(y)\nelse:\n  z = y\n"
                "return ops.mylib.beam_search(z)")
        report = inspected(self.changed(with_body(body)), "--input", "float32[2,1,8,8]")
        self.assertEqual([d["operator"] for d in report["dialects"]["qdq"]["error"]["details"]],
                         ["aten::stft", "mylib::beam_search"])

    def test_a_loop_that_does_not_end(self):
        self.assertIn("steps", json.dumps(inspected(self.changed(with_body("while True:\n  y = x\nreturn x")))))

    def test_no_forward(self):
        def change(content):
            content["code/__torch__.py"] = content["code/__torch__.py"].replace(b"def forward(", b"def predict(")
        report = inspected(self.changed(change))
        self.assertIn("no method forward", report["dialects"]["qdq"]["error"]["message"])
        self.assertEqual(report["layers"], [])
        self.assertGreater(report["parameters"], 10000)

    def test_a_damaged_program_is_an_error(self):
        def change(content):
            content["code/__torch__.py"] = b"class Digits(Module):\n  def forward(self"
        result = run("inspect", self.changed(change))
        self.assertEqual(result.returncode, 3)
        self.assertTrue(result.stderr.startswith("octavo: cannot inspect "))


class Messages(CliTest):
    """An operator that is not supported: what it is, how often it is used, what to do."""
    ADVICE = [
        ("bert-dynamic.pt", "quantized::linear_dynamic is not supported yet (7 uses)", "Dynamic quantization"),
        ("lstm-dynamic-traced.pt", "2 operators are not supported yet", "Quantize the model statically"),
        ("lstm-cell-dynamic-scripted.pt", "quantized::quantized_lstm_cell_dynamic", "Dynamic quantization"),
        ("linear-dynamic-fp16-scripted.pt", "quantized::linear_dynamic_fp16", "Leave these layers in float32"),
        ("lstm-float-traced.pt", "aten::lstm is not supported yet (1 use)", "Recurrent layers"),
        ("gru-float-traced.pt", "aten::gru", "Recurrent layers"),
        ("embedding-scripted.pt", "quantized::embedding_byte", "Keep embeddings in float"),
        ("embedding-bag-4bit.pt", "quantized::embedding_bag_4bit", "replace EmbeddingBag"),
        ("fake-quantize-left.pt", "aten::fused_moving_avg_obs_fake_quant", "torch.ao.quantization.convert"),
        ("onednn-conv-add-scripted.pt", "quantized::conv2d_add", "get_onednn_backend_config"),
        ("onednn-linear-leaky-relu.pt", "quantized::linear_leaky_relu", "get_onednn_backend_config"),
        ("optimized-for-inference.pt", "prim::mkldnn_convolution", "torch.jit.optimize_for_inference"),
        ("mobile.pt", "prepacked::conv2d_clamp_run", "optimize_for_mobile"),
        ("nnapi.pt", "torch.classes._nnapi.Compilation", "compiled for Android's NNAPI"),
        ("vit-traced.pt", "aten::_native_multi_head_attention", "Write the attention as"),
        ("ssd-nms.pt", "torchvision::nms", "torchvision's own operators"),
        ("sort.pt", "aten::sort is not supported yet (1 use)", "`octavo ops` lists"),
    ]

    def test_advice(self):
        for name, *says in self.ADVICE:
            with self.subTest(name=name):
                message = self.assert_refused(MODELS / name, *specs(name), says=says)
                self.assertNotIn("--plugin", message)
                self.assertNotIn("row", message.split("\n")[0])

    def test_a_plugin_is_advised_for_operators_of_ones_own(self):
        message = self.assert_refused(self.changed(with_body("return ops.mylib.twice(x)")),
                                      says=["mylib::twice is not supported yet (1 use)", "--plugin"])
        self.assertNotIn("octavo ops", message)

    def test_each_advice_names_its_operators(self):
        message = self.assert_refused(self.changed(with_body("y = torch.stft(x, 512)\nreturn ops.mylib.twice(y)")))
        self.assertIn("\naten::stft: Leave it out", message)
        self.assertIn("\nmylib::twice: It is not one of PyTorch's own operators", message)

    def test_details(self):
        path = self.changed(with_body("y = torch.stft(x, 512)\nreturn torch.stft(y, 3)"))
        error = json.loads(run("export", path, "-o", self.output, "--json").stdout)["error"]
        self.assertEqual([(d["operator"], d["count"]) for d in error["details"]], [("aten::stft", 2)])
        self.assertIn("code/__torch__.py:6:", error["details"][0]["place"])


class Onnx(CliTest):
    def setUp(self):
        super().setUp()
        result = run("export", DIGITS, "-o", self.output, "--input", "float32[N,1,8,8]", "--external-data", "always")
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_lists_initializers_and_scales(self):
        report = inspected(self.output)
        self.assertEqual(report["listing"], "evaluated")
        self.assertEqual(report["dialects"], {})
        self.assertNotIn("supported", report["layers"][0])
        dequantized = [layer for layer in report["layers"] if layer["operator"] == "DequantizeLinear" and layer["weights"]]
        weight = next(layer["weights"][0] for layer in dequantized if layer["weights"][0]["shape"] == [16, 16, 3, 3])
        self.assertEqual(weight["dtype"], "qint8")
        self.assertGreater(weight["scale"], 0)

    def test_does_not_read_external_data(self):
        data = self.folder / "out.onnx.data"
        before = inspected(self.output)
        data.unlink()
        self.assertEqual(inspected(self.output), before)

    def test_options_for_saved_models(self):
        for option in (("--check",), ("--input", "float32[1,1,8,8]")):
            result = run("inspect", self.output, *option)
            self.assertEqual(result.returncode, 2, option)
            self.assertIn("%s is for saved PyTorch models" % option[0], result.stderr)

    def test_dialect_is_for_check(self):
        result = run("inspect", DIGITS, "--dialect", "caffe2")
        self.assertEqual(result.returncode, 2)
        self.assertIn("--dialect is for --check", result.stderr)


if __name__ == "__main__":
    unittest.main()
