#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "octavo/engine/call.h"

// One node at a time, as ONNX's specification says: float64 inside, rounded to the value's type at its end.

namespace octavo::engine::literal {

class Registry {
 public:
  // `op` as in a lowered graph: "Conv", "org.pytorch._caffe2::Int8Conv".  The same name twice ends the
  // program.
  void Add(std::string_view op, Prepare prepare);
  // Null: not known.
  Prepare Find(std::string_view op) const;
  const std::unordered_map<std::string, Prepare>& all() const { return operators_; }

 private:
  std::unordered_map<std::string, Prepare> operators_;
};

// Every operator that the engine knows.
const Registry& AllOperators();

// One for each file of operators; registry.cc calls them.
void AddUnary(Registry& registry);
void AddActivations(Registry& registry);
void AddBinary(Registry& registry);
void AddLogic(Registry& registry);
void AddCasts(Registry& registry);
void AddConvolution(Registry& registry);
void AddMatMul(Registry& registry);
void AddPooling(Registry& registry);
void AddNormalization(Registry& registry);
void AddReduction(Registry& registry);
void AddShaping(Registry& registry);
void AddMovement(Registry& registry);
void AddIndexing(Registry& registry);
void AddResizing(Registry& registry);
void AddQuantization(Registry& registry);
void AddPadding(Registry& registry);
void AddEinsum(Registry& registry);
void AddGridSample(Registry& registry);
void AddContrib(Registry& registry);
void AddInt8(Registry& registry);

}  // namespace octavo::engine::literal
