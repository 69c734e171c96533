// What one JavaScript environment (the main thread, or a worker_thread) has of staging: its event
// sources, its children and its pools. Ends them when the environment ends.
#pragma once

#include <napi.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "addon/reactor.h"
#include "staging/arena.h"
#include "staging/mapping.h"
#include "staging/process.h"
#include "staging/worker-pool.h"

namespace spore {

struct StagedBatch {
  std::vector<staging::StagedFile> files;
};

class StagingEnv;

struct ChildHolder {
  std::unique_ptr<staging::ChildProcess> child;
  uint64_t watch = 0;
  Napi::FunctionReference on_exit; // (code, signal)
  uint32_t holds = 0;
  bool is_leaving = false; // a worker whose pool was closed
};

struct WorkerWatch {
  pid_t pid = 0;
  uint64_t watch = 0;
};

struct PoolHolder {
  ~PoolHolder();
  StagingEnv *state = nullptr; // null once the environment has ended
  std::shared_ptr<staging::WorkerPool> pool;
  std::vector<WorkerWatch> watched; // per worker
  uint64_t wake_watch = 0;
  Napi::FunctionReference on_report; // of the job that runs
};

class StagingEnv {
public:
  explicit StagingEnv(napi_env env);

  napi_env env() const { return env_; }
  // Made when first asked for; null, with a JavaScript exception thrown, when it cannot be.
  Reactor *reactor();
  // Calls JavaScript from the loop; what it throws is an uncaught exception. Nothing happens in an
  // environment that is being terminated.
  using MakeArguments = std::function<std::vector<napi_value>(Napi::Env)>;
  void call(const Napi::FunctionReference &function, const MakeArguments &make_arguments);

  // Descriptors that JavaScript has: closed when the environment ends before they are.
  void own_descriptor(int fd) { descriptors_.insert(fd); }
  // For who closes it, or passes it to who does.
  void disown_descriptor(int fd) { descriptors_.erase(fd); }

  void fork_begun();
  void fork_ended();

  std::set<std::shared_ptr<ChildHolder>> children; // those that run
  std::set<PoolHolder *> pools;

private:
  void shut_down();

  napi_env env_;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  std::unique_ptr<Reactor> reactor_;
  std::unique_ptr<Napi::AsyncContext> context_;
  std::mutex mutex_;
  std::condition_variable forks_done_;
  uint32_t forks_ = 0;
  std::set<int> descriptors_;
};

// The functions of staging-processes.cc, added to the binding's object.
void add_process_functions(StagingEnv *state, Napi::Object exports);

// The functions of staging-workers.cc.
void add_worker_functions(StagingEnv *state, Napi::Object exports);

// A failure as JavaScript sees it: { code, syscall }, where the code is an errno or the name of one of ours.
Napi::Value to_js(Napi::Env env, const staging::Failure &failure);

// An external that shares ownership of a native object.
template <class T> Napi::Value share(Napi::Env env, std::shared_ptr<T> object) {
  return Napi::External<std::shared_ptr<T>>::New(env, new std::shared_ptr<T>(std::move(object)),
                                                 [](Napi::Env, std::shared_ptr<T> *it) { delete it; });
}
template <class T> std::shared_ptr<T> &shared(const Napi::Value &value) {
  return *value.As<Napi::External<std::shared_ptr<T>>>().Data();
}

template <Napi::Value (*function)(const Napi::CallbackInfo &)>
void add_function(Napi::Object exports, const char *name, StagingEnv *state) {
  exports.Set(name, Napi::Function::New<function>(exports.Env(), name, state));
}

inline StagingEnv &state_of(const Napi::CallbackInfo &info) { return *static_cast<StagingEnv *>(info.Data()); }

} // namespace spore
