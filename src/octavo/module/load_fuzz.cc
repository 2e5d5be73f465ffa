#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "octavo/archive/zip_testing.h"
#include "octavo/fuzz/harness.h"
#include "octavo/fuzz/mutators.h"
#include "octavo/module/load.h"

// Any data.pkl in an otherwise sound archive is loaded or refused; every tensor that was loaded can be read.
namespace {

using namespace octavo;
using module::Value;

// Values are shared, so a walk is bounded by its steps.
void Touch(const Value& value, int depth, int& steps) {
  if (depth > 600 || --steps < 0) return;
  if (const auto* tensor = std::get_if<Tensor>(&value.v)) {
    if (tensor->num_bytes() <= 1 << 20 && tensor->Bytes().size() != tensor->num_bytes()) std::abort();
  } else if (const auto* list = std::get_if<std::shared_ptr<module::List>>(&value.v)) {
    for (const Value& item : (*list)->items) Touch(item, depth + 1, steps);
  } else if (const auto* tuple = std::get_if<std::shared_ptr<module::Tuple>>(&value.v)) {
    for (const Value& item : (*tuple)->items) Touch(item, depth + 1, steps);
  } else if (const auto* dict = std::get_if<std::shared_ptr<module::Dict>>(&value.v)) {
    for (const auto& [key, item] : (*dict)->items) Touch(item, depth + 1, steps);
  } else if (const auto* object = std::get_if<std::shared_ptr<module::Object>>(&value.v)) {
    for (const auto& [name, item] : (*object)->attributes) Touch(item, depth + 1, steps);
    if ((*object)->state) Touch(*(*object)->state, depth + 1, steps);
  } else if (const auto* packed = std::get_if<std::shared_ptr<const ir::PackedWeights>>(&value.v)) {
    if ((*packed)->weight.num_bytes() <= 1 << 20) (*packed)->weight.Bytes();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  archive::TestZip zip;
  zip.records = {{.name = "m/data.pkl", .data = std::string(data, data + size)},
                 {.name = "m/constants.pkl", .data = "\x80\x02)."},
                 {.name = "m/code/__torch__.py", .data = "class Color(Enum):\n  RED = 1\n"},
                 {.name = "m/version", .data = "3\n"}};
  for (int i = 0; i < 10; ++i) {
    zip.records.push_back(
        {.name = "m/data/" + std::to_string(i), .data = std::string(120, static_cast<char>(i))});
  }
  const archive::TestFile file(zip.Bytes());
  const auto module = module::Load(file.path());
  if (!module) {
    if (module.error().ToString().empty()) std::abort();
    return 0;
  }
  int steps = 100000;
  Touch(Value{module->root}, 0, steps);
  for (const Value& constant : module->constants) Touch(constant, 0, steps);
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  return octavo::fuzz::Mutate(data, size, max_size, seed, octavo::fuzz::MutatePickle);
}
