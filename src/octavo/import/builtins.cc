#include "octavo/import/builtins.h"

namespace octavo::import {

const BuiltinTable& Builtins() {
  static const BuiltinTable table = [] {
    BuiltinTable built;
    built.reserve(512);
    AddNumberBuiltins(built);
    AddConversionBuiltins(built);
    AddListBuiltins(built);
    AddSequenceBuiltins(built);
    AddDictBuiltins(built);
    AddStringBuiltins(built);
    AddTensorBuiltins(built);
    AddControlBuiltins(built);
    AddConstantBuiltins(built);
    AddPrepackBuiltins(built);
    return built;
  }();
  return table;
}

}  // namespace octavo::import
