// What is in the addon, in order. Each folder that JavaScript may reach has one binding here.

#include <napi.h>

#include "addon/bindings.h"

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  spore::init_staging_binding(env, exports);
  spore::init_link_binding(env, exports);
  spore::init_demangle_binding(env, exports);
  spore::init_digest_binding(env, exports);
#ifdef __linux__
  spore::init_resident_binding(env, exports);
#endif
  spore::init_exit_binding(env, exports);
  return exports;
}

NODE_API_MODULE(spore, init)
