#include "octavo/module/value_reader.h"

#include <algorithm>
#include <optional>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "octavo/module/class_check.h"
#include "octavo/module/globals.h"
#include "octavo/module/packed_weights.h"

namespace octavo::module {
namespace {

// Of one dictionary: TorchScript's are of one of these types.
class DictKeys {
 public:
  bool Insert(const Value& key) {
    if (const auto* text = std::get_if<std::string>(&key.v)) return strings_.insert(*text).second;
    if (const auto* integer = std::get_if<std::int64_t>(&key.v)) return integers_.insert(*integer).second;
    if (const auto* number = std::get_if<double>(&key.v)) return numbers_.insert(*number).second;
    if (const auto* boolean = std::get_if<bool>(&key.v)) return integers_.insert(*boolean ? 1 : 0).second;
    return true;
  }

 private:
  std::unordered_set<std::string> strings_;
  std::unordered_set<std::int64_t> integers_;
  std::unordered_set<double> numbers_;
};

}  // namespace

using pickle::Kind;
using pickle::NodeId;

Result<Value> ValueReader::Read(NodeId node, std::string path) {
  path_ = std::move(path);
  auto value = ReadNode(node);
  // An error leaves the path as it was at its place.
  if (!value && !path_.empty() && value.error().context().empty()) {
    return value.error().AddContext(fmt::format("attribute {}", path_));
  }
  return value;
}

Result<Value> ValueReader::ReadNode(NodeId node) {
  if (values_left_ == 0) {
    return pickle_.Fail(node, fmt::format("the pickle creates more than {} values", options_.max_values));
  }
  --values_left_;
  switch (pickle_->kind(node)) {
    case Kind::kNone:
      return Value{};
    case Kind::kBool:
      return Value{pickle_->boolean(node)};
    case Kind::kInt:
      return Value{pickle_->integer(node)};
    case Kind::kFloat:
      return Value{pickle_->number(node)};
    case Kind::kString:
      return Value{std::string(pickle_->text(node))};
    case Kind::kGlobal:
      if (IsTorchScriptClass(pickle_->module(node))) {
        return pickle_.Fail(node,
                            fmt::format("a class is used as a value: {}", pickle_->QualifiedName(node)));
      }
      // To PyTorch it is the number of a function or of a dtype.
      if (!options_.types_only) {
        return pickle_.Fail(node, fmt::format("{} is used as a value", pickle_->QualifiedName(node)));
      }
      return Value{Symbol{pickle_->QualifiedName(node)}};
    case Kind::kBigInt:
      return pickle_.Fail(node, "integers of more than 64 bits are not supported");
    case Kind::kBytes:
    case Kind::kSet:
      return pickle_.Fail(node, "bytes and sets are not supported by TorchScript");
    case Kind::kPersistent:
      return pickle_.Fail(node, "a storage does not belong to a tensor");
    default:
      return ReadContainer(node);
  }
}

Result<Value> ValueReader::ReadContainer(NodeId node) {
  const bool shared = pickle_->shared(node);
  if (shared) {
    const auto found = shared_.find(node);
    if (found != shared_.end()) {
      if (depth_ + found->second.height > options_.limits.max_pickle_depth) return TooDeep(node);
      height_ = std::max(height_, found->second.height);
      return found->second.value;
    }
  }
  if (active_[node]) return pickle_.Fail(node, "a value contains itself");
  if (depth_ >= options_.limits.max_pickle_depth) return TooDeep(node);
  active_[node] = true;
  ++depth_;
  const int height_before = std::exchange(height_, 0);
  auto value = [this, node]() -> Result<Value> {
    switch (pickle_->kind(node)) {
      case Kind::kTuple:
        return Value{std::make_shared<Tuple>(Tuple{OCTAVO_TRY(ReadItems(node))})};
      case Kind::kList:
        return Value{std::make_shared<List>(List{OCTAVO_TRY(ReadItems(node))})};
      case Kind::kDict:
        return ReadDict(node);
      case Kind::kCall:
        return ReadCall(node);
      default:
        return ReadObject(node);
    }
  }();
  --depth_;
  active_[node] = false;
  // Shared values are read once, so that reading them is not nested; but whoever walks or destroys them is.
  const int height = height_ + 1;
  height_ = std::max(height_before, height);
  if (shared && value) shared_.emplace(node, Shared{*value, height});
  return value;
}

Error ValueReader::TooDeep(NodeId node) const {
  return std::move(
      InvalidFile(fmt::format("values are nested more than {} levels deep", options_.limits.max_pickle_depth),
                  LimitHint("pickle-depth"))
          .SetWhere(pickle_.Where(node)));
}

Result<std::vector<Value>> ValueReader::ReadItems(NodeId node) {
  const auto items = pickle_->items(node);
  if (items.size() > static_cast<std::size_t>(options_.limits.max_list_length)) {
    return InvalidFile(fmt::format("a list of {} values exceeds the limit of {}", items.size(),
                                   options_.limits.max_list_length),
                       LimitHint("list-length"))
        .SetWhere(pickle_.Where(node));
  }
  std::vector<Value> values;
  values.reserve(items.size());
  const std::size_t path = path_.size();
  for (std::size_t i = 0; i < items.size(); ++i) {
    fmt::format_to(std::back_inserter(path_), ".{}", i);
    values.push_back(OCTAVO_TRY(ReadNode(items[i])));
    path_.resize(path);
  }
  return values;
}

Result<Value> ValueReader::ReadDict(NodeId node) {
  const auto items = pickle_->items(node);
  auto dict = std::make_shared<Dict>();
  dict->items.reserve(items.size() / 2);
  DictKeys keys;
  const std::size_t path = path_.size();
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    Value key = OCTAVO_TRY(ReadNode(items[i]));
    // PyTorch keeps the last one.
    if (!keys.Insert(key)) return pickle_.Fail(items[i], "a key occurs twice in a dictionary");
    if (const auto* text = std::get_if<std::string>(&key.v)) (path_ += '.') += *text;
    Value value = OCTAVO_TRY(ReadNode(items[i + 1]));
    path_.resize(path);
    dict->items.emplace_back(std::move(key), std::move(value));
  }
  return Value{std::move(dict)};
}

