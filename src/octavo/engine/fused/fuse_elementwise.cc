#include <algorithm>
#include <memory>
#include <numeric>
#include <set>
#include <utility>

#include "octavo/engine/evaluate.h"
#include "octavo/engine/fused/pattern.h"
#include "octavo/engine/literal/broadcast.h"

namespace octavo::engine::fused {
namespace {

constexpr std::size_t kPairs = 65536;

bool BroadcastsTo(const Sizes& from, const Sizes& to) {
  if (from.size() > to.size()) return false;
  for (std::size_t d = 0; d < from.size(); ++d) {
    const std::int64_t size = from[from.size() - 1 - d];
    if (size != 1 && size != to[to.size() - 1 - d]) return false;
  }
  return true;
}

// A form that gives the function's result for every pair, or a table of all pairs.
PairFunction FunctionOf(const std::function<std::uint8_t(std::uint8_t, std::uint8_t)>& function,
                        const std::vector<kernels::Binary>& forms) {
  PairFunction result;
  result.table.resize(kPairs);
  std::vector<std::uint8_t> all(256), row(256);
  std::iota(all.begin(), all.end(), std::uint8_t{0});
  for (std::size_t a = 0; a < 256; ++a) {
    for (std::size_t b = 0; b < 256; ++b) {
      result.table[a << 8 | b] = function(static_cast<std::uint8_t>(a), static_cast<std::uint8_t>(b));
    }
  }
  for (const kernels::Binary& form : forms) {
    bool same = true;
    for (std::size_t a = 0; a < 256 && same; ++a) {
      const std::vector<std::uint8_t> left(256, static_cast<std::uint8_t>(a));
      kernels::Best().binary(form, left.data(), all.data(), 1, 256, row.data());
      same = std::equal(row.begin(), row.end(), result.table.begin() + static_cast<std::ptrdiff_t>(a << 8));
    }
    if (!same) continue;
    result.form = form;
    result.table = {};
    return result;
  }
  return result;
}

}  // namespace

void SetPair(Group& group, const std::function<std::uint8_t(std::uint8_t, std::uint8_t)>& function,
             const std::vector<kernels::Binary>& forms) {
  group.choose = AsInputs(group.inputs, group.output);
  auto shared = std::make_shared<PairFunction>(FunctionOf(function, forms));
  group.make = [shared, b = group.inputs[1].sizes, sizes = group.output.sizes](const Choice& choice) {
    Sizes padded(sizes.size() - b.size(), 1);
    padded.insert(padded.end(), b.begin(), b.end());
    Sizes b_strides = MemoryStrides(b, choice.inputs[1]);
    b_strides.insert(b_strides.begin(), sizes.size() - b.size(), 0);
    Sizes in_memory, strides_in_memory;
    for (const std::size_t d : MemoryOrder(sizes.size(), choice.output)) {
      in_memory.push_back(sizes[d]);
      strides_in_memory.push_back(padded[d] == 1 ? 0 : b_strides[d]);
    }
    return MakePair(*shared, in_memory, strides_in_memory);
  };
}

namespace {

// QLinearAdd, QLinearMul.  `in_order`: `a` is the operand that the kernel multiplies last.
void SetRuntimePair(Group& group, const Policy& policy, const Dequantized& a, const Dequantized& b,
                    const Target& target, bool adds, bool in_order) {
  // int8 integers that were made uint8 are computed as such; their bytes differ in the highest bit.
  const unsigned flip = target.made_unsigned ? 0x80 : 0;
  const auto computed = [flip](Quant q) {
    if (flip != 0) q = {.scale = q.scale, .zero_point = q.zero_point + 128, .is_signed = false};
    return q;
  };
  const Quant x = computed(a.quant), z = computed(b.quant), y = computed(target.quant);
  Range range = target.range;
  if (flip != 0) range = {range.low + 128, range.high + 128};
  const auto function = adds ? policy.Add(in_order ? x : z, in_order ? z : x, y, range, true)
                             : [=](std::uint8_t i, std::uint8_t j) {
                                 return in_order ? policy.Multiply(i, x, j, z, y, range)
                                                 : policy.Multiply(i, z, j, x, y, range);
                               };
  std::vector<kernels::Binary> forms;
  if (flip == 0 && in_order)
    forms = adds ? policy.AddForms(x, z, y, range, true) : policy.MultiplyForms(x, z, y, range);
  SetPair(
      group,
      [=](std::uint8_t i, std::uint8_t j) {
        const auto left = static_cast<std::uint8_t>(i ^ flip), right = static_cast<std::uint8_t>(j ^ flip);
        return static_cast<std::uint8_t>((in_order ? function(left, right) : function(right, left)) ^ flip);
      },
      forms);
}

}  // namespace

std::optional<Group> FuseSumOrProduct(const Pattern& pattern, const Target& target) {
  if (target.anchor == ir::kNoNode) return std::nullopt;
  const ir::Node& node = pattern.node(target.anchor);
  if (node.op != "Add" && node.op != "Mul") return std::nullopt;
  const auto inputs = InputsOf(node);
  if (inputs.size() != 2) return std::nullopt;
  auto a = pattern.DequantizedOf(inputs[0]), b = pattern.DequantizedOf(inputs[1]);
  if (!a || !b || a->quant.is_signed != b->quant.is_signed || a->quant.is_signed != target.quant.is_signed) {
    return std::nullopt;
  }
  const bool as_onnx_runtime = pattern.policy().arithmetic() == Arithmetic::kOnnxRuntime;
  // ONNX Runtime adds floats where the types differ once it has made int8 integers uint8.
  if (as_onnx_runtime &&
      (a->computed_signed() != b->computed_signed() || a->computed_signed() != target.computed_signed())) {
    return std::nullopt;
  }
  const bool second_first =
      as_onnx_runtime && literal::IsSpread(a->integers.sizes, b->integers.sizes, target.output.sizes);
  const ir::ValueId first = (second_first ? b : a)->integers.value;
  // The operand that is repeated comes second.
  if (a->integers.sizes != target.output.sizes) std::swap(a, b);
  if (a->integers.sizes != target.output.sizes || !BroadcastsTo(b->integers.sizes, target.output.sizes)) {
    return std::nullopt;
  }
  Group group = NewGroup(pattern, target, node.op == "Add" ? "add" : "mul");
  AddInput(group, *a);
  AddInput(group, *b);
  const Policy& policy = pattern.policy();
  if (as_onnx_runtime) {
    SetRuntimePair(group, policy, *a, *b, target, node.op == "Add", a->integers.value == first);
    return group;
  }
  const Quant &x = a->quant, &z = b->quant, &y = target.quant;
  if (node.op == "Add") {
    const bool same = a->integers.sizes == b->integers.sizes;
    SetPair(group, policy.Add(x, z, y, target.range, same), policy.AddForms(x, z, y, target.range, same));
  } else {
    SetPair(
        group, [&](std::uint8_t i, std::uint8_t j) { return policy.Multiply(i, x, j, z, y, target.range); },
        policy.MultiplyForms(x, z, y, target.range));
  }
  return group;
}

std::optional<Group> FuseConcat(const Pattern& pattern, const Target& target) {
  if (target.anchor == ir::kNoNode) return std::nullopt;
  const ir::Node& node = pattern.node(target.anchor);
  if (node.op != "Concat") return std::nullopt;
  Group group = NewGroup(pattern, target, "concat");
  std::vector<std::optional<ByteTable>> tables;
  const Policy& policy = pattern.policy();
  for (const ir::ValueId input : InputsOf(node)) {
    const auto x = pattern.DequantizedOf(input);
    if (!x || x->quant.is_signed != target.quant.is_signed) return std::nullopt;
    AddInput(group, *x);
    const Quant &from = x->quant, &to = target.quant;
    const ByteTable table = TableOf([&](std::uint8_t byte) {
      const std::uint8_t same = from == to ? byte : policy.Quantize(policy.Dequantize(byte, from), to);
      return Clamped(to.Integer(same), target.range);
    });
    const bool changes = table != TableOf([](std::uint8_t byte) { return byte; });
    tables.push_back(changes ? std::optional(table) : std::nullopt);
  }
  SetConcat(group, pattern.Int(node, "axis", 0).value_or(0), std::move(tables));
  return group;
}

void SetConcat(Group& group, std::int64_t axis, std::vector<std::optional<ByteTable>> tables) {
  const auto rank = static_cast<std::int64_t>(group.output.sizes.size());
  const auto dimension = static_cast<std::size_t>(axis < 0 ? axis + rank : axis);
  group.choose = AsInputs(group.inputs, group.output);
  group.make = [inputs = group.inputs, sizes = group.output.sizes, dimension, tables](const Choice& choice) {
    std::int64_t outer = 1;
    std::vector<std::int64_t> inner(inputs.size(), 1);
    bool behind = false;
    for (const std::size_t d : MemoryOrder(sizes.size(), choice.output)) {
      behind = behind || d == dimension;
      if (!behind) outer *= sizes[d];
      for (std::size_t i = 0; behind && i < inputs.size(); ++i) inner[i] *= inputs[i].sizes[d];
    }
    return MakeConcat(outer, inner, tables);
  };
}

namespace {

const std::set<std::string_view> kElementwise = {"Abs",
                                                 "Add",
                                                 "Celu",
                                                 "Ceil",
                                                 "Clip",
                                                 "Cos",
                                                 "Div",
                                                 "Elu",
                                                 "Erf",
                                                 "Exp",
                                                 "Floor",
                                                 "Gelu",
                                                 "HardSigmoid",
                                                 "HardSwish",
                                                 "Identity",
                                                 "LeakyRelu",
                                                 "Log",
                                                 "Max",
                                                 "Min",
                                                 "Mish",
                                                 "Mul",
                                                 "Neg",
                                                 "PRelu",
                                                 "Pow",
                                                 "Reciprocal",
                                                 "Relu",
                                                 "Round",
                                                 "Selu",
                                                 "Sigmoid",
                                                 "Sign",
                                                 "Sin",
                                                 "Softplus",
                                                 "Softsign",
                                                 "Sqrt",
                                                 "Sub",
                                                 "Tanh",
                                                 "ThresholdedRelu"};

// The nodes between 8-bit tensors and the float value of a QuantizeLinear.
struct Cone {
  std::vector<ir::NodeId> nodes;  // in order of the graph
  std::vector<Dequantized> leaves;
  std::vector<ir::NodeId> dequantized;
};

bool Same(const Dequantized& a, const Dequantized& b) {
  return a.integers.value == b.integers.value && a.quant == b.quant;
}

class ConeFinder {
 public:
  explicit ConeFinder(const Pattern& pattern) : pattern_(pattern) {}

