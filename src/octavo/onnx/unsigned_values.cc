#include "octavo/onnx/unsigned_values.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <fmt/format.h>

#include "octavo/onnx/moving_operators.h"
#include "octavo/onnx/node_place.h"
#include "octavo/onnx/other_sign.h"

namespace octavo::onnx {

namespace pb = ::onnx;

namespace {

constexpr unsigned char kSignBit = 0x80;

// Where a node has quantized values and their zero points: indices of inputs, -1: none.
struct Place {
  int value, zero_point;
  bool weight = false;  // a constant here keeps its type
};
struct Places {
  std::vector<Place> inputs;
  int result_zero_point = -1;  // the first result is quantized with it
};

// Nullopt: the node has no quantized values.
std::optional<Places> PlacesOf(const pb::NodeProto& node) {
  static const std::unordered_map<std::string_view, Places> kPlaces = {
      {"QuantizeLinear", {{}, 2}},
      {"DequantizeLinear", {{{0, 2}}, -1}},
      {"QLinearConv", {{{0, 2}, {3, 5, true}}, 7}},
      {"QLinearMatMul", {{{0, 2}, {3, 5, true}}, 7}},
      {"QGemm", {{{0, 2}, {3, 5, true}}, 8}},
      {"QLinearAdd", {{{0, 2}, {3, 5}}, 7}},
      {"QLinearMul", {{{0, 2}, {3, 5}}, 7}},
      {"QLinearAveragePool", {{{0, 2}}, 4}},
      {"QLinearGlobalAveragePool", {{{0, 2}}, 4}},
      {"QLinearLeakyRelu", {{{0, 2}}, 4}},
      {"QLinearSigmoid", {{{0, 2}}, 4}},
      {"QLinearSoftmax", {{{0, 2}}, 4}},
      {"QLinearWhere", {{{1, 3}, {4, 6}}, 8}}};
  if (node.op_type() == "QLinearConcat") {
    Places places{{}, 1};
    for (int i = 2; i + 2 < node.input_size(); i += 3) places.inputs.push_back({i, i + 2});
    return places;
  }
  const auto at = kPlaces.find(node.op_type());
  return at == kPlaces.end() ? std::nullopt : std::optional(at->second);
}

bool IsQOperator(const pb::NodeProto& node) {
  return node.op_type().starts_with("Q") && node.op_type() != "QuantizeLinear";
}

bool RoundsWithZeroPoint(const pb::NodeProto& node) {
  return node.op_type() == "QLinearAdd" || node.op_type() == "QLinearMul" ||
         node.op_type() == "QLinearAveragePool";
}

bool IsInt8(const GraphEdit& graph, const std::string& name) {
  return graph.Facts(name).element_type == pb::TensorProto::INT8;
}

class Unsigner {
 public:
  explicit Unsigner(GraphEdit& graph) : graph_(graph), unsigned_(graph) {}

  Result<std::vector<std::string>> Run() {
    if (!Collect()) return std::vector<std::string>();
    for (pb::NodeProto& node : *graph_.proto().mutable_node()) OCTAVO_TRY(Change(node));
    for (pb::ValueInfoProto& info : *graph_.proto().mutable_value_info()) {
      if (values_.contains(info.name()))
        info.mutable_type()->mutable_tensor_type()->set_elem_type(pb::TensorProto::UINT8);
    }
    for (const std::string& name : values_) {
      ValueFacts facts = graph_.Facts(name);
      facts.element_type = pb::TensorProto::UINT8;
      graph_.SetFacts(name, std::move(facts));
    }
    return std::move(rounded_);
  }

 private:
  std::string Input(const pb::NodeProto& node, int i) const {
    return i >= 0 && i < node.input_size() ? node.input(i) : std::string();
  }

