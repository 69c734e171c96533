#include "five.h"

thread_local int beta_tls = 20;
static thread_local int first = 1, second = 2; // local dynamic

__attribute__((visibility("protected"))) int beta_protected() { return first + second; }
int (*beta_protected_address())() { return beta_protected; }

int beta(int depth) {
  first += 3;
  second += first;
  beta_tls++;
  try {
    return gamma_(depth + 1) + beta_protected();
  } catch (const Failure &failure) {
    if (failure.depth % 2) throw;
    throw std::string("from beta");
  }
}
