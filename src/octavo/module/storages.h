#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "octavo/archive/archive.h"
#include "octavo/result.h"
#include "octavo/tensor.h"

namespace octavo::module {

// The storages of one pickle: records in one folder, each read once, however many tensors view it.
class Storages {
 public:
  // `folder` is "data/", "constants/".
  Storages(const archive::Archive& archive, std::string folder)
      : archive_(archive), folder_(std::move(folder)) {}

  // The storage `key`, which has `num_elements` of `dtype`.  An error names the record.
  Result<std::shared_ptr<const Storage>> Get(std::string_view key, DType dtype, std::int64_t num_elements);
  // Did PyTorch write zeros because it had no data?  It does so for tensors that have no memory of their own
  // (subclasses that wrap other tensors), and computes no checksum then.
  bool Lost(const Storage& storage) const { return lost_.contains(&storage); }

 private:
  const archive::Archive& archive_;
  std::string folder_;
  std::map<std::string, std::shared_ptr<const Storage>, std::less<>> entries_;
  std::set<const Storage*> lost_;
};

// The dtype of "FloatStorage", "QInt8Storage", ...; nullopt: no such storage.
std::optional<DType> DTypeOfStorage(std::string_view name);

// Checks that every element lies in the storage, of which the first `storage_bytes` count, that there are no
// negative sizes or strides, and that the elements, written out, are not out of proportion to the storage.
Status CheckBounds(const Tensor& tensor, int max_rank,
                   std::uint64_t storage_bytes = std::numeric_limits<std::uint64_t>::max());

}  // namespace octavo::module
