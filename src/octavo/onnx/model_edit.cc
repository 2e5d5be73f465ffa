#include "octavo/onnx/model_edit.h"

#include <algorithm>

#include <fmt/format.h>

namespace octavo::onnx {

namespace pb = ::onnx;

namespace {

// Operators whose result has another element type than their first input.
int ResultType(const pb::NodeProto& node, int output, const GraphEdit& graph) {
  const std::string& op = node.op_type();
  const auto attribute = [&node](std::string_view name) -> const pb::AttributeProto* {
    const auto at = std::ranges::find(node.attribute(), name, &pb::AttributeProto::name);
    return at == node.attribute().end() ? nullptr : &*at;
  };
  const auto of_input = [&](int i) {
    return i < node.input_size() ? graph.Facts(node.input(i)).element_type : 0;
  };
  static const std::unordered_set<std::string_view> kBool = {
      "Equal", "Greater", "GreaterOrEqual", "IsInf", "IsNaN", "Less", "LessOrEqual", "And", "Or",
      "Xor",   "Not"};
  static const std::unordered_set<std::string_view> kInt64 = {"ArgMax",  "ArgMin", "NonMaxSuppression",
                                                              "NonZero", "Shape",  "Size"};
  static const std::unordered_set<std::string_view> kUnknown = {"If",
                                                                "Loop",
                                                                "Scan",
                                                                "Bernoulli",
                                                                "Constant",
                                                                "EyeLike",
                                                                "Multinomial",
                                                                "RandomNormal",
                                                                "RandomNormalLike",
                                                                "RandomUniform",
                                                                "RandomUniformLike",
                                                                "TfIdfVectorizer",
                                                                "SequenceConstruct",
                                                                "SplitToSequence"};
  if (kBool.contains(op)) return pb::TensorProto::BOOL;
  if (kInt64.contains(op)) return pb::TensorProto::INT64;
  if (kUnknown.contains(op)) return 0;
  if (op == "Cast") {
    const pb::AttributeProto* to = attribute("to");
    return to ? static_cast<int>(to->i()) : 0;
  }
  if (op == "ConstantOfShape") {
    const pb::AttributeProto* value = attribute("value");
    return value ? value->t().data_type() : static_cast<int>(pb::TensorProto::FLOAT);
  }
  if (op == "QuantizeLinear") {
    if (of_input(2) != 0) return of_input(2);
    const pb::AttributeProto* type = attribute("output_dtype");
    return type && type->i() != 0 ? static_cast<int>(type->i()) : static_cast<int>(pb::TensorProto::UINT8);
  }
  if (op == "DequantizeLinear" || op == "Where" || op == "CastLike") return of_input(1);
  if (op == "OneHot") return of_input(2);
  if (op == "QLinearConv" || op == "QLinearMatMul") return of_input(7);
  if (op == "QLinearConcat" || op == "QLinearWhere") return of_input(1);
  if (op == "QGemm") return of_input(8) != 0 ? of_input(8) : static_cast<int>(pb::TensorProto::FLOAT);
  if (op == "ConvInteger" || op == "MatMulInteger") return pb::TensorProto::INT32;
  if (op == "DynamicQuantizeLinear") {
    return output == 1 ? static_cast<int>(pb::TensorProto::FLOAT) : static_cast<int>(pb::TensorProto::UINT8);
  }
  if ((op == "TopK" || op == "MaxPool" || op == "Unique") && output > 0) return pb::TensorProto::INT64;
  if (op == "Dropout" && output > 0) return pb::TensorProto::BOOL;
  return of_input(0);
}

ValueFacts FactsOf(const pb::TypeProto& type) {
  ValueFacts facts;
  if (!type.has_tensor_type()) return facts;
  facts.element_type = type.tensor_type().elem_type();
  if (!type.tensor_type().has_shape()) return facts;
  facts.sizes.emplace();
  for (const auto& dim : type.tensor_type().shape().dim()) {
    facts.sizes->push_back(dim.has_dim_value() ? dim.dim_value() : -1);
  }
  return facts;
}

}  // namespace

ModelNames::ModelNames(const pb::ModelProto& model) { Collect(model.graph()); }

void ModelNames::Collect(const pb::GraphProto& graph) {
  for (const auto& input : graph.input()) names_.insert(input.name());
  for (const auto& tensor : graph.initializer()) names_.insert(tensor.name());
  for (const auto& tensor : graph.sparse_initializer()) names_.insert(tensor.values().name());
  for (const pb::NodeProto& node : graph.node()) {
    names_.insert(node.name());
    for (const std::string& output : node.output()) names_.insert(output);
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g()) Collect(attribute.g());
      for (const auto& body : attribute.graphs()) Collect(body);
    }
  }
}

