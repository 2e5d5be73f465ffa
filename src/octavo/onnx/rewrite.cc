#include "octavo/onnx/rewrite.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>
#include <onnx.pb.h>

#include "octavo/base/budget.h"
#include "octavo/base/mapped_file.h"
#include "octavo/onnx/around_nodes.h"
#include "octavo/onnx/check_graph.h"
#include "octavo/onnx/external.h"
#include "octavo/onnx/model_edit.h"
#include "octavo/onnx/moving_operators.h"
#include "octavo/onnx/node_place.h"
#include "octavo/onnx/opset/changes.h"
#include "octavo/onnx/parse.h"
#include "octavo/onnx/qoperator.h"
#include "octavo/onnx/rename.h"
#include "octavo/onnx/stored_tensors.h"
#include "octavo/onnx/unsigned_values.h"

namespace octavo::onnx {

namespace pb = ::onnx;

namespace {

struct Work {
  pb::ModelProto& model;
  ModelNames& names;
  TensorReader& tensors;
  int from, to;
  std::vector<Error> failures = {};
  std::map<std::string, int> moved = {};        // operators that were written for another opset
  std::map<std::string, int> quantized = {};    // QOperator nodes that were written as QDQ
  std::vector<std::string> other_numbers = {};  // as in Rewritten
};

// ONNX Runtime's AveragePool of opset 19 is another kernel than that of the opsets before: float32 sums in
// another order.  Between integers both are QLinearAveragePool.
bool SumsOtherwise(const NodeEdit& edit, int from, int to) {
  constexpr int kOtherKernel = 19;
  if (edit.node.op_type() != "AveragePool" || edit.node.output_size() == 0 ||
      (from < kOtherKernel) == (to < kOtherKernel))
    return false;
  const pb::NodeProto* before = edit.graph.Producer(edit.Input(0));
  const auto& readers = edit.graph.Readers(edit.node.output(0));
  const bool fused = before && before->op_type() == "DequantizeLinear" && before->input_size() > 0 &&
                     readers.size() == 1 && readers[0]->op_type() == "QuantizeLinear" &&
                     readers[0]->output_size() > 0 &&
                     edit.graph.Facts(before->input(0)).element_type == pb::TensorProto::UINT8 &&
                     edit.graph.Facts(readers[0]->output(0)).element_type == pb::TensorProto::UINT8;
  return !fused;
}

// From opset 21 on, ONNX Runtime moves QuantizeLinear and DequantizeLinear past such an operator with an
// output_dtype that it does not change with the zero point, when it makes int8 values uint8 (1.32).
bool MayNotLoad(const NodeEdit& edit, int from, int to) {
  constexpr int kFirstWithOutputType = 21;
  if (from >= kFirstWithOutputType || to < kFirstWithOutputType || !MovesElements(edit.node)) return false;
  const auto is_int8 = [&](const std::string& name) {
    return edit.graph.Facts(name).element_type == pb::TensorProto::INT8;
  };
  const pb::NodeProto* before = edit.graph.Producer(edit.Input(0));
  const bool reads = before && before->op_type() == "DequantizeLinear" && before->input_size() > 0 &&
                     is_int8(before->input(0)) && !edit.graph.IsConstant(before->input(0));
  bool quantized = true, to_int8 = false;
  for (const std::string& output : edit.node.output()) {
    for (const pb::NodeProto* after : edit.graph.Readers(output)) {
      const bool quantizes = after->op_type() == "QuantizeLinear" && after->output_size() > 0;
      quantized = quantized && quantizes;
      to_int8 = to_int8 || (quantizes && is_int8(after->output(0)));
    }
  }
  return (reads && !quantized) || (to_int8 && !reads);
}

Error AllOf(std::vector<Error>& failures) {
  if (failures.size() == 1) return std::move(failures[0]);
  Error all(failures[0].code(), fmt::format("{} nodes cannot be converted", failures.size()));
  constexpr std::size_t kShown = 20;
  for (std::size_t i = 0; i < failures.size() && i < kShown; ++i) {
    all.AddDetail({.message = failures[i].what(), .place = failures[i].where()});
  }
  if (failures.size() > kShown) all.AddDetail(fmt::format("and {} more", failures.size() - kShown));
  all.SetHint(failures[0].hint());
  return all;
}

bool HasAxis(const pb::NodeProto& node) {
  return std::ranges::any_of(node.attribute(),
                             [](const auto& attribute) { return attribute.name() == "axis"; });
}

bool UsesDomain(const pb::GraphProto& graph, const std::string& domain) {
  return std::ranges::any_of(graph.node(), [&](const pb::NodeProto& node) {
    return node.domain() == domain || std::ranges::any_of(node.attribute(), [&](const auto& attribute) {
             return (attribute.has_g() && UsesDomain(attribute.g(), domain)) ||
                    std::ranges::any_of(attribute.graphs(),
                                        [&](const auto& body) { return UsesDomain(body, domain); });
           });
  });
}

// QOperator nodes may have been all that the domain was for.
void RemoveUnusedDomain(pb::ModelProto& model, const std::string& domain) {
  if (model.functions_size() > 0 || UsesDomain(model.graph(), domain)) return;
  auto* imports = model.mutable_opset_import();
  imports->erase(std::remove_if(imports->begin(), imports->end(),
                                [&](const auto& import) { return import.domain() == domain; }),
                 imports->end());
}

std::string Same(const pb::NodeProto& node) { return node.SerializeAsString(); }

void RewriteGraph(Work& work, pb::GraphProto& graph, const GraphEdit* outer);

void RewriteNode(Work& work, NodeEdit& edit) {
  const pb::NodeProto given = edit.node;
  edit.graph.Infer(given);
  Result<bool> quantized = WriteAsQdq(edit);
  if (!quantized) {
    work.failures.push_back(Located(quantized.error(), given));
    return;
  }
  const std::string op = edit.node.op_type();
  if (*quantized) ++work.quantized[given.op_type()];
  constexpr int kFirstWithScalePerChannel = 13;
  if (work.to < kFirstWithScalePerChannel && std::ranges::any_of(edit.before, HasAxis)) {
    work.failures.push_back(Located(
        Unsupported("below opset 13 DequantizeLinear has one scale, and this node has one per channel",
                    "Add --opset 13 or a later one."),
        given));
    return;
  }
  if (work.from == work.to) return;
  const std::string before = Same(edit.node);
  if (const Status status = MoveNode(edit, work.from, work.to); !status) {
    work.failures.push_back(Located(status.error(), given));
    return;
  }
  if (!*quantized && Same(edit.node) != before) ++work.moved[op];
  if (!*quantized && MayNotLoad(edit, work.from, work.to)) {
    work.other_numbers.push_back(
        fmt::format("{} at {}: ONNX Runtime 1.32 may refuse to load int8 values that it moves in opset {}",
                    op, PlaceOf(given), work.to));
  }
  if (!*quantized && SumsOtherwise(edit, work.from, work.to)) {
    work.other_numbers.push_back(fmt::format(
        "AveragePool at {}: ONNX Runtime's kernels of opset 18 and opset 19 add floats in different "
        "orders",
        PlaceOf(given)));
  }
}

void RewriteBodies(Work& work, pb::NodeProto& node, const GraphEdit& graph) {
  for (pb::AttributeProto& attribute : *node.mutable_attribute()) {
    if (attribute.has_g()) RewriteGraph(work, *attribute.mutable_g(), &graph);
    for (pb::GraphProto& body : *attribute.mutable_graphs()) RewriteGraph(work, body, &graph);
  }
}

void RewriteGraph(Work& work, pb::GraphProto& graph, const GraphEdit* outer) {
  GraphEdit edit(work.model, graph, work.names, work.tensors, outer);
  if (auto rounded = MakeValuesUnsigned(edit); rounded) {
    std::ranges::move(*rounded, std::back_inserter(work.other_numbers));
  } else {
    work.failures.push_back(rounded.error());
  }
  AroundNodes around;
  for (pb::NodeProto& node : *graph.mutable_node()) {
    RewriteBodies(work, node, edit);
    NodeEdit one{.graph = edit, .node = node};
    RewriteNode(work, one);
    around.Add(std::move(one.before), std::move(one.after));
  }
  around.PutInto(graph);
  edit.RemoveUnused();
}

std::unordered_set<std::string_view> InitializerNames(const pb::GraphProto& graph) {
  std::unordered_set<std::string_view> names;
  for (const auto& tensor : graph.initializer()) names.insert(tensor.name());
  return names;
}

// Before IR version 4 every initializer is an input, too, and a constant all the same.
void ListOnlyInputs(pb::GraphProto& graph) {
  const std::unordered_set<std::string_view> constants = InitializerNames(graph);
  auto* inputs = graph.mutable_input();
  inputs->erase(std::remove_if(inputs->begin(), inputs->end(),
                               [&](const auto& input) { return constants.contains(input.name()); }),
                inputs->end());
}

void ListValues(const pb::ModelProto& model, std::vector<ModelValue>& inputs,
                std::vector<ModelValue>& outputs) {
  const std::unordered_set<std::string_view> constants = InitializerNames(model.graph());
  for (const pb::ValueInfoProto& info : model.graph().input()) {
    if (!constants.contains(info.name())) inputs.push_back({info.name(), DeclaredType(info.type())});
  }
  for (const pb::ValueInfoProto& info : model.graph().output()) {
    outputs.push_back({info.name(), DeclaredType(info.type())});
  }
}

void SetOpset(pb::ModelProto& model, int opset) {
  bool said = false;
  for (auto& import : *model.mutable_opset_import()) {
    if (!import.domain().empty() && import.domain() != "ai.onnx") continue;
    import.set_version(opset);
    said = true;
  }
  if (!said) {
    auto& import = *model.add_opset_import();
    import.set_domain("");
    import.set_version(opset);
  }
  constexpr std::int64_t kFirstIrWithConstants = 4;
  const std::int64_t wanted = IrVersion(opset);
  if (model.ir_version() < kFirstIrWithConstants && wanted >= kFirstIrWithConstants) {
    ListOnlyInputs(*model.mutable_graph());
  }
  model.set_ir_version(wanted);
}

Status CheckFunctions(const pb::ModelProto& model, std::string_view change) {
  if (model.functions_size() == 0) return {};
  return Unsupported(
      fmt::format("the model defines functions of its own ({}), whose nodes cannot be changed to "
                  "another {}",
                  model.functions(0).name(), change),
      "Inline them first with onnx.inliner.inline_local_functions.");
}

Status CheckMove(const pb::ModelProto& model, int from, int to) {
  if (from == to) return {};
  for (const int opset : {from, to}) {
    if (opset >= kFirstMovableOpset && opset <= kLastMovableOpset) continue;
    return Unsupported(
        fmt::format("the model has opset {}, which cannot be changed to {}; Octavo knows opsets {} "
                    "to {}",
                    from, to, kFirstMovableOpset, kLastMovableOpset),
        from < kFirstMovableOpset ? "Convert it with onnx.version_converter first." : "");
  }
  return CheckFunctions(model, "opset");
}

std::string Counted(const std::map<std::string, int>& operators) {
  std::string text;
  for (const auto& [op, count] : operators) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, op);
  }
  return text;
}

