#pragma once

#include "targets/target.h"

namespace spore {

const Target &x86_64_target();
ProgramProperties x86_64_properties_of(const Bytes &note);

} // namespace spore
