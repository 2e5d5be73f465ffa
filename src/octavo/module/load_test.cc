#include "octavo/module/load.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "octavo/archive/zip_testing.h"
#include <nlohmann/json.hpp>

namespace octavo::module {
namespace {

using archive::Fixture;
using archive::TestFile;
using archive::TestZip;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kVersions[] = {"1.13", "2.13"};

Result<Module> LoadFixture(const std::string& version, const std::string& name) {
  return Load(Fixture(version + "/" + name + ".pt"));
}

// What PyTorch had in its hands when it wrote the file.
json Expected(const std::string& version, const std::string& name) {
  return json::parse(archive::ReadFile(Fixture(version + "/" + name + ".json")));
}

template <typename T>
const T& Get(const Value& value) {
  const T* result = std::get_if<T>(&value.v);
  if (result == nullptr) {
    ADD_FAILURE() << "a value of kind " << value.v.index();
    static const T kNone{};
    return kNone;
  }
  return *result;
}

std::vector<double> Numbers(const Tensor& tensor) {
  if (tensor.dtype != DType::kQUint4x2) return tensor.ToDoubles();
  std::vector<double> numbers;
  for (const std::byte b : tensor.Bytes()) numbers.push_back(std::to_integer<int>(b));
  return numbers;
}

void ExpectTensor(const Tensor& tensor, const json& expected) {
  EXPECT_EQ(Name(tensor.dtype), expected["dtype"].get<std::string>());
  EXPECT_EQ(tensor.sizes, expected["sizes"].get<std::vector<std::int64_t>>());
  if (!expected["values"].is_null()) {
    EXPECT_EQ(Numbers(tensor), expected["values"].get<std::vector<double>>());
  }
  ASSERT_EQ(tensor.quantization.has_value(), expected.contains("scales"));
  if (!tensor.quantization) return;
  const Quantization& q = *tensor.quantization;
  EXPECT_EQ(q.scales, expected["scales"].get<std::vector<double>>());
  const auto zeros = expected["zero_points"].get<std::vector<double>>();
  if (q.float_zero_points) {
    EXPECT_EQ(q.float_zeros, zeros);
  } else {
    EXPECT_EQ(std::vector<double>(q.zero_points.begin(), q.zero_points.end()), zeros);
  }
  EXPECT_EQ(q.axis,
            expected.contains("axis") ? std::optional<int>(expected["axis"].get<int>()) : std::nullopt);
}

void ExpectValue(const Value& value, const json& expected) {
  SCOPED_TRACE(expected.dump().substr(0, 200));
  const std::string kind = expected.begin().key();
  const json& content = expected.begin().value();
  if (kind == "tensor") {
    ExpectTensor(Get<Tensor>(value), content);
  } else if (kind == "symbol") {
    EXPECT_EQ(Get<Symbol>(value).name, "__torch__." + content.get<std::string>());
  } else if (kind == "device") {
    EXPECT_EQ(Get<Device>(value).name, content.get<std::string>());
  } else if (kind == "float") {
    EXPECT_EQ(Get<double>(value), std::strtod(content.get<std::string>().c_str(), nullptr));
  } else if (kind == "list" || kind == "tuple") {
    const auto& items =
        kind == "list" ? Get<std::shared_ptr<List>>(value)->items : Get<std::shared_ptr<Tuple>>(value)->items;
    ASSERT_EQ(items.size(), content.size());
    for (std::size_t i = 0; i < items.size(); ++i) ExpectValue(items[i], content[i]);
  } else if (kind == "dict") {
    const auto& items = Get<std::shared_ptr<Dict>>(value)->items;
    ASSERT_EQ(items.size(), content.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
      ExpectValue(items[i].first, content[i][0]);
      ExpectValue(items[i].second, content[i][1]);
    }
  } else if (content.is_null()) {
    EXPECT_TRUE(value.is_none());
  } else if (content.is_boolean()) {
    EXPECT_EQ(Get<bool>(value), content.get<bool>());
  } else if (content.is_number_integer()) {
    EXPECT_EQ(Get<std::int64_t>(value), content.get<std::int64_t>());
  } else {
    EXPECT_EQ(Get<std::string>(value), content.get<std::string>());
  }
}

void ExpectAttributes(const std::string& version, const std::string& name) {
  SCOPED_TRACE(version + "/" + name);
  const auto module = LoadFixture(version, name);
  ASSERT_TRUE(module) << module.error().ToString();
  const json expected = Expected(version, name);
  ASSERT_GT(expected.size(), 5u);
  for (const auto& [attribute, value] : expected.items()) {
    SCOPED_TRACE(attribute);
    const Value* found = module->root->Find(attribute);
    ASSERT_NE(found, nullptr);
    ExpectValue(*found, value);
  }
}

TEST(Load, AttributesOfEveryKind) {
  for (const char* version : kVersions) ExpectAttributes(version, "kinds");
}

TEST(Load, TensorsOfEveryKind) {
  for (const char* version : kVersions) ExpectAttributes(version, "tensors");
}

TEST(Load, ReadsArchivesThatOtherProgramsPacked) {
  const json expected = Expected("1.13", "kinds");
  for (const char* name : {"rezipped_deflated", "rezipped_zip64", "rezipped_descriptors"}) {
    const auto module = LoadFixture("1.13", name);
    ASSERT_TRUE(module) << name << module.error().ToString();
    for (const auto& [attribute, value] : expected.items())
      ExpectValue(*module->root->Find(attribute), value);
  }
}

TEST(Load, ViewsShareTheirStorage) {
  const auto module = LoadFixture("1.13", "tensors");
  ASSERT_TRUE(module);
  const auto& base = Get<Tensor>(*module->root->Find("t_base"));
  const auto& view = Get<Tensor>(*module->root->Find("t_view"));
  EXPECT_EQ(base.storage, view.storage);
  EXPECT_EQ(view.offset, 4);
  const auto& weight = Get<Tensor>(*module->root->Find("t_channels_last"));
  EXPECT_THAT(weight.strides, ElementsAre(12, 1, 6, 3));
}

TEST(Load, SharedModulesAndListsAreOne) {
  for (const char* version : kVersions) {
    const auto module = LoadFixture(version, "shared");
    ASSERT_TRUE(module) << module.error().ToString();
    const Object& root = *module->root;
    EXPECT_EQ(Get<std::shared_ptr<Object>>(*root.Find("first")),
              Get<std::shared_ptr<Object>>(*root.Find("second")));
    EXPECT_EQ(Get<std::shared_ptr<List>>(*root.Find("a")), Get<std::shared_ptr<List>>(*root.Find("b")));
    EXPECT_EQ(Get<Tensor>(*root.Find("x")).storage, Get<Tensor>(*root.Find("y")).storage);
  }
}

void ExpectPacked(const ir::PackedWeights& packed, const json& expected) {
  using Kind = ir::PackedWeights::Kind;
  const std::map<std::string, Kind> kinds = {{"conv", Kind::kConv},
                                             {"conv_transpose", Kind::kConvTranspose},
                                             {"linear", Kind::kLinear},
                                             {"linear_fp16", Kind::kLinearFp16},
                                             {"embedding", Kind::kEmbedding}};
  EXPECT_EQ(packed.kind, kinds.at(expected["kind"]));
  ExpectTensor(packed.weight, expected["weight"]["tensor"]);
  if (expected.contains("bias")) {
    ASSERT_EQ(packed.bias.has_value(), expected["bias"].contains("tensor"));
    if (packed.bias) ExpectTensor(*packed.bias, expected["bias"]["tensor"]);
  }
  if (!expected.contains("stride")) return;
  EXPECT_EQ(packed.spatial_dims, static_cast<int>(expected["stride"].size()));
  EXPECT_EQ(packed.stride, expected["stride"].get<std::vector<std::int64_t>>());
  EXPECT_EQ(packed.padding, expected["padding"].get<std::vector<std::int64_t>>());
  EXPECT_EQ(packed.dilation, expected["dilation"].get<std::vector<std::int64_t>>());
  EXPECT_EQ(packed.output_padding, expected["output_padding"].get<std::vector<std::int64_t>>());
  EXPECT_EQ(packed.groups, expected["groups"].get<std::int64_t>());
}

TEST(Load, PackedWeights) {
  for (const char* version : kVersions) {
    const auto module = LoadFixture(version, "packed");
    ASSERT_TRUE(module) << module.error().ToString();
    const json expected = Expected(version, "packed");
    for (const auto& [attribute, value] : expected.items()) {
      SCOPED_TRACE(std::string(version) + " " + attribute);
      const Value* found = module->root->Find(attribute);
      ASSERT_NE(found, nullptr);
      const auto& packed = Get<std::shared_ptr<const ir::PackedWeights>>(*found);
      ASSERT_NE(packed, nullptr);
      ExpectPacked(*packed, value);
      EXPECT_EQ(packed->name, attribute);
    }
  }
}

TEST(Load, ModulesWithGetstateKeepTheirState) {
  for (const char* version : kVersions) {
    for (const char* name : {"traced", "scripted"}) {
      SCOPED_TRACE(std::string(version) + "/" + name);
      const auto module = LoadFixture(version, name);
      ASSERT_TRUE(module) << module.error().ToString();
      const json expected = Expected(version, name);
      const auto& conv = Get<std::shared_ptr<Object>>(*module->root->Find("1"));
      EXPECT_THAT(conv->class_name, HasSubstr("ConvReLU2d"));
      EXPECT_TRUE(conv->attributes.empty());
      ASSERT_NE(conv->state, nullptr);
      const auto& state = Get<std::shared_ptr<Tuple>>(*conv->state)->items;
      ASSERT_EQ(state.size(), 15u);
      ExpectValue(state[10], expected["conv"]["weight"]);
      ExpectValue(state[11], expected["conv"]["bias"]);
      EXPECT_EQ(Get<double>(state[12]), expected["conv"]["scale"].get<double>());
      EXPECT_EQ(Get<std::int64_t>(state[13]), expected["conv"]["zero_point"].get<std::int64_t>());

      const auto& linear = Get<std::shared_ptr<Object>>(*module->root->Find("4"));
      const auto& holder = Get<std::shared_ptr<Object>>(*linear->Find("_packed_params"));
      const Value* packed = holder->Find("_packed_params");
      ASSERT_NE(packed, nullptr);
      const auto& weights = Get<std::shared_ptr<const ir::PackedWeights>>(*packed);
      ExpectTensor(weights->weight, expected["linear"]["weight"]["tensor"]);
      ExpectTensor(*weights->bias, expected["linear"]["bias"]["tensor"]);
      EXPECT_EQ(weights->name, "4._packed_params._packed_params");
    }
  }
}

TEST(Load, FrozenModulesHaveConstants) {
  for (const char* version : kVersions) {
    const auto module = LoadFixture(version, "frozen");
    ASSERT_TRUE(module) << module.error().ToString();
    const json expected = Expected(version, "frozen");
    int convs = 0, linears = 0;
    for (const Value& constant : module->constants) {
      const auto* packed = std::get_if<std::shared_ptr<const ir::PackedWeights>>(&constant.v);
      if (packed == nullptr) continue;
      EXPECT_THAT((*packed)->name, testing::StartsWith("CONSTANTS."));
      const bool conv = (*packed)->kind == ir::PackedWeights::Kind::kConv;
      ++(conv ? convs : linears);
      ExpectTensor((*packed)->weight, expected[conv ? "conv" : "linear"]["weight"]["tensor"]);
    }
    EXPECT_EQ(convs, 1);
    EXPECT_EQ(linears, 1);
  }
}

TEST(Load, TellsWhatTheRecordsTell) {
  const auto old = LoadFixture("1.13", "traced");
  ASSERT_TRUE(old);
  EXPECT_EQ(old->archive_version, "3");
  EXPECT_EQ(old->producer, "PyTorch 1.6 to 2.0");
  EXPECT_FALSE(old->traced);
  EXPECT_EQ(old->file_bytes, std::filesystem::file_size(Fixture("1.13/traced.pt")));

  const auto traced = LoadFixture("2.13", "traced");
  ASSERT_TRUE(traced);
  EXPECT_EQ(traced->producer, "PyTorch 2.1 or newer");
  EXPECT_TRUE(traced->traced);
  ASSERT_EQ(traced->traced_inputs.size(), 1u);
  EXPECT_EQ(traced->traced_inputs[0].type.ToString(), "float32[1,2,4,4]");

  const auto scripted = LoadFixture("2.13", "scripted");
  ASSERT_TRUE(scripted);
  EXPECT_FALSE(scripted->traced);
  EXPECT_TRUE(scripted->traced_inputs.empty());
}

TEST(Load, TracedInputsKnowTheirPlaces) {
  const auto module = Load(OCTAVO_SOURCE_DIR "/tests/data/traced_inputs/nested.pt");
  ASSERT_TRUE(module) << module.error().ToString();
  std::vector<std::string> inputs;
  for (const InputHint& hint : module->traced_inputs)
    inputs.push_back(std::to_string(hint.argument) + hint.item + ": " + hint.type.ToString());
  EXPECT_THAT(inputs, ElementsAre("0: float32[2,3]", "1.0: float32[2,3]", "1.1: int64[2,1]",
                                  "2.0: float32[1,3]", "2.1: float32[2,3]", "2.2: float32[3,3]",
                                  "3.offset: float32[3]", "3.a scale: float32[1,1]"));
}

TEST(Load, TheLiteInterpretersFileHasTheModuleToo) {
  for (const char* version : kVersions) {
    const auto module = Load(Fixture(std::string(version) + "/lite.ptl"));
    ASSERT_TRUE(module) << module.error().ToString();
    const auto& linear = Get<std::shared_ptr<Object>>(*module->root->Find("0"));
    EXPECT_THAT(Get<Tensor>(*linear->Find("weight")).sizes, ElementsAre(2, 2));
  }
}

std::vector<std::string> LostNames(const Module& module) {
  std::vector<std::string> names;
  for (const LostWeight& weight : module.lost_weights) names.push_back(weight.name);
  return names;
}

TEST(Load, RecordsWithoutAChecksumAreNamed) {
  TestZip zip = archive::ZipOf(Fixture("2.13/shared.pt"));
  EXPECT_TRUE(LoadFixture("2.13", "shared")->warnings.empty());
  zip.Find("/version").crc = 0;
  const auto one = Load(TestFile(zip.Bytes()).path());
  ASSERT_TRUE(one) << one.error().ToString();
  EXPECT_THAT(one->warnings,
              ElementsAre("the record shared/version has no checksum, so damage to it cannot be "
                          "detected"));
  for (archive::TestRecord& record : zip.records) record.crc = 0;
  const auto all = Load(TestFile(zip.Bytes()).path());
  ASSERT_TRUE(all) << all.error().ToString();
  EXPECT_THAT(all->warnings, ElementsAre(HasSubstr("records have no checksum (shared/")));
  EXPECT_TRUE(all->lost_weights.empty());
}

// Zeros without a checksum among records with one are what PyTorch writes for tensors without memory.
TEST(Load, WeightsThatPyTorchLost) {
  const auto load = [](bool zeros, bool checksum, bool other_checksums) {
    TestZip zip = archive::ZipOf(Fixture("2.13/shared.pt"));
    archive::TestRecord& weight = zip.Find("/data/1");
    if (zeros) weight.data.assign(weight.data.size(), '\0');
    if (!checksum) weight.crc = 0;
    if (!other_checksums) zip.Find("/data.pkl").crc = 0;
    auto module = Load(TestFile(zip.Bytes()).path());
    EXPECT_TRUE(module) << module.error().ToString();
    return LostNames(*module);
  };
  EXPECT_THAT(load(true, false, true), ElementsAre("first.weight"));
  EXPECT_THAT(load(true, true, true), ElementsAre());
  EXPECT_THAT(load(false, false, true), ElementsAre());
  EXPECT_THAT(load(true, false, false), ElementsAre());
}

TEST(Program, FindsClassesAndMethods) {
  for (const char* version : kVersions) {
    const auto module = LoadFixture(version, "kinds");
    ASSERT_TRUE(module);
    const auto definition = module->program->FindClass("__torch__.Kinds");
    ASSERT_TRUE(definition) << definition.error().ToString();
    ASSERT_NE(*definition, nullptr);
    EXPECT_EQ((*definition)->name, "__torch__.Kinds");
    EXPECT_NE((*definition)->FindMethod("forward"), nullptr);
    EXPECT_EQ((*definition)->FindMethod("backward"), nullptr);
    // The same definition each time.
    EXPECT_EQ(*module->program->FindClass("__torch__.Kinds"), *definition);
    for (const char* name :
         {"__torch__.Other", "__torch__.a.Kinds", "Kinds", "", ".", "__torch__", "__torch__."}) {
      const auto missing = module->program->FindClass(name);
      ASSERT_TRUE(missing);
      EXPECT_EQ(*missing, nullptr) << name;
    }
  }
}

TEST(Program, FindsMangledNames) {
  const auto module = LoadFixture("1.13", "scripted");
  ASSERT_TRUE(module);
  EXPECT_THAT(module->root->class_name, HasSubstr("___torch_mangle_"));
  const auto definition = module->program->FindClass(module->root->class_name);
  ASSERT_TRUE(definition) << definition.error().ToString();
  ASSERT_NE(*definition, nullptr);
  EXPECT_NE((*definition)->FindMethod("forward"), nullptr);
}

TEST(Program, FindsFunctions) {
  TestZip zip = archive::ZipOf(Fixture("1.13/shared.pt"));
  zip.records.push_back({.name = "shared/code/__torch__/a/b.py",
                         .data = "def relu(x: Tensor) -> Tensor:\n  return torch.relu(x)\n",
                         .deflate = true});
  const TestFile file(zip.Bytes());
  const auto module = Load(file.path());
  ASSERT_TRUE(module) << module.error().ToString();
  const auto function = module->program->FindFunction("__torch__.a.b.relu");
  ASSERT_TRUE(function) << function.error().ToString();
  ASSERT_NE(*function, nullptr);
  EXPECT_EQ((*function)->syntax->name, "relu");
  EXPECT_EQ(*module->program->FindFunction("__torch__.a.b.gelu"), nullptr);
  EXPECT_EQ(*module->program->FindClass("__torch__.a.b.relu"), nullptr);
}

TEST(Program, AFileThatDoesNotParseIsAnErrorOnlyWhereItIsNeeded) {
  TestZip zip = archive::ZipOf(Fixture("1.13/shared.pt"));
  zip.records.push_back({.name = "shared/code/__torch__/broken.py", .data = "class C(Module:\n"});
  const TestFile file(zip.Bytes());
  const auto module = Load(file.path());
  ASSERT_TRUE(module) << module.error().ToString();
  for (int again = 0; again < 2; ++again) {
    const auto definition = module->program->FindClass("__torch__.broken.C");
    ASSERT_FALSE(definition);
    EXPECT_EQ(definition.error().code(), ErrorCode::kInvalidFile);
    EXPECT_THAT(definition.error().where(), HasSubstr("code/__torch__/broken.py:1"));
  }
}

}  // namespace
}  // namespace octavo::module
