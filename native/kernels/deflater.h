// Compresses pieces of a debug section, as the bytes of their parts are made, into rooms in the arena. A piece ends at
// a byte, so that those of a section follow one another as one stream of RFC 1951. The zlib is Node's, as in
// inflate.cc.
#pragma once

#include <memory>
#include <vector>

#include "kernels/output.h"

struct z_stream_s;

namespace spore {

// States of deflate, each some 270 KB. A piece has one from its first flush to its last.
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

// Of one bucket: part after part, piece after piece.
class Deflater final : public Sink {
public:
  Deflater(const Tables &t, DeflateStates &states) : Sink(t), t_(t), states_(states) {}

  void open(PackedPartId part) {
    part_ = part;
    gap_ = t_.packed_part.gap[part];
  }
  void write(const u8 *data, size_t size, u64 offset) override;
  // At the end of a piece, leaves how many bytes are in its room; 0 where they did not fit, because an input has grown.
  void end() override;

private:
  void begin();
  void deflate(const u8 *data, size_t size);
  void flush(int how);

  const Tables &t_;
  DeflateStates &states_;
  DeflateStates::State state_;
  PackedPartId part_{}, first_{}; // of the piece
  u64 gap_ = 0; // before the part, as long as it is to come
  u64 used_ = 0; // of the room
  u32 checksum_ = 1;
  bool has_room_ = true;
};

} // namespace spore
