// The linker's part of the addon: its kernels, by name.

#include "addon/bindings.h"
#include "tables/job.h"

namespace spore {

void init_link_binding(Napi::Env env, Napi::Object exports) {
  exports["tablesBytes"] = Napi::Number::New(env, sizeof(Tables));
  // Registering a kernel again, in another worker_thread, changes nothing.
  if (spore_register_kernels(SPORE_KERNEL_ABI, kernel_entries, kernel_entry_count) != 0)
    Napi::Error::New(env, "the linker's kernels could not be registered").ThrowAsJavaScriptException();
}

} // namespace spore
