#pragma once

#include "octavo/import/operator_rules.h"
#include "octavo/operators.h"

namespace octavo::driver {

// The registry as the importer sees it: names of arguments and types of results, no emitters.
class RegistryRules : public import::OperatorRules {
 public:
  explicit RegistryRules(const Registry& registry) : registry_(registry) {}
  Result<std::optional<Call>> Bind(const ir::Graph& graph, std::string_view op,
                                   std::span<const ir::Argument> arguments) const override;

 private:
  const Registry& registry_;
};

}  // namespace octavo::driver
