#include <algorithm>
#include <cstring>
#include <functional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "octavo/passes/passes.h"
#include "octavo/passes/replacements.h"

namespace octavo::passes {
namespace {

using ir::ValueId;

// As much of two tensors is held in memory at a time when they are compared.
constexpr std::size_t kComparedBytes = std::size_t{256} << 10;
// Elements that are looked at to tell large constants apart before their bytes are compared.
constexpr std::int64_t kSamples = 16;

// The element at an index that counts in row-major order.
const std::byte* ElementAt(const Tensor& tensor, std::int64_t index) {
  std::int64_t at = tensor.offset;
  for (std::size_t d = tensor.sizes.size(); d-- > 0;) {
    at += index % tensor.sizes[d] * tensor.strides[d];
    index /= tensor.sizes[d];
  }
  return tensor.storage->bytes.data() + at * static_cast<std::int64_t>(ElementSize(tensor.dtype));
}

std::size_t Hash(const Tensor& tensor) {
  std::size_t hash = static_cast<std::size_t>(tensor.dtype);
  const auto mix = [&hash](std::size_t value) { hash = (hash ^ value) * 0x9e3779b97f4a7c15U + (hash >> 29); };
  for (const std::int64_t size : tensor.sizes) mix(static_cast<std::size_t>(size));
  const std::int64_t count = tensor.num_elements();
  const std::int64_t samples = std::min(count, kSamples);
  for (std::int64_t i = 0; i < samples; ++i) {
    const std::int64_t index = samples == 1 ? 0 : i * ((count - 1) / (samples - 1));
    const std::byte* element = ElementAt(tensor, index);
    for (std::size_t k = 0; k < ElementSize(tensor.dtype); ++k) {
      const std::byte byte = tensor.flip_sign_bit ? element[k] ^ std::byte{0x80} : element[k];
      mix(static_cast<std::size_t>(byte));
    }
  }
  return hash;
}

bool SameView(const Tensor& a, const Tensor& b) {
  return a.storage && b.storage && a.storage->bytes.data() == b.storage->bytes.data() &&
         a.offset == b.offset && a.strides == b.strides && a.flip_sign_bit == b.flip_sign_bit;
}

Tensor Slice(const Tensor& tensor, std::int64_t index) {
  Tensor slice = tensor;
  slice.quantization.reset();
  slice.offset += index * slice.strides[0];
  slice.sizes.erase(slice.sizes.begin());
  slice.strides.erase(slice.strides.begin());
  return slice;
}

// Needs the same element type and sizes.
bool SameElements(const Tensor& a, const Tensor& b) {
  if (SameView(a, b) || a.num_elements() == 0) return true;
  if (a.contiguous() && b.contiguous() && a.flip_sign_bit == b.flip_sign_bit) {
    return std::memcmp(ElementAt(a, 0), ElementAt(b, 0), a.num_bytes()) == 0;
  }
  if (a.num_bytes() <= kComparedBytes || a.sizes.empty()) return a.Bytes() == b.Bytes();
  for (std::int64_t i = 0; i < a.sizes[0]; ++i) {
    if (!SameElements(Slice(a, i), Slice(b, i))) return false;
  }
  return true;
}

}  // namespace

int MergeConstants(ir::Graph& graph) {
  std::unordered_multimap<std::size_t, ValueId> seen;
  Replacements replacements(graph);
  const std::vector<int> uses = graph.CountUses();
  int merged = 0;
  for (std::size_t i = 0; i < graph.num_values(); ++i) {
    const ValueId id{static_cast<std::int32_t>(i)};
    ir::Value& value = graph.value(id);
    if (!value.constant || uses[i] == 0) continue;
    const std::size_t hash = Hash(*value.constant);
    const auto [first, last] = seen.equal_range(hash);
    const auto same = std::find_if(first, last, [&](const auto& entry) {
      const ir::Value& other = graph.value(entry.second);
      return other.type == value.type && SameElements(*other.constant, *value.constant);
    });
    if (same == last) {
      seen.emplace(hash, id);
      continue;
    }
    replacements.Add(id, same->second);
    value.constant.reset();
    ++merged;
  }
  if (merged > 0) replacements.Apply();
  return merged;
}

}  // namespace octavo::passes
