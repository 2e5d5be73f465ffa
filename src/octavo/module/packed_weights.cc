#include "octavo/module/packed_weights.h"

#include <limits>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>

namespace octavo::module {
namespace {

constexpr std::string_view kPrefix = "__torch__.torch.classes.quantized.";
constexpr std::string_view kConv2d = "Conv2dPackedParamsBase";
constexpr std::string_view kConv3d = "Conv3dPackedParamsBase";
constexpr std::string_view kLinear = "LinearPackedParamsBase";
constexpr std::string_view kEmbedding = "EmbeddingPackedParamsBase";

using PackedKind = ir::PackedWeights::Kind;

Error Malformed(std::string what) {
  return InvalidFile(
      fmt::format("invalid packed weights: {}", what),
      "Save the model again: the file is damaged, or a newer PyTorch wrote it in another format.");
}

const std::vector<Value>* Items(const Value& value) {
  if (const auto* tuple = std::get_if<std::shared_ptr<Tuple>>(&value.v)) return &(*tuple)->items;
  if (const auto* list = std::get_if<std::shared_ptr<List>>(&value.v)) return &(*list)->items;
  return nullptr;
}

Result<const Tensor*> AsTensor(const Value& value, std::string_view what) {
  const auto* tensor = std::get_if<Tensor>(&value.v);
  if (tensor == nullptr) return Malformed(fmt::format("{} is not a tensor", what));
  return tensor;
}

Result<std::int64_t> AsInt(const Value& value, std::string_view what) {
  const auto* number = std::get_if<std::int64_t>(&value.v);
  if (number == nullptr) return Malformed(fmt::format("{} is not an integer", what));
  return *number;
}

Result<std::vector<std::int64_t>> AsInts(const Value& value, std::string_view what) {
  const std::vector<Value>* items = Items(value);
  if (items == nullptr) return Malformed(fmt::format("{} is not a list", what));
  std::vector<std::int64_t> numbers;
  for (const Value& item : *items) numbers.push_back(OCTAVO_TRY(AsInt(item, what)));
  return numbers;
}

// The first element of a tensor that holds one small integer.
Result<std::int64_t> AsScalar(const Value& value, std::string_view what) {
  const Tensor* tensor = OCTAVO_TRY(AsTensor(value, what));
  if (!IsInteger(tensor->dtype) || tensor->num_elements() != 1) {
    return Malformed(fmt::format("{} is not an integer", what));
  }
  return tensor->ToInts()[0];
}

struct Config {
  std::vector<std::int64_t> values;  // as version 3 has them
  const Value* weight = nullptr;
  const Value* bias = nullptr;
};

// (weight, bias, [stride...], [padding...], [dilation...], groups), each number a tensor of its own
Result<Config> ReadVersion1(const std::vector<Value>& state, int spatial_dims) {
  if (state.size() < 6) return Malformed("version 1 needs 6 values");
  Config config{.values = {spatial_dims}, .weight = &state[0], .bias = &state[1]};
  for (std::size_t i = 2; i < 5; ++i) {
    const std::vector<Value>* numbers = Items(state[i]);
    if (numbers == nullptr) return Malformed("stride, padding or dilation is not a list");
    if (numbers->size() != static_cast<std::size_t>(spatial_dims)) {
      return Malformed("stride, padding or dilation has the wrong length");
    }
    for (const Value& number : *numbers) {
      config.values.push_back(OCTAVO_TRY(AsScalar(number, "stride, padding or dilation")));
    }
  }
  config.values.insert(config.values.end(), static_cast<std::size_t>(spatial_dims), 0);  // output_padding
  config.values.push_back(OCTAVO_TRY(AsScalar(state[5], "groups")));
  config.values.push_back(0);  // not transposed
  return config;
}

// ("2", [configuration as an int16 tensor, weight], [bias or None])
Result<Config> ReadVersion2(const std::vector<Value>& state) {
  const std::vector<Value>* required = state.size() == 3 ? Items(state[1]) : nullptr;
  const std::vector<Value>* optional = state.size() == 3 ? Items(state[2]) : nullptr;
  if (required == nullptr || optional == nullptr || required->size() < 2 || optional->empty()) {
    return Malformed("version 2 needs configuration, weight and bias");
  }
  const Tensor* values = OCTAVO_TRY(AsTensor((*required)[0], "configuration"));
  if (!IsInteger(values->dtype) || values->rank() != 1 || values->sizes[0] > 64) {
    return Malformed("configuration is not a short vector of integers");
  }
  return Config{.values = values->ToInts(), .weight = &(*required)[1], .bias = &(*optional)[0]};
}

// (3, [configuration], [None, weight, bias or None])
Result<Config> ReadVersion3(const std::vector<Value>& state) {
  const std::vector<Value>* tensors = state.size() == 3 ? Items(state[2]) : nullptr;
  if (tensors == nullptr || tensors->size() != 3) return Malformed("version 3 needs three tensors");
  return Config{.values = OCTAVO_TRY(AsInts(state[1], "configuration")),
                .weight = &(*tensors)[1],
                .bias = &(*tensors)[2]};
}

Result<Config> ReadConvState(const std::vector<Value>& state, int spatial_dims) {
  if (state.empty()) return Malformed("the state is empty");
  if (std::holds_alternative<Tensor>(state[0].v)) return ReadVersion1(state, spatial_dims);
  if (const auto* text = std::get_if<std::string>(&state[0].v)) {
    if (*text == "2") return ReadVersion2(state);
    return Malformed(fmt::format("unknown version \"{}\"", text->substr(0, 20)));
  }
  if (const auto* number = std::get_if<std::int64_t>(&state[0].v)) {
    if (*number == 3) return ReadVersion3(state);
    return Malformed(fmt::format("unknown version {}", *number));
  }
  return Malformed("unknown version");
}

Result<std::optional<Tensor>> ReadBias(const Value& value, std::int64_t channels) {
  if (value.is_none()) return std::optional<Tensor>();
  const Tensor* bias = OCTAVO_TRY(AsTensor(value, "bias"));
  if (bias->dtype != DType::kFloat32 || bias->rank() != 1 || bias->sizes[0] != channels) {
    return Malformed(fmt::format("the bias must be float32[{}], not {}", channels, bias->type().ToString()));
  }
  return std::optional(*bias);
}

// Along another dimension the scales are not those of the outputs, and PyTorch's own operators fail, or give
// wrong numbers where both dimensions are equally long.
Status CheckAxis(const Tensor& weight, int axis) {
  if (weight.quantization && weight.quantization->axis && *weight.quantization->axis != axis) {
    return Unsupported(
        fmt::format(
            "the packed weights are quantized along dimension {}, but their output channels are dimension {}",
            *weight.quantization->axis, axis),
        "Quantize the weights of transposed convolutions per-tensor, with a separate qconfig for these "
        "modules.");
  }
  return {};
}

Status ReadConv(const std::vector<Value>& state, int spatial_dims, ir::PackedWeights& packed) {
  const Config config = OCTAVO_TRY(ReadConvState(state, spatial_dims));
  const auto k = static_cast<std::size_t>(spatial_dims);
  const std::span<const std::int64_t> values = config.values;
  if (values.size() != 4 * k + 3 || values[0] != spatial_dims) {
    return Malformed(fmt::format("a {}-dimensional convolution cannot have {} configuration values",
                                 spatial_dims, values.size()));
  }
  const auto group = [&values, k](std::size_t i) {
    return std::vector<std::int64_t>(values.begin() + static_cast<std::ptrdiff_t>(1 + i * k),
                                     values.begin() + static_cast<std::ptrdiff_t>(1 + (i + 1) * k));
  };
  packed.spatial_dims = spatial_dims;
  packed.stride = group(0);
  packed.padding = group(1);
  packed.dilation = group(2);
  packed.output_padding = group(3);
  packed.groups = values[4 * k + 1];
  const std::int64_t flags = values[4 * k + 2];
  if ((flags & ~std::int64_t{1}) != 0) return Malformed(fmt::format("unknown flags {}", flags));
  const bool transposed = flags == 1;
  packed.kind = transposed ? PackedKind::kConvTranspose : PackedKind::kConv;
  for (std::size_t i = 0; i < k; ++i) {
    if (packed.stride[i] < 1 || packed.dilation[i] < 1 || packed.padding[i] < 0 ||
        packed.output_padding[i] < 0) {
      return Malformed("stride and dilation must be positive, and padding must not be negative");
    }
  }
  const Tensor* weight = OCTAVO_TRY(AsTensor(*config.weight, "weight"));
  if (weight->dtype != DType::kQInt8 || weight->rank() != spatial_dims + 2 || weight->num_elements() == 0) {
    return Malformed(
        fmt::format("the weight of a {0}-dimensional convolution must be qint8 of rank {2}, not {1}",
                    spatial_dims, weight->type().ToString(), spatial_dims + 2));
  }
  if (packed.groups < 1 || weight->sizes[0] % packed.groups != 0) {
    return Malformed(
        fmt::format("{} channels cannot be divided into {} groups", weight->sizes[0], packed.groups));
  }
  std::int64_t channels = weight->sizes[0];
  if (transposed && __builtin_mul_overflow(weight->sizes[1], packed.groups, &channels)) {
    return Malformed("there are too many groups");
  }
  OCTAVO_TRY(CheckAxis(*weight, transposed ? 1 : 0));
  packed.weight = *weight;
  packed.bias = OCTAVO_TRY(ReadBias(*config.bias, channels));
  return {};
}

// (weight, bias or None); half-precision weights are stored as float32
Status ReadLinear(const std::vector<Value>& state, ir::PackedWeights& packed) {
  if (state.size() < 2) return Malformed("a linear layer needs weight and bias");
  const Tensor* weight = OCTAVO_TRY(AsTensor(state[0], "weight"));
  if ((weight->dtype != DType::kQInt8 && weight->dtype != DType::kFloat32) || weight->rank() != 2 ||
      weight->num_elements() == 0) {
    return Malformed(fmt::format("the weight of a linear layer must be qint8 or float32 of rank 2, not {}",
                                 weight->type().ToString()));
  }
  OCTAVO_TRY(CheckAxis(*weight, 0));
  packed.kind = weight->dtype == DType::kQInt8 ? PackedKind::kLinear : PackedKind::kLinearFp16;
  packed.weight = *weight;
  packed.bias = OCTAVO_TRY(ReadBias(state[1], weight->sizes[0]));
  return {};
}

// (1, [weight], [], [bits])
Status ReadEmbedding(const std::vector<Value>& state, ir::PackedWeights& packed) {
  const std::vector<Value>* tensors = state.size() == 4 ? Items(state[1]) : nullptr;
  if (tensors == nullptr || tensors->size() != 1) return Malformed("an embedding needs one weight");
  const std::int64_t version = OCTAVO_TRY(AsInt(state[0], "version"));
  if (version != 1) return Malformed(fmt::format("unknown version {} of an embedding", version));
  const Tensor* weight = OCTAVO_TRY(AsTensor((*tensors)[0], "weight"));
  if (!IsQuantized(weight->dtype) || weight->rank() != 2) {
    return Malformed(fmt::format("the weight of an embedding cannot be {}", weight->type().ToString()));
  }
  const std::vector<std::int64_t> bits = OCTAVO_TRY(AsInts(state[3], "bits"));
  const std::int64_t stored = weight->dtype == DType::kQUint4x2 ? 4 : 8;
  if (bits.size() != 1 || bits[0] != stored) {
    return Malformed(fmt::format(
        "the weight of an embedding is {}, but the file states another number of bits", Name(weight->dtype)));
  }
  OCTAVO_TRY(CheckAxis(*weight, 0));
  packed.kind = PackedKind::kEmbedding;
  packed.weight = *weight;
  return {};
}

}  // namespace

bool IsPackedWeightsClass(std::string_view class_name) {
  if (!class_name.starts_with(kPrefix)) return false;
  class_name.remove_prefix(kPrefix.size());
  return class_name == kConv2d || class_name == kConv3d || class_name == kLinear || class_name == kEmbedding;
}

Result<std::shared_ptr<const ir::PackedWeights>> ReadPackedWeights(std::string_view class_name,
                                                                   const Value& state, std::string name) {
  class_name.remove_prefix(kPrefix.size());
  auto packed = std::make_shared<ir::PackedWeights>();
  const std::vector<Value>* items = Items(state);
  Status status = Malformed("the state is not a tuple");
  if (items != nullptr) {
    if (class_name == kConv2d) {
      status = ReadConv(*items, 2, *packed);
    } else if (class_name == kConv3d) {
      status = ReadConv(*items, 3, *packed);
    } else if (class_name == kLinear) {
      status = ReadLinear(*items, *packed);
    } else {
      status = ReadEmbedding(*items, *packed);
    }
  }
  if (!status) return status.error().AddContext(fmt::format("attribute {}", name));
  packed->name = std::move(name);
  return std::shared_ptr<const ir::PackedWeights>(std::move(packed));
}

}  // namespace octavo::module