  // Finds the values; false: nothing can be changed.
  bool Collect() {
    bool any = false;
    for (const pb::NodeProto& node : graph_.proto().node()) {
      graph_.Infer(node);
      const std::optional<Places> places = PlacesOf(node);
      if (places && places->result_zero_point >= 0 && node.output_size() > 0 &&
          IsInt8(graph_, node.output(0))) {
        values_.insert(node.output(0));
        any = any || IsQOperator(node);
      }
      if (MovesElements(node) && node.input_size() > 0 && values_.contains(node.input(0))) {
        values_.insert(node.output().begin(), node.output().end());
        if (node.op_type() == "MaxPool" && node.output_size() > 1) values_.erase(node.output(1));
      }
    }
    if (!any) return false;
    for (const auto& output : graph_.proto().output()) {
      if (values_.contains(output.name())) return false;
    }
    return std::ranges::all_of(graph_.proto().node(), [this](const auto& node) { return CanChange(node); });
  }

  bool CanChange(const pb::NodeProto& node) const {
    // Bodies may read values of this graph.
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g() || attribute.graphs_size() > 0) return false;
    }
    const std::optional<Places> places = PlacesOf(node);
    if (node.op_type() == "Pad" && !Input(node, 2).empty() && !graph_.IsConstant(Input(node, 2)))
      return false;
    for (int i = 0; i < node.input_size(); ++i) {
      if (!values_.contains(node.input(i))) continue;
      const bool quantized =
          places && std::ranges::any_of(places->inputs, [i](const Place& p) { return p.value == i; });
      if (!quantized && !(i == 0 && MovesElements(node))) return false;
    }
    if (!places) return true;
    const auto constant = [&](int i) { return Input(node, i).empty() || graph_.IsConstant(Input(node, i)); };
    for (const Place& place : places->inputs) {
      const bool known =
          values_.contains(Input(node, place.value)) || graph_.IsConstant(Input(node, place.value));
      if (IsQOperator(node) && IsInt8(graph_, Input(node, place.value)) && !known) return false;
      if (!constant(place.zero_point)) return false;
    }
    return places->result_zero_point < 0 || constant(places->result_zero_point);
  }

  Status Change(pb::NodeProto& node) {
    const std::optional<Places> places = PlacesOf(node);
    NodeEdit edit{.graph = graph_, .node = node};
    if (node.op_type() == "Pad" && values_.contains(Input(node, 0))) {
      // Without a value it pads with the integer 0.
      edit.SetInput(2, OCTAVO_TRY(ZeroPoint(edit, Input(node, 2))));
    }
    if (!places) return {};
    for (const Place& place : places->inputs) {
      const std::string value = Input(node, place.value);
      const bool constant =
          IsQOperator(node) && !place.weight && graph_.IsConstant(value) && IsInt8(graph_, value);
      if (constant) node.set_input(place.value, OCTAVO_TRY(Unsigned(value)));
      if (constant || values_.contains(value)) {
        edit.SetInput(place.zero_point, OCTAVO_TRY(ZeroPoint(edit, Input(node, place.zero_point))));
      }
    }
    if (places->result_zero_point >= 0 && node.output_size() > 0 && values_.contains(node.output(0))) {
      if (RoundsWithZeroPoint(node)) {
        rounded_.push_back(fmt::format(
            "{} at {}: ONNX Runtime adds the zero point before it rounds, and that of uint8 is 128 higher",
            node.op_type(), PlaceOf(node)));
      }
      edit.SetInput(places->result_zero_point,
                    OCTAVO_TRY(ZeroPoint(edit, Input(node, places->result_zero_point))));
    }
    return {};
  }

  Result<std::string> ZeroPoint(const NodeEdit& edit, const std::string& name) {
    if (!name.empty()) return Unsigned(name);
    pb::TensorProto zero;
    zero.set_data_type(pb::TensorProto::UINT8);
    zero.set_raw_data(std::string(1, static_cast<char>(kSignBit)));
    return graph_.AddTensor(edit.Like("zero_point"), std::move(zero));
  }

  Result<std::string> Unsigned(const std::string& name) {
    return OCTAVO_TRY(unsigned_.Of(name, DType::kInt8)).value_or(name);
  }

  GraphEdit& graph_;
  std::unordered_set<std::string> values_;
  OtherSigns unsigned_;
  std::vector<std::string> rounded_;
};

}  // namespace

Result<std::vector<std::string>> MakeValuesUnsigned(GraphEdit& graph) { return Unsigner(graph).Run(); }

}  // namespace octavo::onnx
