#include "octavo/lower/lower.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "octavo/emit.h"
#include "octavo/ir/inputs.h"
#include "octavo/ir/origin.h"
#include "octavo/lower/checks.h"
#include "octavo/lower/onnx_operator.h"
#include "octavo/lower/steps.h"

namespace octavo::lower {
namespace {

using ir::ValueId;

// ONNX's zero points are integers: float ones are kept where they are whole.
Result<TensorType> WithWholeZeroPoints(TensorType type) {
  Quantization& q = *type.quantization;
  const auto [low, high] = RangeOf(type.dtype);
  for (const double zero : q.float_zeros) {
    if (zero != std::nearbyint(zero) || zero < low || zero > high) {
      return Unsupported(
          fmt::format(
              "a {} tensor has the float zero point {}, but in ONNX it must be an integer from {} to {}",
              Name(type.dtype), zero, low, high),
          "Quantize the tensor with the scheme per_channel_affine.");
    }
    q.zero_points.push_back(static_cast<std::int64_t>(zero));
  }
  q.float_zero_points = false;
  q.float_zeros.clear();
  return type;
}

// How a value of the imported graph is held in the lowered one.  TensorRT has no uint8: what has the zero
// point 128 becomes int8 with 0, which means the same reals.
Result<TensorType> HeldType(TensorType type, const LowerOptions& options) {
  if (type.quantized() && type.quantization && type.quantization->float_zero_points) {
    type = OCTAVO_TRY(WithWholeZeroPoints(std::move(type)));
  }
  if (options.target != Target::kTensorRt || !type.quantized() || !type.quantization->per_tensor())
    return type;
  if (type.dtype == DType::kQUint8 && type.quantization->zero_point() == 128) {
    type.dtype = DType::kQInt8;
    type.quantization->zero_points[0] = 0;
  } else if (type.quantization->zero_point() != 0 || type.dtype == DType::kQUint8) {
    return Unsupported(
        fmt::format("TensorRT needs symmetric quantization, but a value is {}({}, {})", Name(type.dtype),
                    type.quantization->scale(), type.quantization->zero_point()),
        "Quantize activations as qint8 with zero point 0 or quint8 with zero point 128, or use another "
        "--target.");
  }
  return type;
}

class Lowering {
 public:
  Lowering(const ir::Graph& source, const Registry& registry, const LowerOptions& options,
           const std::function<void(double)>& progress, std::unordered_map<std::int32_t, Tensor> constants,
           Budget& budget)
      : source_(source),
        constants_(std::move(constants)),
        registry_(registry),
        options_(options),
        progress_(progress),
        budget_(budget),
        builder_(&lowered_, options) {}

  Result<Lowered> Run() {
    lowered_.name = source_.name;
    lowered_.doc = source_.doc;
    lowered_.metadata = source_.metadata;
    lowered_.opsets[""] = options_.opset;
    for (const ValueId input : source_.inputs()) {
      const ir::Value& value = source_.value(input);
      TensorType type = OCTAVO_TRY(HeldType(value.type, options_));
      if (options_.dialect == Dialect::kCaffe2 && type.quantized()) {
        return Unsupported(
            fmt::format("the caffe2 dialect does not support quantized inputs, but {} is quantized",
                        value.name),
            "Move quantize_per_tensor into the model, or use --dialect qdq.");
      }
      map_[input.index] = lowered_.AddInput(value.name, std::move(type));
    }
    const std::vector<std::shared_ptr<const ir::Origin>> origins = ir::NumberedOrigins(source_);
    proven_.assign(origins.size(), false);
    for (std::size_t i = 0; i < origins.size(); ++i) {
      const ir::Node& node = source_.nodes()[i];
      if (IsConstant(node)) continue;
      at_ = i;
      builder_.SetOrigin(origins[i]);
      if (progress_) progress_(static_cast<double>(i) / static_cast<double>(origins.size()));
      if (Status status = LowerNode(node); !status) {
        failures_.push_back({Locate(std::move(status).error(), node), &node});
        for (const ValueId output : node.outputs) failed_.insert(output.index);
      }
    }
    if (!failures_.empty()) return Failure();
    for (const ir::Output& output : source_.outputs()) {
      lowered_.AddOutput(output.name, OCTAVO_TRY(Mapped(output.value)));
    }
    ProveSettled();
    FinishOutputs();
    NameNodes();
    for (const ir::Node& node : lowered_.nodes()) {
      const std::size_t colons = node.op.find("::");
      if (colons != std::string::npos) lowered_.opsets.try_emplace(node.op.substr(0, colons), 1);
    }
    std::vector<Link> links = Links();  // before the graph goes
    return Lowered{
        std::move(lowered_), builder_.warnings(), std::move(exactness_), std::move(mistakes_), origins,
        std::move(proven_),  std::move(links)};
  }

