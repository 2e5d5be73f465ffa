#include "octavo/targets/onnxruntime/node_types.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "octavo/ir/inputs.h"
#include "octavo/ir/origin.h"

namespace octavo::targets::onnxruntime {
namespace {

struct Kernels {
  int first, last;             // opsets
  std::string_view dtypes;     // of the first input, of Where's second one
  std::string_view operators;  // each name between spaces
};

// What ONNX Runtime 1.32 loads for its CPU provider, found by loading a model of one node per operator, dtype
// and opset from 13 to 21 (docs/OperatorKernels.md of ONNX Runtime lists the kernels; float16 without one is
// computed in float32, and ONNX's functions take more in opset 18).  Operators that take every dtype are left
// out.
constexpr Kernels kKernels[] = {
    {13, 13, "float32 float64 float16 int32 int64", " Add Div Mul Sub "},
    {14, 21, "float32 float64 float16 int8 uint8 int16 int32 int64", " Add Div Mul Sub "},
    {13, 13, "float32 float64 int32 int64", " CumSum "},
    {14, 21, "float32 float64 float16 int32 int64", " CumSum "},
    {13, 13, "float32 float64 float16", " Relu "},
    {14, 17, "float32 float64 float16 int8 int32", " Relu "},
    {18, 18, "float32 float64 float16 int8 int32 int64", " Relu "},
    {19, 21, "float32 float64 float16 int8 int32", " Relu "},
    {13, 15, "float32 float16", " LeakyRelu PRelu "},
    {16, 18, "float32 float64 float16", " LeakyRelu "},
    {16, 18, "float32 float64 float16 int32 int64", " PRelu "},
    {13, 17, "float32 float16", " Elu HardSigmoid HardSwish Selu Softplus Softsign ThresholdedRelu "},
    {18, 18, "float32 float64 float16",
     " Elu HardSigmoid HardSwish Mish Selu Softplus Softsign ThresholdedRelu "},
    {19, 21, "float32 float16",
     " Elu HardSigmoid HardSwish LeakyRelu Mish PRelu Selu Softplus Softsign ThresholdedRelu "},
    {13, 19, "float32 float64 float16 int8 uint8 int32 int64", " ReduceMax ReduceMin "},
    {20, 21, "float32 float64 float16 int8 uint8 int32 int64 bool", " ReduceMax ReduceMin "},
    {13, 19, "float32 float64", " IsInf "},
    {20, 21, "float32 float64 float16 bfloat16", " IsInf "},
    {13, 19, "float32 float64 float16", " IsNaN "},
    {20, 21, "float32 float64 float16 bfloat16", " IsNaN "},
    {13, 20, "float32 float64 float16 int8 uint8 int32 int64 bool", " Pad "},
    {21, 21, "float32 float64 float16 bfloat16 int8 uint8 int32 int64 bool", " Pad "},
    {13, 21, "float32 float64 float16 bfloat16 int8 uint8 int16 int32 int64", " Sign "},
    {13, 21, "float32 float64 float16 int8 uint8 int16 int32 int64 bool", " Equal Expand Tile "},
    {13, 21, "float32 float64 float16 int8 uint8 int16 int32 int64",
     " Abs Greater GreaterOrEqual Less LessOrEqual Mod Shrink TopK "},
    {13, 21, "float32 float64 float16 int8 int16 int32 int64", " Neg "},
    {13, 21, "float32 float64 float16 int8 uint8 int32 int64", " ArgMax ArgMin Clip Max Min Where "},
    {13, 21, "float32 float64 float16 int32 int64 bool", " Trilu "},
    {13, 21, "int8 uint8 int16 int32 int64", " BitwiseAnd BitwiseNot BitwiseOr BitwiseXor "},
    {13, 21, "float32 float64 float16 int32 int64",
     " Einsum MatMul Pow ReduceL1 ReduceL2 ReduceLogSum ReduceMean ReduceProd ReduceSum ReduceSumSquare "},
    {13, 21, "float32 float64 float16 int8 uint8", " DepthToSpace MaxPool SpaceToDepth "},
    {13, 21, "float32 float16 int8 uint8 int32", " Resize "},
    {13, 21, "float32 float64 float16 bfloat16", " LayerNormalization "},
    {13, 21, "float32 float64 float16",
     " BatchNormalization Ceil Cos Exp Floor Gemm Log LogSoftmax LpNormalization Reciprocal Round "
     "Sigmoid Sin Softmax Sqrt Sum Tanh "},
    {13, 21, "float32 float16",
     " Acos Asin Atan AveragePool Conv ConvTranspose Cosh Erf Gelu GlobalAveragePool GlobalMaxPool "
     "GridSample Hardmax InstanceNormalization LRN LpPool Mean Sinh Tan "},
    {13, 21, "float32", " Celu "},
    {13, 21, "bool", " And Not Or Xor "},
};

// Operators whose inputs have one dtype, but for Where's first.
constexpr std::string_view kOneDType =
    " Add Div Mul Sub Max Min Sum Mean Mod Equal Greater GreaterOrEqual Less LessOrEqual And Or Xor "
    "BitwiseAnd BitwiseOr BitwiseXor Gemm MatMul Concat Conv ConvTranspose PRelu Clip LayerNormalization "
    "InstanceNormalization Einsum Range Where ";

// Calls `visit` with the words between spaces.
template <typename Visit>
void ForEachWord(std::string_view list, const Visit& visit) {
  for (std::size_t at = 0; (at = list.find_first_not_of(' ', at)) != std::string_view::npos;) {
    const std::size_t end = std::min(list.find(' ', at), list.size());
    visit(list.substr(at, end - at));
    at = end;
  }
}

bool HasWord(std::string_view list, std::string_view word) {
  bool found = false;
  ForEachWord(list, [&](std::string_view other) { found = found || other == word; });
  return found;
}

using KernelsByOperator = std::unordered_map<std::string_view, std::vector<const Kernels*>>;

const KernelsByOperator& AllKernels() {
  static const KernelsByOperator all = [] {
    KernelsByOperator made;
    for (const Kernels& kernels : kKernels)
      ForEachWord(kernels.operators, [&](std::string_view op) { made[op].push_back(&kernels); });
    return made;
  }();
  return all;
}

bool TakesOneDType(std::string_view op) {
  static const std::unordered_set<std::string_view> operators = [] {
    std::unordered_set<std::string_view> made;
    ForEachWord(kOneDType, [&](std::string_view name) { made.insert(name); });
    return made;
  }();
  return operators.contains(op);
}

bool HasKernel(std::string_view op, DType dtype, int opset) {
  const auto found = AllKernels().find(op);
  if (found == AllKernels().end()) return true;
  bool listed = false;
  for (const Kernels* kernels : found->second) {
    if (opset < kernels->first || opset > kernels->last) continue;
    if (HasWord(kernels->dtypes, Name(dtype))) return true;
    listed = true;
  }
  return !listed;
}

// What is wrong with a node; nullopt: nothing that is known.
std::optional<std::string> MisfitOf(const ir::Graph& graph, const ir::Node& node, int opset) {
  const bool chooses = node.op == "Where";  // by bools, between tensors of one dtype
  std::vector<DType> dtypes;
  const std::vector<ir::ValueId> inputs = ir::InputsOf(node);
  for (std::size_t i = chooses ? 1 : 0; i < inputs.size(); ++i) {
    dtypes.push_back(inputs[i].valid() ? StorageType(graph.type(inputs[i]).dtype) : DType::kUnknown);
  }
  if (dtypes.empty()) return std::nullopt;
  if (dtypes[0] != DType::kUnknown && !HasKernel(node.op, dtypes[0], opset)) {
    return fmt::format("ONNX Runtime has no {} for {} in opset {}", node.op, Name(dtypes[0]), opset);
  }
  if (!TakesOneDType(node.op)) return std::nullopt;
  std::erase(dtypes, DType::kUnknown);
  const auto other = std::ranges::find_if(dtypes, [&](DType dtype) { return dtype != dtypes[0]; });
  if (other == dtypes.end()) return std::nullopt;
  return fmt::format("ONNX's {} takes operands of one dtype, not {} and {}", node.op, Name(dtypes[0]),
                     Name(*other));
}

struct Misfit {
  std::string what;
  const ir::Node* node;
};

Error ErrorOf(const std::vector<Misfit>& misfits) {
  constexpr const char* kHint = "Convert the operands in the model, for example with .float().";
  const auto& [what, node] = misfits[0];
  if (misfits.size() == 1) {
    Error error = Unsupported(what, kHint);
    if (!node->origin) return error;
    error.SetSubject(node->origin->op);
    error.SetWhere(ir::Place(*node->origin), node->origin->excerpt);
    for (const std::string& call : node->origin->calls) error.AddContext(call);
    return error;
  }
  Error all =
      Unsupported(fmt::format("ONNX Runtime cannot load {} of the written nodes", misfits.size()), kHint);
  constexpr std::size_t kShown = 20;
  for (std::size_t i = 0; i < misfits.size() && i < kShown; ++i) {
    const ir::Origin* origin = misfits[i].node->origin.get();
    all.AddDetail({.message = misfits[i].what,
                   .op = origin ? origin->op : misfits[i].node->op,
                   .count = 1,
                   .place = origin ? ir::Place(*origin) : std::string(),
                   .module_path = origin ? origin->module_path : std::string()});
  }
  if (misfits.size() > kShown) all.AddDetail(fmt::format("and {} more", misfits.size() - kShown));
  return all;
}

}  // namespace

Status CheckNodeTypes(const ir::Graph& graph) {
  const auto opset = graph.opsets.find("");
  if (opset == graph.opsets.end()) return {};
  std::vector<Misfit> misfits;
  for (const ir::Node& node : graph.nodes()) {
    if (std::optional<std::string> what = MisfitOf(graph, node, opset->second)) {
      misfits.push_back({std::move(*what), &node});
    }
  }
  if (misfits.empty()) return {};
  return ErrorOf(misfits);
}

}  // namespace octavo::targets::onnxruntime
