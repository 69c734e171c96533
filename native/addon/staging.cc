// The binding of staging/: files, views, budget, arena. Converts, calls, returns; what can fail returns
// { code, syscall }, which src/staging words. Processes and pools are in staging-processes.cc.

#include "addon/bindings.h"

#ifndef __linux__

// src/addon/load.ts refuses before anything here could be missed.
void spore::init_staging_binding(Napi::Env, Napi::Object) {}

#else

#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>

#include "addon/staging-env.h"
#include "staging/allocate-file.h"
#include "staging/bus-error.h"
#include "staging/in-parallel.h"
#include "staging/kernel-registry.h"

namespace spore {

using namespace staging;

namespace {

// Set by a test: as in Electron, where external buffers are forbidden.
bool may_use_external_buffers = true;

// What a view keeps: the mapping, until the ArrayBuffer has been collected (another thread may read
// through it although it is detached) and V8 has let go of its memory, in whatever order.
struct BufferHold {
  std::shared_ptr<Mapping> mapping;
  int64_t size;
  int pending = 2;
};

void release_hold(BufferHold *hold) {
  if (--hold->pending == 0) delete hold;
}

// V8 takes a view for memory that collecting garbage could free, and collects the more often, the more there is:
// three times in the link of a large program. A mapping is not such memory.
void discount(napi_env env, int64_t size) {
  int64_t ignored = 0;
  napi_adjust_external_memory(env, -size, &ignored);
}

Napi::Value copy_of(Napi::Env env, const uint8_t *bytes, size_t size) {
  Napi::ArrayBuffer copy = Napi::ArrayBuffer::New(env, size);
  memcpy(copy.Data(), bytes, size);
  return copy;
}

// Null where external buffers are forbidden.
Napi::Value view_of(Napi::Env env, const std::shared_ptr<Mapping> &mapping, uint64_t offset, size_t size) {
  if (!may_use_external_buffers) return env.Null();
  uint8_t *bytes = mapping->base() + offset;
  auto *hold = new BufferHold{mapping, int64_t(size)};
  napi_value buffer = nullptr;
  const auto on_memory_released = [](napi_env e, void *, void *hint) {
    auto *released = static_cast<BufferHold *>(hint);
    discount(e, -released->size);
    release_hold(released);
  };
  const napi_status status = napi_create_external_arraybuffer(env, bytes, size, on_memory_released, hold, &buffer);
  if (status == napi_no_external_buffers_allowed) {
    delete hold;
    return env.Null();
  }
  if (status != napi_ok) {
    delete hold;
    throw Napi::Error::New(env);
  }
  discount(env, int64_t(size));
  const auto on_collected = [](napi_env, void *data, void *) { release_hold(static_cast<BufferHold *>(data)); };
  napi_add_finalizer(env, buffer, hold, on_collected, nullptr, nullptr);
  return Napi::Value(env, buffer);
}

struct BatchInput {
  std::shared_ptr<StagedBatch> batch = std::make_shared<StagedBatch>();
  std::vector<int> descriptors; // empty, or one per file: -1 opens the path
  StageRequest request;
  std::vector<uint8_t> heads;
};

// Stages every file of the batch that has not been adopted from another one.
void run_batch(BatchInput &input) {
  auto &files = input.batch->files;
  input.heads.resize(files.size() * kHeadBytes);
  std::atomic<bool> has_failed{false};
  in_parallel(files.size(), [&](size_t i) {
    if (files[i].mapping) {
      memcpy(&input.heads[i * kHeadBytes], files[i].mapping->base(), std::min(kHeadBytes, files[i].mapping->size()));
      return;
    }
    const int fd = input.descriptors.empty() ? -1 : input.descriptors[i];
    files[i].failure = stage_file(files[i], fd, input.request, &input.heads[i * kHeadBytes]);
    if (files[i].failure) has_failed = true;
  });
  protect_copies(files);
  // All or nothing: what was mapped goes, the failures stay.
  if (has_failed && !input.request.keep_going)
    for (StagedFile &file : files) file.mapping.release();
}

Napi::Value batch_to_js(Napi::Env env, const BatchInput &input) {
  const auto &files = input.batch->files;
  auto sizes = Napi::Float64Array::New(env, files.size());
  auto addresses = Napi::Float64Array::New(env, files.size());
  auto modes = Napi::Uint8Array::New(env, files.size());
  auto heads = Napi::Uint8Array::New(env, files.size() * kHeadBytes);
  memcpy(heads.Data(), input.heads.data(), input.heads.size());
  auto failures = Napi::Array::New(env);
  for (size_t i = 0; i < files.size(); i++) {
    const StagedFile &file = files[i];
    sizes[i] = double(file.identity.size);
    addresses[i] = file.mapping ? double(reinterpret_cast<uintptr_t>(file.mapping->base())) : 0;
    modes[i] = uint8_t(file.mode);
    if (!file.failure) continue;
    Napi::Object failure = to_js(env, file.failure).As<Napi::Object>();
    failure.Set("index", uint32_t(i));
    failures[failures.Length()] = failure;
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("batch", share(env, input.batch));
  result.Set("sizes", sizes);
  result.Set("addresses", addresses);
  result.Set("modes", modes);
  result.Set("heads", heads);
  result.Set("failures", failures);
  return result;
}

// (paths, mode, thresholds, keepGoing, descriptors?, adopted?: [batch, index][], keepDescriptors)
BatchInput batch_from_js(const Napi::CallbackInfo &info) {
  BatchInput input;
  const auto paths = info[0].As<Napi::Array>();
  const uint32_t count = paths.Length();
  input.batch->files.resize(count);
  for (uint32_t i = 0; i < count; i++) input.batch->files[i].path = paths.Get(i).As<Napi::String>().Utf8Value();
  input.request.mode = StageMode(info[1].As<Napi::Number>().Uint32Value());
  if (info[2].IsTypedArray()) {
    const auto thresholds = info[2].As<Napi::Float64Array>();
    input.request.thresholds = {.prefetch_below = uint64_t(thresholds[0]),
                                .cold_prefetch_below = uint64_t(thresholds[1]),
                                .resident_share = thresholds[2],
                                .shared_from = uint64_t(thresholds[3])};
  }
  input.request.keep_going = info[3].As<Napi::Boolean>().Value();
  input.request.keep_descriptors = info[6].As<Napi::Boolean>().Value();
  if (info[4].IsTypedArray()) {
    const auto descriptors = info[4].As<Napi::Int32Array>();
    input.descriptors.assign(descriptors.Data(), descriptors.Data() + descriptors.ElementLength());
  }
  if (info[5].IsArray()) {
    const auto adopted = info[5].As<Napi::Array>();
    for (uint32_t i = 0; i < count; i++) {
      const Napi::Value entry = adopted.Get(i);
      if (!entry.IsArray()) continue;
      const auto pair = entry.As<Napi::Array>();
      const auto &from = shared<StagedBatch>(pair.Get(0U));
      input.batch->files[i] = from->files[pair.Get(1U).As<Napi::Number>().Uint32Value()];
    }
  }
  return input;
}

Napi::Value stage_batch(const Napi::CallbackInfo &info) {
  BatchInput input = batch_from_js(info);
  run_batch(input);
  return batch_to_js(info.Env(), input);
}

// Stages on a libuv thread, for file systems that make one wait. Calls back with the result.
class BatchWorker : public Napi::AsyncWorker {
public:
  BatchWorker(Napi::Function callback, BatchInput input)
      : Napi::AsyncWorker(callback, "SporeStage"), input_(std::move(input)) {}
  void Execute() override { run_batch(input_); }
  std::vector<napi_value> GetResult(Napi::Env env) override { return {batch_to_js(env, input_)}; }

private:
  BatchInput input_;
};

Napi::Value stage_batch_async(const Napi::CallbackInfo &info) {
  (new BatchWorker(info[7].As<Napi::Function>(), batch_from_js(info)))->Queue();
  return info.Env().Undefined();
}

// Descriptors of files that another process is to map; see descriptor_of(). (batch, first, end): one per
// file, -1 where there are no bytes, the caller's to close; or a failure with the index of its file.
Napi::Value batch_descriptors(const Napi::CallbackInfo &info) {
  const auto &files = shared<StagedBatch>(info[0])->files;
  const uint32_t first = info[1].As<Napi::Number>().Uint32Value();
  const uint32_t end = info[2].As<Napi::Number>().Uint32Value();
  auto descriptors = Napi::Int32Array::New(info.Env(), end - first);
  for (uint32_t i = first; i < end; i++) {
    Failure failure;
    descriptors[i - first] = descriptor_of(files[i], failure);
    if (descriptors[i - first] >= 0) state_of(info).own_descriptor(descriptors[i - first]);
    if (!failure) continue;
    Napi::Object object = to_js(info.Env(), failure).As<Napi::Object>();
    object.Set("index", i);
    while (i-- > first) {
      if (descriptors[i - first] < 0) continue;
      state_of(info).disown_descriptor(descriptors[i - first]);
      close(descriptors[i - first]);
    }
    return object;
  }
  return descriptors;
}

// What adopt_batch() needs to know of each file: 4 numbers. (batch, first, end)
Napi::Value batch_identities(const Napi::CallbackInfo &info) {
  const auto &files = shared<StagedBatch>(info[0])->files;
  const uint32_t first = info[1].As<Napi::Number>().Uint32Value();
  const uint32_t end = info[2].As<Napi::Number>().Uint32Value();
  auto numbers = Napi::BigUint64Array::New(info.Env(), size_t(end - first) * 4);
  for (uint32_t i = first; i < end; i++) {
    const FileIdentity &identity = files[i].identity;
    uint64_t *to = numbers.Data() + size_t(i - first) * 4;
    to[0] = identity.device;
    to[1] = identity.inode;
    to[2] = identity.size;
    to[3] = uint64_t(identity.modified_ns);
  }
  return numbers;
}

// Descriptors that were kept are not needed any more.
Napi::Value drop_descriptors(const Napi::CallbackInfo &info) {
  for (StagedFile &file : shared<StagedBatch>(info[0])->files) file.descriptor.reset();
  return info.Env().Undefined();
}

// (paths, modes, identities, descriptors): maps what another process has staged. Closes the descriptors.
Napi::Value adopt_batch(const Napi::CallbackInfo &info) {
  const auto paths = info[0].As<Napi::Array>();
  const auto modes = info[1].As<Napi::Uint8Array>();
  const auto identities = info[2].As<Napi::BigUint64Array>();
  const auto descriptors = info[3].As<Napi::Int32Array>();
  BatchInput input;
  auto &files = input.batch->files;
  files.resize(paths.Length());
  input.heads.resize(files.size() * kHeadBytes);
  bool has_failed = false;
  for (uint32_t i = 0; i < files.size(); i++) {
    files[i].path = paths.Get(i).As<Napi::String>().Utf8Value();
    files[i].mode = StageMode(modes[i]);
    const uint64_t *from = identities.Data() + size_t(i) * 4;
    files[i].identity = {.device = from[0], .inode = from[1], .size = from[2], .modified_ns = int64_t(from[3])};
    if (descriptors[i] < 0) continue;
    if (!has_failed) files[i].failure = adopt_file(files[i], descriptors[i]);
    state_of(info).disown_descriptor(descriptors[i]);
    close(descriptors[i]);
    has_failed = has_failed || files[i].failure;
  }
  protect_copies(files);
  if (has_failed)
    for (StagedFile &file : files) file.mapping.release();
  return batch_to_js(info.Env(), input);
}

StagedFile &file_argument(const Napi::CallbackInfo &info) {
  return shared<StagedBatch>(info[0])->files[info[1].As<Napi::Number>().Uint32Value()];
}

// (batch, index): an ArrayBuffer, or null when the file has no mapping.
Napi::Value file_view(const Napi::CallbackInfo &info) {
  const StagedFile &file = file_argument(info);
  if (!file.mapping) return info.Env().Null();
  const Napi::Value view = view_of(info.Env(), file.mapping.mapping(), 0, file.mapping->size());
  return view.IsNull() ? copy_of(info.Env(), file.mapping->base(), file.mapping->size()) : view;
}

// What the fault handler found, as a failure without code when it found nothing.
Failure damage_of(const StagedFile &file) {
  const uint32_t marks = file.mapping ? file.mapping->marks() : 0;
  if (marks & kMarkShrank) return {kFileShrank, "mmap"};
  if (marks & kMarkWritten) return {kFileWritten, "mmap"};
  return {};
}

// (batch, index): what a fault did to the file's mapping, or null. Asks no file system.
Napi::Value file_damage(const Napi::CallbackInfo &info) {
  const Failure damage = damage_of(file_argument(info));
  return damage ? to_js(info.Env(), damage) : info.Env().Null();
}

Napi::Value advise_file(const Napi::CallbackInfo &info) {
  const StagedFile &file = file_argument(info);
  const Failure failure = file.mapping ? advise_sequential(*file.mapping.mapping()) : Failure{};
  return failure ? to_js(info.Env(), failure) : info.Env().Null();
}

// (descriptor, bytes)
Napi::Value allocate_file_of(const Napi::CallbackInfo &info) {
  const Failure failure =
      allocate_file(info[0].As<Napi::Number>().Int32Value(), uint64_t(info[1].As<Napi::Number>().Int64Value()));
  return failure ? to_js(info.Env(), failure) : info.Env().Null();
}

// (limit)
Napi::Value limit_mappings(const Napi::CallbackInfo &info) {
  set_mapping_limit(info[0].As<Napi::Number>().Uint32Value());
  return info.Env().Undefined();
}

// While it is 0, no mapping of this process is damaged: spares a look at each.
Napi::Value fault_count_of(const Napi::CallbackInfo &info) { return Napi::Number::New(info.Env(), repaired_faults()); }

// (batch, index): gives one mapping up. Its views must have been detached.
Napi::Value release_file(const Napi::CallbackInfo &info) {
  file_argument(info).mapping.release();
  return info.Env().Undefined();
}

Napi::Value release_batch(const Napi::CallbackInfo &info) {
  for (StagedFile &file : shared<StagedBatch>(info[0])->files) file.mapping.release();
  return info.Env().Undefined();
}

// How the file differs from what was staged, as a failure without code when it does not.
Failure change_of(const StagedFile &file, int descriptor) {
  if (const Failure damage = damage_of(file)) return damage;
  FileIdentity now;
  if (identify(file.path.c_str(), descriptor, now) || !(now == file.identity)) return {kFileChanged, "stat"};
  return {};
}

// (batch, index, descriptor): how the file differs from what was staged, or null.
Napi::Value file_change(const Napi::CallbackInfo &info) {
  const Failure change = change_of(file_argument(info), info[2].As<Napi::Number>().Int32Value());
  return change ? to_js(info.Env(), change) : info.Env().Null();
}

// (batch): the indices of the files that are not as they were staged, in order.
Napi::Value batch_changes(const Napi::CallbackInfo &info) {
  const auto &files = shared<StagedBatch>(info[0])->files;
  std::vector<uint8_t> is_changed(files.size());
  in_parallel(files.size(), [&](size_t i) { is_changed[i] = !files[i].failure && change_of(files[i], -1); });
  auto changed = Napi::Array::New(info.Env());
  for (size_t i = 0; i < files.size(); i++)
    if (is_changed[i]) changed[changed.Length()] = double(i);
  return changed;
}

// (descriptor, size): from 0 to 1.
Napi::Value resident_share_of(const Napi::CallbackInfo &info) {
  const int fd = info[0].As<Napi::Number>().Int32Value();
  return Napi::Number::New(info.Env(), resident_share(fd, uint64_t(info[1].As<Napi::Number>().DoubleValue())));
}

Napi::Value evict_file_of(const Napi::CallbackInfo &info) {
  const Failure failure = evict_file(info[0].As<Napi::Number>().Int32Value());
  return failure ? to_js(info.Env(), failure) : info.Env().Null();
}

Napi::Value detach_buffer(const Napi::CallbackInfo &info) {
  info[0].As<Napi::ArrayBuffer>().Detach();
  return info.Env().Undefined();
}

Napi::Value budget(const Napi::CallbackInfo &info) {
  const Budget b = read_budget();
  auto values = Napi::Float64Array::New(info.Env(), 5);
  values[0] = double(b.mapped_limit);
  values[1] = double(b.prefetched_limit);
  values[2] = double(b.mapped_bytes);
  values[3] = double(b.prefetched_bytes);
  values[4] = double(registered_mappings());
  return values;
}

Napi::Value set_budget(const Napi::CallbackInfo &info) {
  set_budget_limit(BudgetKind(info[0].As<Napi::Number>().Uint32Value()),
                   uint64_t(info[1].As<Napi::Number>().DoubleValue()));
  return info.Env().Undefined();
}

Napi::Value forbid_external_buffers(const Napi::CallbackInfo &info) {
  may_use_external_buffers = !info[0].As<Napi::Boolean>().Value();
  return info.Env().Undefined();
}

uint64_t number_at(const Napi::CallbackInfo &info, size_t index) {
  return uint64_t(info[index].As<Napi::Number>().DoubleValue());
}

Napi::Value arena_to_js(const Napi::CallbackInfo &info, std::shared_ptr<Arena> arena, const Failure &failure) {
  if (!arena) return to_js(info.Env(), failure);
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("baseAddress", double(reinterpret_cast<uintptr_t>(arena->base())));
  result.Set("reservedBytes", double(arena->reserved_bytes()));
  result.Set("arena", share(info.Env(), std::move(arena)));
  return result;
}

Napi::Value arena_create(const Napi::CallbackInfo &info) {
  Failure failure;
  auto arena = Arena::create(number_at(info, 0), failure);
  return arena_to_js(info, std::move(arena), failure);
}

// (descriptor, bytes, base): another process's arena. Takes the descriptor over.
Napi::Value arena_adopt(const Napi::CallbackInfo &info) {
  Failure failure;
  const int fd = info[0].As<Napi::Number>().Int32Value();
  state_of(info).disown_descriptor(fd);
  auto arena = Arena::adopt(fd, number_at(info, 1), number_at(info, 2), failure);
  return arena_to_js(info, std::move(arena), failure);
}

Napi::Value arena_descriptor(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), shared<Arena>(info[0])->fd());
}

// In a child: another process allocates from it.
Napi::Value arena_borrow(const Napi::CallbackInfo &info) {
  shared<Arena>(info[0])->borrow();
  return info.Env().Undefined();
}

// Offset and size of what is allocated.
Napi::Value arena_extents(const Napi::CallbackInfo &info) {
  const auto &extents = shared<Arena>(info[0])->extents();
  auto numbers = Napi::Float64Array::New(info.Env(), extents.size() * 2);
  size_t at = 0;
  for (const auto &[offset, bytes] : extents) {
    numbers[at++] = double(offset);
    numbers[at++] = double(bytes);
  }
  return numbers;
}

Napi::Value arena_version(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), double(shared<Arena>(info[0])->version()));
}

