// A Node addon for bench/staging.ts: runs kernels in the calling thread, over memory that was read instead of staged.
// Never part of the package: there, what crashes over a bad input is a worker.
#include <node_api.h>
#include <string.h>

#include "generated/kernels.h"
#include "staging/kernel-registry.h"

namespace {

// run(kernel, arena, args, rows): kernel's status over rows [0, rows), or -1 when there is no such kernel.
napi_value run(napi_env env, napi_callback_info info) {
  size_t argc = 4;
  napi_value argv[4];
  char name[64];
  int64_t arena = 0;
  void *args = nullptr;
  size_t args_size = 0;
  uint32_t rows = 0;
  int32_t status = -1;
  if (napi_get_cb_info(env, info, &argc, argv, nullptr, nullptr) == napi_ok && argc == 4 &&
      napi_get_value_string_utf8(env, argv[0], name, sizeof name, nullptr) == napi_ok &&
      napi_get_value_int64(env, argv[1], &arena) == napi_ok &&
      napi_get_typedarray_info(env, argv[2], nullptr, &args_size, &args, nullptr, nullptr) == napi_ok &&
      napi_get_value_uint32(env, argv[3], &rows) == napi_ok) {
    spore_context context{};
    context.worker_count = 1;
    context.arena = reinterpret_cast<uint8_t *>(arena);
    context.args = args;
    context.args_size = static_cast<uint32_t>(args_size);
    context.fault_row = SPORE_NO_ROW;
    for (uint32_t i = 0; i < spore::kernel_entry_count; i++)
      if (strcmp(spore::kernel_entries[i].name, name) == 0) status = spore::kernel_entries[i].run(&context, 0, rows);
  }
  napi_value result = nullptr;
  napi_create_int32(env, status, &result);
  return result;
}

// runOverBytes(kernel, bytes): the result of one of staging's kernels over one file, of which these are the bytes; its
// lower 53 bits, which are a number. -1 when there is no such kernel, or it fails.
napi_value run_over_bytes(napi_env env, napi_callback_info info) {
  size_t argc = 2;
  napi_value argv[2];
  char name[64];
  void *bytes = nullptr;
  size_t size = 0;
  double number = -1;
  if (napi_get_cb_info(env, info, &argc, argv, nullptr, nullptr) == napi_ok && argc == 2 &&
      napi_get_value_string_utf8(env, argv[0], name, sizeof name, nullptr) == napi_ok &&
      napi_get_typedarray_info(env, argv[1], nullptr, &size, &bytes, nullptr, nullptr) == napi_ok) {
    uint64_t result = 0;
    const uint64_t result_offset = 0;
    const spore_file file{static_cast<uint8_t *>(bytes), size};
    spore_context context{};
    context.files = &file;
    context.file_count = 1;
    context.worker_count = 1;
    context.arena = reinterpret_cast<uint8_t *>(&result);
    context.arena_size = sizeof result;
    context.args = &result_offset;
    context.args_size = sizeof result_offset;
    context.fault_row = SPORE_NO_ROW;
    const int32_t id = spore::staging::find_kernel(name);
    if (id >= 0 && spore::staging::kernel_at(static_cast<uint32_t>(id)).run(&context, 0, 1) == 0)
      number = static_cast<double>(result & ((UINT64_C(1) << 53) - 1));
  }
  napi_value value = nullptr;
  napi_create_double(env, number, &value);
  return value;
}

// addressOf(bytes): where a Uint8Array's bytes are.
napi_value address_of(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argv[1];
  void *data = nullptr;
  if (napi_get_cb_info(env, info, &argc, argv, nullptr, nullptr) == napi_ok && argc == 1)
    napi_get_typedarray_info(env, argv[0], nullptr, nullptr, &data, nullptr, nullptr);
  napi_value result = nullptr;
  napi_create_int64(env, reinterpret_cast<int64_t>(data), &result);
  return result;
}

} // namespace

NAPI_MODULE_INIT() {
  // Once for all threads that load this.
  static const bool is_registered = (spore::staging::register_builtin_kernels(), true);
  (void)is_registered;
  napi_value function = nullptr;
  napi_create_function(env, "run", NAPI_AUTO_LENGTH, run, nullptr, &function);
  napi_set_named_property(env, exports, "run", function);
  napi_create_function(env, "runOverBytes", NAPI_AUTO_LENGTH, run_over_bytes, nullptr, &function);
  napi_set_named_property(env, exports, "runOverBytes", function);
  napi_create_function(env, "addressOf", NAPI_AUTO_LENGTH, address_of, nullptr, &function);
  napi_set_named_property(env, exports, "addressOf", function);
  return exports;
}
