// The binding of _exit(2).

#include <unistd.h>

#include "addon/bindings.h"

namespace spore {

// (status: number): ends the process now. No destructor, no "exit" handler, nothing that is still to be
// written: Node's own teardown takes 2 ms, more when much is mapped, and somebody waits for it.
static void exit_now(const Napi::CallbackInfo &info) { _exit(info[0].As<Napi::Number>().Int32Value()); }

void init_exit_binding(Napi::Env env, Napi::Object exports) {
  exports.Set("exitNow", Napi::Function::New(env, exit_now, "exitNow"));
}

} // namespace spore
