#include "octavo/targets/onnxruntime/integer_kernels.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "octavo/ir/inputs.h"

namespace octavo::targets::onnxruntime {
namespace {

using ir::Graph;
using ir::Node;
using ir::ValueId;

// What the elements of a value are, as far as it matters here.
enum class Elements : std::uint8_t { kUnknown, kReal, kByte, kOther };

Elements ElementsOf(DType dtype) {
  switch (StorageType(dtype)) {
    case DType::kUnknown:
      return Elements::kUnknown;
    case DType::kUint8:
    case DType::kInt8:
      return Elements::kByte;
    default:
      return IsFloat(dtype) ? Elements::kReal : Elements::kOther;
  }
}

// By TensorProto's number of a type.
Elements ElementsOfCode(std::int64_t code) {
  constexpr std::int64_t kFloat = 1, kUint8 = 2, kInt8 = 3, kFloat16 = 10, kDouble = 11, kBFloat16 = 16;
  if (code == kUint8 || code == kInt8) return Elements::kByte;
  const bool real = code == kFloat || code == kFloat16 || code == kDouble || code == kBFloat16;
  return real ? Elements::kReal : Elements::kOther;
}

// The Caffe2 dialect's operators are integer ones, but for these.
constexpr std::string_view kCaffe2 = "org.pytorch._caffe2::";
bool MovesInCaffe2(std::string_view op) {
  static const std::set<std::string_view> kMoves = {
      "Int8Quantize", "Int8Dequantize", "Int8Transpose", "Int8GivenTensorFill", "Int8GivenIntTensorFill",
      "Int8Reshape",  "Int8Flatten",    "Int8Slice",     "Int8ChannelShuffle",  "Int8ResizeNearest"};
  return kMoves.contains(op.substr(kCaffe2.size()));
}

bool Moves(std::string_view op) {
  if (op.starts_with(kCaffe2)) return MovesInCaffe2(op);
  static const std::set<std::string_view> kMoves = {
      "QuantizeLinear", "DequantizeLinear",
      "Identity",       "Cast",
      "Constant",       "ConstantOfShape",
      "Shape",          "Size",
      "Reshape",        "Transpose",
      "Squeeze",        "Unsqueeze",
      "Flatten",        "Slice",
      "Split",          "Expand",
      "Tile",           "Pad",
      "DepthToSpace",   "SpaceToDepth",
      "GatherND",       "GatherElements",
      "Range",          "OneHot",
      "ScatterND",      "ScatterElements",
      "Compress",       "Trilu",
      "EyeLike",        "NonZero",
  };
  return kMoves.contains(op);
}

// Of a Resize: picks elements; the other modes compute in float from ONNX Runtime 1.27 on.
bool IsNearest(const Node& node) {
  if (node.op != "Resize") return false;
  const ir::Operand* mode = node.Find("mode");
  const auto* text = mode != nullptr ? std::get_if<std::string>(mode) : nullptr;
  return text == nullptr || *text == "nearest";
}

class Graphs {
 public:
  explicit Graphs(const Graph& graph)
      : graph_(graph), elements_(graph.num_values()), readers_(graph.num_values()) {
    for (std::size_t i = 0; i < elements_.size(); ++i) {
      elements_[i] = ElementsOf(graph.type(ValueId{static_cast<std::int32_t>(i)}).dtype);
    }
    for (const Node& node : graph.nodes()) {
      Infer(node);
      Graph::ForEachUse(node, [&](ValueId id) {
        if (id.valid()) Readers(id).push_back(&node);
      });
    }
    for (const ir::Output& output : graph.outputs()) outputs_.insert(output.value.index);
  }

  bool IsProductOfReals(const Node& node) const {
    if (node.op != "MatMul" && node.op != "Gemm") return false;
    const std::vector<ValueId> inputs = InputsOf(node);
    if (inputs.empty() || !inputs[0].valid()) return false;
    if (!Dequantized(inputs[0])) return true;
    // A Gemm with a float bias stays float if nothing quantizes its result.  A MatMul and an Add become one.
    const Node* last = &node;
    bool float_bias = inputs.size() > 2 && inputs[2].valid() && !Dequantized(inputs[2]);
    if (node.op == "MatMul" && Readers(node.outputs[0]).size() == 1 &&
        !outputs_.contains(node.outputs[0].index) && Readers(node.outputs[0])[0]->op == "Add") {
      last = Readers(node.outputs[0])[0];
      float_bias =
          std::ranges::any_of(InputsOf(*last), [this](ValueId id) { return ConstantOf(id) != nullptr; });
    }
    return float_bias && !QuantizedResult(*last);
  }

