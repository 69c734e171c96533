// The client's side of resident/protocol.h. Everything that goes wrong before the link has begun, or that leaves no
// exit status, means a cold link: the caller's.
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "resident/protocol.h"

extern char **environ;

enum {
  kPatienceMs = 1000, // for a linker that was asked and has not begun
  kEndPatienceMs = 2000, // for one that was told to end
  kPartsAtOnce = 256,
};

static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP};

uint32_t occupy_descriptors(void) {
  uint32_t open_bits = 0;
  for (int fd = 0; fd <= STDERR_FILENO; fd++)
    if (fcntl(fd, F_GETFD) >= 0 || open("/dev/null", O_RDWR | O_CLOEXEC) != fd) open_bits |= UINT32_C(1) << fd;
  return open_bits;
}

void give_back_descriptors(uint32_t open_bits) {
  for (int fd = 0; fd <= STDERR_FILENO; fd++)
    if (!(open_bits >> fd & 1)) close(fd);
}

int connect_resident(const struct place *place) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  char name[kSocketNameBytes];
  name_socket(place, name);
  memcpy(address.sun_path, name, strlen(name) + 1);
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 && fcntl(fd, F_SETFL, 0) == 0 &&
      getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid()) {
    const struct timeval patience = {.tv_sec = kPatienceMs / 1000};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return fd;
  }
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

static int send_parts(int connection, struct iovec *parts, int count) {
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
  while (message.msg_iovlen > 0) {
    ssize_t sent = sendmsg(connection, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return 0;
    for (; message.msg_iovlen > 0 && (size_t)sent >= message.msg_iov->iov_len; message.msg_iovlen--)
      sent -= (ssize_t)message.msg_iov++->iov_len;
    if (message.msg_iovlen == 0) break;
    message.msg_iov->iov_base = (char *)message.msg_iov->iov_base + sent;
    message.msg_iov->iov_len -= (size_t)sent;
  }
  return 1;
}

static int send_strings(int connection, char **strings, uint32_t count) {
  struct iovec parts[kPartsAtOnce];
  for (uint32_t done = 0; done < count;) {
    int n = 0;
    for (; n < kPartsAtOnce && done < count; n++, done++)
      parts[n] = (struct iovec){strings[done], strlen(strings[done]) + 1};
    if (!send_parts(connection, parts, n)) return 0;
  }
  return 1;
}

static uint32_t bytes_of(char **strings, uint32_t count) {
  uint32_t bytes = 0;
  for (uint32_t i = 0; i < count; i++) bytes += (uint32_t)strlen(strings[i]) + 1;
  return bytes;
}

static int send_request(int connection, uint32_t kind, uint32_t open_bits, char **words, uint32_t word_count) {
  uint32_t variables = 0;
  while (environ[variables]) variables++;
  struct spore_request head = {SPORE_PROTOCOL, kind, open_bits, word_count, variables, 0};
  head.text_bytes = bytes_of(words, word_count) + bytes_of(environ, variables);
  struct iovec part = {&head, sizeof head};
  return send_parts(connection, &part, 1) && send_strings(connection, words, word_count) &&
         send_strings(connection, environ, variables);
}

static int send_go(int connection, uint32_t open_bits) {
  int sent[4] = {open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)};
  if (sent[0] < 0) return 0;
  size_t count = 1;
  for (int fd = 0; fd <= STDERR_FILENO; fd++)
    if (open_bits >> fd & 1) sent[count++] = fd;
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof sent)];
  } control;
  char go = kSporeGo;
  struct iovec part = {&go, 1};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(sizeof(int) * count)};
  struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int) * count);
  memcpy(CMSG_DATA(rights), sent, sizeof(int) * count);
  const int is_sent = sendmsg(connection, &message, MSG_NOSIGNAL) == 1;
  close(sent[0]);
  return is_sent;
}

static volatile sig_atomic_t ended_by;
static volatile sig_atomic_t open_connection;

static void on_signal(int signo) {
  ended_by = signo;
  shutdown(open_connection, SHUT_WR);
}

// What is ignored stays so, as for a program that is started by nohup.
static void catch_signals(int connection) {
  open_connection = connection;
  for (size_t i = 0; i < sizeof ending_signals / sizeof *ending_signals; i++) {
    struct sigaction before;
    const struct sigaction action = {.sa_handler = on_signal};
    sigaction(ending_signals[i], NULL, &before);
    if (before.sa_handler != SIG_IGN) sigaction(ending_signals[i], &action, NULL);
  }
}

static void release_signals(void) {
  for (size_t i = 0; i < sizeof ending_signals / sizeof *ending_signals; i++) {
    struct sigaction now;
    sigaction(ending_signals[i], NULL, &now);
    if (now.sa_handler == on_signal) signal(ending_signals[i], SIG_DFL);
  }
}

// Up to `size` bytes; 0 at the end, or when there are none in time. A negative time is for ever.
static ssize_t receive(int connection, char *bytes, size_t size, int timeout_ms) {
  for (;;) {
    struct pollfd waited = {connection, POLLIN, 0};
    const int ready = poll(&waited, 1, ended_by ? kEndPatienceMs : timeout_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return 0;
    const ssize_t got = recv(connection, bytes, size, 0);
    if (got < 0 && errno == EINTR) continue;
    return got < 0 ? 0 : got;
  }
}

// The text of a refusal, for as long as the process lives.
static const char *receive_reason(int connection) {
  static char reason[512];
  size_t size = 0;
  for (ssize_t n; (n = receive(connection, reason + size, sizeof reason - 1 - size, kPatienceMs)) > 0;)
    size += (size_t)n;
  reason[size] = 0;
  return reason;
}

// As the signal would have ended it.
static void end_as_told(int connection) {
  char rest[64];
  while (receive(connection, rest, sizeof rest, kEndPatienceMs) > 0) {
  }
  signal(ended_by, SIG_DFL);
  raise(ended_by);
}

int link_resident(int connection, uint32_t open_bits, char **words, int word_count, const char **reason) {
  char word = 0;
  if (!send_request(connection, kSporeLink, open_bits, words, (uint32_t)word_count) ||
      receive(connection, &word, 1, kPatienceMs) != 1) {
    *reason = "it does not answer";
    return -1;
  }
  if (word == kSporeRefused) *reason = receive_reason(connection);
  else if (word != kSporeReady) *reason = "it is of another build";
  if (word != kSporeReady) return -1;

  catch_signals(connection);
  unsigned char status;
  int result = -1;
  if (!send_go(connection, open_bits) || receive(connection, &word, 1, -1) != 1) *reason = "it went away";
  else if (word == kSporeRefused) *reason = receive_reason(connection);
  else if (word == kSporeDone && receive(connection, (char *)&status, 1, kPatienceMs) == 1) result = status;
  else *reason = "it went away";
  if (ended_by) end_as_told(connection);
  release_signals();
  return result;
}

int ask_resident(int connection, uint32_t kind) {
  char text[4096];
  char *none[1] = {NULL};
  if (!send_request(connection, kind, 0, none, 0) || receive(connection, text, 1, kPatienceMs) != 1 ||
      text[0] != kSporeText)
    return 0;
  for (ssize_t n; (n = receive(connection, text, sizeof text, kPatienceMs)) > 0;)
    if (write(STDOUT_FILENO, text, (size_t)n) < 0) break;
  return 1;
}