// After the rest is written; QOperator nodes that could not be are errors already.
TargetForms FormsForRuntime(Work& work, Runtime runtime) {
  if (!work.failures.empty()) return {};
  TargetForms forms = WriteForRuntime(runtime, work.model, work.names, work.tensors);
  work.failures = std::move(forms.failures);
  std::ranges::move(forms.other_numbers, std::back_inserter(work.other_numbers));
  return forms;
}

void Describe(const Work& work, const TargetForms& forms, Rewritten& made) {
  if (!work.quantized.empty()) {
    made.changes.push_back(
        fmt::format("written with QuantizeLinear and DequantizeLinear: {}", Counted(work.quantized)));
  }
  for (const auto& [what, count] : forms.changes) {
    made.changes.push_back(count == 1 ? what : fmt::format("{} ({} times)", what, count));
  }
  if (work.from == work.to) return;
  made.changes.push_back(
      fmt::format("opset {} → {}: {}", work.from, work.to,
                  work.moved.empty() ? "every node stays as it is" : Counted(work.moved) + " written anew"));
}

}  // namespace

Result<ModelFacts> ReadFacts(const std::filesystem::path& path) {
  const auto file = OCTAVO_TRY(MappedFile::Open(path, MappedFile::Needed::kBriefly));
  const pb::ModelProto model = OCTAVO_TRY(ParseModel(file->bytes()));
  ModelFacts facts;
  facts.files = DataFiles(model, path);
  facts.files.push_back(file->id());
  facts.producer = model.producer_name();
  for (const auto& import : model.opset_import()) {
    facts.opsets[import.domain()] = static_cast<int>(import.version());
  }
  for (const auto& entry : model.metadata_props()) facts.metadata[entry.key()] = entry.value();
  ListValues(model, facts.inputs, facts.outputs);
  return facts;
}

