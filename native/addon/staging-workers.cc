// The binding of workers that run JavaScript: channels to them, and the fork of a Node process.
#ifdef __linux__

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "addon/staging-env.h"
#include "staging/channel.h"
#include "staging/fork-here.h"
#include "staging/placement.h"

namespace spore {

using namespace staging;

namespace {

int int_at(const Napi::CallbackInfo &info, size_t index) { return info[index].As<Napi::Number>().Int32Value(); }

std::vector<int> descriptors_from_js(const Napi::Value &value) {
  if (!value.IsTypedArray()) return {};
  const auto array = value.As<Napi::Int32Array>();
  return {array.Data(), array.Data() + array.ElementLength()};
}

// Two descriptors, or a failure.
Napi::Value channel_open(const Napi::CallbackInfo &info) {
  int ends[2];
  if (const Failure failure = open_channel(ends)) return to_js(info.Env(), failure);
  auto pair = Napi::Int32Array::New(info.Env(), 2);
  for (uint32_t i = 0; i < 2; i++) {
    pair[i] = ends[i];
    state_of(info).own_descriptor(ends[i]);
  }
  return pair;
}

// (descriptor): of those that a function here returned.
Napi::Value close_descriptor(const Napi::CallbackInfo &info) {
  const int fd = int_at(info, 0);
  state_of(info).disown_descriptor(fd);
  close(fd);
  return info.Env().Undefined();
}

// (channel, bytes, size, descriptors | null, mayWait, pid, order): null, or a failure. The process that waits for the
// packet, unless pid is 0, is the order-th to be woken: see Placement.
Napi::Value channel_send(const Napi::CallbackInfo &info) {
  const auto bytes = info[1].As<Napi::Uint8Array>();
  const size_t size = std::min<size_t>(info[2].As<Napi::Number>().Uint32Value(), bytes.ByteLength());
  const int pid = int_at(info, 5);
  std::optional<Placement> placement;
  if (pid > 0) placement.emplace(pid, uint32_t(int_at(info, 6)));
  const Failure failure = send_packet(int_at(info, 0), bytes.Data(), size, descriptors_from_js(info[3]),
                                      info[4].As<Napi::Boolean>().Value());
  return failure ? to_js(info.Env(), failure) : info.Env().Null();
}

// (channel, mayWait, buffer): how many bytes there are now in the buffer, which has room for
// maxInlineBytes; { bytes or that number, descriptors } of a packet that has more than that; undefined when
// there is nothing yet, null when there will be nothing any more; or a failure.
Napi::Value channel_receive(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  auto buffer = info[2].As<Napi::Uint8Array>();
  if (buffer.ByteLength() < kMaxInlineBytes) return to_js(env, {EINVAL, "recvmsg"});
  Packet packet;
  Failure failure;
  switch (receive_packet(int_at(info, 0), info[1].As<Napi::Boolean>().Value(), buffer.Data(), packet, failure)) {
  case Received::Nothing: return env.Undefined();
  case Received::Closed: return env.Null();
  case Received::Failed: return to_js(env, failure);
  case Received::Packet: break;
  }
  if (!packet.is_large && packet.descriptors.empty()) return Napi::Number::New(env, double(packet.inline_size));
  auto descriptors = Napi::Int32Array::New(env, packet.descriptors.size());
  for (size_t i = 0; i < packet.descriptors.size(); i++) {
    descriptors[i] = packet.descriptors[i];
    state_of(info).own_descriptor(packet.descriptors[i]);
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("descriptors", descriptors);
  if (!packet.is_large) {
    result.Set("bytes", double(packet.inline_size));
    return result;
  }
  auto bytes = Napi::Uint8Array::New(env, packet.large.size());
  if (!packet.large.empty()) memcpy(bytes.Data(), packet.large.data(), packet.large.size());
  result.Set("bytes", bytes);
  return result;
}

// The other end finds that there is nothing to receive any more.
Napi::Value channel_shut_down(const Napi::CallbackInfo &info) {
  shut_down_channel(int_at(info, 0));
  return info.Env().Undefined();
}

// (descriptor, callback): calls back whenever it is readable. Returns what unwatch() takes.
Napi::Value watch_readable(const Napi::CallbackInfo &info) {
  StagingEnv &state = state_of(info);
  Reactor *reactor = state.reactor();
  if (!reactor) return info.Env().Undefined();
  auto callback = std::make_shared<Napi::FunctionReference>(Napi::Persistent(info[1].As<Napi::Function>()));
  const uint64_t watch = reactor->watch(int_at(info, 0), [&state, callback] {
    state.call(*callback, [](Napi::Env) -> std::vector<napi_value> { return {}; });
    return false;
  });
  return Napi::Number::New(info.Env(), double(watch));
}

// (watch, descriptor): while the descriptor is open.
Napi::Value unwatch(const Napi::CallbackInfo &info) {
  if (Reactor *reactor = state_of(info).reactor())
    reactor->unwatch(uint64_t(info[0].As<Napi::Number>().Int64Value()), int_at(info, 1));
  return info.Env().Undefined();
}

// (isHeld): as often held as dropped. While held, the loop does not end.
Napi::Value hold_loop(const Napi::CallbackInfo &info) {
  Reactor *reactor = state_of(info).reactor();
  if (!reactor) return info.Env().Undefined();
  if (info[0].As<Napi::Boolean>().Value()) reactor->hold();
  else reactor->drop();
  return info.Env().Undefined();
}

Napi::Value has_pidfds(const Napi::CallbackInfo &info) {
  const int fd = open_pidfd(getpid());
  if (fd >= 0) close(fd);
  return Napi::Boolean::New(info.Env(), fd >= 0);
}

Napi::Value process_has_ended(const Napi::CallbackInfo &info) {
  return Napi::Boolean::New(info.Env(), has_ended(int_at(info, 0)));
}

// (pidfd, signal): 0 or an errno.
Napi::Value process_signal(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), send_signal_to(int_at(info, 0), int_at(info, 1)));
}

// (pids): ms.
Napi::Value processor_time_of(const Napi::CallbackInfo &info) {
  const auto pids = info[0].As<Napi::Int32Array>();
  double sum = 0;
  for (uint32_t i = 0; i < pids.ElementLength(); i++) sum += processor_time(pids[i]);
  return Napi::Number::New(info.Env(), sum);
}

Napi::Value follow_parent_of(const Napi::CallbackInfo &info) {
  return Napi::Boolean::New(info.Env(), follow_parent(int_at(info, 0)));
}

// (descriptors): forks this process, the calling thread alone. Returns [pid, pidfd]; in the child pid is 0
// and the descriptors are closed; or a failure. The child has an event loop of its own, with what the
// parent's has: libuv's threads are started again when they are needed.
Napi::Value fork_process(const Napi::CallbackInfo &info) {
  const Napi::Env env = info.Env();
  ForkedHere forked;
  if (const Failure failure = fork_here(forked)) return to_js(env, failure);
  if (forked.pid == 0) {
    for (const int fd : descriptors_from_js(info[0])) {
      state_of(info).disown_descriptor(fd);
      close(fd);
    }
    uv_loop_t *loop = nullptr;
    napi_get_uv_event_loop(env, &loop);
    if (const int error = uv_loop_fork(loop)) return to_js(env, {-error, "uv_loop_fork"});
  }
  if (forked.pidfd >= 0) state_of(info).own_descriptor(forked.pidfd);
  auto result = Napi::Array::New(env, 2);
  result[0U] = double(forked.pid);
  result[1U] = forked.pidfd;
  return result;
}

Napi::Value is_forked(const Napi::CallbackInfo &info) { return Napi::Boolean::New(info.Env(), is_forked_here()); }

// (channel, pids, pidfds, timeoutMs or -1): blocks until the channel is readable, children have ended, or the time is
// over. Returns whether it is, and six numbers of each that has been reaped: pid, exit code or -1, signal or 0, and its
// usage.
Napi::Value wait_for_children(const Napi::CallbackInfo &info) {
  const std::vector<int> pids = descriptors_from_js(info[1]);
  const std::vector<int> pidfds = descriptors_from_js(info[2]);
  std::vector<ForkedHere> children;
  children.reserve(pids.size());
  for (size_t i = 0; i < pids.size(); i++) children.push_back({pids[i], pidfds[i]});
  std::vector<EndedChild> ended;
  const bool is_readable = wait_for_events(int_at(info, 0), children, int_at(info, 3), ended);
  auto result = Napi::Float64Array::New(info.Env(), 1 + 6 * ended.size());
  result[0] = is_readable ? 1 : 0;
  for (size_t i = 0; i < ended.size(); i++) {
    const ExitStatus &status = ended[i].status;
    const double numbers[6] = {double(ended[i].pid), double(status.code), double(status.signal),
                               status.cpu_ms,        status.minor_faults, status.major_faults};
    std::copy_n(numbers, 6, &result[1 + 6 * i]);
  }
  return result;
}

} // namespace

void add_worker_functions(StagingEnv *state, Napi::Object exports) {
  exports.Set("maxInlineBytes", double(kMaxInlineBytes));
  exports.Set("maxPacketDescriptors", double(kMaxPacketDescriptors));
  add_function<channel_open>(exports, "channelOpen", state);
  add_function<close_descriptor>(exports, "closeDescriptor", state);
  add_function<channel_send>(exports, "channelSend", state);
  add_function<channel_receive>(exports, "channelReceive", state);
  add_function<channel_shut_down>(exports, "channelShutDown", state);
  add_function<watch_readable>(exports, "watchReadable", state);
  add_function<unwatch>(exports, "unwatch", state);
  add_function<hold_loop>(exports, "holdLoop", state);
  add_function<has_pidfds>(exports, "hasPidfds", state);
  add_function<process_has_ended>(exports, "processHasEnded", state);
  add_function<process_signal>(exports, "processSignal", state);
  add_function<processor_time_of>(exports, "processorTime", state);
  add_function<follow_parent_of>(exports, "followParent", state);
  add_function<fork_process>(exports, "forkProcess", state);
  add_function<is_forked>(exports, "isForkedChild", state);
  add_function<wait_for_children>(exports, "waitForChildren", state);
}

} // namespace spore

#endif