Result<Value> ValueReader::ReadCall(NodeId node) {
  const NodeId callable = pickle_->callable(node);
  const NodeId arguments = pickle_->arguments(node);
  const std::string function = pickle_.GlobalName(callable);
  if (pickle_->state(node) != pickle::kNoNode) {
    return pickle_.Fail(node, fmt::format("the result of {} cannot have a state", function));
  }
  if (TensorReader::Makes(function)) {
    Tensor tensor = OCTAVO_TRY(tensors_.Read(node, function, arguments));
    if (tensor.storage && storages_.Lost(*tensor.storage)) lost_weights_.push_back({path_, tensor.storage});
    return Value{std::move(tensor)};
  }
  if (function == "collections.OrderedDict") {
    if (!OCTAVO_TRY(pickle_.Tuple(arguments, 0, "the argument of OrderedDict")).empty()) {
      return pickle_.Fail(node, "OrderedDict with arguments is not supported");
    }
    return ReadDict(node);
  }
  if (!pickle_->items(node).empty()) {
    return pickle_.Fail(node, fmt::format("items cannot be added to the result of {}", function));
  }
  if (IsTorchScriptClass(pickle_->module(callable))) return ReadEnumMember(node, function);
  const auto items = OCTAVO_TRY(pickle_.Tuple(arguments, 1, fmt::format("the argument of {}", function)));
  // Lists of one type are marked by a function, the types of other containers by a string.  TorchScript's
  // types are not kept: the source of the class has them.
  if (function == "torch.jit._pickle.restore_type_tag" || function == "torch.jit._pickle.build_intlist" ||
      function == "torch.jit._pickle.build_doublelist" || function == "torch.jit._pickle.build_boollist" ||
      function == "torch.jit._pickle.build_tensorlist") {
    return ReadNode(items[0]);
  }
  if (function == "torch.device") {
    std::string name(OCTAVO_TRY(pickle_.String(items[0], "the name of a device")));
    if (items.size() > 1)
      name += fmt::format(":{}", OCTAVO_TRY(pickle_.Int(items[1], "the index of a device")));
    return Value{Device{std::move(name)}};
  }
  if (function == "builtins.complex" && items.size() == 2) {
    return Value{Symbol{fmt::format("complex({}, {})", OCTAVO_TRY(pickle_.Number(items[0], "a real part")),
                                    OCTAVO_TRY(pickle_.Number(items[1], "an imaginary part")))}};
  }
  return pickle_.Fail(node, fmt::format("values of {} are not supported", function));
}

Result<Value> ValueReader::ReadEnumMember(NodeId node, const std::string& class_name) {
  NodeId argument = pickle_->arguments(node);
  if (pickle_->kind(argument) == Kind::kTuple && pickle_->items(argument).size() == 1) {
    argument = pickle_->items(argument)[0];
  }
  const Value value = OCTAVO_TRY(ReadNode(argument));
  const ClassDefinition* definition = OCTAVO_TRY(program_.FindClass(class_name));
  if (definition == nullptr) {
    return pickle_.Fail(node, fmt::format("the archive's code does not contain the class {}", class_name));
  }
  const Members& members = MembersOf(*definition);
  const auto find = [&class_name](const auto& map, const auto& key) -> std::optional<Value> {
    const auto found = map.find(key);
    if (found == map.end()) return std::nullopt;
    return Value{Symbol{class_name + "." + std::string(found->second)}};
  };
  std::optional<Value> member;
  if (const auto* integer = std::get_if<std::int64_t>(&value.v)) member = find(members.integers, *integer);
  if (const auto* text = std::get_if<std::string>(&value.v))
    member = find(members.strings, std::string_view(*text));
  if (const auto* number = std::get_if<double>(&value.v)) member = find(members.numbers, *number);
  if (member) return *std::move(member);
  return pickle_.Fail(node, fmt::format("a value matches no member of the enum {}", class_name));
}