Status WriteQOperators(pb::ModelProto& model, TensorReader& tensors) {
  OCTAVO_TRY(CheckGraph(model));
  ModelNames names(model);
  const int opset = OpsetOf(model);
  Work work{.model = model, .names = names, .tensors = tensors, .from = opset, .to = opset};
  RewriteGraph(work, *model.mutable_graph(), nullptr);
  if (!work.failures.empty()) return AllOf(work.failures);
  return {};
}

Result<Rewritten> Rewrite(const std::filesystem::path& model_path, const std::filesystem::path& output,
                          const RewriteOptions& options) {
  const auto file = OCTAVO_TRY(MappedFile::Open(model_path, MappedFile::Needed::kBriefly));
  pb::ModelProto model = OCTAVO_TRY(ParseModel(file->bytes()));
  OCTAVO_TRY(CheckGraph(model));
  Rewritten made;
  made.opset_before = OpsetOf(model);
  made.opset = options.opset == 0 ? made.opset_before : options.opset;
  made.nodes_before = static_cast<std::size_t>(model.graph().node_size());
  OCTAVO_TRY(CheckMove(model, made.opset_before, made.opset));
  if (options.runtime != Runtime::kOnnxRuntime) OCTAVO_TRY(CheckFunctions(model, "target"));

  TensorReader tensors(model_path, true, MappedFile::Needed::kBriefly);
  ModelNames names(model);
  Work work{.model = model, .names = names, .tensors = tensors, .from = made.opset_before, .to = made.opset};
  RewriteGraph(work, *model.mutable_graph(), nullptr);
  const TargetForms forms = FormsForRuntime(work, options.runtime);
  if (options.only_identical && !work.other_numbers.empty()) {
    return Unsupported(work.other_numbers[0], "Leave out --numbers exact to convert the model all the same.");
  }
  if (!work.failures.empty()) return AllOf(work.failures);
  if (work.from != work.to) SetOpset(model, work.to);
  if (!work.quantized.empty()) RemoveUnusedDomain(model, "com.microsoft");
  Describe(work, forms, made);
  made.other_numbers = std::move(work.other_numbers);
  const std::vector<std::string> renamed = OCTAVO_TRY(RenameValues(model, names, options));
  made.changes.insert(made.changes.end(), renamed.begin(), renamed.end());
  made.nodes = static_cast<std::size_t>(model.graph().node_size());
  ListValues(model, made.inputs, made.outputs);
  for (auto& entry : *model.mutable_metadata_props()) {
    if (const auto at = options.metadata.find(entry.key()); at != options.metadata.end())
      entry.set_value(at->second);
  }
  Budget budget(options.limits, file->bytes().size());
  StoredTensors stored(tensors, output, options.inputs, budget);
  OCTAVO_TRY(stored.Place(model, options.external_data));
  if (const std::string text = stored.change(); !text.empty()) made.changes.push_back(text);
  made.written = OCTAVO_TRY(stored.Write(
      model, made.changes.empty() ? file->bytes() : std::span<const std::byte>(), options.progress));
  return made;
}

}  // namespace octavo::onnx
