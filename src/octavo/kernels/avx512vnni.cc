#include "octavo/kernels/instruction_sets.h"

namespace octavo::kernels {
const Table* const kAvx512Vnni = nullptr;
}  // namespace octavo::kernels
