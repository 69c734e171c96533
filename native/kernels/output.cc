// Write: digests, and the output by path. It is opened anew by every kernel, as descriptors are the process's and
// workers are many; all write with pwrite, each its own extents, so that nobody's position matters.

#include "kernels/output.h"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace spore {

void Digest::update(const u8 *data, size_t size) {
  // Four lanes, so that multiplications overlap; each word meets two different keys.
  constexpr u64 k[4] = {0x9e3779b97f4a7c15, 0xd1b54a32d192ed03, 0x8cb92ba72f3d8dd7, 0xaef17502108ef2d9};
  u64 lane[4] = {low_ ^ size, high_ ^ k[1], low_ ^ k[2], high_ ^ k[3]};
  size_t at = 0;
  for (; size - at >= 64; at += 64)
    for (int i = 0; i < 4; i++) {
      u64 a, b;
      std::memcpy(&a, data + at + i * 16, 8);
      std::memcpy(&b, data + at + i * 16 + 8, 8);
      lane[i] = fold_multiply(a ^ k[i], b ^ lane[i]) + (a ^ (b << 32 | b >> 32));
    }
  u64 rest = hash_bytes(data + at, size - at, lane[0]);
  low_ = fold_multiply(lane[0] ^ k[0], lane[1] ^ rest) ^ lane[2];
  high_ = fold_multiply(lane[2] ^ k[1], lane[3] ^ low_) ^ lane[1] ^ rest;
}

Output::Output(Job &job) : Sink(job.t), job_(job) {
  fd_ = ::open(reinterpret_cast<const char *>(job.t.link.output_path), O_WRONLY | O_CLOEXEC);
  if (fd_ < 0) {
    has_failed_ = true;
    job.report(Code::OutputFailed, {.operand = static_cast<u64>(errno)});
  }
}

Output::~Output() {
  if (fd_ >= 0) ::close(fd_);
}

void Output::write(const u8 *data, size_t size, u64 offset) {
  while (size && !has_failed_) {
    ssize_t n = ::pwrite(fd_, data, size, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      has_failed_ = true;
      job_.report(Code::OutputFailed, {.operand = static_cast<u64>(n < 0 ? errno : ENOSPC)});
      return;
    }
    data += n;
    offset += static_cast<u64>(n);
    size -= static_cast<size_t>(n);
  }
}

} // namespace spore
