#include "octavo/onnx/constant_names.h"

#include <array>
#include <set>
#include <string_view>
#include <utility>
#include <variant>

#include <fmt/format.h>

namespace octavo::onnx {
namespace {

using ir::Node;
using ir::ValueId;

// Input 1 of QuantizeLinear and DequantizeLinear is the scale, input 2 the zero point.
constexpr std::array<std::pair<std::size_t, std::string_view>, 2> kParameters = {
    {{1, "scale"}, {2, "zero_point"}}};

ValueId InputOf(const Node& node, std::size_t index) {
  if (index >= node.arguments.size() || !node.arguments[index].name.empty()) return {};
  const auto* id = std::get_if<ValueId>(&node.arguments[index].value);
  return id ? *id : ValueId();
}

// "layer1.conv/QuantizeLinear" -> "layer1.conv."; "QuantizeLinear_3", which is in no layer, ->
// "QuantizeLinear_3_".
std::string LayerPrefix(const std::string& node_name) {
  const std::size_t slash = node_name.rfind('/');
  return slash == std::string::npos ? node_name + "_" : node_name.substr(0, slash) + ".";
}

class ConstantNamer {
 public:
  ConstantNamer(const ir::Graph& graph, const std::vector<std::string>& nodes)
      : graph_(graph), nodes_(nodes), names_(graph.num_values()), zero_points_(graph.num_values()) {}

  std::vector<std::string> Run() {
    // Where a constant has several uses, the layer that makes a value with it names it rather than those that
    // read the value.
    ForEachNode("QuantizeLinear", [this](const Node& node, const std::string& name) {
      NameParameters(node, LayerPrefix(name));
    });
    ForEachNode("DequantizeLinear", [this](const Node& node, const std::string&) {
      const ValueId x = InputOf(node, 0);
      if (!x.valid() || !graph_.value(x).constant || graph_.value(x).name.empty()) return;
      NameParameters(node, graph_.value(x).name + "_");
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
  std::string* NameOf(ValueId id) {
    if (!id.valid() || !graph_.value(id).constant || !graph_.value(id).name.empty()) return nullptr;
    return &names_[static_cast<std::size_t>(id.index)];
  }

  void NameParameters(const Node& node, const std::string& prefix) {
    for (const auto& [input, parameter] : kParameters) {
      const ValueId id = InputOf(node, input);
      std::string* name = NameOf(id);
      if (!name) continue;
      std::string wanted = fmt::format("{}{}", prefix, parameter);
      // A value keeps its zero point through the layers that read it: only layers that make values count.
      if (parameter == "zero_point" && (name->empty() || node.op == "QuantizeLinear")) {
        zero_points_[static_cast<std::size_t>(id.index)].insert(wanted);
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
      for (std::size_t input = 0; input < graph_.nodes()[i].arguments.size(); ++input) {
        std::string* name = NameOf(InputOf(graph_.nodes()[i], input));
        if (name && name->empty()) *name = fmt::format("{}_input_{}", nodes_[i], input);
      }
    }
  }

  const ir::Graph& graph_;
  const std::vector<std::string>& nodes_;
  std::vector<std::string> names_;
  std::vector<std::set<std::string>> zero_points_;  // the names that layers would give it, by index
};

}  // namespace

std::vector<std::string> NamesOfConstants(const ir::Graph& graph, const std::vector<std::string>& nodes) {
  return ConstantNamer(graph, nodes).Run();
}

}  // namespace octavo::onnx