  Work Of(const Node& node) const {
    const std::vector<ValueId> inputs = InputsOf(node);
    if (node.op == "Gather") {
      const bool table =
          !inputs.empty() && graph_.value(inputs[0]).constant && At(inputs[0]) == Elements::kByte;
      return table ? Work::kInteger : Work::kNone;
    }
    if (Moves(node.op) || IsNearest(node)) return Work::kNone;
    if (node.op.starts_with(kCaffe2)) return Work::kInteger;
    bool bytes = false, reals = false;
    for (const ValueId id : inputs) {
      if (!id.valid()) continue;
      bytes |= At(id) == Elements::kByte;
      reals |= At(id) == Elements::kReal;
    }
    for (const ValueId id : node.outputs) reals |= id.valid() && At(id) == Elements::kReal;
    if (reals && BecomesInteger(node, inputs)) return Work::kInteger;
    // Of floats that nothing quantizes, a Concat moves elements only.
    if (reals && node.op == "Concat" && !QuantizedResult(node)) return Work::kNone;
    if (reals) return Work::kFloat;
    return bytes ? Work::kInteger : Work::kNone;
  }

 private:
  struct Quantized {
    const Node* node;  // the DequantizeLinear or QuantizeLinear
    Elements elements;
    bool is_signed;
  };

  Elements At(ValueId id) const { return elements_[static_cast<std::size_t>(id.index)]; }
  std::vector<const Node*>& Readers(ValueId id) { return readers_[static_cast<std::size_t>(id.index)]; }
  const std::vector<const Node*>& Readers(ValueId id) const {
    return readers_[static_cast<std::size_t>(id.index)];
  }
  const Node* Producer(ValueId id) const {
    const ir::NodeId producer = id.valid() ? graph_.value(id).producer : ir::kNoNode;
    return producer == ir::kNoNode ? nullptr : &graph_.node(producer);
  }
  const Tensor* ConstantOf(ValueId id) const {
    return id.valid() && graph_.value(id).constant ? &*graph_.value(id).constant : nullptr;
  }

  // ---- Types, where the graph does not have them

  void Infer(const Node& node) {
    const std::vector<ValueId> inputs = InputsOf(node);
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      const ValueId output = node.outputs[i];
      if (!output.valid() || At(output) != Elements::kUnknown) continue;
      elements_[static_cast<std::size_t>(output.index)] =
          i == 0 || node.op == "Split" ? Result(node, inputs) : Elements::kOther;
    }
  }
  Elements Result(const Node& node, const std::vector<ValueId>& inputs) const {
    static const std::set<std::string_view> kOthers = {
        "Shape", "Size",        "ArgMax",  "ArgMin",         "NonZero",       "Equal",
        "Less",  "LessOrEqual", "Greater", "GreaterOrEqual", "And",           "Or",
        "Xor",   "Not",         "IsNaN",   "IsInf",          "MatMulInteger", "ConvInteger"};
    if (kOthers.contains(node.op)) return Elements::kOther;
    if (node.op == "QuantizeLinear") return Elements::kByte;
    if (node.op == "DequantizeLinear") return Elements::kReal;
    if (node.op == "Cast") {
      const ir::Operand* to = node.Find("to");
      const auto* code = to != nullptr ? std::get_if<Dim>(to) : nullptr;
      return code != nullptr && code->known() ? ElementsOfCode(code->value()) : Elements::kUnknown;
    }
    if (node.op == "Constant" || node.op == "ConstantOfShape") {
      const ir::Operand* value = node.Find("value");
      const auto* tensor = value != nullptr ? std::get_if<Tensor>(value) : nullptr;
      return tensor != nullptr ? ElementsOf(tensor->dtype) : Elements::kReal;
    }
    const std::size_t typical = node.op == "Where" ? 1 : node.op == "OneHot" ? 2 : 0;
    return inputs.size() > typical && inputs[typical].valid() ? At(inputs[typical]) : Elements::kUnknown;
  }

  // ---- Groups of nodes that become one kernel

  // Where int8 is written and read by a QuantizeLinear and DequantizeLinear alone, ONNX Runtime makes it
  // uint8.
  bool StaysSigned(ValueId integers) const {
    const Node* maker = Producer(integers);
    const std::vector<const Node*>& readers = Readers(integers);
    return maker == nullptr || maker->op != "QuantizeLinear" || outputs_.contains(integers.index) ||
           readers.empty() ||
           !std::ranges::all_of(readers, [](const Node* node) { return node->op == "DequantizeLinear"; });
  }
  Quantized About(const Node& node, ValueId integers) const {
    const std::vector<ValueId> inputs = InputsOf(node);
    DType dtype = graph_.type(integers).dtype;
    if (inputs.size() > 2 && inputs[2].valid()) dtype = graph_.type(inputs[2]).dtype;
    dtype = StorageType(dtype);
    return {&node, ElementsOf(dtype), dtype == DType::kInt8 && StaysSigned(integers)};
  }

