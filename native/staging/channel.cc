// SOCK_SEQPACKET keeps the bounds of packets and tells when the other end has gone, however it went. A
// socket's buffer has 208 KiB as a rule, so several packets fit.
#ifdef __linux__

#include "staging/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace spore::staging {

namespace {

// The first byte of a packet.
enum Kind : uint8_t { kInline = 0, kMemfd = 1 };

struct Header {
  uint8_t kind;
};

constexpr size_t kControlBytes = CMSG_SPACE(sizeof(int) * (kMaxPacketDescriptors + 1));

void close_all(const std::vector<int> &descriptors) {
  for (const int fd : descriptors) close(fd);
}

// Reads what a packet's memfd has. The sender may be anybody's code, so its size is asked for.
Failure read_memfd(int fd, std::vector<uint8_t> &bytes) {
  struct stat st;
  if (fstat(fd, &st) != 0) return {errno, "fstat"};
  bytes.resize(size_t(st.st_size));
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t n = pread(fd, bytes.data() + done, bytes.size() - done, off_t(done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return {n < 0 ? errno : EIO, "read"};
    done += size_t(n);
  }
  return {};
}

} // namespace

Failure open_channel(int ends[2]) {
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return {errno, "socketpair"};
  return {};
}

int sealed_memfd(const uint8_t *bytes, size_t size, Failure &failure) {
  const int fd = memfd_create("spore-bytes", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) {
    failure = {errno, "memfd_create"};
    return -1;
  }
  for (size_t done = 0; done < size;) {
    const ssize_t n = write(fd, bytes + done, std::min(size - done, size_t(1) << 30));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      failure = {n < 0 ? errno : EIO, "write"};
      close(fd);
      return -1;
    }
    done += size_t(n);
  }
  fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
  return fd;
}

Failure send_packet(int channel, const uint8_t *bytes, size_t size, const std::vector<int> &descriptors,
                    bool may_wait) {
  if (descriptors.size() > kMaxPacketDescriptors) return {EINVAL, "sendmsg"};
  std::vector<int> sent = descriptors;
  Header header = {kInline};
  int memfd = -1;
  if (size > kMaxInlineBytes) {
    Failure failure;
    memfd = sealed_memfd(bytes, size, failure);
    if (memfd < 0) return failure;
    header.kind = kMemfd;
    sent.push_back(memfd);
  }
  std::array<struct iovec, 2> parts = {{{&header, sizeof header}, {const_cast<uint8_t *>(bytes), size}}};
  struct msghdr message = {};
  message.msg_iov = parts.data();
  message.msg_iovlen = memfd < 0 ? 2 : 1;
  alignas(struct cmsghdr) char control[kControlBytes];
  if (!sent.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * sent.size());
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int) * sent.size());
    memcpy(CMSG_DATA(rights), sent.data(), sizeof(int) * sent.size());
  }
  ssize_t n;
  do n = sendmsg(channel, &message, MSG_NOSIGNAL | (may_wait ? 0 : MSG_DONTWAIT));
  while (n < 0 && errno == EINTR);
  const Failure failure = n < 0 ? Failure{errno, "sendmsg"} : Failure{};
  if (memfd >= 0) close(memfd);
  return failure;
}

void shut_down_channel(int channel) { shutdown(channel, SHUT_WR); }

Received receive_packet(int channel, bool may_wait, uint8_t *buffer, Packet &packet, Failure &failure) {
  Header header = {};
  std::array<struct iovec, 2> parts = {{{&header, sizeof header}, {buffer, kMaxInlineBytes}}};
  alignas(struct cmsghdr) char control[kControlBytes];
  struct msghdr message = {};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t n;
  do n = recvmsg(channel, &message, MSG_CMSG_CLOEXEC | (may_wait ? 0 : MSG_DONTWAIT));
  while (n < 0 && errno == EINTR);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Received::Nothing;
  // Of an end that was closed with packets unread, one is told by ECONNRESET.
  if (n == 0 || (n < 0 && errno == ECONNRESET)) return Received::Closed;
  if (n < 0) {
    failure = {errno, "recvmsg"};
    return Received::Failed;
  }
  for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    packet.descriptors.resize((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    memcpy(packet.descriptors.data(), CMSG_DATA(part), packet.descriptors.size() * sizeof(int));
  }
  packet.inline_size = size_t(n) - sizeof header;
  // Descriptors that the process has no room for are dropped by the kernel.
  if (message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) failure = {EMFILE, "recvmsg"};
  else if (header.kind == kMemfd) {
    if (packet.descriptors.empty()) failure = {EPROTO, "recvmsg"};
    else {
      packet.is_large = true;
      failure = read_memfd(packet.descriptors.back(), packet.large);
      close(packet.descriptors.back());
      packet.descriptors.pop_back();
    }
  }
  if (!failure) return Received::Packet;
  close_all(packet.descriptors);
  packet.descriptors.clear();
  return Received::Failed;
}

} // namespace spore::staging

#endif
