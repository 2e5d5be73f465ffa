#include "octavo/module/packed_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

// The versions that no PyTorch of today writes any more, as its reader still takes them
// (aten/src/ATen/native/quantized/cpu/conv_serialization.h); what today's writes is in load_test.cc.

namespace octavo::module {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kConv2d = "__torch__.torch.classes.quantized.Conv2dPackedParamsBase";
constexpr const char* kConv3d = "__torch__.torch.classes.quantized.Conv3dPackedParamsBase";
constexpr const char* kLinear = "__torch__.torch.classes.quantized.LinearPackedParamsBase";
constexpr const char* kEmbedding = "__torch__.torch.classes.quantized.EmbeddingPackedParamsBase";

Value MakeTuple(std::vector<Value> items) { return {std::make_shared<Tuple>(Tuple{std::move(items)})}; }
Value MakeList(std::vector<Value> items) { return {std::make_shared<List>(List{std::move(items)})}; }

Value Ints(const std::vector<std::int64_t>& numbers) {
  std::vector<Value> items(numbers.size());
  for (std::size_t i = 0; i < numbers.size(); ++i) items[i].v = numbers[i];
  return MakeList(std::move(items));
}

Value Shorts(const std::vector<std::int16_t>& numbers) {
  return {Tensor::From(DType::kInt16, {static_cast<std::int64_t>(numbers.size())}, numbers)};
}

// One number, as version 1 keeps each.
Value Short(std::int16_t number) { return Shorts({number}); }

Tensor Weight(std::vector<std::int64_t> sizes, std::optional<int> axis = std::nullopt) {
  std::int64_t count = 1;
  for (const std::int64_t n : sizes) count *= n;
  Tensor t = Tensor::From(DType::kQInt8, sizes, std::vector<std::int8_t>(static_cast<std::size_t>(count), 3));
  t.quantization = Quantization::PerTensor(0.5, 0);
  if (axis) {
    const auto channels = static_cast<std::size_t>(sizes[static_cast<std::size_t>(*axis)]);
    t.quantization = Quantization{.scales = std::vector<double>(channels, 0.5),
                                  .zero_points = std::vector<std::int64_t>(channels, 0),
                                  .axis = axis};
  }
  return t;
}

Value Bias(std::int64_t n) {
  return {Tensor::Floats({n}, std::vector<float>(static_cast<std::size_t>(n), 1))};
}

// Two channels of three, kernel 1 x 2.
Value Version3(std::vector<std::int64_t> config, Value weight = {Weight({2, 3, 1, 2})},
               Value bias = Bias(2)) {
  return MakeTuple({{std::int64_t{3}}, Ints(config), MakeList({{}, std::move(weight), std::move(bias)})});
}
const std::vector<std::int64_t> kConfig = {2, 1, 2, 3, 4, 5, 6, 0, 0, 1, 0};

void ExpectConfig(const ir::PackedWeights& packed) {
  EXPECT_EQ(packed.kind, ir::PackedWeights::Kind::kConv);
  EXPECT_EQ(packed.spatial_dims, 2);
  EXPECT_THAT(packed.stride, ElementsAre(1, 2));
  EXPECT_THAT(packed.padding, ElementsAre(3, 4));
  EXPECT_THAT(packed.dilation, ElementsAre(5, 6));
  EXPECT_THAT(packed.output_padding, ElementsAre(0, 0));
  EXPECT_EQ(packed.groups, 1);
  EXPECT_THAT(packed.weight.sizes, ElementsAre(2, 3, 1, 2));
  EXPECT_TRUE(packed.bias.has_value());
  EXPECT_EQ(packed.name, "conv._packed_params");
}

void ExpectPackedError(const char* class_name, const Value& state, const std::string& what,
                       ErrorCode code = ErrorCode::kInvalidFile) {
  const auto packed = ReadPackedWeights(class_name, state, "net.conv");
  ASSERT_FALSE(packed);
  EXPECT_EQ(packed.error().code(), code);
  EXPECT_THAT(packed.error().what(), HasSubstr(what));
  EXPECT_THAT(packed.error().ToString(), HasSubstr("attribute net.conv"));
}

TEST(PackedWeights, KnowsItsClasses) {
  for (const char* name : {kConv2d, kConv3d, kLinear, kEmbedding}) EXPECT_TRUE(IsPackedWeightsClass(name));
  EXPECT_FALSE(IsPackedWeightsClass("__torch__.torch.classes.rnn.CellParamsBase"));
  EXPECT_FALSE(IsPackedWeightsClass("__torch__.Conv2dPackedParamsBase"));
}

TEST(PackedWeights, Version1) {
  const Value state = MakeTuple({{Weight({2, 3, 1, 2})},
                                 Bias(2),
                                 MakeList({Short(1), Short(2)}),
                                 MakeList({Short(3), Short(4)}),
                                 MakeList({Short(5), Short(6)}),
                                 Short(1)});
  const auto packed = ReadPackedWeights(kConv2d, state, "conv._packed_params");
  ASSERT_TRUE(packed) << packed.error().ToString();
  ExpectConfig(**packed);
}

TEST(PackedWeights, Version2) {
  const Value config = Shorts({2, 1, 2, 3, 4, 5, 6, 0, 0, 1, 0});
  const Value state =
      MakeTuple({{std::string("2")}, MakeList({config, {Weight({2, 3, 1, 2})}}), MakeList({Bias(2)})});
  const auto packed = ReadPackedWeights(kConv2d, state, "conv._packed_params");
  ASSERT_TRUE(packed) << packed.error().ToString();
  ExpectConfig(**packed);
}

TEST(PackedWeights, Version3) {
  const auto packed = ReadPackedWeights(kConv2d, Version3(kConfig), "conv._packed_params");
  ASSERT_TRUE(packed) << packed.error().ToString();
  ExpectConfig(**packed);
}

TEST(PackedWeights, TransposedChannels) {
  std::vector<std::int64_t> config = {2, 2, 2, 0, 0, 1, 1, 1, 0, 2, 1};
  const Value state = Version3(config, {Weight({4, 3, 1, 2}, 1)}, Bias(6));
  const auto packed = ReadPackedWeights(kConv2d, state, "t");
  ASSERT_TRUE(packed) << packed.error().ToString();
  EXPECT_EQ((*packed)->kind, ir::PackedWeights::Kind::kConvTranspose);
  EXPECT_THAT((*packed)->output_padding, ElementsAre(1, 0));
  EXPECT_EQ((*packed)->groups, 2);
  ExpectPackedError(kConv2d, Version3(config, {Weight({4, 3, 1, 2})}, Bias(3)),
                    "bias must be float32[6], not float32[3]");
  ExpectPackedError(kConv2d, Version3(config, {Weight({4, 3, 1, 2}, 0)}, Bias(6)),
                    "dimension 0, but their output channels are dimension 1", ErrorCode::kUnsupported);
}

TEST(PackedWeights, RefusesUnknownVersions) {
  ExpectPackedError(kConv2d, MakeTuple({{std::string("4")}, {}, {}}), "version \"4\"");
  ExpectPackedError(kConv2d, MakeTuple({{std::int64_t{2}}, {}, {}}), "version 2");
  ExpectPackedError(kConv2d, MakeTuple({{1.5}}), "unknown version");
  ExpectPackedError(kConv2d, MakeTuple({}), "the state is empty");
  ExpectPackedError(kConv2d, {}, "the state is not a tuple");
  ExpectPackedError(kEmbedding,
                    MakeTuple({{std::int64_t{2}}, MakeList({{Weight({2, 2})}}), MakeList({}), Ints({8})}),
                    "version 2");
}

TEST(PackedWeights, RefusesFalseConfigurations) {
  const auto changed = [](std::size_t i, std::int64_t value) {
    std::vector<std::int64_t> config = kConfig;
    config[i] = value;
    return Version3(config);
  };
  ExpectPackedError(kConv2d, changed(0, 3), "configuration values");
  ExpectPackedError(kConv3d, Version3(kConfig), "configuration values");
  ExpectPackedError(kConv2d, Version3({2, 1, 1}), "configuration values");
  ExpectPackedError(kConv2d, changed(1, 0), "stride");
  ExpectPackedError(kConv2d, changed(2, -1), "stride");
  ExpectPackedError(kConv2d, changed(3, -1), "padding");
  ExpectPackedError(kConv2d, changed(6, 0), "dilation");
  ExpectPackedError(kConv2d, changed(9, 0), "groups");
  ExpectPackedError(kConv2d, changed(9, 3), "2 channels cannot be divided into 3 groups");
  ExpectPackedError(kConv2d, changed(10, 2), "flags 2");
}

TEST(PackedWeights, RefusesFalseTensors) {
  ExpectPackedError(kConv2d, Version3(kConfig, {Weight({2, 3, 2})}), "must be qint8 of rank 4");
  ExpectPackedError(kConv2d, Version3(kConfig, {Weight({2, 0, 1, 1})}), "must be qint8 of rank 4");
  ExpectPackedError(kConv2d, Version3(kConfig, {Tensor::Floats({1, 1, 1, 1}, {1})}), "float32[1,1,1,1]");
  ExpectPackedError(kConv2d, Version3(kConfig, {}), "weight is not a tensor");
  ExpectPackedError(kConv2d, Version3(kConfig, {Weight({2, 3, 1, 2})}, Bias(3)),
                    "bias must be float32[2], not float32[3]");
  ExpectPackedError(kConv2d, Version3(kConfig, {Weight({2, 3, 1, 2})}, {std::int64_t{0}}),
                    "bias is not a tensor");
  ExpectPackedError(kConv2d, Version3(kConfig, {Weight({2, 3, 1, 2}, 1)}), "dimension 1, but their",
                    ErrorCode::kUnsupported);
  ExpectPackedError(kLinear, MakeTuple({{Weight({2, 3, 1})}, {}}), "linear");
  ExpectPackedError(kLinear, MakeTuple({{Weight({2, 3})}, Bias(3)}), "bias");
  ExpectPackedError(kLinear, MakeTuple({{Weight({2, 3})}}), "a linear layer needs weight and bias");
  ExpectPackedError(kEmbedding, MakeTuple({{std::int64_t{1}}, MakeList({}), MakeList({}), Ints({8})}),
                    "one weight");
  ExpectPackedError(kEmbedding,
                    MakeTuple({{std::int64_t{1}}, MakeList({{Weight({2, 2})}}), MakeList({}), Ints({4})}),
                    "bits");
}

}  // namespace
}  // namespace octavo::module
