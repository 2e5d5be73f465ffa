#include "octavo/module/tensor_reader.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

namespace octavo::module {
namespace {

using pickle::Kind;
using pickle::NodeId;

// "uint16" of "UInt16Storage", "float8_e4m3fn" of "Float8_e4m3fnStorage".
std::string StorageTypeName(std::string_view storage) {
  constexpr std::string_view kStorage = "Storage";
  if (storage.ends_with(kStorage)) storage.remove_suffix(kStorage.size());
  std::string name(storage);
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return name;
}

constexpr std::array<std::string_view, 22> kDevices = {
    "cpu", "cuda", "ipu", "xpu",  "mkldnn", "opengl", "opencl", "ideep", "hip",  "ve",    "fpga",
    "ort", "maia", "xla", "lazy", "vulkan", "mps",    "meta",   "hpu",   "mtia", "metal", "privateuseone"};

std::pair<std::int64_t, std::int64_t> ZeroPointRange(DType dtype) {
  switch (dtype) {
    case DType::kQInt8:
      return {-128, 127};
    case DType::kQUint4x2:
      return {0, 15};
    case DType::kQUint2x4:
      return {0, 3};
    case DType::kQInt32:
      return {std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()};
    default:
      return {0, 255};
  }
}

// quint4x2 and quint2x4 to one byte an element: the first element is in the lowest bits.
Result<Tensor> Unpacked(Tensor tensor) {
  const int per_byte = tensor.dtype == DType::kQUint4x2 ? 2 : 4;
  const int bits = 8 / per_byte;
  Tensor bytes = tensor;
  const std::int64_t count = tensor.num_elements();
  bytes.sizes = {(tensor.offset + count + per_byte - 1) / per_byte};
  bytes.strides = {1};
  bytes.offset = 0;
  OCTAVO_TRY(CheckBounds(bytes, 1));
  if (!tensor.contiguous()) {
    return Unsupported(fmt::format("a {} tensor that is not contiguous is not supported", Name(tensor.dtype)),
                       "Call .contiguous() on it before saving.");
  }
  std::vector<std::byte> elements(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t at = tensor.offset + i;
    const auto packed =
        std::to_integer<unsigned>(tensor.storage->bytes[static_cast<std::size_t>(at / per_byte)]);
    const unsigned mask = (1u << static_cast<unsigned>(bits)) - 1;
    elements[static_cast<std::size_t>(i)] =
        static_cast<std::byte>((packed >> static_cast<unsigned>((at % per_byte) * bits)) & mask);
  }
  tensor.storage = Storage::Of(std::move(elements));
  tensor.offset = 0;
  return tensor;
}

}  // namespace

bool TensorReader::Makes(std::string_view function) {
  return function.starts_with("torch._utils._rebuild_") || function == "torch._tensor._rebuild_from_type_v2";
}

Result<Tensor> TensorReader::Read(NodeId node, std::string_view function, NodeId arguments) {
  if (function == "torch._utils._rebuild_tensor_v2") {
    return ReadView(node, OCTAVO_TRY(pickle_.Tuple(arguments, 5, "the description of a tensor")), false);
  }
  if (function == "torch._utils._rebuild_qtensor") {
    return ReadView(node, OCTAVO_TRY(pickle_.Tuple(arguments, 6, "the description of a quantized tensor")),
                    true);
  }
  if (function == "torch._utils._rebuild_parameter") {
    const auto items = OCTAVO_TRY(pickle_.Tuple(arguments, 1, "the description of a parameter"));
    return ReadCall(items[0], "the data of a parameter");
  }
  if (function == "torch._tensor._rebuild_from_type_v2") {
    // function, type, arguments, attributes that a Python program added
    const auto items = OCTAVO_TRY(pickle_.Tuple(arguments, 3, "the description of a tensor"));
    const std::string inner = pickle_.GlobalName(items[0]);
    if (inner == function || !Makes(inner))
      return pickle_.Fail(node, "a tensor is built by an unknown function");
    return Read(node, inner, items[2]);
  }
  return Unsupported(
             fmt::format("this kind of tensor is not supported ({})", function),
             "Convert it with .to_dense() before saving: only dense and quantized tensors are supported.")
      .SetWhere(pickle_.Where(node));
}

Result<Tensor> TensorReader::ReadCall(NodeId node, std::string_view what) {
  const std::string function =
      pickle_->kind(node) == Kind::kCall ? pickle_.GlobalName(pickle_->callable(node)) : std::string();
  if (!Makes(function)) return pickle_.Fail(node, fmt::format("{} must be a tensor", what));
  if (depth_ > 2) return pickle_.Fail(node, "the description of a tensor is nested too deeply");
  ++depth_;
  auto tensor = Read(node, function, pickle_->arguments(node));
  --depth_;
  return tensor;
}

Result<Tensor> TensorReader::ReadView(NodeId node, std::span<const NodeId> arguments, bool quantized) {
  Tensor tensor;
  std::uint64_t storage_bytes = std::numeric_limits<std::uint64_t>::max();
  tensor.dtype = OCTAVO_TRY(ReadStorage(arguments[0], tensor, storage_bytes));
  tensor.offset = OCTAVO_TRY(pickle_.Int(arguments[1], "the offset of a tensor"));
  tensor.sizes = OCTAVO_TRY(pickle_.Ints(arguments[2], "the size of a tensor"));
  tensor.strides = OCTAVO_TRY(pickle_.Ints(arguments[3], "the stride of a tensor"));
  if (pickle_->kind(arguments[2]) != Kind::kTuple || pickle_->kind(arguments[3]) != Kind::kTuple) {
    return pickle_.Fail(node, "the size and the stride of a tensor must be tuples");
  }
  OCTAVO_TRY(CheckRequiresGrad(arguments[quantized ? 5 : 4], tensor.dtype));
  const bool packed = tensor.dtype == DType::kQUint4x2 || tensor.dtype == DType::kQUint2x4;
  if (!types_only_ && !packed) {
    if (Status status = CheckBounds(tensor, kMaxRank, storage_bytes); !status) {
      return status.error().SetWhere(pickle_.Where(node));
    }
  }
  if (quantized != IsQuantized(tensor.dtype)) {
    return pickle_.Fail(node, fmt::format("a tensor of dtype {} {} a quantization", Name(tensor.dtype),
                                          quantized ? "has" : "lacks"));
  }
  if (packed && !types_only_) {
    // Sizes and strides count elements of less than a byte; the bounds are checked where they are unpacked.
    Tensor probe = tensor;
    probe.strides.assign(probe.strides.size(), 0);
    Storage any{.bytes = std::as_bytes(std::span("\0", 1)), .owner = nullptr};
    probe.storage = std::make_shared<const Storage>(any);
    probe.offset = 0;
    Status status = CheckBounds(probe, kMaxRank);
    if (status && (tensor.offset < 0 || tensor.offset > std::numeric_limits<std::int32_t>::max())) {
      status =
          InvalidFile("a tensor begins outside its storage", "Copy or save the file again: it is damaged.");
    }
    if (!status) return status.error().SetWhere(pickle_.Where(node));
    auto unpacked = Unpacked(std::move(tensor));
    if (!unpacked) return unpacked.error().SetWhere(pickle_.Where(node));
    tensor = std::move(*unpacked);
  }
  if (quantized) {
    if (types_only_ &&
        pickle_.GlobalName(pickle_->items(arguments[4]).empty()
                               ? arguments[4]
                               : pickle_->items(arguments[4])[0]) != "torch.per_tensor_affine") {
      return tensor;
    }
    tensor.quantization = OCTAVO_TRY(ReadQuantization(arguments[4], tensor));
  } else if (arguments.size() > 6) {
    OCTAVO_TRY(CheckNoMathBits(arguments[6]));
  }
  return tensor;
}

// ("storage", torch.FloatStorage, key, device, number of elements)
Result<DType> TensorReader::ReadStorage(NodeId node, Tensor& tensor, std::uint64_t& storage_bytes) {
  if (pickle_->kind(node) != Kind::kPersistent) return pickle_.Fail(node, "a tensor has no valid storage");
  const auto id = OCTAVO_TRY(pickle_.Tuple(pickle_->arguments(node), 5, "the description of a storage"));
  if (OCTAVO_TRY(pickle_.String(id[0], "the kind of a persistent id")) != "storage") {
    return pickle_.Fail(node, "a persistent id must be of kind \"storage\"");
  }
  const std::string type = pickle_.GlobalName(id[1]);
  if (!type.starts_with("torch.")) return pickle_.Fail(id[1], "the type of a storage is not a PyTorch type");
  const std::optional<DType> dtype = DTypeOfStorage(std::string_view(type).substr(6));
  if (!dtype) {
    return Unsupported(fmt::format("a tensor of dtype {}, which is not supported",
                                   StorageTypeName(std::string_view(type).substr(6))),
                       "Convert the tensor to another dtype before saving the model.")
        .SetWhere(pickle_.Where(id[1]));
  }
  const std::string_view key = OCTAVO_TRY(pickle_.String(id[2], "the key of a storage"));
  const std::int64_t count = OCTAVO_TRY(pickle_.Int(id[4], "the length of a storage"));
  if (!types_only_) {
    tensor.storage = OCTAVO_TRY(storages_.Get(key, *dtype, count));
    // PyTorch knows of no more elements, whatever the record has.
    storage_bytes = static_cast<std::uint64_t>(count) * ElementSize(*dtype);
  }
  OCTAVO_TRY(CheckDevice(id[3], count));
  return *dtype;
}

Status TensorReader::CheckRequiresGrad(NodeId node, DType dtype) {
  if (pickle_->kind(node) != Kind::kBool)
    return pickle_.Fail(node, "whether a tensor requires a gradient is not a bool");
  const bool differentiable = IsFloat(dtype) || dtype == DType::kComplex32 || dtype == DType::kComplex64 ||
                              dtype == DType::kComplex128;
  if (pickle_->boolean(node) && !differentiable) {
    return pickle_.Fail(node, fmt::format("a tensor of dtype {} cannot require a gradient", Name(dtype)));
  }
  return {};
}

// "cpu", "cuda:0"
Status TensorReader::CheckDevice(NodeId node, std::int64_t count) {
  const std::string_view device = OCTAVO_TRY(pickle_.String(node, "the device of a storage"));
  const std::string_view type = device.substr(0, device.find(':'));
  if (std::ranges::find(kDevices, type) == kDevices.end()) {
    return pickle_.Fail(node, fmt::format("PyTorch has no device \"{}\"", device));
  }
  // PyTorch 1.13 reads the record, newer versions leave the tensor without data.
  if (type == "meta" && count != 0) {
    return pickle_.Fail(node,
                        "a tensor is on the device \"meta\", where it has no data, and has data in the file");
  }
  return {};
}

Result<Quantization> TensorReader::ReadQuantization(NodeId node, const Tensor& tensor) {
  const auto items = OCTAVO_TRY(pickle_.Tuple(node, 3, "the quantization of a tensor"));
  const std::string scheme = pickle_.GlobalName(items[0]);
  Quantization quantization;
  if (scheme == "torch.per_tensor_affine") {
    if (pickle_->kind(items[1]) != Kind::kFloat) return pickle_.Fail(items[1], "a scale is not a float");
    quantization.scales = {pickle_->number(items[1])};
    quantization.zero_points = {OCTAVO_TRY(pickle_.Int(items[2], "a zero point"))};
  } else if (scheme == "torch.per_channel_affine" || scheme == "torch.per_channel_affine_float_qparams") {
    if (items.size() < 4) return pickle_.Fail(node, "a per-channel quantization has no axis");
    const std::int64_t axis = OCTAVO_TRY(pickle_.Int(items[3], "the axis of a quantization"));
    if (axis < 0 || axis >= tensor.rank()) {
      return pickle_.Fail(items[3], fmt::format("a tensor of rank {} cannot be quantized along dimension {}",
                                                tensor.rank(), axis));
    }
    quantization.axis = static_cast<int>(axis);
    const std::int64_t channels = tensor.sizes[static_cast<std::size_t>(axis)];
    const Tensor scales = OCTAVO_TRY(ReadCall(items[1], "the scales"));
    const Tensor zeros = OCTAVO_TRY(ReadCall(items[2], "the zero points"));
    if (!IsFloat(scales.dtype) || scales.num_elements() != channels || zeros.num_elements() != channels) {
      return pickle_.Fail(
          node, fmt::format("a tensor with {} channels has {} scales ({}) and {} zero points", channels,
                            scales.num_elements(), Name(scales.dtype), zeros.num_elements()));
    }
    quantization.scales = scales.ToDoubles();
    quantization.float_zero_points = scheme.ends_with("_float_qparams");
    if (quantization.float_zero_points ? !IsFloat(zeros.dtype) : !IsInteger(zeros.dtype)) {
      return pickle_.Fail(node, fmt::format("the zero points of {} cannot be {}", scheme, Name(zeros.dtype)));
    }
    if (quantization.float_zero_points) {
      quantization.float_zeros = zeros.ToDoubles();
    } else {
      quantization.zero_points = zeros.ToInts();
    }
  } else {
    return Unsupported(fmt::format("the quantization scheme {} is not supported",
                                   scheme.empty() ? "(unknown)" : scheme),
                       "Quantize the tensor per-tensor or per-channel.")
        .SetWhere(pickle_.Where(node));
  }
  const auto refuse = [this, node](std::string what) {
    return InvalidFile(std::move(what), "Calibrate, quantize and save the model again.")
        .SetWhere(pickle_.Where(node));
  };
  for (std::size_t i = 0; i < quantization.scales.size(); ++i) {
    const double scale = quantization.scales[i];
    if (!std::isfinite(scale) || scale <= 0) {
      return refuse(fmt::format("a tensor has the scale {}{}, but a scale must be positive and finite", scale,
                                quantization.axis ? fmt::format(" in channel {}", i) : std::string()));
    }
  }
  const auto [low, high] = ZeroPointRange(tensor.dtype);
  for (const std::int64_t zero : quantization.zero_points) {
    if (zero < low || zero > high) {
      return refuse(fmt::format("a {} tensor has the zero point {}, but it must be from {} to {}",
                                Name(tensor.dtype), zero, low, high));
    }
  }
  for (const double zero : quantization.float_zeros) {
    if (!std::isfinite(zero))
      return refuse(fmt::format("a tensor has the zero point {}, but it must be finite", zero));
  }
  return quantization;
}

// {"conj": True} and {"neg": True} are views that change the values.  Newer versions of PyTorch do not look
// at the bool.
Status TensorReader::CheckNoMathBits(NodeId node) {
  const auto items = pickle_->items(node);
  if (items.empty()) return {};
  return Unsupported("conjugated or negated views are not supported",
                     "Call .resolve_conj().resolve_neg() on it before saving.")
      .SetWhere(pickle_.Where(node));
}

}  // namespace octavo::module