  std::optional<Cone> Find(ir::ValueId real) {
    if (!Visit(real)) return std::nullopt;
    Cone cone;
    cone.nodes.assign(nodes_.begin(), nodes_.end());
    for (const ir::NodeId node : nodes_) {
      for (const ir::ValueId output : pattern_.node(node).outputs) {
        if (pattern_.program().value(output).observed) return std::nullopt;
        const auto& users = pattern_.users(output);
        const bool inside = std::all_of(users.begin(), users.end(), [&](ir::NodeId user) {
          return nodes_.contains(user) || (output == real && users.size() == 1);
        });
        if (!inside) return std::nullopt;
      }
    }
    cone.leaves = leaves_;
    cone.dequantized.assign(dequantized_.begin(), dequantized_.end());
    return cone;
  }

 private:
  bool Visit(ir::ValueId value) {
    if (const Tensor* constant = pattern_.Constant(value)) {
      return constant->num_elements() == 1;
    }
    if (const auto leaf = pattern_.DequantizedOf(value)) {
      const bool known =
          std::any_of(leaves_.begin(), leaves_.end(), [&](const Dequantized& l) { return Same(l, *leaf); });
      if (!known) leaves_.push_back(*leaf);
      dequantized_.insert(leaf->node);
      return leaves_.size() <= 2;
    }
    const ir::NodeId id = pattern_.Producer(value);
    constexpr std::size_t kMostNodes = 64;
    if (id == ir::kNoNode || nodes_.size() > kMostNodes) return false;
    if (nodes_.contains(id)) return true;
    const ir::Node& node = pattern_.node(id);
    const auto edge = pattern_.EdgeOf(value);
    if (!kElementwise.contains(node.op) || node.outputs.size() != 1 || !edge || !edge->is_float) return false;
    nodes_.insert(id);
    for (const ir::ValueId input : InputsOf(node)) {
      if (input.valid() && !Visit(input)) return false;
    }
    return true;
  }

