// The binding of the C++ runtime's demangler.

#include <cstdlib>
#include <cxxabi.h>
#include <memory>
#include <string>

#include "addon/bindings.h"

namespace spore {

// (name: string) → string | undefined: the name in the source, for names mangled as the Itanium C++ ABI
// says. Names are bytes; what is not UTF-8 has been replaced before and does not demangle.
static Napi::Value demangle(const Napi::CallbackInfo &info) {
  const std::string name = info[0].As<Napi::String>().Utf8Value();
  if (name.find('\0') != std::string::npos) return info.Env().Undefined(); // would be cut there
  int status = 0;
  std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status),
                                                   &std::free);
  if (status != 0 || !text) return info.Env().Undefined();
  return Napi::String::New(info.Env(), text.get());
}

void init_demangle_binding(Napi::Env env, Napi::Object exports) {
  exports.Set("demangle", Napi::Function::New(env, demangle, "demangle"));
}

} // namespace spore
