#pragma once

#include "octavo/kernels/kernels.h"

// The tables of files that are compiled for one instruction set; null where the program was not.

namespace octavo::kernels {

extern const Table* const kAvx2;
// Once, where kAvx2 is not null.
const Table* Avx512VnniTable();

}  // namespace octavo::kernels