std::string ModelNames::New(const std::string& like) {
  std::string name = like;
  for (int i = 1; !names_.insert(name).second; ++i) name = fmt::format("{}_{}", like, i);
  return name;
}

GraphEdit::GraphEdit(pb::ModelProto& model, pb::GraphProto& graph, ModelNames& names, TensorReader& tensors,
                     const GraphEdit* outer)
    : model_(model), graph_(graph), names_(names), tensors_(tensors), outer_(outer) {
  Index();
}

void GraphEdit::Index() {
  for (const auto* values : {&graph_.value_info(), &graph_.output(), &graph_.input()}) {
    for (const pb::ValueInfoProto& info : *values) facts_[info.name()] = FactsOf(info.type());
  }
  for (const pb::ValueInfoProto& input : graph_.input()) inputs_.insert(input.name());
  for (int i = 0; i < graph_.initializer_size(); ++i) {
    const pb::TensorProto& tensor = graph_.initializer(i);
    initializers_[tensor.name()] = i;
    facts_[tensor.name()] = {.element_type = tensor.data_type(),
                             .sizes = std::vector<std::int64_t>(tensor.dims().begin(), tensor.dims().end())};
  }
  for (const pb::NodeProto& node : graph_.node()) {
    for (const std::string& output : node.output()) producers_[output] = &node;
    for (const std::string& input : node.input()) readers_[input].push_back(&node);
  }
}

const pb::TensorProto* GraphEdit::FindConstant(const std::string& name) const {
  if (name.empty()) return nullptr;
  // From IR version 4 on, an initializer that is an input, too, is only a default.
  constexpr int kFirstIrWithDefaults = 4;
  if (const auto at = initializers_.find(name); at != initializers_.end()) {
    const bool overridable = inputs_.contains(name) && model_.ir_version() >= kFirstIrWithDefaults;
    return overridable ? nullptr : &graph_.initializer(at->second);
  }
  if (inputs_.contains(name)) return nullptr;
  if (!producers_.contains(name)) return outer_ ? outer_->FindConstant(name) : nullptr;
  const pb::NodeProto* node = FindConstantNode(name);
  if (!node) return nullptr;
  for (const auto& attribute : node->attribute()) {
    if (attribute.name() == "value" && attribute.has_t()) return &attribute.t();
  }
  return nullptr;
}

const pb::NodeProto* GraphEdit::FindConstantNode(const std::string& name) const {
  if (inputs_.contains(name) || initializers_.contains(name)) return nullptr;
  const auto at = producers_.find(name);
  if (at == producers_.end()) return outer_ ? outer_->FindConstantNode(name) : nullptr;
  const bool constant = at->second->op_type() == "Constant" && at->second->domain().empty();
  return constant ? at->second : nullptr;
}

