// The binding of the linker's kernels.

#include "addon/bindings.h"

namespace spore {

void init_link_binding(Napi::Env, Napi::Object) {}

} // namespace spore
