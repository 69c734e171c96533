// Numbers for tests that are the same in every run and with every library.
#pragma once

#include <random>
#include <string>
#include <string_view>

#include "tables/types.h"

namespace spore::test {

class Random {
public:
  explicit Random(u64 seed) : engine_(seed) {}

  u64 next() { return engine_(); }
  u32 below(u32 bound) { return static_cast<u32>(engine_() % bound); }
  u32 between(u32 least, u32 most) { return least + below(most - least + 1); }
  // At most `longest` characters of `alphabet`.
  std::string text(std::string_view alphabet, u32 longest) {
    std::string result(below(longest + 1), 0);
    for (char &c : result) c = alphabet[below(static_cast<u32>(alphabet.size()))];
    return result;
  }

private:
  std::mt19937_64 engine_; // whose numbers the standard gives; those of its distributions it does not
};

} // namespace spore::test
