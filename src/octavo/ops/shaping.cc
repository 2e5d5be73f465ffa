#include "octavo/ops/shaping.h"

#include "octavo/ops/register.h"

namespace octavo {

void RegisterShaping(Registry& registry) {
  RegisterReshaping(registry);
  RegisterPermuting(registry);
  RegisterExpanding(registry);
}

}  // namespace octavo
