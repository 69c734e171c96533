// The linker's part of the addon: its kernels, by name.

#include "addon/bindings.h"
#include "staging/checked.h"
#include "staging/kernel-registry.h"
#include "tables/job.h"

namespace spore {

void init_link_binding(Napi::Env env, Napi::Object exports) {
  exports["tablesBytes"] = Napi::Number::New(env, sizeof(Tables));
  exports["isChecked"] = Napi::Boolean::New(env, staging::is_checked);
  // Registering a kernel again, in another worker_thread, changes nothing.
  if (const auto failure = staging::register_kernels({kernel_entries, kernel_entry_count}))
    Napi::Error::New(env, failure.message).ThrowAsJavaScriptException();
}

} // namespace spore
