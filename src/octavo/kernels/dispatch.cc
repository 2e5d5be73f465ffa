#include <cstdlib>
#include <string_view>

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

namespace {

const Table& Chosen() {
  const char* said = std::getenv("OCTAVO_INSTRUCTIONS");
  const std::string_view wanted = said == nullptr ? "" : said;
  if (wanted == kScalar.name) return kScalar;
  const Table* avx2 = Avx2();
  if (avx2 != nullptr && wanted == avx2->name) return *avx2;
  if (const Table* table = Avx512Vnni()) return *table;
  return avx2 != nullptr ? *avx2 : kScalar;
}

}  // namespace

const Table& Best() {
  static const Table& table = Chosen();
  return table;
}

}  // namespace octavo::kernels
