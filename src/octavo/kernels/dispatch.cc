#include "octavo/kernels/instruction_sets.h"

namespace octavo::kernels {

const Table* Avx2() {
#if defined(__x86_64__)
  static const bool has = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
  if (has) return kAvx2;
#endif
  return nullptr;
}

const Table* Avx512Vnni() {
#if defined(__x86_64__)
  static const Table* const table = [] {
    const bool has = Avx2() != nullptr && __builtin_cpu_supports("avx512f") != 0 &&
                     __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
                     __builtin_cpu_supports("avx512vnni") != 0;
    return has ? Avx512VnniTable() : nullptr;
  }();
  return table;
#else
  return nullptr;
#endif
}

const Table& Best() {
  if (const Table* table = Avx512Vnni()) return *table;
  if (const Table* table = Avx2()) return *table;
  return kScalar;
}

}  // namespace octavo::kernels
