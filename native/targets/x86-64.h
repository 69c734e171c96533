#pragma once

#include "targets/target.h"

namespace spore {

const Target &x86_64_target();

} // namespace spore
