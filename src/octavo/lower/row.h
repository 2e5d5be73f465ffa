#pragma once

#include "octavo/row.h"
