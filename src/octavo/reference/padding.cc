#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "octavo/reference/conversion.h"
#include "octavo/reference/kernels.h"
#include "octavo/reference/movement.h"

namespace octavo::reference {
namespace {

enum class PaddingMode { kConstant, kReflect, kReplicate, kCircular };

// Elements added before and behind each dimension; negative ones are taken away.
struct Pads {
  Sizes begin, end;
};

// PyTorch lists the last dimension first.
Result<Pads> PadsOf(const Sizes& pad, std::size_t rank) {
  if (pad.size() % 2 != 0 || pad.size() > 2 * rank) {
    return Unsupported(fmt::format("{} padding sizes do not fit a tensor of rank {}", pad.size(), rank));
  }
  Pads pads{Sizes(rank, 0), Sizes(rank, 0)};
  for (std::size_t i = 0; i < pad.size() / 2; ++i) {
    for (const std::int64_t amount : {pad[2 * i], pad[2 * i + 1]}) {
      if (amount > kMaxTensorElements || amount < -kMaxTensorElements) {
        return Unsupported(fmt::format("a padding of {} elements is not supported", amount));
      }
    }
    pads.begin[rank - 1 - i] = pad[2 * i];
    pads.end[rank - 1 - i] = pad[2 * i + 1];
  }
  return pads;
}

// The index in [0, size) that index i in [-begin, size + end) of the padded dimension shows; kFill outside.
std::int64_t Shown(PaddingMode mode, std::int64_t i, std::int64_t size) {
  if (i >= 0 && i < size) return i;
  switch (mode) {
    case PaddingMode::kConstant:
      return kFill;
    case PaddingMode::kReflect:
      return i < 0 ? -i : 2 * (size - 1) - i;
    case PaddingMode::kReplicate:
      return std::clamp<std::int64_t>(i, 0, size - 1);
    case PaddingMode::kCircular:
      return i < 0 ? i + size : i - size;
  }
  return kFill;
}

Status CheckAmounts(PaddingMode mode, std::int64_t size, std::int64_t begin, std::int64_t end) {
  const std::int64_t most = std::max(begin, end);
  const bool fits =
      mode == PaddingMode::kConstant || most <= 0 ||
      (mode == PaddingMode::kReplicate ? size > 0 : most < size + (mode == PaddingMode::kCircular));
  if (fits && (mode != PaddingMode::kCircular || std::min(begin, end) >= 0)) return {};
  return Unsupported(fmt::format("a dimension of size {} cannot be padded by {} and {}", size, begin, end));
}

Results Padded(const Tensor& x, const Sizes& pad, PaddingMode mode, const std::vector<std::byte>& fill = {}) {
  const std::size_t rank = x.sizes.size();
  const Pads pads = OCTAVO_TRY(PadsOf(pad, rank));
  Sizes sizes = x.sizes;
  for (std::size_t d = 0; d < rank; ++d) {
    OCTAVO_TRY(CheckAmounts(mode, sizes[d], pads.begin[d], pads.end[d]));
    sizes[d] += pads.begin[d] + pads.end[d];
  }
  sizes = OCTAVO_TRY(Checked(std::move(sizes)));
  const Sizes steps = Steps(x.sizes);
  std::vector<std::int64_t> places;
  ForEachIndex(sizes, [&](const Sizes& at) {
    std::int64_t place = 0;
    for (std::size_t d = 0; d < rank && place != kFill; ++d) {
      const std::int64_t shown = Shown(mode, at[d] - pads.begin[d], x.sizes[d]);
      place = shown == kFill ? kFill : place + shown * steps[d];
    }
    places.push_back(place);
  });
  return One(OCTAVO_TRY(Picked(x, std::move(sizes), places, fill)));
}

// A number as one element of the tensor; of a quantized one the integer that stands for it.
Result<std::vector<std::byte>> Fill(const Call& call, const Tensor& x) {
  Tensor number = Tensor::From(DType::kInt64, {}, std::vector<std::int64_t>{0});
  if (call.has("value")) number = NumberTensor(call, "value");
  return OCTAVO_TRY(FilledLike(x, number, call.options())).Bytes();
}

Results Constant(const Call& call, const Tensor& x) {
  const std::vector<std::byte> fill = OCTAVO_TRY(Fill(call, x));
  return Padded(x, call.ints("pad"), PaddingMode::kConstant, fill);
}

Results ConstantPad(const Call& call) { return Constant(call, call.tensor("self")); }

Results Pad(const Call& call) {
  const Tensor& x = call.tensor("self");
  const std::string& mode = call.text("mode");
  if (mode == "constant") return Constant(call, x);
  if (mode == "reflect") return Padded(x, call.ints("pad"), PaddingMode::kReflect);
  if (mode == "replicate") return Padded(x, call.ints("pad"), PaddingMode::kReplicate);
  if (mode == "circular") return Padded(x, call.ints("pad"), PaddingMode::kCircular);
  return Unsupported(fmt::format(
      "argument mode must be \"constant\", \"reflect\", \"replicate\" or \"circular\", not \"{}\"", mode));
}

Results CircularPad(const Call& call) {
  return Padded(call.tensor("self"), call.ints("pad"), PaddingMode::kCircular);
}

template <PaddingMode kMode>
Results PadImage(const Call& call) {
  return Padded(call.tensor("self"), call.ints("padding"), kMode);
}

}  // namespace

void AddPadding(Kernels& kernels) {
  kernels.Add("aten::constant_pad_nd", ConstantPad);
  kernels.Add("aten::pad", Pad);
  kernels.Add("aten::_pad_circular", CircularPad);
  for (const char* name : {"aten::reflection_pad1d", "aten::reflection_pad2d", "aten::reflection_pad3d"}) {
    kernels.Add(name, PadImage<PaddingMode::kReflect>);
  }
  for (const char* name : {"aten::replication_pad1d", "aten::replication_pad2d", "aten::replication_pad3d"}) {
    kernels.Add(name, PadImage<PaddingMode::kReplicate>);
  }
}

}  // namespace octavo::reference
