// What the global symbols of files are called, with --wrap and versions.
#pragma once

#include <vector>

#include "tables/file-view.h"

namespace spore {

// GNU ld's --wrap: a reference to `name` means __wrap_name, one to __real_name means `name`.
inline constexpr char wrap_prefix[] = "__wrap_", real_prefix[] = "__real_";

// The names of a shared object's versions by index (gABI extension, .gnu.version_d).
std::vector<Name> version_names(const Tables &t, FileId f, const FileView &file);

} // namespace spore
