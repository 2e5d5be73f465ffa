#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <fmt/format.h>

#include "octavo/base/type_names.h"
#include "octavo/onnx/around_nodes.h"
#include "octavo/onnx/layer_bias.h"
#include "octavo/onnx/moving_operators.h"
#include "octavo/onnx/node_place.h"
#include "octavo/onnx/other_sign.h"
#include "octavo/onnx/target_forms.h"

namespace octavo::onnx {

namespace pb = ::onnx;

namespace {

constexpr const char* kSymmetricHint =
    "Quantize the model again with activations and weights of QuantType.QInt8 and the extra options "
    "ActivationSymmetric and WeightSymmetric, or convert it for another --target.";
constexpr int kFloat8 = 17, kFourBit = 22;  // E4M3FN and int4: Debian's format has no names for them

// With what a value's integers are dequantized.
struct Meaning {
  std::string scale, zero_point;
};

class TensorRtWriter {
 public:
  TensorRtWriter(GraphEdit& graph, TargetForms& forms) : graph_(graph), forms_(forms), signed_(graph) {}

  void Run() {
    FindValues();
    NameFloatNodes();
    AroundNodes around;
    for (pb::NodeProto& node : *graph_.proto().mutable_node()) {
      NodeEdit edit{.graph = graph_, .node = node};
      const pb::NodeProto given = node;
      if (const Status status = Write(edit); !status)
        forms_.failures.push_back(Located(status.error(), given));
      around.Add(std::move(edit.before), std::move(edit.after));
    }
    around.PutInto(graph_.proto());
    RemoveBiases();
    DeclareSigned();
  }

 private:
  static bool Quantizes(const pb::NodeProto& node) {
    return node.op_type() == "QuantizeLinear" && node.input_size() >= 2 && node.output_size() > 0;
  }
  static bool Dequantizes(const pb::NodeProto& node) {
    return node.op_type() == "DequantizeLinear" && node.input_size() >= 2 && node.output_size() > 0;
  }
  static bool Moves(const pb::NodeProto& node) {
    return MovesElements(node) && node.input_size() > 0 && node.output_size() > 0;
  }

  bool IsByte(const std::string& name) const {
    const int type = graph_.Facts(name).element_type;
    return type == pb::TensorProto::UINT8 || type == pb::TensorProto::INT8;
  }

  // The 8-bit values that QuantizeLinear makes or DequantizeLinear reads, also beyond operators that move
  // elements.
  void FindValues() {
    const auto& nodes = graph_.proto().node();
    const auto meaning_of = [](const pb::NodeProto& node) {
      return Meaning{node.input(1), node.input_size() > 2 ? node.input(2) : std::string()};
    };
    for (const pb::NodeProto& node : nodes) {
      if (Quantizes(node) && IsByte(node.output(0))) values_[node.output(0)] = meaning_of(node);
      if (Dequantizes(node) && IsByte(node.input(0)) && !graph_.IsConstant(node.input(0))) {
        values_.try_emplace(node.input(0), meaning_of(node));
      }
    }
    const auto moved = [this](const std::string& from, const std::string& to) {
      const auto at = values_.find(from);
      if (at == values_.end() || !IsByte(to) || values_.contains(to)) return;
      const Meaning meaning = at->second;
      values_.emplace(to, meaning);
    };
    // Backward first: what leads to one result may lead to others.
    for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
      if (!Moves(*node)) continue;
      for (const std::string& output : node->output()) moved(output, node->input(0));
    }
    for (const pb::NodeProto& node : nodes) {
      if (!Moves(node)) continue;
      for (const std::string& output : node.output()) moved(node.input(0), output);
    }
  }

  // On x86, ONNX Runtime's integer kernels take uint8.  It makes int8 values uint8 again if one operator
  // reads them (QDQS8ToU8Transformer); around the others it computes floats.
  void NameFloatNodes() {
    std::unordered_set<const pb::NodeProto*> floats;
    for (const auto& [name, meaning] : values_) {
      if (graph_.Facts(name).element_type != pb::TensorProto::UINT8 || HasOneReader(name)) continue;
      const pb::NodeProto* producer = graph_.Producer(name);
      if (producer && Quantizes(*producer)) floats.insert(graph_.Producer(producer->input(0)));
      for (const pb::NodeProto* reader : graph_.Readers(name)) {
        if (!Dequantizes(*reader)) continue;
        for (const pb::NodeProto* after : graph_.Readers(reader->output(0))) floats.insert(after);
      }
    }
    for (const pb::NodeProto& node : graph_.proto().node()) {
      if (!floats.contains(&node) || !HasIntegerKernel(node)) continue;
      forms_.other_numbers.push_back(
          fmt::format("{} at {}: ONNX Runtime on x86 computes floats here, since it fuses uint8 values only",
                      node.op_type(), PlaceOf(node)));
    }
  }

