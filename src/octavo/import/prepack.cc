#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "octavo/import/builtins.h"

// Packed weights: what quantized::*_prepack makes of a weight and a bias.

namespace octavo::import {
namespace {

using ir::PackedWeights;

Result<std::vector<std::int64_t>> Ints(Evaluator& evaluator, const Value& value, std::string_view what) {
  std::vector<std::int64_t> out;
  if (value.Is<std::int64_t>()) return std::vector<std::int64_t>{value.As<std::int64_t>()};
  for (const Value& item : OCTAVO_TRY(evaluator.Iterate(value))) {
    out.push_back(OCTAVO_TRY(KnownInt(item, what)));
  }
  return out;
}

// Sets the weight and the bias: constants by their elements, others by their values in the graph.
Status SetWeights(Evaluator& evaluator, const CallArguments& call, PackedWeights& packed) {
  TensorBox* weight = call.positional.empty() ? nullptr : call.positional[0].Get<TensorBox*>();
  if (!weight) return Unsupported("the weight must be a tensor");
  OCTAVO_TRY(evaluator.CheckFresh(*weight));
  if (weight->constant) {
    packed.weight = *weight->constant;
  } else {
    packed.weight_value = OCTAVO_TRY(evaluator.Materialise(weight));
  }
  const Value* bias_value = call.Find(1, "bias");
  if (!bias_value) bias_value = call.Find(1, "B");
  TensorBox* bias = bias_value ? bias_value->Get<TensorBox*>() : nullptr;
  if (bias) {
    OCTAVO_TRY(evaluator.CheckFresh(*bias));
    // Either both are constants or both are values: who reads them has one case less.
    if (bias->constant && weight->constant) {
      packed.bias = *bias->constant;
    } else if (weight->constant) {
      packed.weight_value = OCTAVO_TRY(evaluator.Materialise(weight));
      packed.bias_value = OCTAVO_TRY(evaluator.Materialise(bias));
    } else {
      packed.bias_value = OCTAVO_TRY(evaluator.Materialise(bias));
    }
  }
  return {};
}

Result<std::optional<int>> WeightRank(Evaluator& evaluator, const CallArguments& call) {
  const TensorType type = OCTAVO_TRY(evaluator.TypeOf(call.positional[0].As<TensorBox*>()));
  return type.rank();
}

Status CheckQuantized(Evaluator& evaluator, const CallArguments& call) {
  TensorBox* weight = call.positional[0].As<TensorBox*>();
  const TensorType type = OCTAVO_TRY(evaluator.TypeOf(weight));
  if (type.dtype == DType::kUnknown || type.dtype == DType::kQInt8) return {};
  return Unsupported(fmt::format("the weight must be qint8, not {}", Name(type.dtype)));
}

// Weights that stem from an operator without a row have no type; nothing more is to be learned from them.
bool IsUnknown(const CallArguments& call) {
  const TensorBox* weight = call.positional.empty() ? nullptr : call.positional[0].Get<TensorBox*>();
  return weight && weight->tainted;
}

Value NewPacked(Evaluator& evaluator, PackedWeights packed) {
  return Value(evaluator.arena().NewPacked(std::make_shared<const PackedWeights>(std::move(packed))));
}

template <int spatial_dims, bool transposed>
BuiltinResult PackConvolution(Evaluator& evaluator, const CallArguments& call) {
  if (IsUnknown(call)) return Done(Value(Unknown{}));
  const std::size_t wanted = transposed ? 7 : 6;
  if (call.positional.size() != wanted || !call.positional[0].Is<TensorBox*>()) return NotMine();
  OCTAVO_TRY(CheckQuantized(evaluator, call));
  PackedWeights packed;
  packed.kind = transposed ? PackedWeights::Kind::kConvTranspose : PackedWeights::Kind::kConv;
  packed.spatial_dims = spatial_dims;
  OCTAVO_TRY(SetWeights(evaluator, call, packed));
  // PyTorch takes the weight of one dimension with a height of 1, too: quantized_convolution.cc.
  const auto rank = OCTAVO_TRY(WeightRank(evaluator, call));
  if (rank && *rank != spatial_dims + 2 && !(spatial_dims == 1 && *rank == 4)) {
    return Unsupported(
        fmt::format("the weight of a {}d convolution cannot have rank {}", spatial_dims, *rank));
  }
  packed.stride = OCTAVO_TRY(Ints(evaluator, call.positional[2], "the stride of a convolution"));
  packed.padding = OCTAVO_TRY(Ints(evaluator, call.positional[3], "the padding of a convolution"));
  if (transposed) {
    packed.output_padding =
        OCTAVO_TRY(Ints(evaluator, call.positional[4], "the output_padding of a convolution"));
  } else {
    packed.output_padding.assign(spatial_dims, 0);
  }
  packed.dilation =
      OCTAVO_TRY(Ints(evaluator, call.positional[transposed ? 5 : 4], "the dilation of a convolution"));
  packed.groups = OCTAVO_TRY(KnownInt(call.positional[transposed ? 6 : 5], "the groups of a convolution"));
  for (std::vector<std::int64_t>* values :
       {&packed.stride, &packed.padding, &packed.output_padding, &packed.dilation}) {
    // PyTorch reads the first number alone in one dimension; its own Conv1d with a padding mode gives two.
    if (spatial_dims == 1 && !values->empty()) values->resize(1);
    if (values->size() != spatial_dims) {
      return Unsupported(
          fmt::format("stride, padding and dilation of a {}d convolution cannot have {} elements",
                      spatial_dims, values->size()));
    }
  }
  if (packed.groups < 1)
    return Unsupported(fmt::format("a convolution cannot have {} groups", packed.groups));
  return Done(NewPacked(evaluator, std::move(packed)));
}

BuiltinResult PackLinear(Evaluator& evaluator, const CallArguments& call) {
  if (IsUnknown(call)) return Done(Value(Unknown{}));
  if (call.positional.empty() || !call.positional[0].Is<TensorBox*>()) return NotMine();
  OCTAVO_TRY(CheckQuantized(evaluator, call));
  PackedWeights packed;
  packed.kind = PackedWeights::Kind::kLinear;
  OCTAVO_TRY(SetWeights(evaluator, call, packed));
  return Done(NewPacked(evaluator, std::move(packed)));
}

// PyTorch cuts weights to float16's range before it rounds them, and NaN to the range's end
// (qlinear_prepack.cpp).
float SaturateToHalf(float x) {
  constexpr float kLargest = 65504.0F;
  return std::isnan(x) ? -kLargest : RoundToHalf(std::clamp(x, -kLargest, kLargest));
}

BuiltinResult PackLinearFp16(Evaluator& evaluator, const CallArguments& call) {
  if (IsUnknown(call)) return Done(Value(Unknown{}));
  TensorBox* weight = call.positional.empty() ? nullptr : call.positional[0].Get<TensorBox*>();
  if (!weight) return NotMine();
  const TensorType type = OCTAVO_TRY(evaluator.TypeOf(weight));
  if (type.dtype != DType::kFloat32) return Unsupported("the weight of a float16 layer must be float32");
  PackedWeights packed;
  packed.kind = PackedWeights::Kind::kLinearFp16;
  OCTAVO_TRY(SetWeights(evaluator, call, packed));
  if (!packed.weight_value.valid()) {
    std::vector<float> values = packed.weight.ToFloats();
    for (float& value : values) value = SaturateToHalf(value);
    packed.weight = Tensor::Floats(packed.weight.sizes, values);
  }
  return Done(NewPacked(evaluator, std::move(packed)));
}

BuiltinResult PackEmbedding(Evaluator& evaluator, const CallArguments& call) {
  if (IsUnknown(call)) return Done(Value(Unknown{}));
  TensorBox* weight = call.positional.empty() ? nullptr : call.positional[0].Get<TensorBox*>();
  if (!weight) return NotMine();
  const TensorType type = OCTAVO_TRY(evaluator.TypeOf(weight));
  if (!type.quantized()) return NotMine();
  PackedWeights packed;
  packed.kind = PackedWeights::Kind::kEmbedding;
  OCTAVO_TRY(SetWeights(evaluator, {.expr = call.expr, .positional = {call.positional[0]}}, packed));
  return Done(NewPacked(evaluator, std::move(packed)));
}

const PackedWeights* FirstPacked(const CallArguments& call) {
  PackedBox* box = call.positional.empty() ? nullptr : call.positional[0].Get<PackedBox*>();
  return box ? box->packed.get() : nullptr;
}

Value WeightOf(Evaluator& evaluator, const PackedWeights& packed) {
  if (packed.weight_value.valid()) return evaluator.NewTensorValue(packed.weight_value);
  return evaluator.NewConstant(packed.weight, packed.name + ".weight");
}

Value BiasOf(Evaluator& evaluator, const PackedWeights& packed) {
  if (packed.bias_value.valid()) return evaluator.NewTensorValue(packed.bias_value);
  if (packed.bias) return evaluator.NewConstant(*packed.bias, packed.name + ".bias");
  return Value();
}

BuiltinResult Unpack(Evaluator& evaluator, const CallArguments& call) {
  const PackedWeights* packed = FirstPacked(call);
  if (!packed) return NotMine();
  return Done(Value(evaluator.arena().NewTuple({WeightOf(evaluator, *packed), BiasOf(evaluator, *packed)})));
}

BuiltinResult UnpackWeight(Evaluator& evaluator, const CallArguments& call) {
  const PackedWeights* packed = FirstPacked(call);
  if (!packed) return NotMine();
  return Done(WeightOf(evaluator, *packed));
}

BuiltinResult UnpackBias(Evaluator& evaluator, const CallArguments& call) {
  const PackedWeights* packed = FirstPacked(call);
  if (!packed) return NotMine();
  return Done(BiasOf(evaluator, *packed));
}

template <std::vector<std::int64_t> PackedWeights::*member>
BuiltinResult WindowOf(Evaluator& evaluator, const CallArguments& call) {
  const PackedWeights* packed = FirstPacked(call);
  if (!packed) return NotMine();
  std::vector<Value> items;
  for (const std::int64_t v : packed->*member) items.emplace_back(v);
  return Done(Value(evaluator.arena().NewList(std::move(items))));
}

BuiltinResult GroupsOf(Evaluator&, const CallArguments& call) {
  const PackedWeights* packed = FirstPacked(call);
  if (!packed) return NotMine();
  return Done(Value(packed->groups));
}

BuiltinResult IsTransposed(Evaluator&, const CallArguments& call) {
  const PackedWeights* packed = FirstPacked(call);
  if (!packed) return NotMine();
  return Done(Value(packed->kind == PackedWeights::Kind::kConvTranspose));
}

}  // namespace

void AddPrepackBuiltins(BuiltinTable& table) {
  table["quantized::conv_prepack"] = PackConvolution<2, false>;
  table["quantized::conv1d_prepack"] = PackConvolution<1, false>;
  table["quantized::conv2d_prepack"] = PackConvolution<2, false>;
  table["quantized::conv3d_prepack"] = PackConvolution<3, false>;
  table["quantized::conv_transpose1d_prepack"] = PackConvolution<1, true>;
  table["quantized::conv_transpose2d_prepack"] = PackConvolution<2, true>;
  table["quantized::conv_transpose3d_prepack"] = PackConvolution<3, true>;
  table["quantized::linear_prepack"] = table["quantized::linear_prepack_legacy"] = PackLinear;
  table["quantized::linear_prepack_fp16"] = table["quantized::linear_prepack_fp16_legacy"] = PackLinearFp16;
  table["quantized::embedding_bag_prepack"] = PackEmbedding;
  for (const char* name : {"quantized::conv_unpack", "quantized::conv1d_unpack", "quantized::conv2d_unpack",
                           "quantized::conv3d_unpack", "quantized::conv_transpose1d_unpack",
                           "quantized::conv_transpose2d_unpack", "quantized::conv_transpose3d_unpack",
                           "quantized::linear_unpack", "quantized::linear_unpack_fp16", "packed::unpack"}) {
    table[name] = Unpack;
  }
  table["packed::bias"] = UnpackBias;
  table["quantized::embedding_bag_unpack"] = table["packed::embeddingbag_unpack"] = UnpackWeight;
  for (const char* prefix : {"packed::", "quantized::conv2d_", "quantized::conv3d_",
                             "quantized::conv_transpose2d_", "quantized::conv_transpose3d_"}) {
    // The table's keys are views: these live as long as the program.
    static std::deque<std::string> names;
    const auto key = [prefix](const char* name) -> std::string_view {
      return names.emplace_back(std::string(prefix) + name);
    };
    table[key("stride")] = WindowOf<&PackedWeights::stride>;
    table[key("padding")] = WindowOf<&PackedWeights::padding>;
    table[key("output_padding")] = WindowOf<&PackedWeights::output_padding>;
    table[key("dilation")] = WindowOf<&PackedWeights::dilation>;
    table[key("groups")] = GroupsOf;
    table[key("transpose")] = IsTransposed;
  }
}

}  // namespace octavo::import
