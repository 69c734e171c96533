// The list of targets.

#include "targets/target.h"

#include "targets/x86-64.h"

namespace spore {

const Target &target_of(u32) { return x86_64_target(); }

} // namespace spore