  static bool HasIntegerKernel(const pb::NodeProto& node) {
    static const std::unordered_set<std::string_view> kFused = {
        "Add",  "AveragePool", "Concat",  "Conv",   "Gemm", "GlobalAveragePool", "LeakyRelu", "MatMul", "Mul",
        "Relu", "Sigmoid",     "Softmax", "Resize", "Where"};
    return node.domain().empty() && kFused.contains(node.op_type());
  }

  bool HasOneReader(const std::string& name) const {
    if (!graph_.Producer(name)) return false;
    std::size_t count = 0;
    for (const pb::NodeProto* reader : graph_.Readers(name)) {
      const bool dequantizes = reader->op_type() == "DequantizeLinear" && reader->output_size() > 0;
      const std::size_t after = dequantizes ? graph_.Readers(reader->output(0)).size() : 1;
      count += std::max<std::size_t>(after, 1);  // 1: the model's output
    }
    const auto& outputs = graph_.proto().output();
    return count == 1 && std::ranges::none_of(outputs, [&](const auto& o) { return o.name() == name; });
  }

  Status Write(NodeEdit& edit) {
    const pb::NodeProto& node = edit.node;
    if (!node.domain().empty() && node.domain() != "ai.onnx") {
      return Unsupported(fmt::format("TensorRT has no operators of the domain {}", node.domain()));
    }
    if (node.op_type() == "QuantizeLinear" || node.op_type() == "DequantizeLinear") {
      if (!Quantizes(node) && !Dequantizes(node)) return InvalidFile("an input or the result is missing");
      return WriteConversion(edit);
    }
    if (Moves(node) && values_.contains(node.input(0))) return WriteMove(edit);
    for (const std::string& input : node.input()) {
      if (!values_.contains(input)) continue;
      return Unsupported(
          fmt::format("it reads the 8-bit integers of {}, which TensorRT only dequantizes", input));
    }
    return {};
  }

  Status WriteConversion(NodeEdit& edit) {
    const bool dequantizes = edit.node.op_type() == "DequantizeLinear";
    const std::string value = dequantizes ? edit.Input(0) : edit.node.output(0);
    const int type = graph_.Facts(value).element_type;
    if (dequantizes && type == pb::TensorProto::INT32) return WriteBias(edit);
    if (type == kFloat8) return {};
    if (type != pb::TensorProto::UINT8 && type != pb::TensorProto::INT8 && type != kFourBit) {
      return type == 0 ? Unsupported(fmt::format("the type of {} is not in the file", value),
                                     "Run onnx.shape_inference.infer_shapes on the model first.")
                       : Unsupported(fmt::format("TensorRT quantizes to int8, not to {}", OnnxTypeName(type)),
                                     kSymmetricHint);
    }
    OCTAVO_TRY(CheckScale(edit));
    if (dequantizes && type != kFourBit && OCTAVO_TRY(MoveConstant(edit))) return {};
    const std::string zero = OCTAVO_TRY(SymmetricZero(edit, value, type));
    if (zero != edit.Input(2)) edit.SetInput(2, zero);
    if (type != pb::TensorProto::UINT8) return {};
    if (edit.Find("output_dtype") && !dequantizes) edit.SetInt("output_dtype", pb::TensorProto::INT8);
    signed_values_.insert(value);
    return {};
  }

  // A constant with another zero point than 0 becomes int8 with 0, if its integers then fit.
  Result<bool> MoveConstant(NodeEdit& edit) {
    const std::optional<Tensor> given = OCTAVO_TRY(graph_.Constant(edit.Input(0)));
    if (!given || (edit.HasInput(2) && !graph_.IsConstant(edit.Input(2)))) return false;
    std::vector<std::int64_t> points = {0};
    if (edit.HasInput(2)) points = OCTAVO_TRY(graph_.Constant(edit.Input(2)))->ToInts();
    const bool one = !points.empty() && std::ranges::all_of(points, [&](auto p) { return p == points[0]; });
    if (!one || (given->dtype == DType::kInt8 && points[0] == 0)) return false;
    constexpr std::int64_t kLowest = -128, kHighest = 127;
    std::string bytes;
    for (const std::int64_t integer : given->ToInts()) {
      const std::int64_t moved = integer - points[0];
      if (moved < kLowest || moved > kHighest) return false;
      bytes.push_back(static_cast<char>(moved));
    }
    const std::string from = edit.Input(0), zero = edit.Input(2);
    edit.node.set_input(0, AddBytes(from + "_int8", given->sizes, std::move(bytes)));
    const std::optional<Tensor> scale = OCTAVO_TRY(graph_.Constant(edit.Input(1)));
    edit.SetInput(2, AddBytes(edit.Like("zero_point"), scale->sizes,
                              std::string(static_cast<std::size_t>(scale->num_elements()), '\0')));
    graph_.RemoveIfUnused(from);
    graph_.RemoveIfUnused(zero);
    ++forms_.changes["constant written as int8 with zero point 0"];
    return true;
  }

