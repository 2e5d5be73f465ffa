#pragma once

// What the harnesses for whole ways through Octavo share.

#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "octavo/archive/archive.h"
#include "octavo/archive/zip_testing.h"
#include "octavo/base/limits.h"
#include "octavo/base/temporary_folder.h"
#include "octavo/driver/given_inputs.h"
#include "octavo/driver/pipeline.h"
#include "octavo/driver/registry_rules.h"
#include "octavo/fuzz/harness.h"
#include "octavo/fuzz/mutators.h"
#include "octavo/import/import.h"
#include "octavo/module/load.h"

namespace octavo::driver {

inline void Require(bool condition) {
  if (!condition) std::abort();
}

// Every error says something.
template <typename T>
bool Succeeds(const Result<T>& result) {
  if (!result) Require(!result.error().what().empty());
  return result.has_value();
}

// A fuzzer wants many runs a second.
inline Limits SmallLimits() {
  Limits limits;
  limits.max_inflated_bytes = 1 << 24;
  limits.max_pickle_nodes = 1 << 18;
  limits.max_syntax_nodes = 1 << 17;
  limits.max_steps = 100'000;
  limits.max_list_length = 1 << 12;
  limits.max_graph_nodes = 1 << 12;
  limits.max_memory_bytes = 1 << 26;
  limits.max_work = 5'000'000;
  return limits;
}

inline const Registry& BuiltinRegistry() {
  static const Operators& operators = *LoadOperators({}).Take().release();
  return operators.registry;
}

// The names of PyTorch's operators, as the code of an archive has them: "relu".
inline const std::vector<std::string>& OperatorWords() {
  static const std::vector<std::string>& words = *[] {
    auto* names = new std::vector<std::string>;
    for (const OperatorRow* row : BuiltinRegistry().rows())
      names->push_back(row->name.substr(row->name.rfind(':') + 1));
    return names;
  }();
  return words;
}

// The operators that the engine knows, and some that it does not.
inline const std::vector<std::string>& OnnxOperators() {
  static const std::vector<std::string>& names = *[] {
    std::istringstream text(
        "Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BatchNormalization BitShift "
        "BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Cast CastLike Ceil Celu Clip Concat Constant "
        "ConstantOfShape Conv ConvInteger ConvTranspose Cos Cosh CumSum DepthToSpace DequantizeLinear Div "
        "Dropout DynamicQuantizeLinear DynamicQuantizeMatMul Einsum Elu Equal Erf Exp Expand EyeLike Flatten "
        "Floor GRU Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalMaxPool Greater "
        "GreaterOrEqual GridSample GroupNormalization HardSigmoid HardSwish Hardmax Identity If "
        "InstanceNormalization Int8Add Int8AddRelu Int8AveragePool Int8ChannelShuffle Int8Concat Int8Conv "
        "Int8ConvRelu Int8Dequantize Int8FC Int8Flatten Int8GivenIntTensorFill Int8GivenTensorFill "
        "Int8LeakyRelu Int8MaxPool Int8Quantize Int8Relu Int8Reshape Int8ResizeNearest Int8Sigmoid Int8Slice "
        "Int8Softmax Int8Transpose IsInf IsNaN LRN LSTM LayerNormalization LeakyRelu Less LessOrEqual Log "
        "LogSoftmax Loop LpNormalization MatMul MatMulInteger MatMulIntegerToFloat MatMulNBits Max MaxPool "
        "Mean Min Mish Mod Mul Neg NonZero Not OneHot Or PRelu Pad Pow QGemm QLinearAdd QLinearAveragePool "
        "QLinearConcat QLinearConv QLinearGlobalAveragePool QLinearLeakyRelu QLinearMatMul QLinearMul "
        "QLinearSigmoid QLinearSoftmax QLinearWhere QuantizeLinear QuickGelu Range Reciprocal ReduceL1 "
        "ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum "
        "ReduceSumSquare Relu Reshape Resize Round Scan Scatter ScatterElements ScatterND Selu Shape Shrink "
        "Sigmoid Sign Sin Sinh Size Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum "
        "Swish Tan Tanh ThresholdedRelu Tile TopK Transpose Trilu Unsqueeze Upsample Where Xor");
    return new std::vector<std::string>(std::istream_iterator<std::string>(text), {});
  }();
  return names;
}

// A place for what is written.
inline std::filesystem::path FuzzOutput(const char* name) {
  static const TemporaryFolder& folder = *TemporaryFolder::Create().Take().release();
  return folder.path() / name;
}

// Few elements, so that a run is short.
inline bool Small(const TensorType& type) {
  constexpr std::int64_t kMaxElements = 1 << 14;
  if (!type.shape) return true;
  std::int64_t elements = 1;
  for (const Dim& dim : *type.shape) {
    if (!dim.known()) continue;
    if (dim.value() > kMaxElements) return false;
    elements *= std::max<std::int64_t>(dim.value(), 1);
    if (elements > kMaxElements) return false;
  }
  return true;
}

// The inputs that an archive is tried with: lines of its record "extra/inputs", each as --input has it.
inline std::vector<InputSpec> SpecsOf(const std::filesystem::path& path) {
  std::vector<InputSpec> specs;
  auto mapped = MappedFile::Open(path);
  if (!mapped) return specs;
  const auto archive = archive::Archive::Open(*mapped, SmallLimits());
  if (!archive) return specs;
  const auto text = (*archive)->ReadText("extra/inputs");
  if (!text) return specs;
  for (std::size_t at = 0; at < text->size();) {
    const std::size_t end = std::min(text->find('\n', at), text->size());
    auto spec = InputSpec::Parse(std::string_view(*text).substr(at, end - at));
    if (spec) specs.push_back(*std::move(spec));
    at = end + 1;
  }
  return specs;
}

// A program that was read with small limits.
inline Result<Read> ReadFuzzed(const std::filesystem::path& path, const std::vector<InputSpec>& specs) {
  Read read;
  read.module = OCTAVO_TRY(module::Load(path, SmallLimits()));
  const RegistryRules rules(BuiltinRegistry());
  const import::Options options = ImportOptions(specs, SmallLimits());
  read.imported = OCTAVO_TRY(import::Import(read.module, rules, options));
  WarnOfAssumedTypes(read.imported);
  AddWarnings(read.module, rules, read.imported);
  if (!read.imported.missing.empty()) return Unsupported("operators are missing");
  return read;
}

// libFuzzer's hooks for a harness that takes an archive, and one that takes an ONNX model.
inline std::size_t MutateArchive(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  return fuzz::Mutate(data, size, max_size, seed, [](std::string_view zip, fuzz::Dice& dice) {
    return fuzz::MutateZip(zip, OperatorWords(), dice);
  });
}

inline std::size_t MutateModel(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  return fuzz::Mutate(data, size, max_size, seed, [](std::string_view model, fuzz::Dice& dice) {
    return fuzz::MutateOnnx(model, OnnxOperators(), dice);
  });
}

}  // namespace octavo::driver
