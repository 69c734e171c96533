// Write: a chunk's part of .eh_frame, record by record, and its rows of .eh_frame_hdr.
#pragma once

#include "kernels/eh-frame.h"
#include "kernels/relocator.h"

namespace spore {

class EhFrameWriter {
public:
  EhFrameWriter(Job &job, Output &output, Relocator &relocator)
      : job_(job), t_(job.t), output_(output), relocator_(relocator) {}

  void begin_chunk(FileId first);
  // The file's own CIEs, then its live FDEs, as layout placed them. The relocator is at this file.
  void write_file(const FileView &file);

  Stream &stream() { return stream_; }

private:
  bool parse(const FileView &file);
  std::span<const EhFrame> frames() const { return {frames_.data(), frame_count_}; }
  void begin_frame(const FileView &file, const EhFrame &frame);
  void write_cies(const FileView &file);
  void write_fdes(const FileView &file, const EhFrame &frame, u32 &next_cie);
  u8 *write_record(const EhFrame &frame, const EhRecord &record, u64 position);
  void add_to_header(const FileView &file, const EhFrame &frame, const EhRecord &record, u64 fde_address);

  Job &job_;
  const Tables &t_;
  Output &output_;
  Relocator &relocator_;
  Stream stream_;
  u64 begin_ = 0; // of the chunk's part, in .eh_frame
  std::vector<EhFrame> frames_; // of the file the first `frame_count_`; what the others have is reused
  size_t frame_count_ = 0;
  std::vector<CieId> cie_of_; // by record of a frame
  RelocatedPart part_; // the record that is written
  u32 next_fde_ = 0, fdes_end_ = 0;
};

} // namespace spore
