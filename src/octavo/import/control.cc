#include <fmt/format.h>

#include "octavo/import/builtins.h"

// Raising, warning, casts that change nothing, and what a program asks of its surroundings.

namespace octavo::import {
namespace {

BuiltinResult Raise(Evaluator& evaluator, const CallArguments& call) {
  std::string text = "the model raises ";
  const Value* kind = call.Find(1, "cls");
  const auto* name = kind ? kind->Get<const std::string*>() : nullptr;
  std::string exception = name ? *name : "an exception";
  if (const std::size_t dot = exception.rfind('.'); dot != std::string::npos) exception.erase(0, dot + 1);
  std::string message = call.positional.empty() ? "" : OCTAVO_TRY(ToText(evaluator, call.positional[0]));
  if (message.starts_with("AssertionError: ") && !name) exception.clear();
  text += exception;
  if (!message.empty()) text += (exception.empty() ? "" : ": ") + message;
  return NeedsInput(text, "Check the shapes and types given with --input: the model raises this for them.");
}

BuiltinResult Warn(Evaluator& evaluator, const CallArguments& call) {
  if (!call.positional.empty()) {
    evaluator.Warn("the model warns: " + OCTAVO_TRY(ToText(evaluator, call.positional[0])));
  }
  return Done(Value());
}

BuiltinResult Same(Evaluator&, const CallArguments& call) {
  if (call.positional.empty()) return NotMine();
  return Done(call.positional.back());
}

BuiltinResult Unwrap(Evaluator&, const CallArguments& call) {
  if (call.positional.size() != 1) return NotMine();
  if (call.positional[0].is_none()) return Unsupported("the model unwraps an Optional that is None");
  return Done(call.positional[0]);
}

// Objects are one if they are the same object; numbers, strings and None if they are equal.
Result<bool> Identical(Evaluator& evaluator, const Value& a, const Value& b) {
  if (a.variant().index() != b.variant().index()) return false;
  if (a.is_none()) return true;
  if (TensorBox* box = a.Get<TensorBox*>()) return box == b.As<TensorBox*>();
  if (List* list = a.Get<List*>()) return list == b.As<List*>();
  if (Dict* dict = a.Get<Dict*>()) return dict == b.As<Dict*>();
  const auto equal = OCTAVO_TRY(Equal(evaluator, a, b));
  if (!equal) return false;
  return evaluator.Truth(*equal, "this comparison");
}

template <bool wanted>
BuiltinResult Is(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.size() != 2) return NotMine();
  return Done(Value(OCTAVO_TRY(Identical(evaluator, call.positional[0], call.positional[1])) == wanted));
}

BuiltinResult NothingHappens(Evaluator&, const CallArguments&) { return Done(Value()); }
BuiltinResult False(Evaluator&, const CallArguments&) { return Done(Value(false)); }
BuiltinResult True(Evaluator&, const CallArguments&) { return Done(Value(true)); }

BuiltinResult GradEnabled(Evaluator& evaluator, const CallArguments&) {
  return Done(Value(evaluator.grad_enabled));
}
BuiltinResult SetGradEnabled(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.size() == 1 && call.positional[0].Is<bool>()) {
    evaluator.grad_enabled = call.positional[0].As<bool>();
  }
  return Done(Value());
}

BuiltinResult Choose(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.size() != 3) return NotMine();
  const bool truth = OCTAVO_TRY(evaluator.Truth(call.positional[0], "this choice"));
  return Done(call.positional[truth ? 1 : 2]);
}

BuiltinResult DefaultDType(Evaluator&, const CallArguments&) { return Done(Value(std::int64_t{6})); }

BuiltinResult Hash(Evaluator&, const CallArguments& call) {
  return Unsupported("hash() is not supported" +
                     (call.positional.empty() ? std::string() : " for " + Describe(call.positional[0])));
}

BuiltinResult DeviceKind(Evaluator& evaluator, const CallArguments& call) {
  if (call.positional.size() != 1 || !call.positional[0].Is<const Symbol*>()) return NotMine();
  return Done(OCTAVO_TRY(evaluator.Attribute(call.positional[0], "type", call)));
}

}  // namespace

void AddControlBuiltins(BuiltinTable& table) {
  table["prim::RaiseException"] = Raise;
  table["aten::warn"] = Warn;
  table["prim::Print"] = table["print"] = NothingHappens;
  table["aten::wait"] = table["prim::unchecked_cast"] = table["prim::awaitable_wait"] = Same;
  table["aten::_unwrap_optional"] = table["prim::unchecked_unwrap_optional"] = Unwrap;
  table["aten::__is__"] = Is<true>;
  table["aten::__isnot__"] = Is<false>;
  table["aten::is_grad_enabled"] = GradEnabled;
  table["aten::set_grad_enabled"] = SetGradEnabled;
  table["aten::is_autocast_enabled"] = table["aten::is_autocast_cpu_enabled"] = False;
  table["aten::has_torch_function"] = table["aten::_has_torch_function"] = False;
  table["aten::is_scripting"] = table["torch.jit.is_scripting"] = True;
  table["aten::is_tracing"] = table["torch.jit.is_tracing"] = table["torch._C._get_tracing_state"] = False;
  table["aten::_get_tracing_state"] = False;
  table["aten::get_default_dtype"] = DefaultDType;
  table["profiler::_record_function_enter"] = table["profiler::_record_function_exit"] = NothingHappens;
  table["profiler::_record_function_enter_new"] = NothingHappens;
  table["aten::_assert_async"] = table["aten::manual_seed"] = table["aten::_assert"] = NothingHappens;
  table["prim::IfThenElse"] = Choose;
  table["prim::type"] = DeviceKind;
  table["aten::hash"] = Hash;
}

}  // namespace octavo::import
