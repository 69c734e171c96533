#ifdef __linux__

#include "resident/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>

#include "resident/peer.h"

extern char **environ;

namespace spore::resident {

namespace {

constexpr int kMaxDescriptors = 4;
constexpr int kFirstOwn = 3; // descriptors below are the client's
constexpr uint32_t kMaxTextBytes = 64 << 20; // several times what the system lets a program have
constexpr time_t kPatienceSeconds = 10; // with a client that stops in the middle of a word

// One byte, and the descriptors that come with it.
bool receive_word(int connection, char &word, std::vector<int> &descriptors) {
  struct iovec part = {&word, 1};
  alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxDescriptors)];
  struct msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t size;
  do size = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
  while (size < 0 && errno == EINTR);
  for (struct cmsghdr *it = CMSG_FIRSTHDR(&message); it; it = CMSG_NXTHDR(&message, it)) {
    if (it->cmsg_level != SOL_SOCKET || it->cmsg_type != SCM_RIGHTS) continue;
    descriptors.resize((it->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    memcpy(descriptors.data(), CMSG_DATA(it), descriptors.size() * sizeof(int));
  }
  return size == 1;
}

bool receive_all(int connection, char *bytes, size_t size) {
  for (size_t done = 0; done < size;) {
    const ssize_t n = recv(connection, bytes + done, size - done, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += size_t(n);
  }
  return true;
}

// The strings one after another, each with its 0; null unless there are just so many.
bool split(char *text, size_t size, size_t count, std::vector<char *> &strings) {
  for (char *end = text + size; text < end; text += strlen(text) + 1) strings.push_back(text);
  return strings.size() == count;
}

// 0, 1 and 2 become the client's. What is closed there is /dev/null here, as Node has it.
void take_descriptors(uint32_t open_bits, const std::vector<int> &received) {
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  size_t next = 1;
  for (int fd = 0; fd < kFirstOwn; fd++) dup2((open_bits >> fd & 1) != 0 ? received[next++] : null, fd);
  if (null >= kFirstOwn) close(null);
}

void send_all(int connection, const char *bytes, size_t size) {
  while (size > 0) {
    const ssize_t n = send(connection, bytes, size, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return; // the client has gone
    bytes += n;
    size -= size_t(n);
  }
}

} // namespace

int accept_client(int listener) {
  for (;;) {
    const int connection = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection >= 0) return connection;
    if (errno != EINTR && errno != ECONNABORTED) return -1;
  }
}

bool receive_request(int connection, Request &request, std::string &failure) {
  const struct timeval patience = {kPatienceSeconds, 0};
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  struct ucred peer = {};
  socklen_t size = sizeof peer;
  if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.uid != geteuid()) {
    failure = "it is another user's";
    return false;
  }
  spore_request head = {};
  if (!receive_all(connection, reinterpret_cast<char *>(&head), sizeof head)) return false;
  if (head.protocol != SPORE_PROTOCOL || head.text_bytes > kMaxTextBytes || head.open_descriptors > 7) {
    failure = "it is of another build";
    return false;
  }
  // The environment stays where it is: getenv() looks there from now on.
  auto *text = new char[head.text_bytes + 1]; // NOLINT(bugprone-unhandled-exception-at-new)
  static std::vector<char *> strings;
  strings.clear();
  if (!receive_all(connection, text, head.text_bytes)) return false;
  text[head.text_bytes] = 0;
  request.kind = head.kind;
  if (!split(text, head.text_bytes, size_t(head.words) + head.variables, strings)) {
    failure = "it is of another build";
    return false;
  }
  request.words.assign(strings.begin(), strings.begin() + head.words);
  request.open_descriptors = head.open_descriptors;
  if (request.kind != kSporeLink) return true;
  failure = difference_from(peer.pid);
  if (failure.empty()) failure = take_over_from(peer.pid);
  if (!failure.empty()) return false;
  strings.push_back(nullptr);
  environ = strings.data() + head.words;
  return true;
}

bool begin_link(int connection, const Request &request, std::string &failure) {
  const char ready = kSporeReady;
  send_all(connection, &ready, 1);
  char word = 0;
  std::vector<int> received;
  if (!receive_word(connection, word, received) || word != kSporeGo) return false;
  if (received.size() != 1 + size_t(__builtin_popcount(request.open_descriptors)))
    failure = "its descriptors cannot be had";
  else if (fchdir(received[0]) != 0) failure = "its working folder cannot be entered";
  else take_descriptors(request.open_descriptors, received);
  for (const int fd : received) close(fd);
  if (!failure.empty()) return false;
  // It may have written, then, and can remove that: a signal of its own choice, not SIGKILL, when the parent ends.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  // Whatever comes next, be it that the other end is closed, is the end.
  fcntl(connection, F_SETOWN, getpid());
  fcntl(connection, F_SETSIG, SIGTERM);
  fcntl(connection, F_SETFL, fcntl(connection, F_GETFL) | O_ASYNC);
  // It may have come before the line above.
  char rest;
  const ssize_t n = recv(connection, &rest, 1, MSG_DONTWAIT | MSG_PEEK);
  return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

void say_status(int connection, int status) {
  // Who reads what the client has said waits for each process that could say more, and this one has much to free.
  for (int fd = 0; fd < kFirstOwn; fd++) close(fd);
  const std::array<char, 2> answer = {kSporeDone, char(status)};
  send_all(connection, answer.data(), answer.size());
}

void say_text(int connection, char kind, const std::string &text) {
  const std::string answer = kind + text;
  send_all(connection, answer.data(), answer.size());
}

} // namespace spore::resident

#endif
