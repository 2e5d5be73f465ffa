#include "octavo/ops/register.h"

#include "octavo/ops/exactness.h"
#include "octavo/ops/mistakes.h"

namespace octavo {

void RegisterBuiltinOperators(Registry& registry) {
  RegisterActivations(registry);
  RegisterArithmetic(registry);
  RegisterBinary(registry);
  RegisterConcatenation(registry);
  RegisterConvolution(registry);
  RegisterFakeQuantization(registry);
  RegisterIdentities(registry);
  RegisterLinear(registry);
  RegisterNormalization(registry);
  RegisterPadding(registry);
  RegisterPooling(registry);
  RegisterQuantization(registry);
  RegisterReduction(registry);
  RegisterResampling(registry);
  RegisterShaping(registry);
  RegisterSlicing(registry);
  SetExactness(registry);
  SetMistakes(registry);
}

}  // namespace octavo
