#include "octavo/onnx/constant_names.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "octavo/ir/inputs.h"

namespace octavo::onnx {
namespace {

using ir::Node;
using ir::ValueId;

// Input 1 of QuantizeLinear and DequantizeLinear is the scale, input 2 the zero point.
constexpr std::array<std::pair<std::size_t, std::string_view>, 2> kParameters = {
    {{1, "scale"}, {2, "zero_point"}}};

// "layer1.conv/QuantizeLinear" -> "layer1.conv."; "QuantizeLinear_3", which is in no layer, ->
// "QuantizeLinear_3_".
std::string LayerPrefix(const std::string& node_name) {
  const std::size_t slash = node_name.rfind('/');
  return slash == std::string::npos ? node_name + "_" : node_name.substr(0, slash) + ".";
}

class ConstantNamer {
 public:
  ConstantNamer(const ir::Graph& graph, const std::vector<std::string>& nodes)
      : graph_(graph),
        nodes_(nodes),
        readers_(graph.num_values()),
        names_(graph.num_values()),
        zero_points_(graph.num_values()) {
    for (const Node& node : graph.nodes()) {
      const auto read = node.op == "DequantizeLinear" ? InputOf(node) : std::nullopt;
      if (read) readers_[static_cast<std::size_t>(read->index)].push_back(&node);
    }
  }

  std::vector<std::string> Run() {
    // Where a constant has several uses, the layer that makes a value with it names it rather than those that
    // read the value.
    for (const bool in_a_layer : {true, false}) {
      ForEachNode("QuantizeLinear", [&](const Node& node, const std::string& name) {
        if ((name.find('/') != std::string::npos) != in_a_layer) return;
        if (const Node* reader = ReaderWithTheScale(node)) NameScale(*reader, LayerPrefix(name));
        NameParameters(node, LayerPrefix(name));
      });
    }
    ForEachNode("DequantizeLinear", [this](const Node& node, const std::string&) {
      const std::optional<ValueId> x = InputOf(node);
      if (!x || !graph_.value(*x).constant || graph_.value(*x).name.empty()) return;
      NameParameters(node, graph_.value(*x).name + "_");
    });
    ForEachNode("DequantizeLinear", [this](const Node& node, const std::string& name) {
      NameParameters(node, LayerPrefix(name) + "input_");
    });
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (zero_points_[i].size() > 1) names_[i] = SharedName(*graph_.value(At(i)).constant);
    }
    NameOthers();
    return std::move(names_);
  }

 private:
  static ValueId At(std::size_t index) { return {static_cast<std::int32_t>(index)}; }

  template <typename Visit>
  void ForEachNode(std::string_view op, const Visit& visit) const {
    for (std::size_t i = 0; i < graph_.nodes().size(); ++i) {
      if (graph_.nodes()[i].op == op) visit(graph_.nodes()[i], nodes_[i]);
    }
  }

  // The constant's place in names_ if it needs a name.
  std::string* NameOf(std::optional<ValueId> id) {
    if (!id || !graph_.value(*id).constant || !graph_.value(*id).name.empty()) return nullptr;
    return &names_[static_cast<std::size_t>(id->index)];
  }

  bool IsOne(std::optional<ValueId> scale) const {
    if (!scale || !graph_.value(*scale).constant) return false;
    const Tensor& constant = *graph_.value(*scale).constant;
    return constant.num_elements() == 1 && constant.ToDoubles()[0] == 1;
  }

  // A layer that counts in steps quantizes with scale 1: its result's scale is that with which the result is
  // dequantized.
  const Node* ReaderWithTheScale(const Node& quantize) const {
    if (!IsOne(InputOf(quantize, 1)) || quantize.outputs.empty() || !quantize.outputs[0].valid())
      return nullptr;
    const auto& readers = readers_[static_cast<std::size_t>(quantize.outputs[0].index)];
    const auto reader =
        std::ranges::find_if(readers, [this](const Node* node) { return !IsOne(InputOf(*node, 1)); });
    return reader == readers.end() ? nullptr : *reader;
  }

  void NameScale(const Node& node, const std::string& prefix) {
    std::string* name = NameOf(InputOf(node, 1));
    if (name && name->empty()) *name = prefix + "scale";
  }

  void NameParameters(const Node& node, const std::string& prefix) {
    for (const auto& [input, parameter] : kParameters) {
      const std::optional<ValueId> id = InputOf(node, input);
      std::string* name = NameOf(id);
      if (!name) continue;
      std::string wanted = parameter == "scale" && IsOne(id) ? std::string("unit_scale")
                                                             : fmt::format("{}{}", prefix, parameter);
      // A value keeps its zero point through the layers that read it: only layers that make values count.
      if (parameter == "zero_point" && (name->empty() || node.op == "QuantizeLinear")) {
        zero_points_[static_cast<std::size_t>(id->index)].insert(wanted);
      }
      if (name->empty()) *name = std::move(wanted);
    }
  }

  static std::string SharedName(const Tensor& zero_point) {
    const std::string_view dtype = Name(StorageType(zero_point.dtype));
    if (zero_point.num_elements() != 1) return fmt::format("{}_zero_points", dtype);
    return fmt::format("{}_zero_point_{}", dtype, zero_point.ToInts()[0]);
  }

  void NameOthers() {
    for (std::size_t i = 0; i < graph_.nodes().size(); ++i) {
      const std::vector<ValueId> inputs = InputsOf(graph_.nodes()[i]);
      for (std::size_t input = 0; input < inputs.size(); ++input) {
        std::string* name = inputs[input].valid() ? NameOf(inputs[input]) : nullptr;
        if (name && name->empty()) *name = fmt::format("{}_input_{}", nodes_[i], input);
      }
    }
  }

  const ir::Graph& graph_;
  const std::vector<std::string>& nodes_;
  std::vector<std::vector<const Node*>> readers_;  // the DequantizeLinear nodes that read a value, by index
  std::vector<std::string> names_;
  std::vector<std::set<std::string>> zero_points_;  // the names that layers would give it, by index
};

}  // namespace

std::vector<std::string> NamesOfConstants(const ir::Graph& graph, const std::vector<std::string>& nodes) {
  return ConstantNamer(graph, nodes).Run();
}

}  // namespace octavo::onnx
