#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "octavo/pickle/pickle.h"
#include "octavo/result.h"

namespace octavo::module {

// A pickle with the record that it came from.  What its nodes must be is asked here; an error names the
// record and the byte, and calls the value by `what`.
class PickleView {
 public:
  PickleView(const pickle::Pickle& pickle, std::string record)
      : pickle_(pickle), record_(std::move(record)) {}

  const pickle::Pickle& operator*() const { return pickle_; }
  const pickle::Pickle* operator->() const { return &pickle_; }
  const std::string& record() const { return record_; }

  std::string Where(pickle::NodeId node) const;
  Error Fail(pickle::NodeId node, std::string what) const;

  Result<std::int64_t> Int(pickle::NodeId node, std::string_view what) const;
  Result<double> Number(pickle::NodeId node, std::string_view what) const;  // an int or a float
  Result<std::string_view> String(pickle::NodeId node, std::string_view what) const;
  // A tuple with at least `count` items.
  Result<std::span<const pickle::NodeId>> Tuple(pickle::NodeId node, std::size_t count,
                                                std::string_view what) const;
  // A tuple or list of ints.
  Result<std::vector<std::int64_t>> Ints(pickle::NodeId node, std::string_view what) const;
  // "torch.per_tensor_affine" where the node is a global; empty otherwise.
  std::string GlobalName(pickle::NodeId node) const;

 private:
  const pickle::Pickle& pickle_;
  std::string record_;
};

}  // namespace octavo::module