  std::string AddBytes(const std::string& like, const std::vector<std::int64_t>& sizes, std::string bytes) {
    pb::TensorProto tensor;
    tensor.set_data_type(pb::TensorProto::INT8);
    for (const std::int64_t size : sizes) tensor.add_dims(size);
    tensor.set_raw_data(std::move(bytes));
    return graph_.AddTensor(like, std::move(tensor));
  }

  Status CheckScale(const NodeEdit& edit) {
    const std::optional<Tensor> scale = OCTAVO_TRY(graph_.Constant(edit.Input(1)));
    if (!scale) return Unsupported("its scale is computed, and TensorRT takes constants only");
    if (std::ranges::any_of(scale->ToDoubles(), [](double s) { return !(s > 0); })) {
      return Unsupported("its scale is not positive");
    }
    const bool of_constant = graph_.IsConstant(edit.Input(0));
    if (scale->num_elements() > 1 && edit.node.op_type() == "QuantizeLinear" && !of_constant) {
      return Unsupported("TensorRT quantizes activations with one scale, and this node has one per channel");
    }
    return {};
  }

  // The zero point to write; an error unless it means 0.
  Result<std::string> SymmetricZero(const NodeEdit& edit, const std::string& value, int type) {
    constexpr std::int64_t kMiddle = 128;
    const std::string& name = edit.Input(2);
    const std::int64_t wanted = type == pb::TensorProto::UINT8 ? kMiddle : 0;
    std::int64_t found = 0;
    if (!name.empty()) {
      const std::optional<Tensor> zero = OCTAVO_TRY(graph_.Constant(name));
      if (!zero) return Unsupported("its zero point is computed, and TensorRT's is always 0");
      const std::vector<std::int64_t> points = zero->ToInts();
      const auto other = std::ranges::find_if(points, [wanted](std::int64_t one) { return one != wanted; });
      found = other == points.end() ? wanted : *other;
    }
    if (found != wanted) {
      return Unsupported(
          fmt::format(
              "TensorRT quantizes symmetrically (int8 with zero point 0, or uint8 with 128), but {} is {} "
              "with zero point {}",
              value, OnnxTypeName(type), found),
          kSymmetricHint);
    }
    return type == pb::TensorProto::UINT8 ? Signed(name) : Result<std::string>(name);
  }

  Result<std::string> Signed(const std::string& name) {
    std::optional<std::string> made = OCTAVO_TRY(signed_.Of(name, DType::kUint8));
    if (!made) return InvalidFile(fmt::format("{} is not uint8", name));
    return *std::move(made);
  }