// (arena, extents): of a borrowed one.
Napi::Value arena_set_extents(const Napi::CallbackInfo &info) {
  const auto numbers = info[1].As<Napi::Float64Array>();
  std::vector<std::pair<uint64_t, uint64_t>> extents;
  for (size_t i = 0; i + 1 < numbers.ElementLength(); i += 2)
    extents.emplace_back(uint64_t(numbers[i]), uint64_t(numbers[i + 1]));
  shared<Arena>(info[0])->set_extents(extents);
  return info.Env().Undefined();
}

// (arena, bytes, align, isDirty): an offset, or a failure.
Napi::Value arena_allocate(const Napi::CallbackInfo &info) {
  Failure failure;
  const int64_t offset = shared<Arena>(info[0])->allocate(number_at(info, 1), number_at(info, 2),
                                                          info[3].As<Napi::Boolean>().Value(), failure);
  if (offset < 0) return to_js(info.Env(), failure);
  return Napi::Number::New(info.Env(), double(offset));
}

Napi::Value arena_free(const Napi::CallbackInfo &info) {
  return Napi::Boolean::New(info.Env(), shared<Arena>(info[0])->free(number_at(info, 1)));
}

Napi::Value arena_release(const Napi::CallbackInfo &info) {
  const Failure failure = shared<Arena>(info[0])->release(number_at(info, 1), number_at(info, 2));
  return failure ? to_js(info.Env(), failure) : info.Env().Null();
}