  // Longer chains of movements are not followed: a file could have one of thousands.
  static constexpr int kMostMovements = 64;
  // ONNX Runtime moves a DequantizeLinear behind these operators, and a QuantizeLinear before them.
  static bool LetsThrough(const Node& node) {
    static const std::set<std::string_view> kThrough = {"MaxPool", "Reshape",   "Transpose",
                                                        "Squeeze", "Unsqueeze", "Slice"};
    return kThrough.contains(node.op);
  }
  // The DequantizeLinear that the value comes from.
  std::optional<Quantized> Dequantized(ValueId id) const {
    const Node* node = Producer(id);
    for (int steps = 0; node != nullptr && LetsThrough(*node) && steps < kMostMovements; ++steps) {
      node = Producer(InputOf(*node).value_or(ValueId()));
    }
    const auto integers = node != nullptr && node->op == "DequantizeLinear" ? InputOf(*node) : std::nullopt;
    return integers ? std::optional(About(*node, *integers)) : std::nullopt;
  }
  // The QuantizeLinear that alone reads the node's result, also behind a Relu or Clip that it makes
  // superfluous.
  std::optional<Quantized> QuantizedResult(const Node& node) const {
    const Node* clamp = nullptr;
    const Node* maker = &node;
    for (int steps = 0; steps < kMostMovements; ++steps) {
      const ValueId result = maker->outputs[0];
      if (outputs_.contains(result.index) || Readers(result).size() != 1) return std::nullopt;
      const Node& reader = *Readers(result)[0];
      if (reader.op == "QuantizeLinear" && InputsOf(reader)[0] == result) {
        const Quantized quantized = About(reader, reader.outputs[0]);
        return clamp == nullptr || ClampsAlready(quantized, *clamp) ? std::optional(quantized) : std::nullopt;
      }
      if (clamp == nullptr && (reader.op == "Relu" || reader.op == "Clip")) {
        clamp = &reader;
      } else if (!LetsThrough(reader) || InputsOf(reader)[0] != result) {
        return std::nullopt;
      }
      maker = &reader;
    }
    return std::nullopt;
  }

  std::optional<double> NumberOf(ValueId id) const {
    const Tensor* tensor = ConstantOf(id);
    if (tensor == nullptr || tensor->num_elements() != 1) return std::nullopt;
    return tensor->ToDoubles()[0];
  }
  std::optional<double> ScaleOf(const Node& node) const { return NumberOf(InputsOf(node)[1]); }
  std::optional<double> ZeroPointOf(const Node& node) const {
    const std::vector<ValueId> inputs = InputsOf(node);
    return inputs.size() > 2 && inputs[2].valid() ? NumberOf(inputs[2]) : 0.0;
  }

  bool ClampsAlready(const Quantized& quantized, const Node& clamp) const {
    const std::optional<double> scale = ScaleOf(*quantized.node), zero_point = ZeroPointOf(*quantized.node);
    if (!scale || !zero_point) return false;
    const DType dtype = StorageType(graph_.type(quantized.node->outputs[0]).dtype);
    const double lowest = dtype == DType::kInt8 ? -128 : 0;
    if (clamp.op == "Relu") return *zero_point == lowest;
    const std::vector<ValueId> inputs = InputsOf(clamp);
    const auto bound = [&](std::size_t i) {
      return inputs.size() > i && inputs[i].valid() ? NumberOf(inputs[i]) : std::nullopt;
    };
    const auto given = [&](std::size_t i) { return inputs.size() > i && inputs[i].valid(); };
    if ((given(1) && !bound(1)) || (given(2) && !bound(2))) return false;
    const double low = (lowest - *zero_point) * *scale, high = (lowest + 255 - *zero_point) * *scale;
    return (!bound(1) || *bound(1) <= low) && (!bound(2) || *bound(2) >= high);
  }

  // Whether all inputs are 8-bit integers of the same type, and of `type` if that is given.
  bool AllDequantized(std::span<const ValueId> inputs, const std::optional<Quantized>& type) const {
    if (inputs.empty()) return false;
    std::optional<bool> is_signed;
    if (type) is_signed = type->is_signed;
    return std::ranges::all_of(inputs, [&](ValueId id) {
      const std::optional<Quantized> from = id.valid() ? Dequantized(id) : std::nullopt;
      if (!from || from->elements != Elements::kByte) return false;
      if (!is_signed) is_signed = from->is_signed;
      return from->is_signed == is_signed;
    });
  }