 private:
  std::vector<Link> Links() const {
    std::vector<Link> links;
    std::vector<bool> outputs(lowered_.num_values());
    for (const ir::Output& output : lowered_.outputs()) {
      if (output.value.valid()) outputs[static_cast<std::size_t>(output.value.index)] = true;
    }
    for (const auto& [source, lowered] : map_) {
      if (ConstantOf(ValueId{source})) continue;
      const Value held = builder_.unsigned_of(Value(&lowered_, lowered));
      links.push_back({ValueId{source},
                       held.defined() && lowered.valid() && !outputs[static_cast<std::size_t>(lowered.index)]
                           ? held.id()
                           : lowered});
    }
    std::sort(links.begin(), links.end(),
              [](const Link& a, const Link& b) { return a.source.index < b.source.index; });
    return links;
  }

  const Tensor* ConstantOf(ValueId id) const {
    const auto known = constants_.find(id.index);
    if (known != constants_.end()) return &known->second;
    const std::optional<Tensor>& constant = source_.value(id).constant;
    return constant ? &*constant : nullptr;
  }

  // Of a constant that nodes make, the name of the parameter that they make it of.
  std::string ConstantName(ValueId id) const {
    const ir::Value* value = &source_.value(id);
    while (value->name.empty() && value->producer != ir::kNoNode) {
      const auto& arguments = source_.node(value->producer).arguments;
      const ValueId* from = arguments.empty() ? nullptr : std::get_if<ValueId>(&arguments[0].value);
      if (!from || !from->valid()) break;
      value = &source_.value(*from);
    }
    return value->name;
  }

  bool IsConstant(const ir::Node& node) const {
    return !node.outputs.empty() &&
           std::ranges::all_of(node.outputs, [this](ValueId id) { return constants_.contains(id.index); });
  }

  Result<ValueId> Mapped(ValueId id) {
    if (const auto at = map_.find(id.index); at != map_.end()) return at->second;
    const ir::Value& value = source_.value(id);
    const Tensor* constant = ConstantOf(id);
    if (!constant) {
      const std::string maker = value.producer == ir::kNoNode ? "?" : source_.node(value.producer).op;
      return NeedsInput(fmt::format("the model uses a result of {} that cannot be converted here", maker),
                        "Give the input's sizes as numbers with --input, as in --input "
                        "'float32[1,3,224,224]': the indices of a maximum need them.");
    }
    Tensor tensor = *constant;
    ValueId mapped;
    if (options_.dialect == Dialect::kCaffe2 && IsQuantized(tensor.dtype)) {
      // A quantized constant is a node here, since an initializer cannot carry its scale.
      if (tensor.dtype == DType::kQInt8 && tensor.quantization->per_tensor()) tensor = tensor.ShiftedBy128();
      if (tensor.dtype != DType::kQUint8 || !tensor.quantization->per_tensor()) {
        return Unsupported(fmt::format("the caffe2 dialect does not support constants of type {}",
                                       tensor.type().ToString()));
      }
      const TensorType type = tensor.type();
      mapped = builder_
                   .As(builder_.Op(fmt::format("{}::Int8GivenTensorFill", kCaffe2Domain), {},
                                   {{"shape", tensor.sizes},
                                    {"Y_zero_point", type.quantization->zero_point()},
                                    {"Y_scale", type.quantization->scale()},
                                    {"values", ir::Bytes{tensor}}}),
                       type)
                   .id();
    } else {
      Result<TensorType> held = HeldType(tensor.type(), options_);
      if (!held) {
        const std::string name = ConstantName(id);
        Error error = std::move(held).error();
        if (!name.empty()) error.AddContext(fmt::format("the constant {}", name));
        return error;
      }
      // quint8 with zero point 128 as qint8: the same bytes with the sign bit turned.
      if (held->dtype != tensor.dtype) tensor.flip_sign_bit = !tensor.flip_sign_bit;
      tensor.dtype = held->dtype;
      tensor.quantization = held->quantization;
      mapped = lowered_.AddConstant(std::move(tensor), ConstantName(id));
    }
    map_[id.index] = mapped;
    return mapped;
  }

