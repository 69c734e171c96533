// The list of targets.

#include "targets/target.h"

#include "elf/elf.h"
#include "targets/x86-64.h"

namespace spore {

namespace {

struct Row {
  u64 machine;
  const Target &(*target)();
};

constexpr Row targets[] = {{EM_X86_64, x86_64_target}};

} // namespace

const Target &target_of(u64 machine) {
  for (const Row &row : targets)
    if (row.machine == machine) return row.target();
  __builtin_trap(); // src/targets has the same list
}

} // namespace spore
