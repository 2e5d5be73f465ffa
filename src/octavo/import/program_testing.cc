#include "octavo/import/program_testing.h"

#include <cstdio>
#include <cstdlib>
#include <set>

#include "octavo/source/parser.h"

namespace octavo::import {

TextProgram::TextProgram(const std::map<std::string, std::string>& files) {
  for (const auto& [name, text] : files) {
    std::string path = name;
    for (char& c : path) c = c == '.' ? '/' : c;
    auto source = std::make_shared<SourceText>();
    source->name = "code/" + path + ".py";
    source->text = text;
    auto file = source::Parse(source);
    if (!file) {
      std::fprintf(stderr, "%s\n", file.error().ToString().c_str());
      std::abort();
    }
    for (const auto& cls : (*file)->classes) {
      const std::string qualified = name + "." + cls->name;
      classes_[qualified] = module::ClassDefinition(qualified, cls.get(), file->get());
    }
    for (const auto& function : (*file)->functions) {
      const std::string qualified = name + "." + function->name;
      functions_[qualified] = {.name = qualified, .syntax = function.get(), .file = file->get()};
    }
    files_.push_back(std::move(*file));
  }
}

Result<const module::ClassDefinition*> TextProgram::FindClass(std::string_view name) const {
  const auto found = classes_.find(name);
  return found == classes_.end() ? nullptr : &found->second;
}

Result<const module::FunctionDefinition*> TextProgram::FindFunction(std::string_view name) const {
  const auto found = functions_.find(name);
  return found == functions_.end() ? nullptr : &found->second;
}

module::Value MakeObject(std::string class_name, Attributes attributes) {
  auto object = std::make_shared<module::Object>();
  object->class_name = std::move(class_name);
  object->attributes = std::move(attributes);
  return {object};
}

module::Module MakeModule(const std::map<std::string, std::string>& files, Attributes attributes) {
  module::Module module;
  module.program = std::make_shared<TextProgram>(files);
  module.root = std::get<std::shared_ptr<module::Object>>(MakeObject("__torch__.M", std::move(attributes)).v);
  return module;
}

module::Module MakeModule(const std::string& methods, Attributes attributes, const std::string& globals) {
  const std::string head = "class M(Module):\n  __parameters__ = []\n  __buffers__ = []\n  training : bool\n";
  return MakeModule({{"__torch__", globals + head + methods}}, std::move(attributes));
}

namespace {

TensorType TypeOf(const ir::Graph& graph, const ir::Operand& operand) {
  if (const auto* id = std::get_if<ir::ValueId>(&operand)) return graph.type(*id);
  if (const auto* list = std::get_if<ir::ValueList>(&operand)) return graph.type((*list)[0]);
  return {};
}

const ir::Operand* Find(std::span<const ir::Argument> arguments, std::size_t position,
                        std::string_view name) {
  if (position < arguments.size() && arguments[position].name.empty()) return &arguments[position].value;
  for (const ir::Argument& argument : arguments) {
    if (argument.name == name) return &argument.value;
  }
  return nullptr;
}

std::int64_t IntAt(std::span<const ir::Argument> arguments, std::size_t position, std::string_view name) {
  const ir::Operand* operand = Find(arguments, position, name);
  const Dim* dim = operand ? std::get_if<Dim>(operand) : nullptr;
  return dim && dim->known() ? dim->value() : 0;
}

}  // namespace

Result<std::optional<OperatorRules::Call>> TestRules::Bind(const ir::Graph& graph, std::string_view op,
                                                           std::span<const ir::Argument> arguments) const {
  static const std::set<std::string_view> kKnown = {
      "aten::relu",        "aten::add",        "aten::mul",
      "aten::sub",         "aten::sigmoid",    "aten::flatten",
      "aten::view",        "aten::reshape",    "aten::transpose",
      "aten::select",      "aten::chunk",      "aten::max",
      "aten::cat",         "aten::zeros",      "aten::quantize_per_tensor",
      "aten::dequantize",  "aten::to",         "quantized::conv2d",
      "quantized::linear", "quantized::add",   "aten::expand_as",
      "aten::full_like",   "aten::zeros_like", "aten::unbind",
      "aten::eq",          "aten::any",        "aten::contiguous",
      "mylib::twice",      "aten::detach",     "aten::clone",
      "aten::linear",      "aten::slice",      "aten::dropout",
      "aten::squeeze",     "aten::cpu",        "aten::cuda",
      "aten::meshgrid",    "aten::full"};
  if (kKnown.count(op) == 0) return std::optional<Call>();
  if (arguments.empty()) return Unsupported(std::string(op) + " needs arguments");
  Call call;
  call.arguments.assign(arguments.begin(), arguments.end());
  for (std::size_t i = 0; i < call.arguments.size(); ++i) {
    if (call.arguments[i].name.empty()) call.arguments[i].name = "a" + std::to_string(i);
  }
  TensorType type = TypeOf(graph, arguments[0].value);
  if (op == "aten::zeros") {
    const auto* sizes = std::get_if<std::vector<Dim>>(&arguments[0].value);
    if (!sizes) return Unsupported("aten::zeros takes sizes");
    type = {.dtype = DType::kFloat32, .shape = *sizes};
  } else if (op == "aten::quantize_per_tensor") {
    const auto* scale = std::get_if<double>(Find(arguments, 1, "scale"));
    if (!scale) return Unsupported("aten::quantize_per_tensor: the scale must be a float");
    type.quantization = Quantization::PerTensor(*scale, IntAt(arguments, 2, "zero_point"));
    type.dtype = *DTypeFromScalarType(IntAt(arguments, 3, "dtype"));
  } else if (op == "aten::dequantize") {
    type.dtype = DType::kFloat32;
    type.quantization.reset();
  } else if (op == "aten::to") {
    type.dtype = *DTypeFromScalarType(IntAt(arguments, 1, "dtype"));
  } else if (op == "aten::eq" || op == "aten::any") {
    type.dtype = DType::kBool;
    if (op == "aten::any") type.shape = Shape{};
  } else if (op == "aten::view" || op == "aten::reshape") {
    const auto* sizes = std::get_if<std::vector<Dim>>(Find(arguments, 1, "size"));
    if (sizes) type.shape = *sizes;
  } else if (op == "aten::flatten" && type.shape) {
    type.shape = Shape{NumElements(*type.shape)};
  } else if (op == "aten::transpose" && type.shape && type.shape->size() >= 2) {
    std::swap((*type.shape)[static_cast<std::size_t>(IntAt(arguments, 1, "dim0"))],
              (*type.shape)[static_cast<std::size_t>(IntAt(arguments, 2, "dim1"))]);
  } else if (op == "aten::select" && type.shape) {
    type.shape->erase(type.shape->begin() + IntAt(arguments, 1, "dim"));
  } else if (op == "aten::expand_as") {
    type.shape = TypeOf(graph, arguments[1].value).shape;
  } else if (op == "aten::chunk") {
    call.returns = Returns::kTensorList;
    call.results.assign(static_cast<std::size_t>(IntAt(arguments, 1, "chunks")), type);
    return std::optional<Call>(std::move(call));
  } else if (op == "aten::meshgrid") {
    call.returns = Returns::kTensorList;
    call.results.assign(std::get<ir::ValueList>(arguments[0].value).size(), type);
    return std::optional<Call>(std::move(call));
  } else if (op == "aten::unbind") {
    if (!type.shape) return Unsupported("aten::unbind needs the shape");
    const auto count = static_cast<std::size_t>((*type.shape)[0].value());
    type.shape->erase(type.shape->begin());
    call.returns = Returns::kTensorList;
    call.results.assign(count, type);
    return std::optional<Call>(std::move(call));
  } else if (op == "aten::max") {
    call.returns = Returns::kTuple;
    TensorType indices = type;
    indices.dtype = DType::kInt64;
    call.results = {type, indices};
    return std::optional<Call>(std::move(call));
  }
  call.results = {type};
  return std::optional<Call>(std::move(call));
}

InputSpec Input(Shape shape, std::string name) {
  return {.name = std::move(name), .type = {.dtype = DType::kFloat32, .shape = std::move(shape)}};
}

std::string Operators(const ir::Graph& graph) {
  std::string text;
  for (const ir::Node& node : graph.nodes()) text += (text.empty() ? "" : " ") + node.op;
  return text;
}

}  // namespace octavo::import
