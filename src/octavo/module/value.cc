#include "octavo/module/value.h"

namespace octavo::module {

const Value* Object::Find(std::string_view name) const {
  for (const auto& [attribute, value] : attributes) {
    if (attribute == name) return &value;
  }
  return nullptr;
}

}  // namespace octavo::module
