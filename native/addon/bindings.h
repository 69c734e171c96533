// The bindings of the addon: one function per folder that JavaScript may reach.
#pragma once

#include <napi.h>

namespace spore {

void init_staging_binding(Napi::Env env, Napi::Object exports); // staging/
void init_link_binding(Napi::Env env, Napi::Object exports); // kernels/
void init_demangle_binding(Napi::Env env, Napi::Object exports); // the C++ runtime
void init_digest_binding(Napi::Env env, Napi::Object exports); // Node's OpenSSL
void init_resident_binding(Napi::Env env, Napi::Object exports); // resident/
void init_exit_binding(Napi::Env env, Napi::Object exports); // the C library

} // namespace spore