  Status WriteBias(NodeEdit& edit) {
    const Tensor reals = OCTAVO_TRY(DequantizedBias(edit));
    OCTAVO_TRY(CheckRoundedBias(edit, forms_));
    pb::TensorProto bias;
    bias.set_data_type(pb::TensorProto::FLOAT);
    for (const std::int64_t size : reals.sizes) bias.add_dims(size);
    const std::vector<float> values = reals.ToFloats();
    bias.set_raw_data(
        std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)));
    for (const std::string& input : edit.node.input()) graph_.RemoveIfUnused(input);
    biases_[edit.node.output(0)] = graph_.AddTensor(edit.node.output(0) + "_float", std::move(bias));
    ++forms_.changes["int32 bias written as float32"];
    return {};
  }

  // Their readers take the constants.
  void RemoveBiases() {
    if (biases_.empty()) return;
    std::unordered_set<std::string> outputs;
    for (const auto& output : graph_.proto().output()) outputs.insert(output.name());
    auto* nodes = graph_.proto().mutable_node();
    nodes->erase(std::remove_if(nodes->begin(), nodes->end(),
                                [&](const pb::NodeProto& node) {
                                  return Dequantizes(node) && biases_.contains(node.output(0)) &&
                                         !outputs.contains(node.output(0));
                                }),
                 nodes->end());
    ReadConstants(graph_.proto());
  }

  void ReadConstants(pb::GraphProto& graph) {
    for (pb::NodeProto& node : *graph.mutable_node()) {
      for (std::string& input : *node.mutable_input()) {
        if (const auto at = biases_.find(input); at != biases_.end()) input = at->second;
      }
      for (pb::AttributeProto& attribute : *node.mutable_attribute()) {
        if (attribute.has_g()) ReadConstants(*attribute.mutable_g());
        for (pb::GraphProto& body : *attribute.mutable_graphs()) ReadConstants(body);
      }
    }
  }

  // DequantizeLinear, the operator, QuantizeLinear: the same integers, as every integer is its own rounding.
  Status WriteMove(NodeEdit& edit) {
    const std::string value = edit.node.input(0), place = PlaceOf(edit.node);
    const Meaning& meaning = values_.at(value);
    const int type = graph_.Facts(value).element_type;
    const Result<std::string> zero = [&]() -> Result<std::string> {
      pb::NodeProto like;  // named as the node, with the inputs of a DequantizeLinear
      like.set_name(edit.node.name());
      for (const std::string& input : {value, meaning.scale, meaning.zero_point}) like.add_input(input);
      const NodeEdit conversion{.graph = graph_, .node = like};
      OCTAVO_TRY(CheckScale(conversion));
      return SymmetricZero(conversion, value, type);
    }();
    if (!zero) return zero.error();
    const std::optional<Tensor> scale = OCTAVO_TRY(graph_.Constant(meaning.scale));
    if (scale->num_elements() != 1) return Unsupported("it moves integers that have one scale per channel");
    if (edit.node.op_type() == "Pad") OCTAVO_TRY(PadWithZero(edit, meaning));
    edit.node.set_input(0, AddConversion(edit.before, "DequantizeLinear", value, value + "_DequantizeLinear",
                                         meaning.scale, *zero));
    for (std::string& output : *edit.node.mutable_output()) {
      if (output.empty() || !values_.contains(output)) continue;
      const std::string real = graph_.names().New(output + "_float");
      AddConversion(edit.after, "QuantizeLinear", real, output, meaning.scale, *zero);
      if (type == pb::TensorProto::UINT8) signed_values_.insert(output);
      output = real;
    }
    if (type == pb::TensorProto::UINT8) signed_values_.insert(value);
    ++forms_.changes["operator on 8-bit integers written between DequantizeLinear and QuantizeLinear"];
    return {};
  }

  // The name of the new node's result.
  std::string AddConversion(std::vector<pb::NodeProto>& nodes, std::string_view op, const std::string& from,
                            const std::string& to, const std::string& scale, const std::string& zero) {
    pb::NodeProto& node = nodes.emplace_back();
    node.set_op_type(std::string(op));
    std::string result = op == "QuantizeLinear" ? to : graph_.names().New(to);
    node.set_name(graph_.names().New(fmt::format("{}_{}", from, op)));
    node.add_input(from);
    node.add_input(scale);
    if (!zero.empty()) node.add_input(zero);
    node.add_output(result);
    return result;
  }

  void LeaveOutPadding(NodeEdit& edit) {
    if (!edit.HasInput(2)) return;
    graph_.RemoveIfUnused(edit.Input(2));
    edit.node.set_input(2, "");
  }

  // Between the conversions the operator pads with the real 0.
  Status PadWithZero(NodeEdit& edit, const Meaning& meaning) {
    if (edit.Text("mode", "constant") != "constant") {
      LeaveOutPadding(edit);
      return {};
    }
    std::int64_t padded = 0, zero_point = 0;
    const std::pair<std::string, std::int64_t*> constants[] = {{edit.Input(2), &padded},
                                                               {meaning.zero_point, &zero_point}};
    for (const auto& [name, to] : constants) {
      if (name.empty()) continue;
      const std::optional<Tensor> tensor = OCTAVO_TRY(graph_.Constant(name));
      if (!tensor || tensor->num_elements() != 1) return Unsupported("it pads with a computed number");
      *to = tensor->ToInts()[0];
    }
    if (padded != zero_point) {
      return Unsupported(
          fmt::format("it pads integers with {}, which is not the zero point {}", padded, zero_point));
    }
    LeaveOutPadding(edit);
    return {};
  }

  // uint8 values are int8 now, the model's inputs and outputs, too.
  void DeclareSigned() {
    pb::GraphProto& graph = graph_.proto();
    for (auto* values : {graph.mutable_value_info(), graph.mutable_input(), graph.mutable_output()}) {
      for (pb::ValueInfoProto& info : *values) {
        if (!signed_values_.contains(info.name())) continue;
        info.mutable_type()->mutable_tensor_type()->set_elem_type(pb::TensorProto::INT8);
        const bool inside = values == graph.mutable_value_info();
        if (!inside)
          ++forms_.changes[fmt::format("uint8 input or output {} is int8, 128 lower", info.name())];
      }
    }
    if (!signed_values_.empty()) {
      forms_.changes["uint8 value with zero point 128 written as int8"] +=
          static_cast<int>(signed_values_.size());
    }
  }

  GraphEdit& graph_;
  TargetForms& forms_;
  std::unordered_map<std::string, Meaning> values_;
  OtherSigns signed_;
  std::unordered_map<std::string, std::string> biases_;
  std::unordered_set<std::string> signed_values_;
};

}  // namespace

void WriteForTensorRt(GraphEdit& graph, TargetForms& forms) { TensorRtWriter(graph, forms).Run(); }

}  // namespace octavo::onnx