std::optional<Tensor> GraphEdit::ListedConstant(const std::string& name) const {
  const pb::NodeProto* node = FindConstantNode(name);
  if (!node) return std::nullopt;
  for (const auto& attribute : node->attribute()) {
    const auto& ints = attribute.ints();
    const auto& floats = attribute.floats();
    if (attribute.name() == "value_ints") return Tensor::Int64s({ints.begin(), ints.end()});
    if (attribute.name() == "value_int")
      return Tensor::From<std::int64_t>(DType::kInt64, {}, {attribute.i()});
    if (attribute.name() == "value_floats")
      return Tensor::Floats({floats.size()}, {floats.begin(), floats.end()});
    if (attribute.name() == "value_float") return Tensor::Scalar(attribute.f());
  }
  return std::nullopt;
}

Result<std::optional<Tensor>> GraphEdit::Constant(const std::string& name) const {
  const pb::TensorProto* tensor = FindConstant(name);
  if (!tensor) return ListedConstant(name);
  return std::optional<Tensor>(OCTAVO_TRY(tensors_.Read(*tensor)));
}

ValueFacts GraphEdit::Facts(const std::string& name) const {
  if (name.empty()) return {};
  if (const auto at = facts_.find(name); at != facts_.end()) return at->second;
  if (const pb::TensorProto* tensor = FindConstant(name)) {
    return {.element_type = tensor->data_type(),
            .sizes = std::vector<std::int64_t>(tensor->dims().begin(), tensor->dims().end())};
  }
  return outer_ ? outer_->Facts(name) : ValueFacts();
}

void GraphEdit::Infer(const pb::NodeProto& node) {
  if (!node.domain().empty() && !node.op_type().starts_with("Q")) return;
  for (int i = 0; i < node.output_size(); ++i) {
    ValueFacts& facts = facts_[node.output(i)];
    if (facts.element_type == 0) facts.element_type = ResultType(node, i, *this);
  }
}

const pb::NodeProto* GraphEdit::Producer(const std::string& name) const {
  if (const auto at = producers_.find(name); at != producers_.end()) return at->second;
  if (inputs_.contains(name) || initializers_.contains(name)) return nullptr;
  return outer_ ? outer_->Producer(name) : nullptr;
}

const std::vector<const pb::NodeProto*>& GraphEdit::Readers(const std::string& name) const {
  static const std::vector<const pb::NodeProto*> kNone;
  const auto at = readers_.find(name);
  return at == readers_.end() ? kNone : at->second;
}

std::string GraphEdit::AddTensor(const std::string& like, pb::TensorProto tensor) {
  std::string name = names_.New(like);
  tensor.set_name(name);
  initializers_[name] = graph_.initializer_size();
  facts_[name] = {.element_type = tensor.data_type(),
                  .sizes = std::vector<std::int64_t>(tensor.dims().begin(), tensor.dims().end())};
  *graph_.add_initializer() = std::move(tensor);
  return name;
}

std::string GraphEdit::AddInts(const std::string& like, const std::vector<std::int64_t>& values) {
  pb::TensorProto tensor;
  tensor.set_data_type(pb::TensorProto::INT64);
  tensor.add_dims(static_cast<std::int64_t>(values.size()));
  for (const std::int64_t value : values) tensor.add_int64_data(value);
  return AddTensor(like, std::move(tensor));
}

namespace {

void CollectUses(const pb::GraphProto& graph, std::unordered_set<std::string>& used) {
  for (const auto& output : graph.output()) used.insert(output.name());
  for (const pb::NodeProto& node : graph.node()) {
    used.insert(node.input().begin(), node.input().end());
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g()) CollectUses(attribute.g(), used);
      for (const auto& body : attribute.graphs()) CollectUses(body, used);
    }
  }
}

}  // namespace

void GraphEdit::RemoveUnused() {
  if (released_.empty()) return;
  std::unordered_set<std::string> used;
  CollectUses(graph_, used);
  const auto gone = [&](const std::string& name) {
    return released_.contains(name) && !used.contains(name) && !inputs_.contains(name);
  };
  auto* tensors = graph_.mutable_initializer();
  tensors->erase(std::remove_if(tensors->begin(), tensors->end(),
                                [&](const auto& tensor) { return gone(tensor.name()); }),
                 tensors->end());
  auto* nodes = graph_.mutable_node();
  nodes->erase(std::remove_if(nodes->begin(), nodes->end(),
                              [&](const pb::NodeProto& node) {
                                return node.op_type() == "Constant" && node.output_size() == 1 &&
                                       gone(node.output(0));
                              }),
               nodes->end());
}

