// The binding of staging's processes: spawned kernels and worker pools. Everything here runs on the
// environment's thread; forks happen on the forking thread and come back through the reactor.
#ifdef __linux__

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "addon/staging-env.h"
#include "resident/connection.h"
#include "staging/kernel-registry.h"
#include "staging/registry.h"

namespace spore {

using namespace staging;

namespace {

// The files of several batches, in order, and what keeps them mapped.
struct WorkerFiles {
  std::vector<spore_file> files;
  std::vector<MappingOwner> mappings;
};

WorkerFiles files_from_js(const Napi::Value &batches) {
  WorkerFiles all;
  const auto array = batches.As<Napi::Array>();
  for (uint32_t b = 0; b < array.Length(); b++)
    for (const StagedFile &file : shared<StagedBatch>(array.Get(b))->files) {
      if (file.mapping) all.mappings.push_back(file.mapping);
      all.files.push_back(file.mapping ? spore_file{file.mapping->base(), file.mapping->size()}
                                       : spore_file{nullptr, 0});
    }
  return all;
}

std::vector<uint8_t> bytes_from_js(const Napi::Value &value) {
  if (!value.IsTypedArray()) return {};
  const auto array = value.As<Napi::Uint8Array>();
  return {array.Data(), array.Data() + array.ByteLength()};
}

// --- spawned kernels

struct SpawnedKernel {
  uint32_t kernel;
  uint32_t rows;
  std::vector<uint64_t> args; // 64-bit elements align the block
  uint32_t args_size;
};

// Everything that the children read; it lives until the forks are done.
struct SpawnPlan {
  WorkerFiles files;
  std::shared_ptr<Arena> arena;
  std::vector<SpawnedKernel> workers;

