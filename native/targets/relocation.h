// A relocation type as generic code sees it: what is computed, where it goes, how it may be relaxed.
#pragma once

#include "generated/relocation-enums.h"

namespace spore {

struct Relocation {
  const char *name = nullptr;
  Expression expression = Expression::unknown;
  Field field = Field::none;
  Relaxation relaxation = Relaxation::none;
};

} // namespace spore
