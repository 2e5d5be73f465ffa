#pragma once

#include "octavo/emit.h"