  int run(uint32_t index) const {
    const SpawnedKernel &worker = workers[index];
    const spore_context context = {
        .files = files.files.data(),
        .file_count = uint32_t(files.files.size()),
        .worker = index,
        .worker_count = uint32_t(workers.size()),
        .attempt = 0,
        .arena = arena ? arena->base() : nullptr,
        .arena_size = arena ? arena->reserved_bytes() : 0,
        .args = worker.args.data(),
        .args_size = worker.args_size,
        .fault_row = SPORE_NO_ROW,
    };
    return kernel_at(worker.kernel).run(&context, 0, worker.rows);
  }
};

bool deliver_exit(StagingEnv &state, const std::shared_ptr<ChildHolder> &holder) {
  if (holder->child->is_reaped()) return true;
  if (!holder->child->try_reap()) return false;
  state.children.erase(holder);
  state.reactor()->unwatch(holder->watch, -1);
  for (; holder->holds; holder->holds--) state.reactor()->drop();
  const ExitStatus &status = holder->child->status();
  state.call(holder->on_exit, [&](Napi::Env env) -> std::vector<napi_value> {
    return {Napi::Number::New(env, status.code), Napi::Number::New(env, status.signal),
            Napi::Number::New(env, status.cpu_ms), Napi::Number::New(env, status.minor_faults),
            Napi::Number::New(env, status.major_faults)};
  });
  holder->on_exit.Reset();
  return true;
}

std::shared_ptr<ChildHolder> watch_child(StagingEnv &state, std::unique_ptr<ChildProcess> child) {
  auto holder = std::make_shared<ChildHolder>();
  holder->child = std::move(child);
  state.children.insert(holder);
  holder->watch =
      state.reactor()->watch(holder->child->pidfd(), [&state, holder] { return deliver_exit(state, holder); });
  return holder;
}

// (batches, arena | null, kernels: Uint32Array, rows: Uint32Array, args: (Uint8Array | null)[], callback):
// calls back with a failure or an array of [child, pid].
Napi::Value spawn(const Napi::CallbackInfo &info) {
  StagingEnv &state = state_of(info);
  Reactor *reactor = state.reactor();
  if (!reactor) return info.Env().Undefined();
  auto plan = std::make_shared<SpawnPlan>();
  plan->files = files_from_js(info[0]);
  if (info[1].IsExternal()) plan->arena = shared<Arena>(info[1]);
  const auto kernels = info[2].As<Napi::Uint32Array>();
  const auto rows = info[3].As<Napi::Uint32Array>();
  const auto args = info[4].As<Napi::Array>();
  for (uint32_t i = 0; i < kernels.ElementLength(); i++) {
    const std::vector<uint8_t> bytes = bytes_from_js(args.Get(i));
    SpawnedKernel worker = {kernels[i], rows[i], std::vector<uint64_t>(bytes.size() / 8 + 1), uint32_t(bytes.size())};
    memcpy(worker.args.data(), bytes.data(), bytes.size());
    plan->workers.push_back(std::move(worker));
  }
  auto request = std::make_shared<ForkRequest>();
  request->count = uint32_t(plan->workers.size());
  request->run_child = [plan](uint32_t index) { return plan->run(index); };
  auto callback = std::make_shared<Napi::FunctionReference>(Napi::Persistent(info[5].As<Napi::Function>()));

  state.fork_begun();
  reactor->hold();
  fork_children_async(request, [&state, reactor, request, plan, callback] {
    reactor->post([&state, reactor, request, plan, callback] {
      reactor->drop();
      std::vector<std::shared_ptr<ChildHolder>> holders;
      for (auto &child : request->children) holders.push_back(watch_child(state, std::move(child)));
      state.call(*callback, [&](Napi::Env env) -> std::vector<napi_value> {
        if (request->failure) return {to_js(env, request->failure)};
        auto children = Napi::Array::New(env, holders.size());
        for (uint32_t i = 0; i < holders.size(); i++) {
          auto entry = Napi::Array::New(env, 2);
          entry[0U] = share(env, holders[i]);
          entry[1U] = double(holders[i]->child->pid());
          children[i] = entry;
        }
        return {children};
      });
    });
    state.fork_ended();
  });
  return info.Env().Undefined();
}

// (pid, pidfd): a child that was forked by forkProcess().
Napi::Value adopt_child(const Napi::CallbackInfo &info) {
  StagingEnv &state = state_of(info);
  if (!state.reactor()) return info.Env().Undefined();
  const int pidfd = info[1].As<Napi::Number>().Int32Value();
  state.disown_descriptor(pidfd);
  auto child = std::make_unique<ChildProcess>(info[0].As<Napi::Number>().Int32Value(), pidfd);
  return share(info.Env(), watch_child(state, std::move(child)));
}

// (child, callback(code, signal)). Called once, later, when the child has ended.
Napi::Value child_on_exit(const Napi::CallbackInfo &info) {
  const auto &holder = shared<ChildHolder>(info[0]);
  holder->on_exit = Napi::Persistent(info[1].As<Napi::Function>());
  return info.Env().Undefined();
}

// (child): a zombie is not alive; its exit is delivered at once.
Napi::Value child_is_alive(const Napi::CallbackInfo &info) {
  return Napi::Boolean::New(info.Env(), !deliver_exit(state_of(info), shared<ChildHolder>(info[0])));
}

// (child, signal): 0 or an errno.
Napi::Value child_signal(const Napi::CallbackInfo &info) {
  const auto &holder = shared<ChildHolder>(info[0]);
  return Napi::Number::New(info.Env(), holder->child->send_signal(info[1].As<Napi::Number>().Int32Value()));
}

// (child, isHeld): while held, the loop goes on until the child ends.
Napi::Value child_hold(const Napi::CallbackInfo &info) {
  const auto &holder = shared<ChildHolder>(info[0]);
  if (holder->child->is_reaped()) return info.Env().Undefined();
  if (info[1].As<Napi::Boolean>().Value()) {
    holder->holds++;
    state_of(info).reactor()->hold();
  } else if (holder->holds) {
    holder->holds--;
    state_of(info).reactor()->drop();
  }
  return info.Env().Undefined();
}

// --- pools

const char *outcome_name(Outcome outcome) {
  switch (outcome) {
  case Outcome::Running:
  case Outcome::Done: break; // not reported by name
  case Outcome::KernelFailed: return "kernel-failed";
  case Outcome::Crashed: return "crashed";
  case Outcome::ForkFailed: return "fork-failed";
  }
  return "running";
}

Napi::Value report_to_js(Napi::Env env, const JobReport &report) {
  if (report.outcome == Outcome::Done) { // the rule, and each property of an object would cost as much as all numbers
    auto numbers = Napi::Float64Array::New(env, 3 + report.workers.size() * 3);
    numbers[0] = double(report.wall_ns);
    numbers[1] = report.chunks;
    numbers[2] = report.retried_chunks;
    for (size_t w = 0; w < report.workers.size(); w++) {
      numbers[3 + w * 3] = double(report.workers[w].busy_ns);
      numbers[4 + w * 3] = report.workers[w].chunks;
      numbers[5 + w * 3] = double(report.workers[w].minor_faults);
    }
    return numbers;
  }
  Napi::Object object = Napi::Object::New(env);
  object.Set("outcome", outcome_name(report.outcome));
  object.Set("first", report.first);
  object.Set("end", report.end);
  object.Set("status", report.kernel_status);
  object.Set("signal", report.signal);
  object.Set("exitCode", report.exit_code);
  object.Set("pid", report.pid);
  object.Set("failure", to_js(env, report.failure));
  return object;
}

void watch_workers(StagingEnv &state, const std::shared_ptr<PoolHolder> &holder);

void on_pool_event(StagingEnv &state, const std::shared_ptr<PoolHolder> &holder) {
  JobReport report;
  const bool has_ended = holder->pool->advance(report);
  watch_workers(state, holder); // replacements
  if (!has_ended || holder->on_report.IsEmpty()) return;
  state.reactor()->drop();
  const Napi::FunctionReference callback = std::move(holder->on_report);
  state.call(callback, [&](Napi::Env env) -> std::vector<napi_value> { return {report_to_js(env, report)}; });
}

// Watches hold the pool weakly: a pool that nobody refers to may be collected.
void watch_workers(StagingEnv &state, const std::shared_ptr<PoolHolder> &holder) {
  const auto &workers = holder->pool->workers();
  holder->watched.resize(workers.size());
  const std::weak_ptr<PoolHolder> weak = holder;
  for (size_t w = 0; w < workers.size(); w++) {
    if (!workers[w] || holder->watched[w].pid == workers[w]->pid()) continue;
    if (holder->watched[w].watch) state.reactor()->unwatch(holder->watched[w].watch, -1); // its pidfd is closed
    const pid_t pid = workers[w]->pid();
    holder->watched[w] = {pid, state.reactor()->watch(workers[w]->pidfd(), [&state, weak, w, pid] {
                            const auto alive = weak.lock();
                            if (!alive) return true;
                            on_pool_event(state, alive);
                            const auto &now = alive->pool->workers();
                            return w >= now.size() || !now[w] || now[w]->pid() != pid;
                          })};
  }
  if (holder->wake_watch) return;
  holder->wake_watch = state.reactor()->watch(holder->pool->wake_fd(), [&state, weak] {
    const auto alive = weak.lock();
    if (alive) on_pool_event(state, alive);
    return !alive;
  });
}

std::shared_ptr<PoolHolder> hold_pool(StagingEnv &state, std::shared_ptr<WorkerPool> pool) {
  auto holder = std::make_shared<PoolHolder>();
  holder->state = &state;
  holder->pool = std::move(pool);
  state.pools.insert(holder.get());
  return holder;
}

FaultPoint fault_point(const std::string &name) {
  if (name == "reserve") return FaultPoint::Reserve;
  if (name == "claim") return FaultPoint::Claim;
  if (name == "first") return FaultPoint::First;
  if (name == "middle") return FaultPoint::Middle;
  if (name == "last") return FaultPoint::Last;
  return FaultPoint::None;
}

// hooks: [point, kernel, chunk or -1, signal, once, delay seed]
TestHooks hooks_from_js(const Napi::Value &value) {
  if (!value.IsArray()) return {};
  const auto v = value.As<Napi::Array>();
  const auto number = [&v](uint32_t i) { return v.Get(i).As<Napi::Number>().Int32Value(); };
  return {.at = fault_point(v.Get(0U).As<Napi::String>().Utf8Value()),
          .kernel = number(1),
          .chunk = number(2) < 0 ? kNoChunk : uint32_t(number(2)),
          .signal = number(3),
          .once = v.Get(4U).As<Napi::Boolean>().Value(),
          .delay_seed = uint32_t(number(5))};
}

// (batches, arena, workers, hooks | null, kept descriptors | null, callback | null): the pool or a failure,
// returned when there is no callback. No workers: kernels run in this process.
Napi::Value pool_create(const Napi::CallbackInfo &info) {
  StagingEnv &state = state_of(info);
  PoolOptions options;
  options.workers = info[2].As<Napi::Number>().Uint32Value();
  options.runs_here = options.workers == 0;
  if (options.runs_here) options.workers = 1;
  options.hooks = hooks_from_js(info[3]);
  if (info[4].IsTypedArray()) {
    const auto kept = info[4].As<Napi::Int32Array>();
    options.kept_descriptors.assign(kept.Data(), kept.Data() + kept.ElementLength());
  }
  WorkerFiles files = files_from_js(info[0]);
  Failure failure;
  auto pool =
      WorkerPool::create(std::move(files.files), std::move(files.mappings), shared<Arena>(info[1]), options, failure);
  if (!info[5].IsFunction()) {
    if (!pool) return to_js(info.Env(), failure);
    if (options.runs_here) return share(info.Env(), hold_pool(state, std::move(pool)));
    const auto request = pool->fork_request();
    fork_children(*request);
    if (request->failure) return to_js(info.Env(), request->failure);
    pool->adopt(std::move(request->children));
    return share(info.Env(), hold_pool(state, std::move(pool)));
  }

  Reactor *reactor = state.reactor();
  if (!reactor) return info.Env().Undefined();
  auto callback = std::make_shared<Napi::FunctionReference>(Napi::Persistent(info[5].As<Napi::Function>()));
  const auto request = pool ? pool->fork_request() : std::make_shared<ForkRequest>();
  const auto finish = [&state, reactor, request, pool, failure, callback] {
    reactor->drop();
    std::shared_ptr<PoolHolder> holder;
    if (pool && !request->failure) {
      pool->adopt(std::move(request->children));
      holder = hold_pool(state, pool);
      watch_workers(state, holder);
    }
    state.call(*callback, [&](Napi::Env env) -> std::vector<napi_value> {
      if (holder) return {share(env, holder)};
      return {to_js(env, pool ? request->failure : failure)};
    });
  };
  reactor->hold();
  if (!pool) {
    reactor->post(finish);
    return info.Env().Undefined();
  }
  state.fork_begun();
  fork_children_async(request, [&state, reactor, finish] {
    reactor->post(finish);
    state.fork_ended();
  });
  return info.Env().Undefined();
}

// (pool, kernel, rows, chunkRows, chunks, bounds | null, args | null, callback | null): a report when there is no
// callback, or when the job has ended already; else null; or a failure to start.
Napi::Value pool_run(const Napi::CallbackInfo &info) {
  StagingEnv &state = state_of(info);
  const auto &holder = shared<PoolHolder>(info[0]);
  Job job;
  job.kernel = info[1].As<Napi::Number>().Uint32Value();
  job.rows = info[2].As<Napi::Number>().Uint32Value();
  job.chunk_rows = info[3].As<Napi::Number>().Uint32Value();
  job.chunk_count = info[4].As<Napi::Number>().Uint32Value();
  if (info[5].IsTypedArray()) job.bounds = info[5].As<Napi::Uint32Array>().Data();
  if (info[6].IsTypedArray()) {
    job.args = info[6].As<Napi::Uint8Array>().Data();
    job.args_size = uint32_t(info[6].As<Napi::Uint8Array>().ByteLength());
  }
  const bool is_sync = !info[7].IsFunction() || holder->pool->runs_here();
  if (!is_sync) {
    if (!state.reactor()) return info.Env().Undefined();
    watch_workers(state, holder);
  }
  if (const Failure failure = holder->pool->start(job)) return to_js(info.Env(), failure);
  if (is_sync) return report_to_js(info.Env(), holder->pool->wait());
  JobReport report;
  if (job.rows != 0 && holder->pool->ends_at_once(report)) return report_to_js(info.Env(), report);
  holder->on_report = Napi::Persistent(info[7].As<Napi::Function>());
  state.reactor()->hold();
  // A job without chunks wakes nobody.
  if (job.rows == 0) state.reactor()->post([&state, holder] { on_pool_event(state, holder); });
  return info.Env().Null();
}

Napi::Value pool_pids(const Napi::CallbackInfo &info) {
  auto pids = Napi::Array::New(info.Env());
  for (const auto &worker : shared<PoolHolder>(info[0])->pool->workers())
    if (worker && !worker->is_reaped()) pids[pids.Length()] = double(worker->pid());
  return pids;
}

// (pool, callback | null, leave): tells the workers to leave; calls back when all have been reaped. Without a
// callback the forking thread reaps them. One that is left, by its index
// unless that is -1, ends with this environment, or with the process.
Napi::Value pool_close(const Napi::CallbackInfo &info) {
  StagingEnv &state = state_of(info);
  const auto &holder = shared<PoolHolder>(info[0]);
  const auto &workers = holder->pool->workers();
  for (size_t w = 0; w < holder->watched.size(); w++)
    if (w < workers.size()) state.reactor()->unwatch(holder->watched[w].watch, workers[w] ? workers[w]->pidfd() : -1);
  holder->watched.clear();
  if (holder->wake_watch) state.reactor()->unwatch(std::exchange(holder->wake_watch, 0), holder->pool->wake_fd());
  const auto staying = std::make_shared<ChildHolder>();
  const int leave = info[2].As<Napi::Number>().Int32Value();
  auto children = leave < 0 ? holder->pool->close() : holder->pool->close_but(uint32_t(leave), staying->child);
  if (staying->child) state.children.insert(staying);
  if (!holder->on_report.IsEmpty()) { // a job was running; JavaScript has already rejected it
    holder->on_report.Reset();
    state.reactor()->drop();
  }
  if (!info[1].IsFunction()) {
    for (auto &child : children) abandon_child(std::move(child));
    return info.Env().Undefined();
  }
  Reactor *reactor = state.reactor();
  if (!reactor) return info.Env().Undefined();
  auto callback = std::make_shared<Napi::FunctionReference>(Napi::Persistent(info[1].As<Napi::Function>()));
  auto left = std::make_shared<size_t>(children.size() + 1);
  const auto finish = [&state, reactor, callback, left] {
    if (--*left != 0) return;
    reactor->drop();
    state.call(*callback, [](Napi::Env) -> std::vector<napi_value> { return {}; });
  };
  reactor->hold();
  for (auto &child : children) {
    const auto leaving = std::make_shared<ChildHolder>();
    leaving->child = std::move(child);
    leaving->is_leaving = true;
    state.children.insert(leaving);
    reactor->watch(leaving->child->pidfd(), [&state, leaving, finish] {
      if (!leaving->child->try_reap()) return false;
      state.children.erase(leaving);
      finish();
      return true;
    });
  }
  reactor->post(finish);
  return info.Env().Undefined();
}

// (status, connection or -1): tells the client of a resident linker, and ends the process without Node's teardown, once
// the workers of closed pools have been reaped. Meanwhile it gives up what it has mapped, which takes long: both take a
// processor.
Napi::Value end_process(const Napi::CallbackInfo &info) {
  bool has_dropped = false;
  for (const auto &holder : state_of(info).children) {
    if (!holder->is_leaving || holder->child->try_reap()) continue;
    if (!std::exchange(has_dropped, true)) unmap_all();
    holder->child->wait_reap();
  }
  const int status = info[0].As<Napi::Number>().Int32Value();
  const int connection = info[1].As<Napi::Number>().Int32Value();
  if (connection >= 0) resident::say_status(connection, status);
  _exit(status);
}

// Whether there is a thread that forks kernels: a child of this process would not have it.
Napi::Value forks_kernels(const Napi::CallbackInfo &info) { return Napi::Boolean::New(info.Env(), has_fork_thread()); }

Napi::Value kernel_id(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), find_kernel(info[0].As<Napi::String>().Utf8Value()));
}

