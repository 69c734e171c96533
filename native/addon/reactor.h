// One per environment that has children: descriptors that wake the event loop. All of them sit in one
// epoll set, and libuv polls that, so that an environment has one handle to close, however many
// children. Belongs to the environment's thread, except for post().
#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

namespace spore {

class Reactor {
public:
  // Returns true when it is over and the watch is to be dropped.
  using Ready = std::function<bool()>;

  // 0, or a libuv error (negative).
  int open(uv_loop_t *loop);
  // Calls `closed` when libuv has let go of everything.
  void close(std::function<void()> closed);

  // Calls `ready` when `fd` is readable; every few ms when fd is negative (a child without a pidfd).
  uint64_t watch(int fd, Ready ready);
  // For a descriptor that is still open. One that `ready` closed goes by itself.
  void unwatch(uint64_t id, int fd);

  // From any thread: runs `task` on the loop.
  void post(std::function<void()> task);
  // Runs what was posted and not run yet; for the end.
  void run_posted();

  // While held, the loop does not end.
  void hold();
  void drop();

private:
  void on_readable();
  void on_tick();
  void update_timer();
  bool call(uint64_t id);

  uv_poll_t poll_;
  uv_timer_t timer_;
  int epoll_fd_ = -1;
  int post_fd_ = -1;
  uint32_t holds_ = 0;
  uint32_t open_handles_ = 0;
  uint64_t next_id_ = 1;
  std::map<uint64_t, Ready> watches_;
  std::vector<uint64_t> ticking_;
  std::function<void()> closed_;
  std::mutex mutex_; // of posted_
  std::vector<std::function<void()>> posted_;
};

} // namespace spore
