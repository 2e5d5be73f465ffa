#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/import/program_testing.h"

// Packed weights and quantized constants.

namespace octavo::import {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<Imported> ImportPacked(const std::string& body, Attributes attributes,
                              const std::string& globals = {}) {
  std::string text = "  def forward(self: __torch__.M,\n    x: Tensor) -> Tensor:\n    ";
  for (const char c : body) text += c == '\n' ? std::string("\n    ") : std::string(1, c);
  return Import(MakeModule(text + "\n", std::move(attributes), globals), TestRules(), {});
}

Tensor QuantizedWeight(std::vector<std::int64_t> sizes) {
  std::int64_t n = 1;
  for (const std::int64_t s : sizes) n *= s;
  Tensor tensor =
      Tensor::From(DType::kQInt8, std::move(sizes), std::vector<std::int8_t>(static_cast<std::size_t>(n), 3));
  tensor.quantization = Quantization::PerTensor(0.5, 0);
  return tensor;
}

const ir::PackedWeights& Packed(const Imported& imported, std::size_t node, std::size_t argument) {
  return *std::get<std::shared_ptr<const ir::PackedWeights>>(
      imported.graph.nodes()[node].arguments[argument].value);
}

module::Value Tuple(std::vector<module::Value> items) {
  auto tuple = std::make_shared<module::Tuple>();
  tuple->items = std::move(items);
  return {tuple};
}

constexpr const char* kConv =
    "class Conv2d(Module):\n"
    "  _packed_params : __torch__.torch.classes.quantized.Conv2dPackedParamsBase\n"
    "  def forward(self: __torch__.Conv2d,\n    input: Tensor) -> Tensor:\n"
    "    _packed_params = self._packed_params\n"
    "    return ops.quantized.conv2d(input, _packed_params, self.scale, self.zero_point)\n"
    "  def __setstate__(self: __torch__.Conv2d,\n    state: Tuple[Tuple[int, int], Tensor, Tensor, float, "
    "int]) -> NoneType:\n"
    "    self.stride = (state)[0]\n"
    "    _7 = (self).set_weight_bias((state)[1], (state)[2], )\n"
    "    self.scale = (state)[3]\n    self.zero_point = (state)[4]\n    return None\n"
    "  def set_weight_bias(self: __torch__.Conv2d,\n    w: Tensor,\n    b: Optional[Tensor]) -> NoneType:\n"
    "    _8, _9, = self.stride\n"
    "    _16 = ops.quantized.conv2d_prepack(w, b, [_8, _9], [1, 1], [1, 1], 1)\n"
    "    self._packed_params = _16\n    return None\n";

module::Value ConvObject() {
  module::Value conv = MakeObject("__torch__.Conv2d", {});
  auto& object = *std::get<std::shared_ptr<module::Object>>(conv.v);
  object.state = std::make_shared<module::Value>(Tuple({Tuple({{std::int64_t{2}}, {std::int64_t{2}}}),
                                                        {QuantizedWeight({4, 3, 3, 3})},
                                                        {Tensor::Floats({4}, {1, 2, 3, 4})},
                                                        {0.25},
                                                        {std::int64_t{7}}}));
  return conv;
}

TEST(Prepack, RunsSetstateWhenAModuleIsFirstTouched) {
  const auto imported =
      ImportPacked("conv1 = self.conv1\ny = (conv1).forward(x, )\nreturn (conv1).forward(y, )",
                   {{"conv1", ConvObject()}}, kConv);
  ASSERT_TRUE(imported) << imported.error().ToString();
  ASSERT_EQ(Operators(imported->graph), "quantized::conv2d quantized::conv2d");
  const ir::PackedWeights& packed = Packed(*imported, 0, 1);
  EXPECT_EQ(packed.kind, ir::PackedWeights::Kind::kConv);
  EXPECT_EQ(packed.name, "conv1._packed_params");
  EXPECT_EQ(packed.spatial_dims, 2);
  EXPECT_THAT(packed.stride, ElementsAre(2, 2));
  EXPECT_THAT(packed.padding, ElementsAre(1, 1));
  EXPECT_EQ(packed.weight.sizes, (std::vector<std::int64_t>{4, 3, 3, 3}));
  ASSERT_TRUE(packed.bias);
  EXPECT_EQ(packed.bias->ToFloats(), (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(&packed, &Packed(*imported, 1, 1));
  EXPECT_EQ(std::get<double>(imported->graph.nodes()[0].arguments[2].value), 0.25);
  EXPECT_EQ(imported->graph.nodes()[0].origin->module_path, "conv1");
}

TEST(Prepack, PacksEveryKind) {
  struct PackCase {
    const char* call;
    std::vector<std::int64_t> weight;
    ir::PackedWeights::Kind kind;
    int spatial_dims;
  };
  using Kind = ir::PackedWeights::Kind;
  for (const PackCase& c : std::vector<PackCase>{
           {"conv1d_prepack(w, None, [1], [0], [1], 1)", {2, 2, 3}, Kind::kConv, 1},
           {"conv1d_prepack(w, None, [1], [0, 0], [1], 1)", {2, 2, 3}, Kind::kConv, 1},
           {"conv2d_prepack(w, None, [1, 1], [0, 0], [1, 1], 1)", {2, 2, 3, 3}, Kind::kConv, 2},
           {"conv3d_prepack(w, None, [1, 1, 1], [0, 0, 0], [1, 1, 1], 1)", {2, 2, 3, 3, 3}, Kind::kConv, 3},
           {"conv_transpose1d_prepack(w, None, [1], [0], [0], [1], 1)", {2, 2, 3}, Kind::kConvTranspose, 1},
           {"conv_transpose2d_prepack(w, None, [2, 2], [0, 0], [1, 1], [1, 1], 1)",
            {2, 2, 3, 3},
            Kind::kConvTranspose,
            2},
           {"conv_transpose3d_prepack(w, None, [1, 1, 1], [0, 0, 0], [0, 0, 0], [1, 1, 1], 1)",
            {2, 2, 3, 3, 3},
            Kind::kConvTranspose,
            3},
           {"linear_prepack(w, None)", {2, 3}, Kind::kLinear, 0},
           {"embedding_bag_prepack(w)", {5, 3}, Kind::kEmbedding, 0}}) {
    const auto imported = ImportPacked(
        "w = self.w\np = ops.quantized." + std::string(c.call) + "\nreturn ops.quantized.linear(x, p, 1., 0)",
        {{"w", {QuantizedWeight(c.weight)}}});
    ASSERT_TRUE(imported) << c.call << "\n" << imported.error().ToString();
    EXPECT_EQ(Packed(*imported, 0, 1).kind, c.kind) << c.call;
    EXPECT_EQ(Packed(*imported, 0, 1).spatial_dims, c.spatial_dims) << c.call;
    EXPECT_FALSE(Packed(*imported, 0, 1).bias) << c.call;
  }
  const auto transposed = ImportPacked(
      "p = ops.quantized.conv_transpose2d_prepack(self.w, None, [2, 2], [0, 0], [1, 0], [1, 1], 1)\n"
      "return ops.quantized.conv2d(x, p, 1., 0)",
      {{"w", {QuantizedWeight({2, 2, 3, 3})}}});
  ASSERT_TRUE(transposed);
  EXPECT_THAT(Packed(*transposed, 0, 1).output_padding, ElementsAre(1, 0));
}

TEST(Prepack, RefusesWeightsThatDoNotFit) {
  for (const char* call :
       {"conv2d_prepack(self.w, None, [1, 1], [0, 0], [1, 1], 1)",
        "conv2d_prepack(self.f, None, [1, 1], [0, 0], [1, 1], 1)", "linear_prepack(self.f, None)",
        "conv1d_prepack(self.v, None, [], [0], [1], 1)", "conv1d_prepack(self.v, None, [1], [0], [1], 0)",
        "linear_prepack_fp16(self.w, None)"}) {
    const auto imported =
        ImportPacked(std::string("p = ops.quantized.") + call + "\nreturn ops.quantized.linear(x, p, 1., 0)",
                     {{"w", {QuantizedWeight({2, 3})}},
                      {"v", {QuantizedWeight({2, 3, 3})}},
                      {"f", {Tensor::Floats({2, 2}, {1, 2, 3, 4})}}});
    EXPECT_FALSE(imported) << call;
  }
}

TEST(Prepack, UnpacksAndAsks) {
  const auto imported = ImportPacked(
      "p = ops.quantized.conv2d_prepack(self.w, self.b, [2, 1], [0, 0], [1, 1], 1)\n"
      "w, b, = (p).unpack()\nw0, b0, = ops.quantized.conv2d_unpack(p)\n"
      "q = ops.quantized.conv2d_prepack(w, b0, (p).stride(), ops.quantized.conv2d_padding(p), "
      "(p).dilation(), (p).groups())\n"
      "return ops.quantized.conv2d(x, q, 1., 0)",
      {{"w", {QuantizedWeight({2, 2, 3, 3})}}, {"b", {Tensor::Floats({2}, {1, 2})}}});
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_THAT(Packed(*imported, 0, 1).stride, ElementsAre(2, 1));
  EXPECT_EQ(Packed(*imported, 0, 1).bias->ToFloats(), (std::vector<float>{1, 2}));
}

// Quantizing is arithmetic, and the reference's: the importer leaves it as a node, of constants, too.
TEST(Prepack, LeavesTheQuantizationOfConstantsAsNodes) {
  const auto imported = ImportPacked(
      "p = ops.quantized.linear_prepack(torch.quantize_per_tensor(self.f, 0.1, 3, 12), self.b)\n"
      "return ops.quantized.linear(x, p, 1., 0)",
      {{"f", {Tensor::Floats({1, 2}, {1, -1})}}, {"b", {Tensor::Floats({1}, {2})}}});
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_EQ(Operators(imported->graph), "aten::quantize_per_tensor quantized::linear");
  const ir::PackedWeights& packed = Packed(*imported, 1, 1);
  EXPECT_EQ(packed.weight_value, imported->graph.nodes()[0].outputs[0]);
  EXPECT_TRUE(imported->graph.value(packed.bias_value).constant);
}

TEST(Prepack, PacksWhatTheModelComputes) {
  const auto imported = ImportPacked(
      "w = torch.quantize_per_tensor(x, 0.1, 0, 12)\n"
      "return ops.quantized.linear(x, ops.quantized.linear_prepack(w, self.b), 1., 0)",
      {{"b", {Tensor::Floats({2}, {1, 2})}}});
  ASSERT_TRUE(imported) << imported.error().ToString();
  const ir::PackedWeights& packed = Packed(*imported, 1, 1);
  EXPECT_EQ(packed.weight_value, imported->graph.nodes()[0].outputs[0]);
  EXPECT_TRUE(packed.bias_value.valid());
}

// As torch.tensor([...]).half().float(), but that PyTorch keeps large weights at float16's largest number,
// and takes NaN for the smallest (2.13, engine fbgemm).
TEST(Prepack, RoundsWeightsToHalf) {
  const auto imported = ImportPacked(
      "return ops.quantized.linear(x, ops.quantized.linear_prepack_fp16(self.f, None), 1., 0)",
      {{"f",
        {Tensor::Floats({1, 9},
                        {0.1f, 1.0009765f, -3.14159f, 1e-8f, 1e6f, 5.97e-8f, NAN, INFINITY, 65519.9f})}}});
  ASSERT_TRUE(imported) << imported.error().ToString();
  EXPECT_EQ(Packed(*imported, 0, 1).weight.ToFloats(),
            (std::vector<float>{0.0999755859375f, 1.0009765625f, -3.140625f, 0, 65504,
                                5.9604644775390625e-08f, -65504, 65504, 65504}));
}

TEST(Prepack, ViewsOfConstantsStayConstants) {
  const auto imported = ImportPacked(
      "w = self.w\nreturn torch.add(x, torch.transpose(torch.view(torch.t(torch.detach(w)), [-1, 3]), 0, 1))",
      {{"w", {Tensor::Floats({3, 1}, {1, 2, 3})}}});
  ASSERT_TRUE(imported) << imported.error().ToString();
  ASSERT_EQ(Operators(imported->graph), "aten::add");
  const auto id = std::get<ir::ValueId>(imported->graph.nodes()[0].arguments[1].value);
  EXPECT_EQ(imported->graph.value(id).name, "w");
  EXPECT_EQ(imported->graph.value(id).constant->sizes, (std::vector<std::int64_t>{3, 1}));
}

}  // namespace
}  // namespace octavo::import