// (arena, offset, bytes): [offset, bytes] of the extent around it, or null.
Napi::Value arena_extent(const Napi::CallbackInfo &info) {
  uint64_t offset;
  uint64_t bytes;
  if (!shared<Arena>(info[0])->find_extent(number_at(info, 1), number_at(info, 2), offset, bytes))
    return info.Env().Null();
  auto extent = Napi::Array::New(info.Env(), 2);
  extent[0U] = double(offset);
  extent[1U] = double(bytes);
  return extent;
}

Napi::Value arena_usage(const Napi::CallbackInfo &info) {
  const Arena &arena = *shared<Arena>(info[0]);
  auto usage = Napi::Array::New(info.Env(), 2);
  usage[0U] = double(arena.allocated_bytes());
  usage[1U] = double(arena.touched_bytes());
  return usage;
}

// Null where external buffers are forbidden: a copy would not be shared.
Napi::Value arena_view(const Napi::CallbackInfo &info) {
  return view_of(info.Env(), shared<Arena>(info[0])->mapping().mapping(), number_at(info, 1), number_at(info, 2));
}

// Gives this handle's share up; pools that use the arena keep theirs.
Napi::Value arena_close(const Napi::CallbackInfo &info) {
  auto &arena = shared<Arena>(info[0]);
  if (arena.use_count() == 1) arena->release_all();
  arena.reset();
  return info.Env().Undefined();
}

