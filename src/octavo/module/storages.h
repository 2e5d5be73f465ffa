#pragma once

#include <cstddef>
#include <cstdint>
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
  // `folder` is "data/", "constants/".  `big_endian`: the file's elements are; they are swapped when read.
  Storages(const archive::Archive& archive, std::string folder, bool big_endian)
      : archive_(archive), folder_(std::move(folder)), big_endian_(big_endian) {}

  // The storage `key`, which has `num_elements` of `dtype`.  An error names the record.
  Result<std::shared_ptr<const Storage>> Get(std::string_view key, DType dtype, std::int64_t num_elements);
  // Did PyTorch write zeros because it had no data?  It does so for tensors that have no memory of their own
  // (subclasses that wrap other tensors), and computes no checksum then.
  bool Lost(const Storage& storage) const { return lost_.contains(&storage); }

 private:
  struct Entry {
    std::shared_ptr<const Storage> storage;
    std::size_t element_size = 1;
  };
  const archive::Archive& archive_;
  std::string folder_;
  bool big_endian_;
  std::map<std::string, Entry, std::less<>> entries_;
  std::set<const Storage*> lost_;
};

// Bytes of the numbers that an element consists of: a complex number's halves are swapped each by itself.
std::size_t SwapUnit(DType dtype);

// The dtype of "FloatStorage", "QInt8Storage", ...; nullopt: no such storage.
std::optional<DType> DTypeOfStorage(std::string_view name);

// Checks that every element lies in the storage, that there are no negative sizes or strides, and that the
// elements, written out, are not out of proportion to the storage.
Status CheckBounds(const Tensor& tensor, int max_rank);

}  // namespace octavo::module
