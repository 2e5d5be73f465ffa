#include "octavo/driver/given_inputs.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>

namespace octavo::driver {
namespace {

bool IsFile(const std::string& text) {
  std::error_code ignored;
  return std::filesystem::exists(text, ignored);
}

// `name` is empty for a SPEC that goes by position.
Status CloseSizesOf(const std::string& name, TensorType& type) {
  if (!type.shape) return {};
  const std::string given = type.ToString();
  for (std::size_t i = 0; i < type.shape->size(); ++i) {
    Dim& size = (*type.shape)[i];
    if (size.known()) continue;
    if (i > 0) {
      return UsageError(
          name.empty() ? fmt::format("the size {} of --input {} is open", size.ToString(), given)
                       : fmt::format("the size {} of the input {} is open: {}", size.ToString(), name, given),
          "Give an array with --input X.npy, or all sizes as numbers, as in --input 'float32[1,3,224,224]'.");
    }
    size = Dim(1);
  }
  return {};
}

}  // namespace

Result<std::vector<InputSpec>> TakeLiterals(std::vector<std::string>& texts) {
  std::vector<InputSpec> literals;
  std::vector<std::string> others;
  for (std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || text.find_first_of("@[:/") < equals || IsFile(text)) {
      others.push_back(std::move(text));
      continue;
    }
    InputSpec spec = OCTAVO_TRY(InputSpec::Parse(text));
    if (spec.value) {
      literals.push_back(std::move(spec));
    } else {
      others.push_back(std::move(text));
    }
  }
  texts = std::move(others);
  return literals;
}

Status RefuseLiterals(const std::vector<InputSpec>& literals) {
  if (literals.empty()) return {};
  return UsageError(
      fmt::format("--input {}=... is for arguments of a PyTorch model; an ONNX model takes tensors only",
                  literals[0].name));
}

Result<GivenInputs> ReadGivenInputs(const std::vector<std::string>& all) {
  GivenInputs given;
  std::vector<std::string> texts = all;
  given.literals = OCTAVO_TRY(TakeLiterals(texts));
  std::vector<std::string> files;
  for (const std::string& text : texts) {
    Result<InputSpec> spec = InputSpec::Parse(text);
    const bool file = text.find('@') != std::string::npos || IsFile(text);
    if (spec && !file) {
      given.specs.push_back(std::move(*spec));
    } else if (!file && text.find('[') != std::string::npos && text.find('.') > text.find('[')) {
      return spec.error();  // a SPEC with a mistake in it
    } else {
      files.push_back(text);
    }
  }
  if (!files.empty() && !given.specs.empty()) {
    return UsageError("some inputs are given as arrays and some by type only",
                      "Give all inputs as arrays, or none.");
  }
  given.values = OCTAVO_TRY(ReadInputs(files));
  for (const InputValue& value : given.values) given.specs.push_back(SpecOf(value));
  return given;
}

Status CloseSizes(std::vector<InputSpec>& specs) {
  for (InputSpec& spec : specs) OCTAVO_TRY(CloseSizesOf(spec.name, spec.type));
  return {};
}

namespace {

// What is given for an input of a graph must be of its type, and have the sizes that are not open.
Status CheckFits(const ir::Value& input, const TensorType& given) {
  const TensorType& type = input.type;
  bool fits = StorageType(given.dtype) == StorageType(type.dtype);
  if (given.quantization) fits = fits && given.dtype == type.dtype && given.quantization == type.quantization;
  if (fits && given.shape && type.shape) {
    fits = given.shape->size() == type.shape->size();
    for (std::size_t i = 0; fits && i < given.shape->size(); ++i) {
      const Dim &size = (*given.shape)[i], &declared = (*type.shape)[i];
      fits = !size.known() || !declared.known() || size == declared;
    }
  }
  if (fits) return {};
  return UsageError(fmt::format("--input gives {} for the input {}, but the model's input is {}",
                                given.ToString(), input.name, type.ToString()));
}

}  // namespace

Status CloseSizes(ir::Graph& graph, const std::vector<InputSpec>& specs) {
  std::vector<const InputSpec*> given(graph.inputs().size());
  std::unordered_map<std::string_view, std::size_t> places;
  for (std::size_t i = 0; i < given.size(); ++i) places.try_emplace(graph.value(graph.inputs()[i]).name, i);
  for (const InputSpec& spec : specs) {
    if (spec.name.empty()) continue;
    const auto at = places.find(spec.name);
    if (at == places.end()) {
      return UsageError(fmt::format("--input {}: the model has no input {}", spec.name, spec.name));
    }
    const InputSpec*& place = given[at->second];
    if (place != nullptr) return UsageError(fmt::format("--input {} is given twice", spec.name));
    place = &spec;
  }
  // The others go by position, into the places that are left.
  for (const InputSpec& spec : specs) {
    if (!spec.name.empty()) continue;
    const auto place = std::ranges::find(given, nullptr);
    if (place == given.end()) {
      return UsageError(fmt::format("--input is given {} times, but the model has {} input{}", specs.size(),
                                    given.size(), given.size() == 1 ? "" : "s"));
    }
    *place = &spec;
  }
  for (std::size_t i = 0; i < given.size(); ++i) {
    ir::Value& value = graph.value(graph.inputs()[i]);
    if (given[i] != nullptr) {
      OCTAVO_TRY(CheckFits(value, given[i]->type));
      if (given[i]->type.shape) value.type.shape = given[i]->type.shape;
    }
    OCTAVO_TRY(CloseSizesOf(value.name, value.type));
  }
  return {};
}

}  // namespace octavo::driver
