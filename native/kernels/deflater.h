// Compresses a part of a debug section, as its bytes are made, into its room in the arena. A part ends at a byte, so
// that those of a section follow one another as one stream of RFC 1951. The zlib is Node's, as in inflate.cc.
#pragma once

#include <memory>
#include <vector>

#include "kernels/output.h"

struct z_stream_s;

namespace spore {

// States of deflate, each some 270 KB. A part has one from its first to its last flush, which for nearly all parts is
// the same one: no more are in use than there are parts larger than a stream's buffer.
class DeflateStates {
public:
  struct End {
    void operator()(z_stream_s *state) const;
  };
  using State = std::unique_ptr<z_stream_s, End>;

  State take();
  void give_back(State state) { idle_.push_back(std::move(state)); }

private:
  std::vector<State> idle_;
};

// One part after another.
class Deflater final : public Sink {
public:
  Deflater(const Tables &t, DeflateStates &states) : Sink(t), t_(t), states_(states) {}

  void open(PackedPartId part) { part_ = part; }
  void write(const u8 *data, size_t size, u64 offset) override;
  // Leaves how many bytes are in the room; 0 where they did not fit, because the input has grown.
  void end() override;

private:
  void begin();
  void deflate(const u8 *data, size_t size);
  void flush(int how);

  const Tables &t_;
  DeflateStates &states_;
  DeflateStates::State state_;
  PackedPartId part_{};
  u64 used_ = 0; // of the room
  u32 checksum_ = 1;
  bool has_room_ = true;
};

} // namespace spore
