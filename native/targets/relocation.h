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

// Whether it speaks of thread-local storage.
inline bool is_tls(Expression e) { return e >= Expression::tlsGd; }
// Whether an ordinary symbol is all that it depends on.
inline bool is_settled_by_symbol(Expression e) {
  return e == Expression::absolute || e == Expression::pcRelative || e == Expression::plt;
}
// Whether the loader may have to do it: all others are settled by the link, or refused.
inline bool may_be_dynamic(Expression e) { return e == Expression::absolute || e == Expression::size; }

} // namespace spore