  Result<ValueId> MappedValue(ValueId id) {
    const ValueId mapped = OCTAVO_TRY(Mapped(id));
    // An identity's result is its operand here, and may be in another order in PyTorch.
    lowered_.value(mapped).memory_format = source_.value(id).memory_format;
    return mapped;
  }

  Result<ir::Operand> MappedOperand(const ir::Operand& operand) {
    if (const auto* id = std::get_if<ValueId>(&operand)) return ir::Operand(OCTAVO_TRY(MappedValue(*id)));
    if (const auto* list = std::get_if<ir::ValueList>(&operand)) {
      ir::ValueList mapped;
      for (const ValueId id : *list) mapped.push_back(id.valid() ? OCTAVO_TRY(MappedValue(id)) : ValueId());
      return ir::Operand(std::move(mapped));
    }
    if (const auto* packed = std::get_if<std::shared_ptr<const ir::PackedWeights>>(&operand);
        packed && ((*packed)->weight_value.valid() || (*packed)->bias_value.valid())) {
      auto copy = std::make_shared<ir::PackedWeights>(**packed);
      const Tensor* weight = copy->weight_value.valid() ? ConstantOf(copy->weight_value) : nullptr;
      const Tensor* bias = copy->bias_value.valid() ? ConstantOf(copy->bias_value) : nullptr;
      if (weight) {
        copy->weight = *weight;
        copy->weight_value = {};
      } else if (copy->weight_value.valid()) {
        copy->weight_value = OCTAVO_TRY(Mapped(copy->weight_value));
      }
      if (bias) {
        copy->bias = *bias;
        copy->bias_value = {};
      } else if (copy->bias_value.valid()) {
        copy->bias_value = OCTAVO_TRY(Mapped(copy->bias_value));
      }
      return ir::Operand(std::shared_ptr<const ir::PackedWeights>(std::move(copy)));
    }
    return operand;
  }

  // What depends on a node that failed is not reported again.
  bool DependsOnFailure(const ir::Node& node) const {
    bool depends = false;
    ir::Graph::ForEachUse(node, [&](ValueId id) { depends |= failed_.contains(id.index); });
    return depends;
  }

  Status LowerNode(const ir::Node& node) {
    if (DependsOnFailure(node)) {
      for (const ValueId output : node.outputs) failed_.insert(output.index);
      return {};
    }
    std::vector<ir::Argument> arguments;
    arguments.reserve(node.arguments.size());
    for (const ir::Argument& argument : node.arguments) {
      ir::Operand mapped = OCTAVO_TRY(MappedOperand(argument.value));
      arguments.push_back({argument.name, std::move(mapped)});
    }
    if (node.op.starts_with(kOnnxPrefix)) {
      std::vector<TensorType> types;
      for (const ValueId output : node.outputs) {
        types.push_back(OCTAVO_TRY(HeldType(source_.type(output), options_)));
      }
      const std::vector<Value> values =
          OCTAVO_TRY(WriteOnnxOperator(builder_, node.op, std::move(arguments), std::move(types)));
      for (std::size_t i = 0; i < values.size(); ++i) map_[node.outputs[i].index] = values[i].id();
      return {};
    }
    std::optional<Registry::BoundCall> call = OCTAVO_TRY(registry_.Match(lowered_, node.op, arguments));
    if (!call) return Unsupported("this operator is not supported yet");
    const Emitter* emitter = registry_.FindEmitter(*call->row, options_.dialect, options_.opset);
    if (!emitter) {
      return Unsupported(fmt::format("this operator is not supported in the {} dialect (opset {})",
                                     Name(options_.dialect), options_.opset));
    }
    std::vector<TensorType> results;
    for (const ValueId output : node.outputs) {
      results.push_back(OCTAVO_TRY(HeldType(source_.type(output), options_)));
    }
    builder_.TakeStatement();
    const std::size_t nodes_before = lowered_.nodes().size(), values_before = lowered_.num_values();
    const Arguments bound(&lowered_, &call->row->arguments, std::move(call->arguments), results);
    const std::vector<Value> values = OCTAVO_TRY((*emitter)(builder_, bound));
    OCTAVO_TRY(TakeConstants(values_before));
    const std::optional<std::string> mistake =
        call->row->mistake ? call->row->mistake(options_.engine, bound) : std::nullopt;
    if (lowered_.nodes().size() != nodes_before || mistake) {
      NoteExactness(node, results, call->row->exactness, mistake);
    }
    if (values.size() != node.outputs.size()) {
      return Unsupported(
          fmt::format("its emitter for the {} dialect returned {} values, but the operator has {} results",
                      Name(options_.dialect), values.size(), node.outputs.size()));
    }
    if (std::ranges::any_of(values, [](const Value& v) { return v.defined(); })) {
      proven_[at_] =
          std::ranges::all_of(values, [&](const Value& v) { return !v.defined() || builder_.proven(v); });
    }
    if (values.size() == 1 && values[0].defined()) results_.emplace_back(at_, values[0].id());
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!values[i].defined()) continue;  // a result that nothing uses, such as max_pool2d's indices
      map_[node.outputs[i].index] = values[i].id();
      // An identity answers its argument, whose type stays.
      if (values[i].type().dtype == DType::kUnknown) lowered_.value(values[i].id()).type = results[i];
      if (!values[i].shape() && results[i].shape)
        lowered_.value(values[i].id()).type.shape = results[i].shape;
      if (const Value held = builder_.unsigned_of(values[i]); held.defined()) {
        builder_.As(held, Unsigned(values[i].type()));
      }
    }
    return {};
  }