Napi::Value kernel_names(const Napi::CallbackInfo &info) {
  auto names = Napi::Array::New(info.Env(), kernel_count());
  for (uint32_t id = 0; id < names.Length(); id++) names[id] = kernel_at(id).name;
  return names;
}

// (path): what the library's kernels are called, or why there are none.
Napi::Value load_kernel_library(const Napi::CallbackInfo &info) {
  const spore_kernel_library *library = nullptr;
  const RegistryFailure failure = load_kernels(info[0].As<Napi::String>().Utf8Value().c_str(), library);
  if (failure) {
    auto result = Napi::Object::New(info.Env());
    result["code"] = failure.code;
    result["message"] = failure.message;
    return result;
  }
  auto names = Napi::Array::New(info.Env(), library->count);
  for (uint32_t i = 0; i < library->count; i++) names[i] = library->entries[i].name;
  return names;
}

Napi::Value forbid_pidfds(const Napi::CallbackInfo &info) {
  set_pidfd_allowed(!info[0].As<Napi::Boolean>().Value());
  return info.Env().Undefined();
}

} // namespace

void add_process_functions(StagingEnv *state, Napi::Object exports) {
  add_function<spawn>(exports, "spawn", state);
  add_function<adopt_child>(exports, "adoptChild", state);
  add_function<child_on_exit>(exports, "childOnExit", state);
  add_function<child_is_alive>(exports, "childIsAlive", state);
  add_function<child_signal>(exports, "childSignal", state);
  add_function<child_hold>(exports, "childHold", state);
  add_function<pool_create>(exports, "poolCreate", state);
  add_function<pool_run>(exports, "poolRun", state);
  add_function<pool_pids>(exports, "poolPids", state);
  add_function<pool_close>(exports, "poolClose", state);
  add_function<end_process>(exports, "endProcess", state);
  add_function<forks_kernels>(exports, "forksKernels", state);
  add_function<kernel_id>(exports, "kernelId", state);
  add_function<kernel_names>(exports, "kernelNames", state);
  add_function<load_kernel_library>(exports, "loadKernels", state);
  add_function<forbid_pidfds>(exports, "forbidPidfds", state);
}

} // namespace spore

#endif
