// Pack: a piece's bytes go through deflate as they are made, into its room, until that is full. What begins and ends
// the section's stream, with a checksum that is combined from those of the pieces, is the parent's.

#include "kernels/deflater.h"

#include <new>

#define ZLIB_CONST
#include <zlib.h>

namespace spore {

namespace {

constexpr uInt slice = 1 << 30; // zlib counts in 32 bits

} // namespace

void DeflateStates::End::operator()(z_stream_s *state) const {
  ::deflateEnd(state);
  delete state;
}

DeflateStates::State DeflateStates::take() {
  if (!idle_.empty()) {
    State state = std::move(idle_.back());
    idle_.pop_back();
    ::deflateReset(state.get());
    return state;
  }
  constexpr int raw_window = -15, memory_level = 8; // negative: without zlib's header
  auto fresh = std::make_unique<z_stream>();
  if (::deflateInit2(fresh.get(), Z_BEST_SPEED, Z_DEFLATED, raw_window, memory_level, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::bad_alloc();
  return State(fresh.release());
}

void Deflater::begin() {
  state_ = states_.take();
  first_ = part_;
  used_ = 0;
  checksum_ = 1;
  has_room_ = true;
}

void Deflater::write(const u8 *data, size_t size, u64) {
  if (!state_) begin();
  static constexpr u8 zeros[16 * 1024] = {};
  for (; gap_ > 0 && has_room_; gap_ -= std::min<u64>(gap_, sizeof zeros))
    deflate(zeros, std::min<u64>(gap_, sizeof zeros));
  deflate(data, size);
}

void Deflater::end() {
  u32 ending = t_.packed_part.ending[part_];
  if (!state_ || ending == PartEnding::GOES_ON) return;
  flush(ending == PartEnding::STREAM ? Z_FINISH : Z_SYNC_FLUSH);
  t_.packed_part.size[first_] = has_room_ ? used_ : 0;
  t_.packed_part.checksum[first_] = checksum_;
  states_.give_back(std::move(state_));
}

void Deflater::deflate(const u8 *data, size_t size) {
  while (size > 0 && has_room_) {
    uInt count = static_cast<uInt>(std::min<size_t>(size, slice));
    state_->next_in = data;
    state_->avail_in = count;
    checksum_ = static_cast<u32>(::adler32(checksum_, data, count));
    flush(Z_NO_FLUSH);
    data += count;
    size -= count;
  }
}

// Takes all input that there is. As zlib.h says: as long as that fills the room, there may be more to come.
void Deflater::flush(int how) {
  while (has_room_) {
    u64 left = t_.packed_part.capacity[first_] - used_;
    uInt room = static_cast<uInt>(std::min<u64>(left, slice));
    state_->next_out = reinterpret_cast<Bytef *>(t_.packed_part.room[first_]) + used_;
    state_->avail_out = room;
    int result = ::deflate(state_.get(), how);
    used_ += room - state_->avail_out;
    if (how == Z_FINISH ? result == Z_STREAM_END : state_->avail_out > 0) return;
    if (left == room) has_room_ = false;
  }
}

} // namespace spore
