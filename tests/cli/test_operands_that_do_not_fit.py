"""Programs whose tensors do not fit their operator, as PyTorch 1.13 says: an error that names the operator and the sizes, from `run` and from
`export`; and what is just within what PyTorch takes is run."""
import npy
from octavo_cli import CliTest, run, write_archive

OBJECT = b"\x80\x02c__torch__\nM\n)\x81}(X\x08\x00\x00\x00training\x89ub."
SOURCE = """class M(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  def forward(self: __torch__.M,
    x: Tensor) -> Tensor:
    %s
"""
QUANTIZED = "q = torch.quantize_per_tensor(x, 0.10000000000000001, 3, 13)\n    "
ROW = "torch.ones([2, 3])"
IMAGE = "torch.ones([1, 4, 5, 6])"
EPS = "1.0000000000000001e-05"
PACK = "p = ops.quantized.%s_prepack(torch.quantize_per_tensor(torch.ones([%s]), 0.5, 0, 12), %s)\n    "

# The last line of a program whose input x is float32[4], and words of the error.
REFUSED = {
    "linear, short bias": ("return torch.linear(x, torch.ones([4000, 4]), torch.ones([3]))", "aten::linear", "[3]", "[4000]"),
    "linear, long bias": ("return torch.linear(x, torch.ones([3, 4]), torch.ones([5]))", "aten::linear", "[5]", "[3]"),
    "linear, matrix as bias": ("return torch.linear(x, torch.ones([4, 4]), torch.ones([4, 4]))", "aten::linear", "[4,4]", "[4]"),
    "linear, rows of a batch as bias": ("return torch.linear(torch.ones([2, 3, 4]), torch.ones([5, 4]), torch.ones([3, 5]))", "aten::linear", "[3,5]"),
    "linear, features": ("return torch.linear(x, torch.ones([3, 5]), None)", "aten::linear", "5", "[4]"),
    "linear, cube as weight": ("return torch.linear(x, torch.ones([1, 3, 4]), None)", "aten::linear", "[1,3,4]"),
    "linear, two dtypes": ("return torch.linear(x, torch.to(torch.ones([3, 4]), 7), None)", "aten::linear", "float64", "float32"),
    "addmm of vectors": ("return torch.addmm(x, x, x, beta=1, alpha=1)", "aten::addmm", "mat1", "[4]"),
    "addmm, short self": ("return torch.addmm(torch.ones([3]), torch.ones([2, 4]), torch.ones([4, 4000]), beta=1, alpha=1)", "aten::addmm", "[3]", "[2,4000]"),
    "addmm, long self": ("return torch.addmm(torch.ones([2, 2, 4]), torch.ones([2, 4]), torch.ones([4, 4]), beta=1, alpha=1)", "aten::addmm", "[2,2,4]"),
    "addmm, self of another dtype": ("return torch.addmm(torch.reshape(torch.arange(0, 6, 1), [2, 3]), torch.ones([2, 4]), torch.ones([4, 3]), beta=1, alpha=1)",
                                     "aten::addmm", "int64", "float32"),
    "addmv of vectors": ("return torch.addmv(x, x, x, beta=1, alpha=1)", "aten::addmv", "[4]"),
    "baddbmm of vectors": ("return torch.baddbmm(x, x, x, beta=1, alpha=1)", "aten::baddbmm", "[4]"),
    "baddbmm, batches": ("return torch.baddbmm(torch.ones([2, 3, 3]), torch.ones([2, 3, 4]), torch.ones([1, 4, 3]), beta=1, alpha=1)", "aten::baddbmm", "[2,3,4]", "[1,4,3]"),
    "bmm, batches": ("return torch.bmm(torch.ones([2, 3, 4]), torch.ones([1, 4, 3]))", "aten::bmm", "[2,3,4]", "[1,4,3]"),
    "mm of a vector": ("return torch.mm(%s, torch.ones([3]))" % ROW, "aten::mm", "[3]"),
    "mv of a matrix": ("return torch.mv(%s, %s)" % (ROW, ROW), "aten::mv", "[2,3]"),
    "dot of a matrix": ("return torch.dot(%s, torch.ones([3]))" % ROW, "aten::dot", "[2,3]"),
    "matmul, inner sizes": ("return torch.matmul(%s, %s)" % (ROW, ROW), "aten::matmul", "[2,3]"),
    "conv2d, short bias": ("return torch.conv2d(%s, torch.ones([6, 4, 1, 1]), torch.ones([5]), [1, 1], [0, 0], [1, 1], 1)" % IMAGE, "aten::conv2d", "6", "[5]"),
    "conv2d, matrix as bias": ("return torch.conv2d(%s, torch.ones([6, 4, 1, 1]), torch.ones([6, 1]), [1, 1], [0, 0], [1, 1], 1)" % IMAGE, "aten::conv2d", "[6,1]"),
    "conv2d, groups": ("return torch.conv2d(%s, torch.ones([3, 2, 1, 1]), None, [1, 1], [0, 0], [1, 1], 2)" % IMAGE, "aten::conv2d", "[3,2,1,1]", "2 groups"),
    "conv2d, rank of the input": ("return torch.conv2d(x, torch.ones([3, 2, 1, 1]), None, [1, 1], [0, 0], [1, 1], 2)", "aten::conv2d", "[4]"),
    "conv2d, stride": ("return torch.conv2d(%s, torch.ones([3, 4, 1, 1]), None, [1, 0], [0, 0], [1, 1], 1)" % IMAGE, "aten::conv2d", "stride", "0"),
    "conv2d, kernel": ("return torch.conv2d(%s, torch.ones([3, 4, 8, 1]), None, [1, 1], [1, 1], [1, 1], 1)" % IMAGE, "aten::conv2d", "8", "5"),
    "conv_transpose1d, bias": ("return torch.conv_transpose1d(torch.ones([1, 4, 5]), torch.ones([4, 3, 2]), torch.ones([3]), [1], [0], [0], 2, [1])", "aten::conv_transpose1d", "6", "[3]"),
    "max_pool2d, padding": ("return torch.max_pool2d(%s, [2, 2], [1, 1], [2, 1], [1, 1], False)" % IMAGE, "aten::max_pool2d", "padding 2", "2"),
    "max_pool2d, no channels": ("return torch.max_pool2d(torch.ones([1, 0, 5, 6]), [2, 2], [1, 1], [0, 0], [1, 1], False)", "aten::max_pool2d", "[1,0,5,6]"),
    "avg_pool1d, window": ("return torch.avg_pool1d(torch.ones([1, 4, 5]), [6], [1], [0], False, True)", "aten::avg_pool1d", "6", "5"),
    "adaptive_avg_pool2d, no elements": ("return torch.adaptive_avg_pool2d(torch.ones([1, 4, 0, 6]), [2, 2])", "aten::adaptive_avg_pool2d", "[1,4,0,6]"),
    "batch_norm, short mean": ("return torch.batch_norm(%s, None, None, torch.ones([3]), torch.ones([4]), False, 0.10000000000000001, %s, True)" % (IMAGE, EPS), "aten::batch_norm", "running_mean", "[3]"),
    "batch_norm of a vector": ("return torch.batch_norm(x, None, None, torch.ones([4]), torch.ones([4]), False, 0.10000000000000001, %s, True)" % EPS, "aten::batch_norm", "[4]"),
    "layer_norm, sizes whose product overflows": ("return torch.layer_norm(x, [9223372036854775807, 2], None, None, %s, True)" % EPS, "aten::layer_norm", "9223372036854775807"),
    "layer_norm, weight": ("return torch.layer_norm(x, [4], torch.ones([2, 2]), None, %s, True)" % EPS, "aten::layer_norm", "[2,2]"),
    "group_norm, groups": ("return torch.group_norm(%s, 3, None, None, %s, True)" % (IMAGE, EPS), "aten::group_norm", "4", "3"),
    "group_norm, weight": ("return torch.group_norm(%s, 2, torch.ones([2]), None, %s, True)" % (IMAGE, EPS), "aten::group_norm", "[2]"),
    "instance_norm, bias": ("return torch.instance_norm(%s, None, torch.ones([3]), None, None, True, 0.10000000000000001, %s, True)" % (IMAGE, EPS), "aten::instance_norm", "[3]"),
    "grid_sampler, batches": ("return torch.grid_sampler(%s, torch.ones([2, 3, 3, 2]), 0, 0, False)" % IMAGE, "aten::grid_sampler", "[2,3,3,2]"),
    "grid_sampler, coordinates": ("return torch.grid_sampler(%s, torch.ones([1, 3, 3, 3]), 0, 0, False)" % IMAGE, "aten::grid_sampler", "[1,3,3,3]"),
    "upsample, no elements": ("return torch.upsample_nearest2d(torch.ones([1, 0, 5, 6]), [2, 2], None, None)", "aten::upsample_nearest2d", "[1,0,5,6]"),
    "fake_quantize of a scalar": ("return torch.fake_quantize_per_channel_affine(torch.sum(x), torch.ones([1]), torch.zeros([1], dtype=3), 0, -128, 127)",
                                  "aten::fake_quantize_per_channel_affine", "float32[]"),
    "fake_quantize, scales": ("return torch.fake_quantize_per_channel_affine(x, torch.ones([3]), torch.zeros([3], dtype=3), 0, -128, 127)",
                              "aten::fake_quantize_per_channel_affine", "[3]", "4"),
    "fake_quantize, range": ("return torch.fake_quantize_per_tensor_affine(x, 0.10000000000000001, 0, 127, -128)", "aten::fake_quantize_per_tensor_affine", "127", "-128"),
    "quantized::linear, bias": (QUANTIZED + PACK % ("linear", "3, 4", "torch.ones([1, 3])") + "return torch.dequantize(ops.quantized.linear(torch.unsqueeze(q, 0), p, 1., 0))",
                                "quantized::linear", "[1,3]", "3"),
    "quantized::conv2d, channels": (QUANTIZED + PACK % ("conv2d", "3, 4, 1, 1", "None, [1, 1], [0, 0], [1, 1], 1") +
                                    "return torch.dequantize(ops.quantized.conv2d(torch.reshape(q, [1, 1, 2, 2]), p, 1., 0))", "quantized::conv2d", "1 channels", "4"),
    "quantized::batch_norm2d of a matrix": (QUANTIZED + "return torch.dequantize(ops.quantized.batch_norm2d(torch.reshape(q, [2, 2]), torch.ones([2]), torch.ones([2]), torch.ones([2]), torch.ones([2]), %s, 1., 0))" % EPS,
                                            "quantized::batch_norm2d", "[2,2]"),
    "quantized::layer_norm, shape": (QUANTIZED + "return torch.dequantize(ops.quantized.layer_norm(q, [5], None, None, %s, 1., 0))" % EPS, "quantized::layer_norm", "[5]", "[4]"),
    "quantized::prelu, slopes": (QUANTIZED + "return torch.dequantize(ops.quantized.prelu(torch.reshape(q, [1, 4]), torch.quantize_per_tensor(torch.ones([3]), 0.5, 0, 13), 1., 0))",
                                 "quantized::prelu", "3"),
}
TAKEN = {
    "linear, one number as bias": "return torch.linear(x, torch.ones([3, 4]), torch.ones([1]))",
    "linear, bias of a matrix": "return torch.linear(torch.ones([2, 4]), torch.ones([3, 4]), torch.ones([2, 1]))",
    "linear, bias of a batch": "return torch.linear(torch.ones([2, 3, 4]), torch.ones([5, 4]), torch.ones([1, 5]))",
    "addmm, number as self": "return torch.addmm(torch.ones([]), torch.ones([2, 4]), torch.ones([4, 3]), beta=1, alpha=1)",
    "addmv, one number as self": "return torch.addmv(torch.ones([1]), torch.ones([3, 4]), x, beta=1, alpha=1)",
    "baddbmm, one matrix as self": "return torch.baddbmm(torch.ones([3]), torch.ones([2, 3, 4]), torch.ones([2, 4, 3]), beta=1, alpha=1)",
    "matmul, batches": "return torch.matmul(torch.ones([2, 1, 3, 4]), torch.ones([5, 4, 3]))",
    "conv2d, kernel of the padded size": "return torch.conv2d(%s, torch.ones([3, 4, 7, 1]), torch.ones([3]), [1, 1], [1, 1], [1, 1], 1)" % IMAGE,
    "conv2d without a batch": "return torch.conv2d(torch.ones([4, 5, 6]), torch.ones([4, 2, 1, 1]), torch.ones([4]), [1, 1], [0, 0], [1, 1], 2)",
    "max_pool2d, half the kernel": "return torch.max_pool2d(%s, [2, 3], [1, 1], [1, 1], [1, 1], False)" % IMAGE,
    "layer_norm over two sizes": "return torch.layer_norm(%s, [2, 3], torch.ones([2, 3]), None, %s, True)" % (ROW, EPS),
    "group_norm of a matrix": "return torch.group_norm(%s, 3, torch.ones([3]), None, %s, True)" % (ROW, EPS),
    "fake_quantize along the last axis": "return torch.fake_quantize_per_channel_affine(%s, torch.ones([3]), torch.zeros([3], dtype=3), 1, -128, 127)" % ROW,
}


class OperandsThatDoNotFit(CliTest):
    def setUp(self):
        super().setUp()
        self.x = self.folder / "x.npy"
        npy.write(self.x, "<f4", (4,), [0, 1, 2, 3])

    def model(self, program):
        path = self.folder / "model.pt"
        write_archive(path, {"data.pkl": OBJECT, "code/__torch__.py": (SOURCE % program).encode(), "constants.pkl": b"\x80\x02).", "version": b"3\n"})
        return path

    def test_refused(self):
        for name, (program, *words) in REFUSED.items():
            for command in (("run",), ("export", "-o", self.folder / "y.onnx")):
                with self.subTest(name, command=command[0]):
                    given = ("--input", self.x) if command[0] == "run" else ("--input", "float32[4]")
                    made = run(command[0], self.model(program), *command[1:], *given)
                    self.assertEqual(made.returncode, 3, made.stderr + made.stdout)
                    for word in (*words, "forward"):
                        self.assertIn(word, made.stderr)

    def test_taken(self):
        for name, program in TAKEN.items():
            with self.subTest(name):
                made = run("run", self.model(program), "--input", self.x, "-o", self.folder / "out")
                self.assertEqual(made.returncode, 0, made.stderr)
