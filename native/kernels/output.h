// Writing the output: bytes are built in a small buffer that stays in cache, digested there, and written
// with pwrite. Every byte of an extent is written once, gaps too, so nothing of an earlier use of the
// buffer can get into the file.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "elf/hash.h"
#include "tables/job.h"

namespace spore {

// A 128-bit digest of a sequence of blocks. Not cryptographic: it names an extent for the build id, which
// hashes all digests with a function that is.
class Digest {
public:
  void update(const u8 *data, size_t size);
  u64 low() const { return low_; }
  u64 high() const { return high_; }

private:
  u64 low_ = 0x243f6a8885a308d3, high_ = 0x13198a2e03707344;
};

// The output, opened by path for as long as a kernel runs. The first failure is reported, once.
class Output {
public:
  explicit Output(Job &job);
  ~Output();
  Output(const Output &) = delete;
  Output &operator=(const Output &) = delete;

  void write(const u8 *data, size_t size, u64 offset);
  // Whether anybody asks for digests: only a build id is made of them.
  bool has_digest() const { return job_.t.link.output_flags & OutputFlags::HAS_DIGEST; }

private:
  Job &job_;
  int fd_ = -1;
  bool has_failed_ = false;
};

// An extent of the output that is filled from front to back.
class Stream {
public:
  // The extent begins at `offset` in the file; `filler` is the byte for gaps.
  void open(u64 offset, u8 filler) {
    offset_ = offset;
    filler_ = filler;
    used_ = 0;
    flushed_ = 0;
    digest_ = Digest();
    is_open_ = true;
  }
  bool is_open() const { return is_open_; }

  // Room for `size` bytes at `position` in the extent; valid until the next call. Positions ascend, unless
  // an input has changed since it was laid out: then what follows moves back, and the link fails later.
  u8 *reserve(Output &output, u64 position, u64 size) {
    u64 end = flushed_ + used_;
    u64 gap = position > end ? position - end : 0;
    if (used_ + gap + size > flush_at && used_ > 0) flush(output);
    while (gap > flush_at) { // only between sections of great alignment
      grow(flush_at);
      std::memset(buffer_.get(), filler_, flush_at);
      used_ = flush_at;
      flush(output);
      gap -= flush_at;
    }
    grow(used_ + gap + size);
    std::memset(buffer_.get() + used_, filler_, gap);
    u8 *at = buffer_.get() + used_ + gap;
    used_ += gap + size;
    return at;
  }
  // As many zeros as a file may claim to have, without the memory for them.
  void write_zeros(Output &output, u64 position, u64 size) {
    for (u64 done = 0; done < size; done += std::min(size - done, flush_at)) {
      u64 part = std::min(size - done, flush_at);
      std::memset(reserve(output, position + done, part), 0, part);
    }
  }
  u64 position() const { return flushed_ + used_; }

  // Writes what is left and fills up to `size` bytes in all.
  void close(Output &output, u64 size) {
    if (position() < size) reserve(output, size, 0);
    flush(output);
    is_open_ = false;
  }
  const Digest &digest() const { return digest_; }

private:
  static constexpr u64 first_capacity = 4 * 1024, flush_at = 256 * 1024;

  // Makes room. Not zeros: every byte is written before it is flushed.
  void grow(u64 size) {
    if (size <= capacity_) return;
    u64 capacity = std::max(size, std::clamp(2 * capacity_, first_capacity, flush_at));
    std::unique_ptr<u8[]> larger(new u8[capacity]);
    if (used_) std::memcpy(larger.get(), buffer_.get(), used_);
    buffer_ = std::move(larger);
    capacity_ = capacity;
  }
  void flush(Output &output) {
    if (used_ == 0) return;
    if (output.has_digest()) digest_.update(buffer_.get(), used_);
    output.write(buffer_.get(), used_, offset_ + flushed_);
    flushed_ += used_;
    used_ = 0;
  }

  std::unique_ptr<u8[]> buffer_;
  u64 capacity_ = 0;
  u64 offset_ = 0, flushed_ = 0, used_ = 0;
  u8 filler_ = 0;
  bool is_open_ = false;
  Digest digest_;
};

} // namespace spore
