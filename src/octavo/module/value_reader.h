#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "octavo/base/limits.h"
#include "octavo/module/pickle_view.h"
#include "octavo/module/storages.h"
#include "octavo/module/tensor_reader.h"
#include "octavo/module/value.h"

namespace octavo::module {

// Makes values of a pickle's nodes: objects of the archive's classes, tensors, lists, packed weights.
class ValueReader {
 public:
  struct Options {
    Limits limits;
    bool types_only = false;     // see TensorReader
    std::size_t max_values = 0;  // of all together; a value is much larger than its byte in the pickle
  };
  // `program` tells the names of enum members.
  ValueReader(const PickleView& pickle, Storages& storages, const Program& program, const Options& options)
      : pickle_(pickle),
        program_(program),
        options_(options),
        storages_(storages),
        tensors_(pickle, storages, options.limits, options.types_only),
        values_left_(options.max_values),
        active_(pickle->size()) {}

  // `path` is the value's own, "" for a module at the top, "CONSTANTS" for the constants.
  Result<Value> Read(pickle::NodeId node, std::string path);

  // Those whose bytes PyTorch did not save.
  const std::vector<LostWeight>& lost_weights() const { return lost_weights_; }

 private:
  Result<Value> ReadNode(pickle::NodeId node);
  Result<Value> ReadContainer(pickle::NodeId node);
  Result<std::vector<Value>> ReadItems(pickle::NodeId node);
  Result<Value> ReadDict(pickle::NodeId node);
  Result<Value> ReadCall(pickle::NodeId node);
  Result<Value> ReadObject(pickle::NodeId node);
  Status ReadState(pickle::NodeId node, const ClassDefinition& definition, Object& object);
  Status ReadAttributes(pickle::NodeId node, Object& object);
  Result<Value> ReadEnumMember(pickle::NodeId node, const std::string& class_name);
  Error TooDeep(pickle::NodeId node) const;
  // The names of an enum's members by their values.
  struct Members {
    std::unordered_map<std::int64_t, std::string_view> integers;
    std::unordered_map<std::string_view, std::string_view> strings;
    std::unordered_map<double, std::string_view> numbers;
  };
  const Members& MembersOf(const ClassDefinition& definition);

  const PickleView& pickle_;
  const Program& program_;
  Options options_;
  Storages& storages_;
  TensorReader tensors_;
  std::size_t values_left_;
  std::vector<bool> active_;  // nodes that are being read: one that comes again contains itself
  struct Shared {
    Value value;
    int height = 0;
  };
  std::unordered_map<pickle::NodeId, Shared> shared_;
  // Of the values read since the container around them began: how many levels the deepest one has.
  int height_ = 0;
  std::vector<LostWeight> lost_weights_;
  std::unordered_map<const ClassDefinition*, Members> enums_;
  std::string path_;  // of the attribute that is being read
  int depth_ = 0;
};

}  // namespace octavo::module
