#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "octavo/base/checked.h"
#include "octavo/engine/program.h"
#include "octavo/result.h"

namespace octavo::engine {

// A node that is being prepared: its attributes, the types of its inputs, and the values of those inputs that
// are known already.  What is asked for and not known yet makes the call "deferred": the node is prepared
// again when it runs, with all values known.
class Call {
 public:
  struct Input {
    ValueType type;
    const Tensor* value = nullptr;  // null: not known yet
    bool given = false;
  };
  Call(const ir::Node& node, int opset, Arithmetic arithmetic, std::vector<Input> inputs)
      : node_(node), opset_(opset), arithmetic_(arithmetic), inputs_(std::move(inputs)) {}

  const ir::Node& node() const { return node_; }
  // Without its domain.
  std::string_view op() const;
  int opset() const { return opset_; }
  Arithmetic arithmetic() const { return arithmetic_; }
  bool deferred() const { return deferred_; }

  // Inputs at the end that are left out do not count.
  std::size_t num_inputs() const { return inputs_.size(); }
  std::size_t num_outputs() const { return node_.outputs.size(); }
  // Whether the output is there to be used.
  bool has_output(std::size_t i) const { return i < node_.outputs.size(); }
  bool has(std::size_t i) const { return i < inputs_.size() && inputs_[i].given; }

  // Errors where the number of inputs is not within the bounds, or one below `least` is left out.
  Status Inputs(std::size_t least, std::size_t most) const;
  Result<DType> dtype(std::size_t i);
  Result<Sizes> sizes(std::size_t i);
  Result<int> rank(std::size_t i);
  // Dtype and sizes at once.
  Result<ValueType> type(std::size_t i);
  Result<Int8Parameters> int8(std::size_t i);
  Result<const Tensor*> value(std::size_t i);
  // Which types the integers of an input may have.
  enum class Width { kInt64, kInt32OrInt64 };
  // A known list of integers.
  Result<std::vector<std::int64_t>> IntsOf(std::size_t i, Width width = Width::kInt64);
  // A known integer, a scalar or a list of one.
  Result<std::int64_t> IntOf(std::size_t i, Width width = Width::kInt64);
  // One number of a tensor with one element.
  Result<double> RealOf(std::size_t i);

  // Null: it is not there.  Attributes that nothing asks for are taken for ones that the engine does not
  // know.
  const ir::Operand* Attribute(std::string_view name) const;
  bool HasAttribute(std::string_view name) const { return Attribute(name) != nullptr; }
  // It is there, it may be, and it means nothing here.
  void Ignore(std::initializer_list<std::string_view> names) const {
    asked_.insert(names.begin(), names.end());
  }
  // Errors where an attribute has not been asked for.
  Status CheckAttributes() const;
  Result<std::int64_t> Int(std::string_view name, std::optional<std::int64_t> otherwise = std::nullopt) const;
  Result<std::vector<std::int64_t>> Ints(
      std::string_view name, std::optional<std::vector<std::int64_t>> otherwise = std::nullopt) const;
  Result<double> Real(std::string_view name, std::optional<double> otherwise = std::nullopt) const;
  Result<std::string> Text(std::string_view name, std::optional<std::string> otherwise = std::nullopt) const;
  // Null: there is none.
  Result<const Tensor*> TensorOf(std::string_view name) const;

  // "Conv conv1/Conv: what"
  Error Invalid(std::string what) const;
  Error NotSupported(std::string what) const;
  // An axis counted from the front; negative ones count from the end.
  Result<int> Axis(std::int64_t axis, int rank) const;
  // All of the given, in order; an error where one occurs twice.
  Result<std::vector<int>> Axes(const std::vector<std::int64_t>& axes, int rank) const;
  // All of the given, in order, without repetitions.
  Result<std::vector<int>> AxesOnce(const std::vector<std::int64_t>& axes, int rank) const;

 private:
  Result<const Input*> Get(std::size_t i);
  Result<std::vector<std::int64_t>> Integers(std::size_t i, int least_rank, int most_rank, Width width);
  Error Deferred();

  const ir::Node& node_;
  int opset_;
  Arithmetic arithmetic_;
  std::vector<Input> inputs_;
  bool deferred_ = false;
  mutable std::set<std::string, std::less<>> asked_;
};

// Checks a node and says what it computes.
using Prepare = Result<Prepared> (*)(Call&);

// "node conv1 (Conv)", the place of an error.
std::string PlaceOf(const ir::Node& node);

}  // namespace octavo::engine