  const Pattern& pattern_;
  std::set<ir::NodeId> nodes_;
  std::set<ir::NodeId> dequantized_;
  std::vector<Dequantized> leaves_;
};

double DefaultAlpha(std::string_view op) {
  return op == "HardSigmoid" ? 0.2 : op == "LeakyRelu" ? 0.01 : 1.0;
}

// The cone's float result for the leaves' given values, node by node.
std::optional<std::vector<float>> Evaluate(const Pattern& pattern, const Cone& cone, ir::ValueId real,
                                           const std::vector<std::vector<float>>& leaf_values) {
  const auto count = static_cast<std::int64_t>(leaf_values[0].size());
  std::vector<std::pair<ir::ValueId, Tensor>> known;
  for (const ir::NodeId id : cone.dequantized) {
    const auto leaf = pattern.DequantizedOf(pattern.node(id).outputs[0]);
    for (std::size_t i = 0; i < cone.leaves.size(); ++i) {
      if (Same(*leaf, cone.leaves[i]))
        known.emplace_back(pattern.node(id).outputs[0], Tensor::Floats({count}, leaf_values[i]));
    }
  }
  const auto find = [&](ir::ValueId value) -> std::optional<Tensor> {
    if (const Tensor* constant = pattern.Constant(value)) return Normalized(constant->Reshaped({}));
    for (const auto& [id, tensor] : known) {
      if (id == value) return tensor;
    }
    return std::nullopt;
  };
  for (const ir::NodeId id : cone.nodes) {
    const ir::Node& node = pattern.node(id);
    std::vector<Tensor> tensors;
    std::vector<bool> given;
    for (const ir::ValueId input : InputsOf(node)) {
      const auto tensor = input.valid() ? find(input) : std::nullopt;
      if (input.valid() && !tensor) return std::nullopt;
      tensors.push_back(tensor.value_or(Tensor()));
      given.push_back(input.valid());
    }
    const auto function =
        pattern.policy().Function(node.op, pattern.Real(node, "alpha", DefaultAlpha(node.op)).value_or(0),
                                  pattern.Real(node, "beta", 0.5).value_or(0));
    if (function && tensors.size() == 1) {
      std::vector<float> values = tensors[0].ToFloats();
      for (float& value : values) value = function(value);
      known.emplace_back(node.outputs[0], Tensor::Floats({count}, values));
      continue;
    }
    std::vector<Call::Input> inputs;
    Operands operands;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      if (!given[i]) {
        inputs.emplace_back();
        operands.push_back(nullptr);
        continue;
      }
      inputs.push_back({.type = {.dtype = tensors[i].dtype, .sizes = tensors[i].sizes},
                        .value = &tensors[i],
                        .given = true});
      operands.push_back(&tensors[i]);
    }
    auto prepared = PrepareCall(pattern.program(), node, std::move(inputs));
    if (!prepared || !*prepared) return std::nullopt;
    auto results = (*prepared)->compute(operands);
    if (!results || results->size() != 1 || (*results)[0].dtype != DType::kFloat32) return std::nullopt;
    known.emplace_back(node.outputs[0], Normalized((*results)[0]));
  }
  const auto result = find(real);
  if (!result || result->num_elements() != count) return std::nullopt;
  return result->ToFloats();
}

}  // namespace