// Half of what the process may have, as for the machine's memory.
void limit_budget_to_cgroup() {
  static std::once_flag once;
  std::call_once(once, [] {
    const uint64_t constrained = uv_get_constrained_memory(); // 0 when there is no limit, or none is known
    if (constrained && constrained / 2 < read_budget().prefetched_limit)
      set_budget_limit(BudgetKind::Prefetched, constrained / 2);
  });
}

// A worker_thread that ends unloads the addons that only it had loaded, while the forking thread and the
// fault handlers need their code.
void stay_loaded() {
  Dl_info self;
  if (dladdr(reinterpret_cast<const void *>(&stay_loaded), &self) && self.dli_fname)
    dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

} // namespace

void init_staging_binding(Napi::Env env, Napi::Object exports) {
  stay_loaded();
  limit_budget_to_cgroup();
  register_builtin_kernels();
  auto *state = new StagingEnv(env); // frees itself when the environment ends
  add_function<stage_batch>(exports, "stageBatch", state);
  add_function<stage_batch_async>(exports, "stageBatchAsync", state);
  add_function<file_view>(exports, "fileView", state);
  add_function<file_damage>(exports, "fileDamage", state);
  add_function<advise_file>(exports, "adviseFile", state);
  add_function<allocate_file_of>(exports, "allocateFile", state);
  add_function<resident_share_of>(exports, "residentShare", state);
  add_function<evict_file_of>(exports, "evictFile", state);
  add_function<fault_count_of>(exports, "faultCount", state);
  add_function<release_file>(exports, "releaseFile", state);
  add_function<release_batch>(exports, "releaseBatch", state);
  add_function<file_change>(exports, "fileChange", state);
  add_function<batch_changes>(exports, "batchChanges", state);
  add_function<detach_buffer>(exports, "detachBuffer", state);
  add_function<budget>(exports, "budget", state);
  add_function<set_budget>(exports, "setBudget", state);
  add_function<forbid_external_buffers>(exports, "forbidExternalBuffers", state);
  add_function<limit_mappings>(exports, "limitMappings", state);
  add_function<arena_create>(exports, "arenaCreate", state);
  add_function<arena_allocate>(exports, "arenaAllocate", state);
  add_function<arena_free>(exports, "arenaFree", state);
  add_function<arena_release>(exports, "arenaRelease", state);
  add_function<arena_extent>(exports, "arenaExtent", state);
  add_function<arena_usage>(exports, "arenaUsage", state);
  add_function<arena_view>(exports, "arenaView", state);
  add_function<arena_close>(exports, "arenaClose", state);
  add_function<batch_descriptors>(exports, "batchDescriptors", state);
  add_function<batch_identities>(exports, "batchIdentities", state);
  add_function<drop_descriptors>(exports, "dropDescriptors", state);
  add_function<adopt_batch>(exports, "adoptBatch", state);
  add_function<arena_adopt>(exports, "arenaAdopt", state);
  add_function<arena_descriptor>(exports, "arenaDescriptor", state);
  add_function<arena_borrow>(exports, "arenaBorrow", state);
  add_function<arena_extents>(exports, "arenaExtents", state);
  add_function<arena_version>(exports, "arenaVersion", state);
  add_function<arena_set_extents>(exports, "arenaSetExtents", state);
  add_process_functions(state, exports);
  add_worker_functions(state, exports);
  // What src/staging has to know without opening the addon; a test compares.
  exports.Set("headBytes", uint32_t(kHeadBytes));
  exports.Set("maxArgsBytes", kMaxArgsBytes);
  exports.Set("adaptiveMode", uint32_t(StageMode::Adaptive));
}

} // namespace spore

#endif
