// What x86-64.cc and x86-64-properties.cc have for the list of targets, and for each other.
#pragma once

#include "targets/target.h"

namespace spore {

const Target &x86_64_target();
ProgramProperties x86_64_properties_of(const Bytes &note);

} // namespace spore
