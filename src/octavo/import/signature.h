#pragma once

// What forward's parameters say of the arguments that it takes.

#include <string>

#include "octavo/import/import.h"
#include "octavo/import/value.h"
#include "octavo/source/syntax.h"

namespace octavo::import {

// "Optional[Tensor]", for messages.
std::string TypeText(const source::Expr* annotation);
// "x: Tensor, mask: Optional[Tensor] = None", without self.
std::string SignatureText(const source::Function& forward);
// A parameter's default value as the source has it, shortened; empty where it has none.
std::string DefaultText(const source::Parameter& parameter);

// Is it Optional[...], List[...]?
bool IsGeneric(const source::Expr* type, std::string_view name);
// The type without Optional[...] around it.
const source::Expr* WithoutOptional(const source::Expr* type);
// A parameter without a type takes a tensor.
bool HoldsTensors(const source::Expr* type);
// Can --input name=value give it another value than None: an int, a float or a bool?
bool TakesLiteral(const source::Expr* type);

// A value that it can give, for messages: "3".
const char* ExampleValue(const source::Expr* type);

// "k is an int", "mode is a str", "sizes is of type List[int]".
std::string KindText(const std::string& name, const source::Expr* type);

// The value that --input name=value gives for an argument of that type.  Error: kUsage.
Result<Value> LiteralValue(const std::string& name, const source::Expr* type, const InputLiteral& literal);

}  // namespace octavo::import