std::optional<Group> FuseElementwise(const Pattern& pattern, const Target& target) {
  const auto cone = ConeFinder(pattern).Find(target.real);
  if (!cone || cone->leaves.empty()) return std::nullopt;
  const Policy& policy = pattern.policy();
  Group group = {.nodes = cone->nodes, .dequantized = cone->dequantized, .output = target.output};
  group.nodes.push_back(target.node);
  group.name = pattern.node(group.nodes.front()).name;
  group.kind = "table";
  const std::vector<Dequantized>& leaves = cone->leaves;
  for (const Dequantized& leaf : leaves) group.inputs.push_back(leaf.integers);
  const bool pair = leaves.size() == 2;
  const std::size_t count = pair ? kPairs : 256;
  std::vector<std::vector<float>> values(leaves.size(), std::vector<float>(count));
  for (std::size_t i = 0; i < count; ++i) {
    values[0][i] = policy.OperandValue(static_cast<std::uint8_t>(pair ? i >> 8 : i), leaves[0].quant);
    if (pair) values[1][i] = policy.OperandValue(static_cast<std::uint8_t>(i & 255), leaves[1].quant);
  }
  if (leaves[0].integers.sizes != target.output.sizes) {
    if (!pair || leaves[1].integers.sizes != target.output.sizes) return std::nullopt;
    // The first operand of a pair is as large as the result.
    std::swap(group.inputs[0], group.inputs[1]);
  }
  if (pair && !BroadcastsTo(group.inputs[1].sizes, target.output.sizes)) return std::nullopt;
  if (cone->nodes.size() == 1 && !pair) {
    const ir::Node& node = pattern.node(cone->nodes[0]);
    const double alpha = pattern.Real(node, "alpha", DefaultAlpha(node.op)).value_or(0);
    if (const auto function = policy.ByteFunction(node.op, alpha, leaves[0].quant, target.quant)) {
      SetLookup(group, TableOf(function));
      return group;
    }
  }
  const auto results = Evaluate(pattern, *cone, target.real, values);
  if (!results) return std::nullopt;
  if (!pair) {
    const ByteTable table =
        TableOf([&](std::uint8_t byte) { return policy.Quantize((*results)[byte], target.quant); });
    SetLookup(group, table);
    return group;
  }
  const bool swapped =
      leaves[0].integers.value != group.inputs[0].value || leaves[0].integers.sizes != group.inputs[0].sizes;
  group.kind = "pair table";
  SetPair(group,
          [&](std::uint8_t a, std::uint8_t b) {
            const std::size_t first = swapped ? b : a, second = swapped ? a : b;
            return policy.Quantize((*results)[first << 8 | second], target.quant);
          },
          {});
  return group;
}