const ValueReader::Members& ValueReader::MembersOf(const ClassDefinition& definition) {
  const auto [entry, added] = enums_.try_emplace(&definition);
  Members& members = entry->second;
  if (!added) return members;
  using source::ExprKind;
  for (const source::StatementPtr& statement : definition.syntax->body) {
    if (statement->kind != source::StatementKind::kAssign || !statement->value ||
        statement->targets.size() != 1) {
      continue;
    }
    const source::Expr& literal = *statement->value;
    const std::string& name = statement->targets[0]->text;
    if (literal.kind == ExprKind::kInt) members.integers.try_emplace(literal.integer, name);
    if (literal.kind == ExprKind::kUnary && literal.text == "-" &&
        literal.children[0]->kind == ExprKind::kInt && literal.children[0]->integer > 0) {
      members.integers.try_emplace(-literal.children[0]->integer, name);
    }
    if (literal.kind == ExprKind::kString) members.strings.try_emplace(literal.text, name);
    if (literal.kind == ExprKind::kFloat) members.numbers.try_emplace(literal.number, name);
  }
  return members;
}

Result<Value> ValueReader::ReadObject(NodeId node) {
  const std::string class_name = pickle_.GlobalName(pickle_->callable(node));
  if (!IsTorchScriptClass(pickle_->module(pickle_->callable(node)))) {
    return pickle_.Fail(node, fmt::format("{} is not a TorchScript class", class_name));
  }
  if (!pickle_->items(node).empty()) {
    return pickle_.Fail(node, fmt::format("items cannot be added to an object of {}", class_name));
  }
  const NodeId state = pickle_->state(node);
  if (IsPackedWeightsClass(class_name)) {
    if (state == pickle::kNoNode)
      return pickle_.Fail(node, fmt::format("an object of {} has no state", class_name));
    const std::string name = path_;
    const Value value = OCTAVO_TRY(ReadNode(state));
    auto packed = ReadPackedWeights(class_name, value, name);
    if (!packed) return packed.error().SetWhere(pickle_.Where(node));
    return Value{std::move(*packed)};
  }
  if (state == pickle::kNoNode)
    return pickle_.Fail(node, fmt::format("an object of {} is not built", class_name));
  auto object = std::make_shared<Object>();
  object->class_name = class_name;
  // Code that does not parse is an error where it is evaluated.
  const auto found = program_.FindClass(class_name);
  const ClassDefinition* definition = found ? *found : nullptr;
  if (definition != nullptr && !options_.types_only) {
    OCTAVO_TRY(ReadState(node, *definition, *object));
    return Value{std::move(object)};
  }
  // Attributes come as a plain dictionary.  What __getstate__ returned has gone through the same function as
  // any other value, which never leaves a dictionary without a type tag.
  if (state != pickle::kNoNode && pickle_->kind(state) == Kind::kDict) {
    OCTAVO_TRY(ReadAttributes(state, *object));
  } else if (state != pickle::kNoNode) {
    object->state = std::make_shared<Value>(OCTAVO_TRY(ReadNode(state)));
  }
  return Value{std::move(object)};
}

// As PyTorch does it: the class decides, not what is pickled.
Status ValueReader::ReadState(NodeId node, const ClassDefinition& definition, Object& object) {
  NodeId state = pickle_->state(node);
  if (ClassCheck::TakesState(definition)) {
    object.state = std::make_shared<Value>(OCTAVO_TRY(ReadNode(state)));
    return {};
  }
  if (pickle_->kind(state) == Kind::kCall &&
      pickle_.GlobalName(pickle_->callable(state)) == "torch.jit._pickle.restore_type_tag") {
    state = OCTAVO_TRY(pickle_.Tuple(pickle_->arguments(state), 1, "the argument of restore_type_tag"))[0];
  }
  if (pickle_->kind(state) != Kind::kDict) {
    return pickle_.Fail(node,
                        fmt::format("an object of {} has a state, but its class has no __setstate__ and "
                                    "__getstate__",
                                    object.class_name));
  }
  OCTAVO_TRY(ReadAttributes(state, object));
  if (Status status = ClassCheck(program_).Check(definition, object); !status) {
    return std::move(status).error().SetWhere(pickle_.Where(node));
  }
  return {};
}

Status ValueReader::ReadAttributes(NodeId node, Object& object) {
  const auto items = pickle_->items(node);
  object.attributes.reserve(items.size() / 2);
  std::unordered_set<std::string_view> names;
  const std::size_t path = path_.size();
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    const std::string_view name = OCTAVO_TRY(pickle_.String(items[i], "the name of an attribute"));
    if (!names.insert(name).second) {
      return pickle_.Fail(
          items[i], fmt::format("attribute {} occurs twice in an object of {}", name, object.class_name));
    }
    if (path != 0) path_ += '.';
    path_ += name;
    Value value = OCTAVO_TRY(ReadNode(items[i + 1]));
    path_.resize(path);
    object.attributes.emplace_back(std::string(name), std::move(value));
  }
  return {};
}

}  // namespace octavo::module
