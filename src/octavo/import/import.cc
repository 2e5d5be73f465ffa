#include "octavo/import/import.h"

#include <fmt/format.h>

#include "octavo/import/evaluator.h"
#include "octavo/import/inputs.h"
#include "octavo/import/memory_formats.h"

namespace octavo::import {
namespace {

// The names in a class's "__forward_pre_hooks__ = ["hook", ]".
std::vector<std::string> HookNames(const module::ClassDefinition& definition, std::string_view list) {
  std::vector<std::string> names;
  for (const source::StatementPtr& statement : definition.syntax->body) {
    if (statement->kind != source::StatementKind::kAssign || statement->targets.empty() ||
        statement->targets[0]->text != list || !statement->value) {
      continue;
    }
    for (const source::ExprPtr& item : statement->value->children) names.push_back(item->text);
  }
  return names;
}

// What module(inputs...) does: the hooks before, forward, the hooks after.
Status Run(Evaluator& evaluator, const module::Module& module) {
  if (!module.root || !module.program) return InvalidFile("the file contains no module");
  Object* root = evaluator.ConvertObject(module.root, "");
  const module::ClassDefinition* definition = OCTAVO_TRY(evaluator.DefinitionOf(root));
  const source::Function* forward = definition->FindMethod("forward");
  if (!forward) {
    return Unsupported("the module " + definition->name + " has no method forward",
                       "Save a module with a forward method.");
  }
  const std::size_t dot = definition->name.rfind('.');
  evaluator.graph().name = dot == std::string::npos ? definition->name : definition->name.substr(dot + 1);

  CallArguments arguments;
  arguments.positional = OCTAVO_TRY(MakeInputs(evaluator, *forward));
  const Frame outside;
  for (const std::string& hook : HookNames(*definition, "__forward_pre_hooks__")) {
    const Value inputs(evaluator.arena().NewTuple(arguments.positional));
    const Value changed = OCTAVO_TRY(evaluator.CallMethod(root, hook, {.positional = {inputs}}, outside));
    if (changed.is_none()) continue;
    const Tuple* tuple = changed.Get<Tuple*>();
    arguments.positional = tuple ? tuple->items : std::vector<Value>{changed};
  }
  Value returned = OCTAVO_TRY(evaluator.CallMethod(root, "forward", arguments, outside));
  const source::Expr* expr = evaluator.returned_expr();
  for (const std::string& hook : HookNames(*definition, "__forward_hooks__")) {
    const Value inputs(evaluator.arena().NewTuple(arguments.positional));
    const Value changed =
        OCTAVO_TRY(evaluator.CallMethod(root, hook, {.positional = {inputs, returned}}, outside));
    if (!changed.is_none()) returned = changed;
    expr = nullptr;
  }
  return MakeOutputs(evaluator, returned, expr);
}

}  // namespace

Result<Imported> Import(const module::Module& module, const OperatorRules& rules, const Options& options) {
  Imported imported;
  Evaluator evaluator(module, rules, options, &imported);
  Status status = Run(evaluator, module);
  // With operators missing, types are unknown, and what fails for that is not worth a message of its own.
  if (!status && imported.missing.empty() && !options.survey) {
    Error error = std::move(status).error();
    if (error.code() == ErrorCode::kUnsupported && error.hint().empty() && !imported.untyped.empty()) {
      const std::string& name = imported.untyped[0];
      error.SetHint(fmt::format(
          "The file does not say the type of the input {}, and float32 was assumed.  If it is another one, "
          "give it with --input, as in --input '{}:int64[1,128]'.",
          name, name));
    }
    return error;
  }
  if (!status) {
    imported.complete = false;
    imported.skipped.push_back(std::move(status).error());
  }
  if (imported.missing.empty() && !options.survey) SetMemoryFormats(imported.graph);
  return imported;
}

}  // namespace octavo::import