void SetLookup(Group& group, const ByteTable& table) {
  group.choose = AsInputs(group.inputs, group.output);
  group.make = [table, count = group.output.count()](const Choice&) { return MakeLookup(table, count); };
}

std::optional<Group> QuantizeAlone(const Pattern& pattern, const Target& target) {
  const auto x = pattern.EdgeOf(target.real);
  if (!x || !x->is_float) return std::nullopt;
  Group group = {.nodes = {target.node}, .inputs = {*x}, .output = target.output};
  group.name = pattern.node(target.node).name;
  SetQuantize(group, pattern.policy(), target.quant);
  return group;
}

void SetQuantize(Group& group, const Policy& policy, const Quant& y) {
  group.kind = "quantize";
  group.choose = Always(Layout::kPlain);
  group.make = [policy, y, count = group.output.count()](const Choice&) {
    return MakeQuantize(policy, y, {y.low(), y.high()}, count);
  };
}

std::optional<Group> DequantizeAlone(const Pattern& pattern, ir::NodeId node) {
  const ir::ValueId real = pattern.node(node).outputs[0];
  const auto x = pattern.DequantizedOf(real);
  if (!x || pattern.Constant(x->integers.value) != nullptr) return std::nullopt;
  Group group = {.nodes = {node}, .inputs = {x->integers}, .output = *pattern.EdgeOf(real)};
  group.name = pattern.node(node).name;
  SetDequantize(group, x->quant);
  return group;
}

void SetDequantize(Group& group, const Quant& x) {
  group.kind = "dequantize";
  group.choose = Always(Layout::kPlain);
  group.make = [x, count = group.output.count()](const Choice&) { return MakeDequantize(x, count); };
}

}  // namespace octavo::engine::fused
