// The binding of the one-shot digests of the OpenSSL that Node itself is linked with. node:crypto offers the
// same functions, and takes a link of a small program 7 ms to load.

#include <dlfcn.h>
#include <string>

#include "addon/bindings.h"

namespace spore {

namespace {

using OneShot = unsigned char *(*)(const unsigned char *data, size_t size, unsigned char *digest);

struct Function {
  const char *name;
  const char *symbol; // as OpenSSL and BoringSSL have exported it from their first versions on
  size_t size;
};

constexpr Function functions[] = {{"md5", "MD5", 16}, {"sha1", "SHA1", 20}, {"sha256", "SHA256", 32}};

// (name: "md5" | "sha1" | "sha256", bytes: Uint8Array) → Uint8Array; null where Node exports no such function.
Napi::Value digest(const Napi::CallbackInfo &info) {
  const std::string name = info[0].As<Napi::String>().Utf8Value();
  const auto bytes = info[1].As<Napi::Uint8Array>();
  for (const Function &function : functions) {
    if (name != function.name) continue;
    auto one_shot = reinterpret_cast<OneShot>(dlsym(RTLD_DEFAULT, function.symbol));
    auto result = Napi::Uint8Array::New(info.Env(), function.size);
    if (one_shot && one_shot(bytes.Data(), bytes.ByteLength(), result.Data())) return result;
  }
  return info.Env().Null();
}

} // namespace

void init_digest_binding(Napi::Env env, Napi::Object exports) {
  exports.Set("digest", Napi::Function::New(env, digest, "digest"));
}

} // namespace spore
