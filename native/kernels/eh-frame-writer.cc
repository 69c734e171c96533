// Write: .eh_frame.

#include "kernels/eh-frame-writer.h"

namespace spore {

void EhFrameWriter::begin_chunk(FileId first) {
  begin_ = t_.file.eh_frame_offset[first];
  stream_.open(output_, t_.own_section.offset[OwnSection::EhFrame] + begin_, 0);
}

void EhFrameWriter::write_file(const FileView &file) {
  if (!parse(file)) return; // the file changed
  next_fde_ = t_.file.first_fde[file.id];
  fdes_end_ = next_fde_ + t_.file.fdes[file.id];
  write_cies(file);
  u32 next_cie = 0;
  for (const EhFrame &frame : frames()) write_fdes(file, frame, next_cie);
}

bool EhFrameWriter::parse(const FileView &file) {
  frame_count_ = 0;
  for (u32 i = 1; i < file.section_count; i++) {
    SectionId s = file.section_id(i);
    u64 bad = 0;
    if (!(t_.section.flags[s] & SectionFlags::EH_FRAME) || !is_kept(t_, s)) continue;
    if (frame_count_ == frames_.size()) frames_.emplace_back();
    if (!parse_eh_frame(file, i, relocation_section_of(t_, file, i), frames_[frame_count_++], bad)) return false;
  }
  return true;
}

void EhFrameWriter::begin_frame(const FileView &file, const EhFrame &frame) {
  part_ = {};
  part_.section = frame.section;
  part_.where = surroundings_in_eh_frame(t_.link.output_flags, file.section(frame.section));
}

void EhFrameWriter::write_cies(const FileView &file) {
  CieId cie{t_.file.first_cie[file.id]}, end = cie + t_.file.cies[file.id];
  for (const EhFrame &frame : frames()) {
    begin_frame(file, frame);
    for (const EhRecord &record : frame.records) {
      if (!record.is_cie || cie == end) continue;
      if (raw(cie) == t_.cie.same[cie] && t_.cie.is_used[cie]) write_record(frame, record, t_.cie.offset[cie] - begin_);
      ++cie;
    }
  }
}

void EhFrameWriter::write_fdes(const FileView &file, const EhFrame &frame, u32 &next_cie) {
  CieId first{t_.file.first_cie[file.id]};
  cie_of_.assign(frame.records.size(), first);
  begin_frame(file, frame);
  for (size_t i = 0; i < frame.records.size(); i++) {
    const EhRecord &record = frame.records[i];
    if (record.is_cie) {
      if (next_cie < t_.file.cies[file.id]) cie_of_[i] = first + next_cie++;
    } else if (is_live_fde(t_, file, frame, record)) {
      u64 position = stream_.position();
      u8 *out = write_record(frame, record, position);
      u32 cie = t_.cie.offset[CieId{t_.cie.same[cie_of_[record.cie]]}];
      u32 distance = static_cast<u32>(position + begin_ + 4 - cie);
      std::memcpy(out + 4, &distance, 4);
      add_to_header(file, frame, record, t_.own_section.address[OwnSection::EhFrame] + position + begin_);
    }
  }
}

u8 *EhFrameWriter::write_record(const EhFrame &frame, const EhRecord &record, u64 position) {
  u8 *out = stream_.reserve(position, record.size);
  part_.bytes = contents_of(frame, record);
  part_.offset = record.offset;
  part_.address = t_.own_section.address[OwnSection::EhFrame] + position + begin_;
  std::memcpy(out, part_.bytes.data(), record.size);
  relocator_.relocate(out, part_, record.first_rela, record.last_rela, [&](u32 i) {
    Elf64_Rela rela = frame.relas[i];
    rela.r_offset -= record.offset;
    return rela;
  });
  return out;
}

void EhFrameWriter::add_to_header(const FileView &file, const EhFrame &frame, const EhRecord &record, u64 fde_address) {
  if (!(t_.link.output_flags & OutputFlags::EH_FRAME_HDR) || next_fde_ == fdes_end_) return;
  u64 base = t_.own_section.address[OwnSection::EhFrameHdr];
  u64 function = relocator_.target_address(frame.relas[record.function_rela]) - base, fde = fde_address - base;
  auto fits = [](u64 offset) { return offset + (u64{1} << 31) <= UINT32_MAX; };
  if (!fits(function) || !fits(fde))
    job_.report(Code::FrameOutOfReach, {.file = raw(file.id), .section = frame.section, .offset = record.offset});
  FdeId row{next_fde_++};
  t_.fde.function[row] = static_cast<u32>(function + (u64{1} << 31));
  t_.fde.record[row] = static_cast<u32>(fde);
  t_.fde.size[row] = function_size(frame, record).value_or(0);
}

} // namespace spore
