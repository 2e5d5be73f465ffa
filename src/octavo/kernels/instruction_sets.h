#pragma once

#include "octavo/kernels/kernels.h"

// The tables of files that are compiled for one instruction set; null where the program was not.

namespace octavo::kernels {

extern const Table* const kAvx2;
extern const Table* const kAvx512Vnni;

}  // namespace octavo::kernels
