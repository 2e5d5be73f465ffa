#include "octavo/engine/literal/registry.h"

#include <fmt/format.h>

#include "octavo/base/bug.h"

namespace octavo::engine::literal {

void Registry::Add(std::string_view op, Prepare prepare) {
  if (!operators_.emplace(op, prepare).second) Bug(fmt::format("operator {} is registered twice", op));
}

Prepare Registry::Find(std::string_view op) const {
  constexpr std::string_view kDefaultDomain = "ai.onnx::";
  if (op.starts_with(kDefaultDomain)) op.remove_prefix(kDefaultDomain.size());
  const auto found = operators_.find(std::string(op));
  return found == operators_.end() ? nullptr : found->second;
}

const Registry& AllOperators() {
  static const Registry registry = [] {
    Registry r;
    AddUnary(r);
    AddActivations(r);
    AddBinary(r);
    AddLogic(r);
    AddCasts(r);
    AddConvolution(r);
    AddMatMul(r);
    AddPooling(r);
    AddNormalization(r);
    AddReduction(r);
    AddResizing(r);
    AddShaping(r);
    AddMovement(r);
    AddIndexing(r);
    AddPadding(r);
    AddEinsum(r);
    AddGridSample(r);
    AddContrib(r);
    AddQuantization(r);
    AddInt8(r);
    return r;
  }();
  return registry;
}

}  // namespace octavo::engine::literal
