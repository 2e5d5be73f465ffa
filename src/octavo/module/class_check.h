#pragma once

#include <string_view>
#include <vector>

#include "octavo/module/value.h"
#include "octavo/result.h"

namespace octavo::module {

// What the code of a class says of its objects.  PyTorch makes objects by it: an object whose pickle says
// something else would be another one there.
class ClassCheck {
 public:
  explicit ClassCheck(const Program& program) : program_(program) {}

  // Does PyTorch give what is pickled to __setstate__?  It does so for classes with both methods, whatever is
  // pickled.
  static bool TakesState(const ClassDefinition& definition);
  // Every declared attribute must be there, with a value of its declared type.
  Status Check(const ClassDefinition& definition, const Object& object) const;

 private:
  // False only where the value is certainly none of the type.
  bool Fits(const source::Expr& type, const Value& value, int depth) const;
  bool FitsClass(std::string_view name, const Value& value) const;

  const Program& program_;
};

// The error of two definitions with one name in a file of code: PyTorch takes the last class or function, and
// refuses two methods or attributes.
Status CheckDefinedOnce(const source::File& file);

}  // namespace octavo::module
