#include "octavo/driver/registry_rules.h"

namespace octavo::driver {

Result<std::optional<import::OperatorRules::Call>> RegistryRules::Bind(
    const ir::Graph& graph, std::string_view op, std::span<const ir::Argument> arguments) const {
  Result<std::optional<Registry::BoundCall>> result = registry_.Bind(graph, op, arguments);
  if (!result) return std::move(result.error().SetSubject(op));
  std::optional<Registry::BoundCall> bound = *std::move(result);
  if (!bound) return std::optional<Call>();
  Call call;
  for (std::size_t i = 0; i < bound->arguments.size(); ++i) {
    call.arguments.push_back({bound->row->arguments[i].name, std::move(bound->arguments[i])});
  }
  call.results = std::move(bound->results);
  switch (bound->row->returns) {
    case octavo::Returns::kTensor:
      call.returns = OperatorRules::Returns::kTensor;
      break;
    case octavo::Returns::kTensorList:
      call.returns = OperatorRules::Returns::kTensorList;
      break;
    case octavo::Returns::kTuple:
      call.returns = OperatorRules::Returns::kTuple;
      break;
  }
  return std::optional<Call>(std::move(call));
}

}  // namespace octavo::driver
