// A Node addon for bench/staging.ts: runs the linker's kernels in the calling thread, over memory that was read
// instead of staged. Never part of the package: there, what crashes over a bad input is a worker.
#include <node_api.h>
#include <string.h>

#include "generated/kernels.h"

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
  napi_value function = nullptr;
  napi_create_function(env, "run", NAPI_AUTO_LENGTH, run, nullptr, &function);
  napi_set_named_property(env, exports, "run", function);
  napi_create_function(env, "addressOf", NAPI_AUTO_LENGTH, address_of, nullptr, &function);
  napi_set_named_property(env, exports, "addressOf", function);
  return exports;
}
