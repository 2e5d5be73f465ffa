#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <limits>
#include <unordered_map>

#include <fmt/format.h>

#include "octavo/base/limits.h"
#include "octavo/ir/text.h"
#include "octavo/ir/text_scanner.h"
#include "octavo/ir/text_words.h"
#include "octavo/ir/verify.h"

namespace octavo::ir {
namespace {

// Larger constants are never written out; the product of sizes stays far from overflow.
constexpr std::int64_t kMaxElements = std::int64_t{1} << 40;

template <typename Number>
bool ReadNumber(std::string_view text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// A real as it is written: digits, or inf and nan in just this spelling.
template <typename Number>
bool ReadReal(std::string_view text, Number& value) {
  const std::string_view magnitude = text.substr(text.starts_with('-') ? 1 : 0);
  if (magnitude.empty()) return false;
  const bool digits = std::isdigit(static_cast<unsigned char>(magnitude.front())) != 0;
  if (!digits && magnitude != "inf" && text != "nan") return false;
  return ReadNumber(text, value);
}

class GraphParser {
 public:
  explicit GraphParser(std::string_view text) : in_(text) {}

  Result<Graph> Run() {
    while (!in_.AtEnd()) {
      if (in_.Eat(';')) continue;
      OCTAVO_TRY(Statement());
    }
    if (Status status = Verify(graph_); !status) {
      return InvalidFile(fmt::format("the text is not a valid graph: {}", status.error().ToString()));
    }
    return std::move(graph_);
  }

 private:
  struct Definition {
    std::size_t position;
    std::string reference, name;
    TensorType type;
  };

  // ---- Statements ----

  Status Statement() {
    if (in_.Peek() == '%' || in_.Peek() == '=') return NodeStatement();
    const std::size_t begin = in_.position();
    const std::string op = OCTAVO_TRY(in_.Operator());
    if (in_.Peek() == '(') {
      in_.Rewind(begin);
      return NodeStatement();
    }
    if (op == "input") return InputStatement();
    if (op == "constant") return ConstantStatement();
    if (op == "output") return OutputStatement();
    if (op == "opset") return OpsetStatement();
    if (op == "metadata") {
      const std::size_t place = in_.position();
      const std::string key = OCTAVO_TRY(in_.WordOrString("a key"));
      if (!graph_.metadata.emplace(key, OCTAVO_TRY(in_.String())).second) {
        return in_.Failure(place, fmt::format("the metadata entry \"{}\" occurs twice", key));
      }
      return {};
    }
    if (op == "graph") {
      graph_.name = OCTAVO_TRY(in_.WordOrString("the graph's name"));
      return {};
    }
    if (op == "doc") {
      graph_.doc = OCTAVO_TRY(in_.String());
      return {};
    }
    return in_.Failure(begin, fmt::format("\"{}\" does not begin a statement", op),
                       "Begin a statement with %, with an operator and (, or with graph, doc, opset, "
                       "metadata, input, constant or output.");
  }

  Status OpsetStatement() {
    const std::size_t begin = in_.position();
    std::string domain;
    const bool quoted = in_.Peek() == '"';
    std::string word = OCTAVO_TRY(in_.WordOrString("a version or a domain"));
    if (quoted || !IsNumber(word)) {
      domain = std::move(word);
      word = OCTAVO_TRY(in_.WordOrString("a version"));
    }
    int version = 0;
    if (!ReadNumber(std::string_view(word), version)) return in_.Failure(begin, "an opset needs a version");
    if (!graph_.opsets.emplace(domain, version).second) {
      return in_.Failure(begin, fmt::format("the domain \"{}\" has two versions", domain));
    }
    return {};
  }

  Status InputStatement() {
    Definition definition = OCTAVO_TRY(ParseDefinition());
    return Define(definition, graph_.AddInput(std::move(definition.name), std::move(definition.type)));
  }

  Status ConstantStatement() {
    Definition definition = OCTAVO_TRY(ParseDefinition());
    OCTAVO_TRY(in_.Expect('='));
    Tensor tensor = OCTAVO_TRY(ParseTensor());
    return Define(definition, graph_.AddConstant(std::move(tensor), std::move(definition.name)));
  }

  Status OutputStatement() {
    std::string name;
    if (in_.Peek() == '%') {
      const std::size_t begin = in_.position();
      in_.Eat('%');
      name = OCTAVO_TRY(in_.Word("a value's name"));
      in_.Rewind(begin);
    } else {
      name = OCTAVO_TRY(in_.WordOrString("the output's name"));
      OCTAVO_TRY(in_.Expect('='));
    }
    graph_.AddOutput(std::move(name), OCTAVO_TRY(ParseValue()));
    return {};
  }

  Status NodeStatement() {
    std::vector<Definition> definitions;
    if (in_.Peek() == '%') {
      do {
        definitions.push_back(OCTAVO_TRY(ParseDefinition()));
      } while (in_.Eat(','));
      OCTAVO_TRY(in_.Expect('='));
    } else {
      in_.Eat('=');
    }
    std::string op = in_.Peek() == '"' ? OCTAVO_TRY(in_.String()) : OCTAVO_TRY(in_.Operator());
    OCTAVO_TRY(in_.Expect('('));
    std::vector<Argument> arguments;
    if (!in_.Eat(')')) {
      do {
        arguments.push_back(OCTAVO_TRY(ParseArgument()));
      } while (in_.Eat(','));
      OCTAVO_TRY(in_.Expect(')'));
    }
    std::vector<TensorType> types;
    for (Definition& definition : definitions) types.push_back(std::move(definition.type));
    const NodeId id = graph_.AddNode(std::move(op), std::move(arguments), std::move(types));
    for (std::size_t i = 0; i < definitions.size(); ++i) {
      const ValueId output = graph_.node(id).outputs[i];
      graph_.value(output).name = std::move(definitions[i].name);
      OCTAVO_TRY(Define(definitions[i], output));
    }
    const std::size_t end = in_.position();
    if (in_.EatWord("name") && in_.Peek() == '"') {
      graph_.node(id).name = OCTAVO_TRY(in_.String());
    } else {
      in_.Rewind(end);
    }
    return {};
  }

  // ---- Values ----

  Result<Definition> ParseDefinition() {
    Definition definition;
    definition.position = in_.position();
    OCTAVO_TRY(in_.Expect('%'));
    definition.reference = OCTAVO_TRY(in_.Word("a value's name"));
    if (!IsNumber(definition.reference)) definition.name = definition.reference;
    if (in_.Peek() == '"') definition.name = OCTAVO_TRY(in_.String());
    if (in_.Eat(':')) definition.type = OCTAVO_TRY(ParseType());
    return definition;
  }

  Status Define(const Definition& definition, ValueId id) {
    if (values_.emplace(definition.reference, id).second) return {};
    return in_.Failure(definition.position, fmt::format("%{} is defined twice", definition.reference));
  }

  Result<ValueId> ParseValue() {
    const std::size_t begin = in_.position();
    OCTAVO_TRY(in_.Expect('%'));
    const std::string reference = OCTAVO_TRY(in_.Word("a value's name"));
    const auto at = values_.find(reference);
    if (at != values_.end()) return at->second;
    return in_.Failure(begin, fmt::format("%{} is used before it is defined", reference));
  }

  // ---- Types and constants ----

  Result<TensorType> ParseType() {
    TensorType type;
    const std::size_t begin = in_.position();
    if (!in_.Eat('?')) {
      const std::string name = OCTAVO_TRY(in_.Word("a type"));
      const std::optional<DType> dtype = DTypeFromName(name);
      if (!dtype) return in_.Failure(begin, fmt::format("unknown type {}", name));
      type.dtype = *dtype;
    }
    if (in_.Eat('[')) {
      type.shape.emplace();
      if (!in_.Eat(']')) {
        do {
          type.shape->push_back(OCTAVO_TRY(ParseDim("a size")));
        } while (in_.Eat(','));
        OCTAVO_TRY(in_.Expect(']'));
      }
      if (*type.rank() > kMaxRank) return in_.Failure(begin, "too many dimensions");
    }
    if (in_.Peek() == '(') {
      if (!type.quantized()) return in_.Failure(begin, fmt::format("{} has no scale", Name(type.dtype)));
      type.quantization = OCTAVO_TRY(ParseQuantization());
    } else if (type.quantized()) {
      return in_.Failure(begin, fmt::format("{} needs (scale,zero_point)", Name(type.dtype)));
    }
    return type;
  }

  Result<Quantization> ParseQuantization() {
    const std::size_t begin = in_.position();
    OCTAVO_TRY(in_.Expect('('));
    Quantization q;
    if (in_.Peek() != 'a' && in_.Peek() != 's' && in_.Peek() != '.') {
      q.scales = {OCTAVO_TRY(ParseReal())};
      OCTAVO_TRY(in_.Expect(','));
      q.zero_points = {OCTAVO_TRY(ParseInt())};
      OCTAVO_TRY(in_.Expect(')'));
      return q;
    }
    do {
      if (in_.Peek() == '.') return in_.Failure(begin, "the scales were left out of this text");
      const std::string key = OCTAVO_TRY(in_.Word("axis, scales or zero_points"));
      OCTAVO_TRY(in_.Expect('='));
      if (key == "axis") {
        const std::int64_t axis = OCTAVO_TRY(ParseInt());
        if (axis < 0 || axis > kMaxRank)
          return in_.Failure(begin, fmt::format("axis {} is out of range", axis));
        q.axis = static_cast<int>(axis);
      } else if (key == "scales") {
        q.scales = OCTAVO_TRY(ParseReals());
      } else if (key == "zero_points") {
        q.zero_points = OCTAVO_TRY(ParseInts());
      } else if (key == "float_zero_points") {
        q.float_zero_points = true;
        q.float_zeros = OCTAVO_TRY(ParseReals());
      } else {
        return in_.Failure(begin, fmt::format("unknown quantization key {}", key));
      }
    } while (in_.Eat(','));
    OCTAVO_TRY(in_.Expect(')'));
    return q;
  }

  Result<std::int64_t> ParseInt() {
    const std::size_t begin = in_.position();
    std::int64_t value = 0;
    if (!ReadNumber(in_.Expression(), value)) return in_.Failure(begin, "an integer is expected here");
    return value;
  }

  Result<double> ParseReal() {
    const std::size_t begin = in_.position();
    double value = 0;
    if (!ReadReal(in_.Expression(), value)) return in_.Failure(begin, "a number is expected here");
    return value;
  }

  template <typename T, typename Parse>
  Result<std::vector<T>> ParseList(const Parse& parse) {
    std::vector<T> items;
    OCTAVO_TRY(in_.Expect('['));
    if (in_.Eat(']')) return items;
    do {
      items.push_back(OCTAVO_TRY(parse()));
    } while (in_.Eat(','));
    OCTAVO_TRY(in_.Expect(']'));
    return items;
  }
  Result<std::vector<std::int64_t>> ParseInts() {
    return ParseList<std::int64_t>([this] { return ParseInt(); });
  }
  Result<std::vector<double>> ParseReals() {
    return ParseList<double>([this] { return ParseReal(); });
  }

  Result<Dim> ParseDim(std::string_view what) {
    const std::size_t begin = in_.position();
    const std::string_view text = in_.Expression();
    std::int64_t number = 0;
    if (ReadNumber(text, number)) return Dim(number);
    // Longer sums are no sizes of anything, and would take long to add up.
    constexpr std::size_t kMaxLength = 1000;
    std::optional<Dim> dim;
    if (text.size() <= kMaxLength) dim = Dim::Parse(std::string(text));
    if (!dim) return in_.Failure(begin, fmt::format("{} is expected here", what));
    // Words of the text form, which a sum may be printed to begin with.
    constexpr std::array<std::string_view, 5> kWords = {"None", "true", "false", "inf", "nan"};
    for (const std::string& symbol : dim->symbols()) {
      if (std::ranges::find(kWords, symbol) != kWords.end())
        return in_.Failure(begin, fmt::format("{} is not the name of a size", symbol));
    }
    return *dim;
  }

  Result<Tensor> ParseTensor() {
    const std::size_t begin = in_.position();
    const TensorType type = OCTAVO_TRY(ParseType());
    const std::optional<std::vector<std::int64_t>> sizes =
        type.shape ? KnownSizes(*type.shape) : std::nullopt;
    if (!sizes) return in_.Failure(begin, "a constant needs known sizes");
    std::int64_t count = 1;
    for (const std::int64_t size : *sizes) {
      if (size < 0 || (size != 0 && count > kMaxElements / size)) {
        return in_.Failure(begin, "a constant of these sizes is not possible");
      }
      count *= std::max<std::int64_t>(size, 1);
    }
    for (const std::int64_t size : *sizes) count = size == 0 ? 0 : count;
    OCTAVO_TRY(in_.Expect('{'));
    std::vector<std::byte> bytes;
    if (in_.Peek() == '.')
      return in_.Failure(begin, "the elements of this constant were left out of the text");
    if (in_.EatText("0x")) {
      bytes = OCTAVO_TRY(in_.HexBytes());
    } else if (in_.Peek() != '}') {
      do {
        OCTAVO_TRY(ParseElement(type.dtype, bytes));
      } while (in_.Eat(','));
    }
    OCTAVO_TRY(in_.Expect('}'));
    const std::size_t size = ElementSize(type.dtype);
    if (bytes.size() != static_cast<std::size_t>(count) * size) {
      return in_.Failure(begin,
                         fmt::format("the constant {} has {} elements, but {} are expected", type.ToString(),
                                     static_cast<double>(bytes.size()) / static_cast<double>(size), count));
    }
    Tensor tensor = Tensor::FromBytes(type.dtype, *sizes, std::move(bytes));
    tensor.quantization = type.quantization;
    return tensor;
  }

  template <typename Number>
  static bool AppendNumber(std::string_view text, std::vector<std::byte>& bytes) {
    Number value{};
    if constexpr (std::is_floating_point_v<Number>) {
      if (!ReadReal(text, value)) return false;
    } else {
      if (!ReadNumber(text, value)) return false;
    }
    const std::size_t old = bytes.size();
    bytes.resize(old + sizeof value);
    std::memcpy(bytes.data() + old, &value, sizeof value);
    return true;
  }

  Status ParseElement(DType dtype, std::vector<std::byte>& bytes) {
    const std::size_t begin = in_.position();
    const std::string_view text = in_.Expression();
    bool read = false;
    if (WrittenAsNumbers(dtype)) {
      switch (StorageType(dtype)) {
        case DType::kInt8:
          read = AppendNumber<std::int8_t>(text, bytes);
          break;
        case DType::kInt16:
          read = AppendNumber<std::int16_t>(text, bytes);
          break;
        case DType::kInt32:
          read = AppendNumber<std::int32_t>(text, bytes);
          break;
        case DType::kInt64:
          read = AppendNumber<std::int64_t>(text, bytes);
          break;
        case DType::kFloat32:
          read = AppendNumber<float>(text, bytes);
          break;
        case DType::kFloat64:
          read = AppendNumber<double>(text, bytes);
          break;
        case DType::kBool:
          read = (text == "0" || text == "1") && AppendNumber<std::uint8_t>(text, bytes);
          break;
        default:
          read = AppendNumber<std::uint8_t>(text, bytes);
      }
    }
    if (read) return {};
    return in_.Failure(begin, fmt::format("not a valid {} element: \"{}\"", Name(dtype), text.substr(0, 40)));
  }

  // ---- Arguments ----

  Result<Argument> ParseArgument() {
    Argument argument;
    const std::size_t begin = in_.position();
    if (in_.Peek() == '"') {
      std::string name = OCTAVO_TRY(in_.String());
      if (!in_.Eat('=')) {
        argument.value = std::move(name);
        return argument;
      }
      argument.name = std::move(name);
    } else if (IsNameCharacter(in_.Peek())) {
      std::string name = OCTAVO_TRY(in_.Word("an argument"));
      if (in_.Eat('=')) {
        argument.name = std::move(name);
      } else {
        in_.Rewind(begin);
      }
    }
    argument.value = OCTAVO_TRY(ParseOperand());
    return argument;
  }

  Result<Operand> ParseOperand() {
    const std::size_t begin = in_.position();
    if (in_.Peek() == '[') return ParseListOperand();
    if (in_.EatText("tensors[") || in_.EatText("floats[") || in_.EatText("bools[") ||
        in_.EatText("strings[")) {
      in_.Rewind(begin);
      const std::string kind = OCTAVO_TRY(in_.Word("a list"));
      OCTAVO_TRY(in_.Expect('['));
      OCTAVO_TRY(in_.Expect(']'));
      if (kind == "tensors") return Operand(ValueList());
      if (kind == "floats") return Operand(std::vector<double>());
      if (kind == "bools") return Operand(std::vector<bool>());
      return Operand(std::vector<std::string>());
    }
    return ParseSingle();
  }

  // Anything but a list.
  Result<Operand> ParseSingle() {
    if (in_.Peek() == '%') return Operand(OCTAVO_TRY(ParseValue()));
    if (in_.Peek() == '"') return Operand(OCTAVO_TRY(in_.String()));
    if (in_.EatWord("None")) return Operand(None());
    if (in_.EatWord("true")) return Operand(true);
    if (in_.EatWord("false")) return Operand(false);
    const std::size_t begin = in_.position();
    if (in_.EatText("packed(")) return Operand(OCTAVO_TRY(ParsePacked()));
    if (in_.EatWord("bytes")) {
      if (IsNameCharacter(in_.Peek())) return Operand(Bytes{OCTAVO_TRY(ParseTensor())});
      in_.Rewind(begin);
    }
    if (IsNameCharacter(in_.Peek())) {
      const std::string word = OCTAVO_TRY(in_.Word("an argument"));
      const bool tensor = in_.Peek() == '[' && DTypeFromName(word);
      in_.Rewind(begin);
      if (tensor) return Operand(OCTAVO_TRY(ParseTensor()));
    }
    double real = 0;
    std::int64_t integer = 0;
    const std::string_view text = in_.Expression();
    // Whole numbers too large for an integer are not taken for reals.
    const bool whole = ReadNumber(text, integer) || text.find_first_of(".en") == std::string_view::npos;
    if (!whole && ReadReal(text, real)) return Operand(real);
    in_.Rewind(begin);
    return Operand(OCTAVO_TRY(ParseDim("an argument")));
  }

  // The elements in a list of that kind; nullopt if one is of another kind.
  template <typename T, typename List>
  static std::optional<Operand> ListOf(std::vector<Operand>& items) {
    List list;
    for (Operand& item : items) {
      if (std::is_same_v<T, ValueId> && std::holds_alternative<None>(item)) item = ValueId();
      if (!std::holds_alternative<T>(item)) return std::nullopt;
      list.push_back(std::move(std::get<T>(item)));
    }
    return Operand(std::move(list));
  }

  Result<Operand> ParseListOperand() {
    const std::size_t begin = in_.position();
    std::vector<Operand> items = OCTAVO_TRY(ParseList<Operand>([this] { return ParseSingle(); }));
    if (items.empty()) return Operand(std::vector<Dim>());
    std::optional<Operand> list;
    if (std::holds_alternative<Dim>(items[0])) {
      list = ListOf<Dim, std::vector<Dim>>(items);
    } else if (std::holds_alternative<double>(items[0])) {
      list = ListOf<double, std::vector<double>>(items);
    } else if (std::holds_alternative<bool>(items[0])) {
      list = ListOf<bool, std::vector<bool>>(items);
    } else if (std::holds_alternative<std::string>(items[0])) {
      list = ListOf<std::string, std::vector<std::string>>(items);
    } else {
      list = ListOf<ValueId, ValueList>(items);
    }
    if (!list) return in_.Failure(begin, "all elements of a list must have the same type");
    return *std::move(list);
  }

  Result<std::shared_ptr<const PackedWeights>> ParsePacked() {
    auto packed = std::make_shared<PackedWeights>();
    do {
      const std::size_t begin = in_.position();
      const std::string key = OCTAVO_TRY(in_.Word("a part of packed weights"));
      OCTAVO_TRY(in_.Expect('='));
      if (key == "kind") {
        const std::string kind = OCTAVO_TRY(in_.Word("a kind"));
        bool found = false;
        for (const auto& [value, text] : kPackedKinds) {
          if (text == kind) packed->kind = value;
          found |= text == kind;
        }
        if (!found) return in_.Failure(begin, fmt::format("unknown kind of packed weights {}", kind));
      } else if (key == "spatial_dims") {
        const std::int64_t dims = OCTAVO_TRY(ParseInt());
        if (dims < 0 || dims > 3) return in_.Failure(begin, "a convolution has 1 to 3 dimensions");
        packed->spatial_dims = static_cast<int>(dims);
      } else if (key == "name") {
        packed->name = OCTAVO_TRY(in_.String());
      } else if (key == "weight") {
        if (in_.Peek() == '%') {
          packed->weight_value = OCTAVO_TRY(ParseValue());
        } else {
          packed->weight = OCTAVO_TRY(ParseTensor());
        }
      } else if (key == "bias") {
        if (in_.Peek() == '%') {
          packed->bias_value = OCTAVO_TRY(ParseValue());
        } else {
          packed->bias = OCTAVO_TRY(ParseTensor());
        }
      } else if (key == "stride") {
        packed->stride = OCTAVO_TRY(ParseInts());
      } else if (key == "padding") {
        packed->padding = OCTAVO_TRY(ParseInts());
      } else if (key == "dilation") {
        packed->dilation = OCTAVO_TRY(ParseInts());
      } else if (key == "output_padding") {
        packed->output_padding = OCTAVO_TRY(ParseInts());
      } else if (key == "groups") {
        packed->groups = OCTAVO_TRY(ParseInt());
      } else {
        return in_.Failure(begin, fmt::format("unknown part of packed weights {}", key));
      }
    } while (in_.Eat(','));
    OCTAVO_TRY(in_.Expect(')'));
    return std::shared_ptr<const PackedWeights>(std::move(packed));
  }

  TextScanner in_;
  Graph graph_;
  std::unordered_map<std::string, ValueId> values_;
};

}  // namespace

Result<Graph> ParseGraph(std::string_view text) { return GraphParser(text).Run(); }

}  // namespace octavo::ir
