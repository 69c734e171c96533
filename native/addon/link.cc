// The linker's part of the addon: its kernels, by name.

#include "addon/bindings.h"
#include "elf/dynamic-strings.h"
#include "staging/checked.h"
#include "staging/kernel-registry.h"
#include "tables/job.h"

namespace spore {

namespace {

// (address: number, size: number) → [soname, runpath, isExecutable, versionCount, ...needed]; null for what is not as
// it usually is.
Napi::Value read_dynamic_strings(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  const auto address = static_cast<uintptr_t>(info[0].As<Napi::Number>().DoubleValue());
  const auto size = static_cast<uint64_t>(info[1].As<Napi::Number>().DoubleValue());
  const auto found = DynamicReader(Bytes(reinterpret_cast<const uint8_t *>(address), size)).read();
  if (!found) return env.Null();
  auto text = [&](const std::optional<std::string_view> &string) -> Napi::Value {
    return string ? Napi::String::New(env, string->data(), string->size()) : env.Undefined();
  };
  auto result = Napi::Array::New(env, 4 + found->needed.size());
  uint32_t next = 0;
  result.Set(next++, text(found->soname));
  result.Set(next++, text(found->runpath ? found->runpath : found->rpath));
  result.Set(next++, Napi::Boolean::New(env, found->is_executable));
  result.Set(next++, Napi::Number::New(env, found->version_count));
  for (const std::string_view &name : found->needed) result.Set(next++, text(name));
  return result;
}

} // namespace

void init_link_binding(Napi::Env env, Napi::Object exports) {
  exports["tablesBytes"] = Napi::Number::New(env, sizeof(Tables));
  exports.Set("readDynamicStrings", Napi::Function::New(env, read_dynamic_strings, "readDynamicStrings"));
  exports["isChecked"] = Napi::Boolean::New(env, staging::is_checked);
  // Registering a kernel again, in another worker_thread, changes nothing.
  if (const auto failure = staging::register_kernels({kernel_entries, kernel_entry_count}))
    Napi::Error::New(env, failure.message).ThrowAsJavaScriptException();
}

} // namespace spore