  // A layer's activations are uint8.  Weights that are float constants become int8 if the result is
  // quantized.
  bool FitsLayer(const std::vector<ValueId>& inputs, const std::optional<Quantized>& result) const {
    if (inputs.size() < 2 || !inputs[1].valid()) return false;
    const std::optional<Quantized> x = Dequantized(inputs[0]), weight = Dequantized(inputs[1]);
    if (!x || x->elements != Elements::kByte || x->is_signed || (result && result->is_signed)) return false;
    if (!weight) return result && ConstantOf(inputs[1]) != nullptr;
    if (weight->elements != Elements::kByte) return false;
    // ONNX Runtime quantizes a bias that is a float constant.
    return inputs.size() < 3 || !inputs[2].valid() || ConstantOf(inputs[2]) != nullptr ||
           Dequantized(inputs[2]).has_value();
  }

  // Scale and zero point are the same on both sides, so that the operator can run on the integers.
  bool SameOnBothSides(const std::optional<Quantized>& from, const std::optional<Quantized>& to) const {
    if (!from || !to || from->is_signed != to->is_signed) return false;
    const auto scale = ScaleOf(*from->node), zero_point = ZeroPointOf(*from->node);
    return scale && zero_point && scale == ScaleOf(*to->node) && zero_point == ZeroPointOf(*to->node);
  }

  // Of what another node computes.
  bool IsOnlyReader(const Node& node) const {
    const ValueId input = InputsOf(node)[0];
    return Producer(input) != nullptr && Readers(input).size() == 1 && !outputs_.contains(input.index);
  }

  // ONNX Runtime moves a DequantizeLinear behind a MaxPool, unless a QuantizeLinear with another scale reads
  // the result; of int8 only where the value has one reader at each step.  It moves a QuantizeLinear before a
  // MaxPool of floats.
  bool PoolsIntegers(const Node& pool, const std::optional<Quantized>& from,
                     const std::optional<Quantized>& to) const {
    if (!from) return to && to->elements == Elements::kByte && IsOnlyReader(pool);
    if (from->elements != Elements::kByte) return false;
    const std::vector<const Node*>& readers = Readers(pool.outputs[0]);
    if (to || std::ranges::any_of(readers, [](const Node* node) { return node->op == "QuantizeLinear"; })) {
      return SameOnBothSides(from, to);
    }
    const DType dtype = graph_.type(InputsOf(*from->node)[0]).dtype;
    return StorageType(dtype) == DType::kUint8 ||
           (Readers(InputsOf(pool)[0]).size() == 1 && readers.size() == 1);
  }

  bool BecomesInteger(const Node& node, const std::vector<ValueId>& inputs) const {
    static const std::set<std::string_view> kFused = {
        "Add", "Mul", "Concat", "Sigmoid", "AveragePool", "GlobalAveragePool", "Softmax", "LeakyRelu"};
    static const std::set<std::string_view> kOnIntegers = {"ReduceMax", "ReduceMin"};
    if (inputs.empty() || node.outputs.empty()) return false;
    const std::optional<Quantized> result = QuantizedResult(node);
    if (node.op == "Conv") return result && FitsLayer(inputs, result);
    if (node.op == "Gemm" || node.op == "MatMul") return FitsLayer(inputs, result);
    if (kFused.contains(node.op)) return result && AllDequantized(inputs, result);
    if (node.op == "Where") return result && AllDequantized(std::span(inputs).subspan(1), result);
    if (kOnIntegers.contains(node.op)) return SameOnBothSides(Dequantized(inputs[0]), result);
    if (node.op == "MaxPool") return PoolsIntegers(node, Dequantized(inputs[0]), result);
    if (node.op == "ArgMax") return Dequantized(inputs[0]).has_value();
    return false;
  }

  const Graph& graph_;
  std::vector<Elements> elements_;
  std::vector<std::vector<const Node*>> readers_;
  std::set<std::int32_t> outputs_;
};

}  // namespace

std::vector<bool> ProductsOfReals(const ir::Graph& graph) {
  const Graphs graphs(graph);
  std::vector<bool> products;
  for (const Node& node : graph.nodes()) products.push_back(graphs.IsProductOfReals(node));
  return products;
}

std::vector<Work> WorkOfNodes(const ir::Graph& graph) {
  const Graphs graphs(graph);
  std::vector<Work> work;
  for (const Node& node : graph.nodes()) work.push_back(graphs.Of(node));
  return work;
}

}  // namespace octavo::targets::onnxruntime
