#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace octavo::pickle {

// What Python's own unpickler would do with a pickle: which names it would import, and what of them it would
// call. All protocols, as far as a damaged or hostile pickle can be followed: Python executes what comes
// before the damage.
struct Effects {
  struct Global {
    std::string module, name;  // empty: not a constant of the pickle
    std::size_t position = 0;  // of the opcode that imports it
    bool called = false;       // or an object of it is made
    bool built = false;        // __setstate__ of an object of it is called, or its attributes are set
    bool changed = false;      // the same of itself, so that it is another one for the whole program
    bool passed = false;       // the same of what a call made of it, which may be itself

    std::string QualifiedName() const {
      return name.empty() ? "a name that is computed" : module + "." + name;
    }
  };
  std::vector<Global> globals;          // in order, each once
  std::vector<std::size_t> extensions;  // where names of copyreg's registry are imported by number
  bool calls_values = false;            // something is called that is not an imported name
  std::size_t end = 0;                  // behind STOP, or behind what was followed
  bool stopped = false;                 // STOP was reached
};

Effects FindEffects(std::span<const std::byte> bytes);

}  // namespace octavo::pickle
