// Writing the output: bytes are built in a small buffer that stays in cache, digested there, and written
// with pwrite, or compressed. Every byte of an extent is written once, gaps too, so nothing of an earlier use of the
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
  // Of a sequence of extents.
  void update(const Digest &part) {
    u64 words[2] = {part.low_, part.high_};
    update(reinterpret_cast<const u8 *>(words), sizeof words);
  }
  void store(const Tables &t, DigestId row) const {
    t.digest.low[row] = low_;
    t.digest.high[row] = high_;
  }

private:
  u64 low_ = 0x243f6a8885a308d3, high_ = 0x13198a2e03707344;
};

// Where the bytes of extents go.
class Sink {
public:
  virtual void write(const u8 *data, size_t size, u64 offset) = 0;
  // An extent is complete.
  virtual void end() {}
  // Whether anybody asks for digests: only a build id is made of them.
  bool has_digest() const { return has_digest_; }

protected:
  explicit Sink(const Tables &t) : has_digest_(t.link.output_flags & OutputFlags::HAS_DIGEST) {}
  ~Sink() = default;

private:
  bool has_digest_;
};

// The output, opened by path for as long as a kernel runs. The first failure is reported, once.
class Output final : public Sink {
public:
  explicit Output(Job &job);
  ~Output();
  Output(const Output &) = delete;
  Output &operator=(const Output &) = delete;

  void write(const u8 *data, size_t size, u64 offset) override;

private:
  Job &job_;
  int fd_ = -1;
  bool has_failed_ = false;
};

// An extent of the output that is filled from front to back.
class Stream {
public:
  // The extent begins at `offset` in the file; `filler` has four bytes for gaps.
  void open(Sink &sink, u64 offset, u32 filler) {
    sink_ = &sink;
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
  u8 *reserve(u64 position, u64 size) {
    u64 limit = std::min(capacity_, flush_at);
    if (position == flushed_ + used_ && used_ <= limit && size <= limit - used_) [[likely]] { // any size: a file's
      used_ += size;
      return buffer_.get() + (used_ - size);
    }
    return reserve_slowly(position, size);
  }
  // As many zeros as a file may claim to have, without the memory for them.
  void write_zeros(u64 position, u64 size) {
    for (u64 done = 0; done < size; done += std::min(size - done, flush_at)) {
      u64 part = std::min(size - done, flush_at);
      std::memset(reserve(position + done, part), 0, part);
    }
  }
  u64 position() const { return flushed_ + used_; }

  // Writes what is left and fills up to `size` bytes in all.
  void close(u64 size) {
    if (position() < size) reserve(size, 0);
    flush();
    sink_->end();
    is_open_ = false;
  }
  const Digest &digest() const { return digest_; }

private:
  // Where there is a gap, or no room.
  [[gnu::noinline]] u8 *reserve_slowly(u64 position, u64 size) {
    u64 end = flushed_ + used_;
    u64 gap = position > end ? position - end : 0;
    if (used_ + gap + size > flush_at && used_ > 0) flush();
    while (gap > flush_at) { // only between sections of great alignment
      grow(flush_at);
      fill(buffer_.get(), flush_at);
      used_ = flush_at;
      flush();
      gap -= flush_at;
    }
    grow(used_ + gap + size);
    fill(buffer_.get() + used_, gap);
    u8 *at = buffer_.get() + used_ + gap;
    used_ += gap + size;
    return at;
  }

  void fill(u8 *at, u64 size) const {
    u8 bytes[sizeof filler_];
    std::memcpy(bytes, &filler_, sizeof bytes);
    if (filler_ == bytes[0] * 0x01010101u) {
      std::memset(at, bytes[0], size);
      return;
    }
    for (u64 i = 0; i < size; i++) at[i] = bytes[i % sizeof bytes];
  }

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
  void flush() {
    if (used_ == 0) return;
    if (sink_->has_digest()) digest_.update(buffer_.get(), used_);
    sink_->write(buffer_.get(), used_, offset_ + flushed_);
    flushed_ += used_;
    used_ = 0;
  }

  Sink *sink_ = nullptr;
  std::unique_ptr<u8[]> buffer_;
  u64 capacity_ = 0;
  u64 offset_ = 0, flushed_ = 0, used_ = 0;
  u32 filler_ = 0;
  bool is_open_ = false;
  Digest digest_;
};

// Which buckets a kernel makes the bytes of, and where those of their parts go.
class PartSinks {
public:
  bool has(BucketId bucket) const { return (t_.bucket.first_packed[bucket] != 0) == is_packing_; }
  // Nothing of it is loaded.
  bool is_packing() const { return is_packing_; }
  // `part` is a chunk, or a partition of what is merged.
  virtual Sink &open(BucketId bucket, u32 part) = 0;

protected:
  PartSinks(const Tables &t, bool is_packing) : t_(t), is_packing_(is_packing) {}
  ~PartSinks() = default;

  const Tables &t_;

private:
  bool is_packing_;
};

// What is not compressed goes to the output.
class OutputParts final : public PartSinks {
public:
  OutputParts(const Tables &t, Output &output) : PartSinks(t, false), output_(output) {}
  Sink &open(BucketId, u32) override { return output_; }

private:
  Output &output_;
};

} // namespace spore