  // Of constants from the value on; what the file stores was there before, and counts little more than once.
  Status TakeConstants(std::size_t from) {
    for (std::size_t i = from; i < lowered_.num_values(); ++i) {
      const std::optional<Tensor>& constant = lowered_.value({static_cast<std::int32_t>(i)}).constant;
      if (!constant || !constant->storage) continue;
      if (!seen_.insert(constant->storage->bytes.data()).second) continue;
      OCTAVO_TRY(budget_.TakeMemory(constant->storage->bytes.size(),
                                    [&] { return "the constant " + constant->type().ToString(); }));
    }
    return {};
  }

  // A result all of whose uses are settled cannot be seen to be off.
  void ProveSettled() {
    const std::vector<int> uses = lowered_.CountUses();
    const auto uses_of = [&](ValueId id) { return uses[static_cast<std::size_t>(id.index)]; };
    for (std::size_t i = lowered_.nodes().size(); i-- > 0;) {
      const ir::Node& node = lowered_.nodes()[i];
      const bool all = std::ranges::all_of(
          node.outputs, [&](ValueId id) { return builder_.settled(Value(&lowered_, id)) == uses_of(id); });
      const std::optional<ValueId> moved = ir::IsMovement(node) ? ir::InputOf(node) : std::nullopt;
      if (moved && all && std::ranges::any_of(node.outputs, [&](ValueId id) { return uses_of(id) > 0; })) {
        builder_.Settle(Value(&lowered_, *moved));
      }
    }
    for (const auto& [node, id] : results_) {
      const int settled = builder_.settled(Value(&lowered_, id));
      if (settled > 0 && settled == uses_of(id)) proven_[node] = true;
    }
  }

  // An identity writes no node, and is none here; but PyTorch may make a mistake in one.
  void NoteExactness(const ir::Node& node, const std::vector<TensorType>& results,
                     const ExactnessStatement& of_row, const std::optional<std::string>& mistake) {
    if (std::ranges::none_of(results, [](const TensorType& type) { return type.quantized(); })) return;
    const bool named = node.origin && !node.origin->module_path.empty();
    std::string place = named         ? node.origin->module_path
                        : node.origin ? ir::Place(*node.origin)
                                      : std::string();
    if (mistake) mistakes_.push_back({place, node.op, {Exactness::kAsMeant, *mistake}});
    if (!StatesExactness(builder_)) return;
    std::optional<ExactnessStatement> statement = builder_.TakeStatement();
    if (!statement && of_row.exactness == Exactness::kNotExact) statement = of_row;
    if (!statement && of_row.exactness != Exactness::kByNode) statement = {of_row.exactness, {}};
    if (mistake) {
      const bool exact = !statement || statement->exactness != Exactness::kNotExact;
      statement = {Exactness::kAsMeant,
                   exact ? *mistake : fmt::format("{}; besides, {}", *mistake, statement->bound)};
    }
    exactness_.push_back({std::move(place), node.op, statement.value_or(ExactnessStatement{})});
  }

