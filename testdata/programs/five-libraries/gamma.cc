#include "five.h"

#include <memory>

thread_local int gamma_tls = 30;
static thread_local int calls;

Base *gamma_make() { return new Anywhere; }

int gamma_(int depth) {
  calls++;
  gamma_tls += calls;
  auto owned = std::make_unique<Anywhere>();
  return delta(depth + 1) + owned->value() + calls;
}
