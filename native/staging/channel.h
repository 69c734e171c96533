// A channel: a pair of connected sockets that carry packets of bytes and descriptors between processes.
// Each packet arrives whole or not at all. What is too large for a socket goes in a memfd of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "staging/failure.h"

namespace spore::staging {

// Descriptors in one packet: the kernel takes 253, and one may be the memfd with the bytes.
inline constexpr size_t kMaxPacketDescriptors = 200;

// The largest packet that needs no memfd, in bytes.
inline constexpr size_t kMaxInlineBytes = 32 << 10;

struct Packet {
  size_t inline_size = 0; // bytes in the receiver's buffer, unless it is large
  bool is_large = false;
  std::vector<uint8_t> large;
  std::vector<int> descriptors; // close-on-exec; the receiver's to close
};

// Two ends, close-on-exec.
Failure open_channel(int ends[2]);

// Sends copies of the descriptors. EAGAIN when the other end has too much to read, unless `may_wait`.
// EPIPE when there is no other end; never SIGPIPE.
Failure send_packet(int channel, const uint8_t *bytes, size_t size, const std::vector<int> &descriptors, bool may_wait);

// Nothing more will be sent from this end.
void shut_down_channel(int channel);

enum class Received { Packet, Nothing, Closed, Failed };

// Nothing: there is no packet, and `may_wait` is false. Closed: there is none and nobody can send one.
// `buffer` has room for kMaxInlineBytes.
Received receive_packet(int channel, bool may_wait, uint8_t *buffer, Packet &packet, Failure &failure);

// The contents as a file without a name that nobody can change any more; -1 with `failure` set.
int sealed_memfd(const uint8_t *bytes, size_t size, Failure &failure);

} // namespace spore::staging