  static Error Locate(Error error, const ir::Node& node) {
    // The binder's messages begin with the row's name; the emitters' do not.
    error.SetSubject(node.op);
    if (!node.origin) return error;
    error.SetWhere(ir::Place(*node.origin), node.origin->excerpt);
    for (const std::string& call : node.origin->calls) error.AddContext(call);
    return error;
  }

  Error Failure() {
    if (failures_.size() == 1) {
      Error error = std::move(failures_[0].error);
      return error;
    }
    Error all = Unsupported(fmt::format("{} operators cannot be converted to the {} dialect",
                                        failures_.size(), Name(options_.dialect)));
    constexpr std::size_t kShown = 20;
    for (std::size_t i = 0; i < failures_.size() && i < kShown; ++i) {
      const auto& [error, node] = failures_[i];
      all.AddDetail({.message = error.what(),
                     .op = node->op,
                     .count = 1,
                     .place = error.where(),
                     .module_path = node->origin ? node->origin->module_path : std::string()});
    }
    if (failures_.size() > kShown) all.AddDetail(fmt::format("and {} more", failures_.size() - kShown));
    all.SetHint(failures_[0].error.hint());
    const auto needs_input = [](const Failed& failed) { return failed.error.needs_input(); };
    if (std::ranges::all_of(failures_, needs_input)) all.SetNeedsInput();
    return all;
  }

  // An output has a name of its own: a graph input, a constant, or a value that is an output twice, goes
  // through Identity.
  void FinishOutputs() {
    builder_.SetOrigin(nullptr);
    std::set<std::int32_t> taken;
    for (const ValueId input : lowered_.inputs()) taken.insert(input.index);
    for (ir::Output& output : lowered_.outputs()) {
      const bool constant = lowered_.value(output.value).constant.has_value();
      if (constant || !taken.insert(output.value.index).second) {
        const TensorType type = lowered_.type(output.value);
        const Value copy = builder_.As(builder_.Op("Identity", {Value(&lowered_, output.value)}), type);
        output.value = copy.id();
        taken.insert(output.value.index);
      }
      lowered_.value(output.value).name = output.name;
    }
  }

  // "layer1.0.conv1/Conv", with a number where that is taken.
  void NameNodes() {
    std::unordered_map<std::string, int> used;
    for (ir::Node& node : lowered_.nodes()) {
      const std::size_t colons = node.op.rfind("::");
      const std::string op = colons == std::string::npos ? node.op : node.op.substr(colons + 2);
      const std::string base =
          node.origin && !node.origin->module_path.empty() ? node.origin->module_path + "/" + op : op;
      const int count = used[base]++;
      node.name = count == 0 ? base : fmt::format("{}_{}", base, count);
    }
  }

  const ir::Graph& source_;
  const std::unordered_map<std::int32_t, Tensor> constants_;
  const Registry& registry_;
  const LowerOptions options_;
  const std::function<void(double)>& progress_;
  Budget& budget_;
  ir::Graph lowered_;
  Builder builder_;
  std::unordered_map<std::int32_t, ValueId> map_;
  std::set<std::int32_t> failed_;
  std::unordered_set<const std::byte*> seen_;  // where the elements of constants lie
  struct Failed {
    Error error;
    const ir::Node* node;
  };
  std::vector<Failed> failures_;
  std::vector<NodeExactness> exactness_, mistakes_;
  std::vector<bool> proven_;
  std::vector<std::pair<std::size_t, ValueId>> results_;  // of nodes with one result
  std::size_t at_ = 0;                                    // the node that is being written
};

}  // namespace

Result<Lowered> Lower(const ir::Graph& graph, const Registry& registry, const LowerOptions& options,
                      const std::function<void(double)>& progress,
                      std::unordered_map<std::int32_t, Tensor> constants, Budget& budget) {
  return Lowering(graph, registry, options, progress, std::move(constants), budget).Run();
}

Result<Lowered> Lower(const ir::Graph& graph, const Registry& registry, const LowerOptions& options) {
  Budget budget;
  return Lower(graph, registry, options, {}, {}, budget);
}

}  // namespace octavo::lower