// ---- One node

const pb::AttributeProto* NodeEdit::Find(std::string_view name) const {
  const auto at = std::ranges::find(node.attribute(), name, &pb::AttributeProto::name);
  return at == node.attribute().end() ? nullptr : &*at;
}

std::int64_t NodeEdit::Int(std::string_view name, std::int64_t missing) const {
  const pb::AttributeProto* attribute = Find(name);
  return attribute ? attribute->i() : missing;
}

std::string NodeEdit::Text(std::string_view name, std::string_view missing) const {
  const pb::AttributeProto* attribute = Find(name);
  return attribute ? attribute->s() : std::string(missing);
}

std::vector<std::int64_t> NodeEdit::Ints(std::string_view name) const {
  const pb::AttributeProto* attribute = Find(name);
  if (!attribute) return {};
  return {attribute->ints().begin(), attribute->ints().end()};
}

void NodeEdit::Remove(std::string_view name) {
  auto* attributes = node.mutable_attribute();
  attributes->erase(std::remove_if(attributes->begin(), attributes->end(),
                                   [name](const pb::AttributeProto& a) { return a.name() == name; }),
                    attributes->end());
}

void NodeEdit::SetInt(std::string_view name, std::int64_t value) {
  Remove(name);
  pb::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(std::string(name));
  attribute.set_type(pb::AttributeProto::INT);
  attribute.set_i(value);
}

void NodeEdit::SetFloat(std::string_view name, float value) {
  Remove(name);
  pb::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(std::string(name));
  attribute.set_type(pb::AttributeProto::FLOAT);
  attribute.set_f(value);
}

void NodeEdit::SetInts(std::string_view name, const std::vector<std::int64_t>& values) {
  Remove(name);
  pb::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(std::string(name));
  attribute.set_type(pb::AttributeProto::INTS);
  for (const std::int64_t value : values) attribute.add_ints(value);
}

void NodeEdit::SetText(std::string_view name, std::string_view value) {
  Remove(name);
  pb::AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(std::string(name));
  attribute.set_type(pb::AttributeProto::STRING);
  attribute.set_s(std::string(value));
}

const std::string& NodeEdit::Input(int i) const {
  static const std::string kNone;
  return i < node.input_size() ? node.input(i) : kNone;
}

void NodeEdit::SetInput(int i, const std::string& name) {
  while (node.input_size() <= i) node.add_input("");
  node.set_input(i, name);
}

void NodeEdit::RemoveInput(int i) {
  if (!HasInput(i)) return;
  graph.RemoveIfUnused(Input(i));
  node.set_input(i, "");
  while (node.input_size() > 0 && node.input(node.input_size() - 1).empty()) {
    node.mutable_input()->RemoveLast();
  }
}

std::string NodeEdit::Like(std::string_view what) const {
  const std::string& base = !node.name().empty()     ? node.name()
                            : node.output_size() > 0 ? node.output(0)
                                                     : node.op_type();
  return fmt::format("{}_{}", base, what);
}

Result<std::vector<std::int64_t>> NodeEdit::ConstantInts(int i, std::string_view what) const {
  const std::optional<Tensor> tensor = OCTAVO_TRY(graph.Constant(Input(i)));
  if (!HasInput(i)) return InvalidFile(fmt::format("its {} are missing", what));
  if (!tensor) return Unsupported(fmt::format("its {} are computed, and this opset needs constants", what));
  if (!IsInteger(tensor->dtype)) return InvalidFile(fmt::format("its {} must be integers", what));
  return tensor->ToInts();
}

}  // namespace octavo::onnx
