#ifdef __linux__

#include "addon/staging-env.h"

#include <signal.h>
#include <unistd.h>

namespace spore {

using namespace staging;

PoolHolder::~PoolHolder() {
  if (state) state->pools.erase(this);
  // Collected without close(): nobody waits for the workers.
  for (auto &child : pool->close()) {
    child->send_signal(SIGKILL);
    abandon_child(std::move(child));
  }
}

StagingEnv::StagingEnv(napi_env env) : env_(env) {
  napi_add_async_cleanup_hook(
      env,
      [](napi_async_cleanup_hook_handle hook, void *data) {
        auto *self = static_cast<StagingEnv *>(data);
        self->hook_ = hook;
        self->shut_down();
      },
      this, nullptr);
}

Reactor *StagingEnv::reactor() {
  if (reactor_) return reactor_.get();
  uv_loop_t *loop = nullptr;
  napi_get_uv_event_loop(env_, &loop);
  auto reactor = std::make_unique<Reactor>();
  if (const int error = reactor->open(loop)) {
    Napi::Error::New(env_, std::string("event loop: ") + uv_strerror(error)).ThrowAsJavaScriptException();
    return nullptr;
  }
  reactor_ = std::move(reactor);
  context_ = std::make_unique<Napi::AsyncContext>(env_, "SporeStaging");
  return reactor_.get();
}

void StagingEnv::call(const Napi::FunctionReference &function, const MakeArguments &make_arguments) {
  if (function.IsEmpty()) return;
  const Napi::Env env(env_);
  const Napi::HandleScope scope(env);
  try {
    function.MakeCallback(env.Global(), make_arguments(env), *context_);
  } catch (const Napi::Error &error) {
    // Of a terminated environment there is no exception to pass on; the call is refused, then.
    napi_value exception = nullptr;
    if (napi_get_reference_value(env_, error, &exception) == napi_ok && exception)
      napi_fatal_exception(env_, exception);
  }
}

void StagingEnv::fork_begun() {
  std::lock_guard lock(mutex_);
  forks_++;
}

void StagingEnv::fork_ended() {
  std::lock_guard lock(mutex_);
  if (--forks_ == 0) forks_done_.notify_one();
}

void StagingEnv::shut_down() {
  {
    std::unique_lock lock(mutex_);
    forks_done_.wait(lock, [this] { return forks_ == 0; });
  }
  context_.reset();
  for (PoolHolder *holder : pools) {
    for (auto &child : holder->pool->close()) child->send_signal(SIGKILL); // reaped by its destructor
    holder->on_report.Reset();
    holder->state = nullptr; // finalisers run when this object is gone
  }
  pools.clear();
  for (const auto &holder : children) {
    holder->on_exit.Reset();
    holder->child.reset(); // kills and reaps
  }
  children.clear();
  for (const int fd : descriptors_) close(fd);
  const auto finish = [this] {
    napi_async_cleanup_hook_handle hook = hook_;
    delete this;
    napi_remove_async_cleanup_hook(hook);
  };
  if (reactor_) reactor_->close(finish);
  else finish();
}

Napi::Value to_js(Napi::Env env, const Failure &failure) {
  Napi::Object object = Napi::Object::New(env);
  if (const char *own = own_code_name(failure.code)) object.Set("code", own);
  else object.Set("code", failure.code);
  object.Set("syscall", failure.syscall);
  return object;
}

} // namespace spore

#endif
