#include "octavo/driver/input_values.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>

#include "octavo/npy/npy.h"

namespace octavo::driver {
namespace {

constexpr const char* kHint =
    "Write FILE[@SPEC], where SPEC is [name:]dtype[d0,d1,...][(scale,zero_point)] or name:, as in x.npy, "
    "x.npy@mask: or x.npy@quint8(0.26,128).";

struct Parts {
  std::string file;
  InputSpec spec;
  bool typed = false;
};

Result<Parts> Split(const std::string& text) {
  Parts parts{.file = text, .spec = {}};
  const std::size_t at = text.rfind('@');
  // A file's own name may have an @.
  std::error_code ignored;
  if (at == std::string::npos || std::filesystem::exists(text, ignored)) return parts;
  parts.file = text.substr(0, at);
  const std::string spec = text.substr(at + 1);
  if (parts.file.empty() || spec.empty())
    return UsageError(fmt::format("--input {}: the file or the SPEC is missing", text), kHint);
  if (spec.ends_with(':')) {
    parts.spec.name = spec.substr(0, spec.size() - 1);
    if (parts.spec.name.empty())
      return UsageError(fmt::format("--input {}: the name is missing", text), kHint);
    return parts;
  }
  parts.spec = OCTAVO_TRY(InputSpec::Parse(spec));
  if (parts.spec.value) {
    return UsageError(fmt::format("--input {}: a file is for a tensor, {} is a value", text, spec), kHint);
  }
  parts.typed = true;
  return parts;
}

Status Apply(const InputSpec& spec, InputValue& value) {
  Tensor& tensor = value.tensor;
  if (StorageType(spec.type.dtype) != tensor.dtype) {
    return UsageError(fmt::format("{} contains {}, but the SPEC says {}", value.file, Name(tensor.dtype),
                                  Name(spec.type.dtype)),
                      IsQuantized(spec.type.dtype) ? "Give a quantized input as its integer values." : "");
  }
  if (spec.type.shape) {
    const Shape& shape = *spec.type.shape;
    bool fits = shape.size() == tensor.sizes.size();
    for (std::size_t i = 0; fits && i < shape.size(); ++i)
      fits = !shape[i].known() || shape[i].value() == tensor.sizes[i];
    if (!fits) {
      return UsageError(fmt::format("{} contains {}, but the SPEC says {}", value.file,
                                    tensor.type().ToString(), spec.type.ToString()));
    }
  }
  tensor.dtype = spec.type.dtype;
  tensor.quantization = spec.type.quantization;
  return {};
}

// arr_0, arr_1, ...: the names that numpy.savez gives to arrays without one.
bool Unnamed(const std::vector<npy::Array>& arrays) {
  return std::all_of(arrays.begin(), arrays.end(),
                     [](const npy::Array& array) { return array.name.starts_with("arr_"); });
}

Status AddArrays(const Parts& parts, std::vector<npy::Array> arrays, std::vector<InputValue>& values) {
  const bool archive = arrays.size() != 1 || !arrays[0].name.empty();
  if (archive && (parts.typed || !parts.spec.name.empty())) {
    const auto at = std::find_if(arrays.begin(), arrays.end(),
                                 [&](const npy::Array& array) { return array.name == parts.spec.name; });
    if (at == arrays.end()) {
      return UsageError(fmt::format("{} has no array \"{}\"", parts.file, parts.spec.name), kHint);
    }
    arrays = {std::move(*at)};
  }
  const bool by_position = archive && Unnamed(arrays);
  for (npy::Array& array : arrays) {
    InputValue value{.name = by_position ? std::string() : std::move(array.name),
                     .tensor = std::move(array.tensor),
                     .file = parts.file};
    if (!archive) value.name = parts.spec.name;
    if (parts.typed) OCTAVO_TRY(Apply(parts.spec, value));
    values.push_back(std::move(value));
  }
  return {};
}

}  // namespace

Result<std::vector<InputValue>> ReadInputs(const std::vector<std::string>& texts) {
  std::vector<InputValue> values;
  for (const std::string& text : texts) {
    const Parts parts = OCTAVO_TRY(Split(text));
    Result<std::vector<npy::Array>> arrays = npy::Read(parts.file);
    if (!arrays) return arrays.error().AddContext(fmt::format("--input {}", text));
    OCTAVO_TRY(AddArrays(parts, std::move(*arrays), values));
  }
  return values;
}

namespace {

// Arrays of uint16, uint32 and uint64 are read as the next larger signed integers, which is what PyTorch's
// models take. An ONNX model's own unsigned inputs get them back; `tensor` as it is where something does not
// fit.
Tensor Unsigned(Tensor tensor, DType wanted) {
  const bool narrows =
      (wanted == DType::kUint16 && tensor.dtype == DType::kInt32) ||
      ((wanted == DType::kUint32 || wanted == DType::kUint64) && tensor.dtype == DType::kInt64);
  if (!narrows) return tensor;
  const std::vector<std::int64_t> values = tensor.ToInts();
  constexpr std::int64_t kMost16 = 0xFFFF, kMost32 = 0xFFFFFFFF;
  const std::int64_t most = wanted == DType::kUint16   ? kMost16
                            : wanted == DType::kUint32 ? kMost32
                                                       : std::numeric_limits<std::int64_t>::max();
  if (std::any_of(values.begin(), values.end(), [most](std::int64_t v) { return v < 0 || v > most; }))
    return tensor;
  if (wanted == DType::kUint16)
    return Tensor::From(wanted, tensor.sizes, std::vector<std::uint16_t>(values.begin(), values.end()));
  if (wanted == DType::kUint32)
    return Tensor::From(wanted, tensor.sizes, std::vector<std::uint32_t>(values.begin(), values.end()));
  return Tensor::From(wanted, tensor.sizes, std::vector<std::uint64_t>(values.begin(), values.end()));
}

}  // namespace

Result<std::vector<Tensor>> InOrder(const ir::Graph& graph, std::vector<InputValue> values) {
  const std::vector<ir::ValueId>& inputs = graph.inputs();
  std::vector<std::optional<Tensor>> found(inputs.size());
  const auto takes = [&] {
    std::string text;
    for (const ir::ValueId id : inputs) {
      text +=
          fmt::format("{}{}: {}", text.empty() ? "" : ", ", graph.value(id).name, graph.type(id).ToString());
    }
    return fmt::format("Use the inputs of the model: {}.", text.empty() ? "nothing" : text);
  };
  std::unordered_map<std::string_view, std::size_t> places;
  for (std::size_t i = 0; i < inputs.size(); ++i) places.try_emplace(graph.value(inputs[i]).name, i);
  for (InputValue& value : values) {
    if (value.name.empty()) continue;
    const auto at = places.find(value.name);
    if (at == places.end()) {
      return UsageError(fmt::format("the model has no input {} ({} is given for it)", value.name, value.file),
                        takes());
    }
    auto& place = found[at->second];
    if (place) return UsageError(fmt::format("input {} is given twice", value.name), takes());
    place = std::move(value.tensor);
  }
  std::size_t next = 0;
  for (InputValue& value : values) {
    if (!value.name.empty()) continue;
    while (next < found.size() && found[next]) ++next;
    if (next == found.size()) {
      return UsageError(
          fmt::format("{} inputs are given, but the model has {}", values.size(), inputs.size()), takes());
    }
    found[next] = std::move(value.tensor);
  }
  std::vector<Tensor> tensors;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!found[i])
      return UsageError(fmt::format("input {} is missing", graph.value(inputs[i]).name), takes());
    tensors.push_back(Unsigned(std::move(*found[i]), graph.type(inputs[i]).dtype));
  }
  return tensors;
}

InputSpec SpecOf(const InputValue& value) {
  return {.name = value.name, .type = value.tensor.type(), .value = {}};
}

std::vector<std::string> NotFinite(const ir::Graph& graph, const std::vector<Tensor>& inputs) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!IsFloat(inputs[i].dtype)) continue;
    const std::vector<float> numbers = inputs[i].ToFloats();
    const auto count =
        std::count_if(numbers.begin(), numbers.end(), [](float x) { return !std::isfinite(x); });
    if (count > 0) {
      texts.push_back(fmt::format("input {} contains {} NaN or infinite elements",
                                  graph.value(graph.inputs()[i]).name, count));
    }
  }
  return texts;
}

}  // namespace octavo::driver
