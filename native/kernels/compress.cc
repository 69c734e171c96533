// Compress: pieces of debug sections, read back from the output file. A piece ends at a byte, so that those of a
// section follow one another as one stream of RFC 1951. The zlib is Node's, as in inflate.cc.

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>
#include <vector>
#include <zlib.h>

#include "generated/kernels.h"

namespace spore {

namespace {

bool read_all(int fd, u8 *to, size_t size, u64 offset) {
  while (size) {
    ssize_t n = ::pread(fd, to, size, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    to += n;
    offset += static_cast<u64>(n);
    size -= static_cast<size_t>(n);
  }
  return true;
}

// Returns the bytes used of `room`, 0 when it is too small.
u32 deflate_piece(std::vector<u8> &bytes, u8 *room, u32 capacity, bool is_last) {
  z_stream stream{};
  constexpr int raw_window = -15, memory_level = 8; // negative: without zlib's header
  if (::deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, raw_window, memory_level, Z_DEFAULT_STRATEGY) != Z_OK) return 0;
  stream.next_in = bytes.data();
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = room;
  stream.avail_out = capacity;
  int ended = ::deflate(&stream, is_last ? Z_FINISH : Z_SYNC_FLUSH);
  u32 used = capacity - stream.avail_out;
  bool is_done = is_last ? ended == Z_STREAM_END : ended == Z_OK && stream.avail_in == 0 && stream.avail_out > 0;
  ::deflateEnd(&stream);
  return is_done ? used : 0;
}

} // namespace

void compress_pieces(Job &job, RowRange<DebugPieceId> rows) {
  const Tables &t = job.t;
  int fd = ::open(reinterpret_cast<const char *>(t.link.output_path), O_RDONLY | O_CLOEXEC);
  std::vector<u8> bytes;
  for (DebugPieceId p : rows) {
    bytes.resize(t.debug_piece.size[p]);
    u32 used = 0;
    if (fd >= 0 && read_all(fd, bytes.data(), bytes.size(), t.debug_piece.offset[p]))
      used = deflate_piece(bytes, reinterpret_cast<u8 *>(t.debug_piece.target[p]), t.debug_piece.capacity[p],
                           t.debug_piece.is_last[p]);
    if (used == 0) job.report(Code::OutputFailed, {.operand = EIO});
    t.debug_piece.packed[p] = used;
    t.debug_piece.checksum[p] = static_cast<u32>(::adler32(1, bytes.data(), static_cast<uInt>(bytes.size())));
  }
  if (fd >= 0) ::close(fd);
}

} // namespace spore
