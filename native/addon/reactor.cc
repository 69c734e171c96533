#ifdef __linux__

#include "addon/reactor.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace spore {

namespace {

constexpr uint64_t kTickMs = 5;

uv_handle_t *handle(uv_poll_t &poll) { return reinterpret_cast<uv_handle_t *>(&poll); }
uv_handle_t *handle(uv_timer_t &timer) { return reinterpret_cast<uv_handle_t *>(&timer); }

} // namespace

int Reactor::open(uv_loop_t *loop) {
  epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd_ < 0) return -errno;
  post_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (post_fd_ < 0) {
    const int error = -errno;
    ::close(std::exchange(epoll_fd_, -1));
    return error;
  }
  if (const int error = uv_poll_init(loop, &poll_, epoll_fd_)) {
    ::close(std::exchange(epoll_fd_, -1));
    ::close(std::exchange(post_fd_, -1));
    return error;
  }
  uv_timer_init(loop, &timer_);
  open_handles_ = 2;
  poll_.data = timer_.data = this;
  uv_poll_start(&poll_, UV_READABLE,
                [](uv_poll_t *poll, int, int) { static_cast<Reactor *>(poll->data)->on_readable(); });
  uv_unref(handle(poll_));
  uv_unref(handle(timer_));
  watch(post_fd_, [this] {
    uint64_t count;
    [[maybe_unused]] const ssize_t n = read(post_fd_, &count, sizeof count);
    run_posted();
    return false;
  });
  return 0;
}

void Reactor::close(std::function<void()> closed) {
  closed_ = std::move(closed);
  uv_poll_stop(&poll_);
  const auto on_closed = [](uv_handle_t *h) {
    auto *self = static_cast<Reactor *>(h->data);
    if (--self->open_handles_ != 0) return;
    ::close(self->epoll_fd_);
    ::close(self->post_fd_);
    const auto done = std::move(self->closed_);
    done(); // may free us
  };
  uv_close(handle(poll_), on_closed);
  uv_close(handle(timer_), on_closed);
}

uint64_t Reactor::watch(int fd, Ready ready) {
  const uint64_t id = next_id_++;
  watches_.emplace(id, std::move(ready));
  struct epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = id;
  if (fd < 0 || epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0) {
    ticking_.push_back(id);
    update_timer();
  }
  return id;
}

void Reactor::unwatch(uint64_t id, int fd) {
  if (watches_.erase(id) == 0) return;
  if (fd >= 0) epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
  std::erase(ticking_, id);
  update_timer();
}

void Reactor::post(std::function<void()> task) {
  std::lock_guard lock(mutex_);
  posted_.push_back(std::move(task));
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = write(post_fd_, &one, sizeof one);
}

void Reactor::run_posted() {
  std::vector<std::function<void()>> tasks;
  {
    std::lock_guard lock(mutex_);
    tasks.swap(posted_);
  }
  for (const auto &task : tasks) task();
}

void Reactor::hold() {
  if (holds_++ == 0) {
    uv_ref(handle(poll_));
    uv_ref(handle(timer_));
  }
}

void Reactor::drop() {
  if (--holds_ == 0) {
    uv_unref(handle(poll_));
    uv_unref(handle(timer_));
  }
}

// The watch may be dropped, and others added, by what it calls.
bool Reactor::call(uint64_t id) {
  const auto found = watches_.find(id);
  if (found == watches_.end()) return true;
  const Ready ready = found->second;
  if (!ready()) return false;
  watches_.erase(id);
  return true;
}

void Reactor::on_readable() {
  struct epoll_event events[64];
  const int n = epoll_wait(epoll_fd_, events, 64, 0);
  for (int i = 0; i < n; i++) call(events[i].data.u64);
}

void Reactor::on_tick() {
  const std::vector<uint64_t> ids = ticking_;
  for (const uint64_t id : ids)
    if (call(id)) std::erase(ticking_, id);
  update_timer();
}

void Reactor::update_timer() {
  if (ticking_.empty()) uv_timer_stop(&timer_);
  else if (!uv_is_active(handle(timer_)))
    uv_timer_start(
        &timer_, [](uv_timer_t *timer) { static_cast<Reactor *>(timer->data)->on_tick(); }, kTickMs, kTickMs);
}

} // namespace spore

#endif
