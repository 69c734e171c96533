// Write: a chunk's sections are copied, relocated and digested in a buffer that stays in cache, and its
// dynamic relocations, FDEs and symbols go with them. Some file systems let one process at a time write to a
// file: symbols, which are mostly writing, go with what is mostly computing.
//
// Reads all tables, fills digest and fde. Every chunk owns its extents of the output, so a rerun writes
// the same bytes again.

#include <algorithm>

#include "generated/kernels.h"
#include "kernels/address.h"
#include "kernels/eh-frame.h"
#include "kernels/output.h"
#include "kernels/piece-index.h"
#include "kernels/relr.h"
#include "kernels/symtab-writer.h"

namespace spore {

namespace {

enum Part : u32 { EhFramePart, RelativePart, SymbolicPart, part_count };

struct LocalEntry {
  u32 symbol;
  EntryId entry;
};

class ChunkWriter {
public:
  ChunkWriter(Job &job, Output &output)
      : job_(job), t_(job.t), flags_(job.t.link.output_flags), target_(target_of(EM_X86_64)), output_(output),
        streams_(t_.link.bucket_count), pieces_(job.t), packed_(t_.link.bucket_count) {}

  void write(ChunkId chunk) {
    begin(chunk);
    for (u32 f = t_.chunk.first_file[chunk]; f < t_.chunk.first_file[chunk + 1]; f++)
      if (is_live_object(t_, FileId{f})) write_file(FileId{f});
    end(chunk);
  }

private:
  void begin(ChunkId chunk) {
    u32 first = t_.chunk.first_file[chunk], last = t_.chunk.first_file[chunk + 1];
    chunk_ = chunk;
    if (first == last) return;
    FileId f{first};
    parts_[EhFramePart].open(t_.link.eh_frame_offset + t_.file.eh_frame_offset[f], 0);
    parts_[RelativePart].open(t_.link.rela_dyn_offset + u64{t_.file.first_relative[f]} * sizeof(Elf64_Rela), 0);
    parts_[SymbolicPart].open(t_.link.rela_dyn_offset + u64{t_.file.first_symbolic[f]} * sizeof(Elf64_Rela), 0);
    eh_frame_begin_ = t_.file.eh_frame_offset[f];
  }

  void end(ChunkId chunk) {
    u32 buckets = static_cast<u32>(t_.link.bucket_count);
    DigestId first{raw(chunk) * (buckets + part_count)};
    auto store = [&](u32 i, const Stream &stream) {
      t_.digest.low[first + i] = stream.digest().low();
      t_.digest.high[first + i] = stream.digest().high();
    };
    for (u32 i = 0; i < buckets; i++)
      if (streams_[i].is_open()) {
        streams_[i].close(output_, t_.chunk_bucket.size[ChunkBucketId{raw(chunk) * buckets + i}]);
        store(i, streams_[i]);
      }
    if (flags_ & OutputFlags::PACK_RELATIVE) write_packed(chunk);
    for (u32 i = 0; i < part_count; i++)
      if (parts_[i].is_open()) {
        parts_[i].close(output_, parts_[i].position());
        store(buckets + i, parts_[i]);
      }
  }

  // The relative relocations of the chunk's part of each bucket, in .relr.dyn. They need no digest: they
  // follow from the sections, which have one.
  void write_packed(ChunkId chunk) {
    u32 buckets = static_cast<u32>(t_.link.bucket_count);
    for (u32 b = 1; b < t_.bucket.rows; b++) {
      u32 ordinal = t_.bucket.ordinal[BucketId{b}];
      if (t_.bucket.key[BucketId{b}] == 0 || packed_[ordinal].empty()) continue;
      ChunkBucketId part{raw(chunk) * buckets + ordinal};
      std::vector<u64> words =
          encode_relr(packed_[ordinal], t_.bucket.address[BucketId{b}] + t_.chunk_bucket.offset[part]);
      size_t count = std::min<size_t>(words.size(), t_.chunk_bucket.relr_words[part]);
      output_.write(reinterpret_cast<const u8 *>(words.data()), count * sizeof(u64),
                    t_.link.relr_offset + u64{t_.chunk_bucket.first_relr_word[part]} * sizeof(u64));
      packed_[ordinal].clear();
    }
  }

  void write_file(FileId f) {
    FileView file(t_, f);
    file_ = &file;
    references_.load(t_, file);
    load_addresses(file);
    pieces_.begin_file(f);
    local_entries_.clear();
    for (u32 i = 0; i < t_.file.local_needs[f]; i++) {
      LocalNeedId id{t_.file.first_local_need[f] + i};
      local_entries_.push_back({t_.local_need.symbol[id], EntryId{t_.local_need.entry[id]}});
      EntryId e{t_.local_need.entry[id]};
      u32 symbol = t_.local_need.symbol[id];
      if (symbol < references_.size() && references_[symbol].flags & Reference::Ifunc)
        references_[symbol].address = plt_address(t_, e);
    }
    relatives_left_ = t_.file.relatives[f];
    symbolics_left_ = t_.file.symbolics[f];
    for (u32 i = 1; i < file.section_count; i++) {
      SectionId s = file.section_id(i);
      u32 flags = t_.section.flags[s];
      if ((flags & (SectionFlags::LIVE | SectionFlags::DISCARDED)) != SectionFlags::LIVE) continue;
      if (flags & SectionFlags::EH_FRAME) continue;
      BucketId bucket{t_.section.bucket[s]};
      if (raw(bucket) == 0 || flags & SectionFlags::MERGEABLE || !t_.bucket.is_copied[bucket]) continue;
      write_section(file, i, s, bucket);
    }
    if (t_.file.cies[f]) write_eh_frames(file);
  }

  void load_addresses(const FileView &file) {
    for (u32 i = 0; i < file.first_global; i++) {
      Elf64_Sym sym = file.symbols()[i];
      u32 section = file.section_index(i, sym);
      Reference &ref = references_[i];
      if (section == section_absolute) ref.address = sym.st_value;
      else if (section == SHN_UNDEF || section >= file.section_count || ref.flags & Reference::Discarded)
        ref.address = 0;
      else if (ref.flags & Reference::Merged && sym.type() == STT_SECTION) ref.address = 0; // found with the addend
      else ref.address = section_address(t_, file, section, sym.st_value);
    }
    for (u32 i = file.first_global; i < file.symbol_count; i++)
      references_[i].address = t_.symbol.address[SymbolId{references_[i].symbol}];
  }

  Stream &stream_of(BucketId bucket) {
    Stream &stream = streams_[t_.bucket.ordinal[bucket]];
    if (!stream.is_open())
      stream.open(t_.bucket.file_offset[bucket] + t_.chunk_bucket.offset[chunk_bucket(t_, chunk_, bucket)],
                  t_.bucket.filler[bucket]);
    return stream;
  }

  void write_section(const FileView &file, u32 index, SectionId s, BucketId bucket) {
    Elf64_Shdr header = file.section(index);
    if (header.sh_size == 0) return;
    u64 position = t_.section.offset[s];
    if (header.sh_type == SHT_NOBITS) { // in a bucket of bytes
      stream_of(bucket).write_zeros(output_, position, header.sh_size);
      return;
    }
    u8 *out = stream_of(bucket).reserve(output_, position, header.sh_size);
    auto contents = file.contents(header);
    if (!contents) {
      job_.report(Code::SectionOutsideFile, {.file = raw(file.id), .section = index});
      std::memset(out, 0, header.sh_size);
      return;
    }
    std::memcpy(out, contents->data(), contents->size());
    u32 rela_section = relocation_section_of(t_, file, index);
    if (rela_section == 0) return;
    auto relas = file.relocations(file.section(rela_section));
    if (!relas) {
      job_.report(Code::BadRelocationSection, {.file = raw(file.id), .section = rela_section});
      return;
    }
    section_ = index;
    section_bytes_ = *contents; // not `out`: where two relocations meet, find needs saw what is in the file
    section_offset_ = 0;
    u32 count = static_cast<u32>(relas->size());
    if (header.sh_flags & SHF_ALLOC) {
      address_ = t_.bucket.address[bucket] + offset_in_bucket(t_, file.id, s, bucket);
      header_ = header;
      ordinal_ = t_.bucket.ordinal[bucket];
      part_offset_ = t_.section.offset[s];
      is_writable_ = header.sh_flags & SHF_WRITE;
      for (u32 i = 0; i < count;)
        if (apply_plain(out, (*relas)[i])) i++;
        else i += apply(out, (*relas)[i], i + 1 < count ? (*relas)[i + 1].type() : 0);
    } else {
      auto name = file.section_name(header);
      u64 tombstone = name && (*name == ".debug_loc" || *name == ".debug_ranges") ? 1 : 0;
      for (u32 i = 0; i < count; i++) apply_to_debug(out, (*relas)[i], tombstone);
    }
  }

  // S + A, with a section symbol of a split section resolved by its addend.
  u64 target_of_rela(const Elf64_Rela &rela, const Reference &ref) {
    u32 symbol = rela.symbol();
    if ((ref.flags & (Reference::Merged | Reference::Section)) == (Reference::Merged | Reference::Section)) {
      Elf64_Sym sym = file_->symbols()[symbol];
      u32 section = file_->section_index(symbol, sym);
      if (section < file_->section_count)
        return pieces_.address_of(file_->section_id(section), file_->section(section),
                                  sym.st_value + static_cast<u64>(rela.r_addend));
    }
    return ref.address + static_cast<u64>(rela.r_addend);
  }

  EntryId entry_of(const Elf64_Rela &rela, const Reference &ref) const {
    if (ref.flags & Reference::Global) return EntryId{t_.symbol.entry[SymbolId{ref.symbol}] - 1};
    for (const LocalEntry &l : local_entries_)
      if (l.symbol == rela.symbol()) return l.entry;
    return EntryId{none};
  }

  // Relocates one place as nearly all are: the distance of something in reach, in 32 bits. False: by apply(). By value,
  // because apply() needs the relocation in memory.
  bool apply_plain(u8 *out, Elf64_Rela rela) const {
    if (target_.distance_bytes(rela.type()) != 4 || rela.symbol() >= references_.size()) return false;
    const Reference &ref = references_[rela.symbol()];
    if (!ref.is_plain() || !section_bytes_.contains(rela.r_offset, 4)) return false;
    u64 value = ref.address + static_cast<u64>(rela.r_addend) - (address_ + rela.r_offset);
    i32 distance = static_cast<i32>(value);
    if (static_cast<i64>(value) != distance) return false;
    std::memcpy(out + rela.r_offset, &distance, 4);
    return true;
  }

  // Relocates one place of a section that is loaded. Returns how many relocations it dealt with.
  u32 apply(u8 *out, const Elf64_Rela &rela, u32 next_type) {
    const Relocation *r = target_.relocation(rela.type());
    if (!r || r->expression == Expression::none) return 1;
    if (rela.symbol() >= references_.size() || !section_bytes_.contains(rela.r_offset, field_size(r->field))) return 1;
    const Reference &ref = references_[rela.symbol()];
    u64 place = address_ + rela.r_offset;
    if (ref.flags & (Reference::Undefined | Reference::Discarded)) return 1; // reported by find needs, or allowed
    u64 sa = target_of_rela(rela, ref);
    u64 a = static_cast<u64>(rela.r_addend);
    u8 *at = out + rela.r_offset;
    switch (r->expression) {
    case Expression::absolute: {
      Action action = action_for_absolute(ref, r->field == Field::word64, is_writable_, flags_);
      if (action == Action::Symbolic) {
        add_symbolic(place, ref, rela.type(), a);
        store(*r, at, rela, 0);
      } else {
        if (action == Action::Relative) {
          if (is_packed(flags_, header_, rela.r_offset)) packed_[ordinal_].push_back(part_offset_ + rela.r_offset);
          else add_relative(place, sa);
        }
        store(*r, at, rela, sa);
      }
      return 1;
    }
    case Expression::pcRelative: {
      if (action_for_pc_relative(ref, flags_) == Action::Plt) sa = plt_address(t_, entry_of(rela, ref)) + a;
      store(*r, at, rela, sa - place);
      return 1;
    }
    case Expression::plt: {
      if (ref.flags & Reference::Imported) sa = plt_address(t_, entry_of(rela, ref)) + a;
      // A call to an undefined weak function is never made; the place itself is always in reach.
      if (ref.flags & Reference::Weak && flags_ & OutputFlags::PIC) sa = place;
      store(*r, at, rela, sa - place);
      return 1;
    }
    case Expression::pltOffset:
      if (ref.flags & Reference::Imported) sa = plt_address(t_, entry_of(rela, ref)) + a;
      store(*r, at, rela, sa - t_.link.got_plt_address);
      return 1;
    case Expression::gotPcRelative: {
      if (may_bypass_got(ref, flags_) && target_.may_relax(*r, section_bytes_, rela.r_offset)) {
        i64 value = static_cast<i64>(sa - place);
        if (!target_.relax(*r, out, rela.r_offset, value)) out_of_range(rela, static_cast<u64>(value));
        return 1;
      }
      store(*r, at, rela, got_address(t_, t_.entry.got[entry_of(rela, ref)]) + a - place);
      return 1;
    }
    case Expression::got:
      store(*r, at, rela, got_address(t_, t_.entry.got[entry_of(rela, ref)]) + a - t_.link.got_plt_address);
      return 1;
    case Expression::gotOffset: store(*r, at, rela, sa - t_.link.got_plt_address); return 1;
    case Expression::gotBase: store(*r, at, rela, t_.link.got_plt_address + a - place); return 1;
    case Expression::size:
      if (ref.flags & Reference::Imported) {
        add_symbolic(place, ref, rela.type(), a);
        store(*r, at, rela, 0);
      } else {
        store(*r, at, rela, size_of(rela, ref) + a);
      }
      return 1;
    case Expression::dtpOffset:
      // In code this is the offset of a Local Dynamic access, which went where its base did.
      if (tls_action(ref, flags_) == TlsAction::AsWritten) store(*r, at, rela, sa - t_.link.tls_begin);
      else store(*r, at, rela, sa - t_.link.tls_end);
      return 1;
    case Expression::tpOffset: store(*r, at, rela, sa - t_.link.tls_end); return 1;
    case Expression::gotTpOffset:
      if (tls_action(ref, flags_) == TlsAction::ToLocalExec &&
          target_.may_rewrite_tls(TlsRewrite::ie_to_le, section_bytes_, rela.r_offset, next_type))
        return target_.rewrite_tls(TlsRewrite::ie_to_le, out, rela.r_offset, next_type,
                                   static_cast<i64>(sa - a - t_.link.tls_end));
      store(*r, at, rela, got_address(t_, t_.entry.got_tp[entry_of(rela, ref)]) + a - place);
      return 1;
    case Expression::tlsGd:
      return apply_tls(out, at, *r, rela, ref, next_type, sa, place, TlsRewrite::gd_to_ie, TlsRewrite::gd_to_le);
    case Expression::tlsDesc:
      return apply_tls(out, at, *r, rela, ref, next_type, sa, place, TlsRewrite::desc_to_ie, TlsRewrite::desc_to_le);
    case Expression::tlsDescCall:
      if (tls_action(ref, flags_) != TlsAction::AsWritten &&
          target_.may_rewrite_tls(TlsRewrite::desc_call_to_nop, section_bytes_, rela.r_offset, next_type))
        target_.rewrite_tls(TlsRewrite::desc_call_to_nop, out, rela.r_offset, next_type, 0);
      return 1;
    case Expression::tlsLd:
      if (tls_action(ref, flags_) == TlsAction::AsWritten) {
        store(*r, at, rela, got_address(t_, 0) + a - place);
        return 1;
      }
      if (!target_.may_rewrite_tls(TlsRewrite::ld_to_le, section_bytes_, rela.r_offset, next_type)) return 1;
      return target_.rewrite_tls(TlsRewrite::ld_to_le, out, rela.r_offset, next_type, 0);
    default: return 1;
    }
  }

  u32 apply_tls(u8 *out, u8 *at, const Relocation &r, const Elf64_Rela &rela, const Reference &ref, u32 next_type,
                u64 sa, u64 place, TlsRewrite to_ie, TlsRewrite to_le) {
    TlsAction action = tls_action(ref, flags_);
    u64 a = static_cast<u64>(rela.r_addend);
    bool is_gd = to_le == TlsRewrite::gd_to_le;
    if (action == TlsAction::AsWritten) {
      EntryId e = entry_of(rela, ref);
      store(r, at, rela, got_address(t_, is_gd ? t_.entry.tls_gd[e] : t_.entry.tls_desc[e]) + a - place);
      return 1;
    }
    TlsRewrite how = action == TlsAction::ToInitialExec ? to_ie : to_le;
    if (!target_.may_rewrite_tls(how, section_bytes_, rela.r_offset, next_type)) return 1; // reported by find needs
    u64 value = action == TlsAction::ToInitialExec ? got_address(t_, t_.entry.got_tp[entry_of(rela, ref)]) - place
                                                   : sa - a - t_.link.tls_end;
    return target_.rewrite_tls(how, out, rela.r_offset, next_type, static_cast<i64>(value));
  }

  u64 size_of(const Elf64_Rela &rela, const Reference &ref) const {
    if (!(ref.flags & Reference::Global)) return file_->symbols()[rela.symbol()].st_size;
    u64 claim = t_.symbol.claim[SymbolId{ref.symbol}];
    if (!claim) return 0;
    FileView owner(t_, Claim::file(claim));
    return owner.symbols()[Claim::symbol(claim)].st_size;
  }

  void apply_to_debug(u8 *out, const Elf64_Rela &rela, u64 tombstone) {
    const Relocation *r = target_.relocation(rela.type());
    if (!r || rela.symbol() >= references_.size()) {
      job_.report(r ? Code::BadRelocation : Code::RelocationType, {.file = raw(file_->id),
                                                                   .section = section_,
                                                                   .offset = rela.r_offset,
                                                                   .operand = r ? rela.r_info : rela.type()});
      return;
    }
    if (r->expression == Expression::none) return;
    if (!section_bytes_.contains(rela.r_offset, field_size(r->field))) {
      job_.report(Code::RelocationOutsideSection,
                  {.file = raw(file_->id), .section = section_, .offset = rela.r_offset, .operand = rela.r_info});
      return;
    }
    const Reference &ref = references_[rela.symbol()];
    u8 *at = out + rela.r_offset;
    if (ref.flags & Reference::Discarded || is_dead_global(ref)) {
      store(*r, at, rela, tombstone);
      return;
    }
    u64 sa = target_of_rela(rela, ref);
    switch (r->expression) {
    case Expression::absolute: store(*r, at, rela, sa); break;
    case Expression::dtpOffset: store(*r, at, rela, sa - t_.link.tls_begin); break;
    case Expression::tpOffset: store(*r, at, rela, sa - t_.link.tls_end); break;
    case Expression::size: store(*r, at, rela, size_of(rela, ref) + static_cast<u64>(rela.r_addend)); break;
    case Expression::pcRelative: store(*r, at, rela, sa - rela.r_offset); break;
    default:
      job_.report(Code::RelocationType,
                  {.file = raw(file_->id), .section = section_, .offset = rela.r_offset, .operand = rela.type()});
    }
  }

  bool is_dead_global(const Reference &ref) const {
    return ref.flags & Reference::Global &&
           !(ref.flags & (Reference::Absolute | Reference::Weak | Reference::Undefined)) &&
           t_.symbol.address[SymbolId{ref.symbol}] == 0;
  }

  void store(const Relocation &r, u8 *at, const Elf64_Rela &rela, u64 value) {
    i64 v = static_cast<i64>(value);
    bool fits = true;
    // Little-endian; sizes that the compiler knows, because this is done for every relocation.
    switch (r.field) {
    case Field::none: return;
    case Field::word8:
      fits = v >= -0x80 && v <= 0xff;
      std::memcpy(at, &value, 1);
      break;
    case Field::signed8:
      fits = v == static_cast<std::int8_t>(v);
      std::memcpy(at, &value, 1);
      break;
    case Field::word16:
      fits = v >= -0x8000 && v <= 0xffff;
      std::memcpy(at, &value, 2);
      break;
    case Field::signed16:
      fits = v == static_cast<std::int16_t>(v);
      std::memcpy(at, &value, 2);
      break;
    case Field::unsigned32:
      fits = value <= UINT32_MAX;
      std::memcpy(at, &value, 4);
      break;
    case Field::signed32:
      fits = v == static_cast<i32>(v);
      std::memcpy(at, &value, 4);
      break;
    case Field::word64: std::memcpy(at, &value, 8); break;
    }
    if (!fits) out_of_range(rela, value);
  }

  void out_of_range(const Elf64_Rela &rela, u64 value) {
    job_.report(Code::RelocationOutOfRange, {.file = raw(file_->id),
                                             .section = section_,
                                             .offset = section_offset_ + rela.r_offset,
                                             .symbol = rela.symbol(),
                                             .operand = value});
  }

  void add_relative(u64 place, u64 value) {
    if (relatives_left_ == 0) return; // the file changed since they were counted
    relatives_left_--;
    add_dynamic(parts_[RelativePart], {place, target_.dynamic().relative, static_cast<i64>(value)});
  }
  void add_symbolic(u64 place, const Reference &ref, u32 type, u64 addend) {
    if (symbolics_left_ == 0) return;
    symbolics_left_--;
    u32 entry = t_.symbol.entry[SymbolId{ref.symbol}];
    u64 dynsym = entry ? t_.entry.dynsym[EntryId{entry - 1}] : 0;
    add_dynamic(parts_[SymbolicPart], {place, dynsym << 32 | type, static_cast<i64>(addend)});
  }
  void add_dynamic(Stream &stream, const Elf64_Rela &rela) {
    std::memcpy(stream.reserve(output_, stream.position(), sizeof rela), &rela, sizeof rela);
  }

  // The file's own CIEs, then its live FDEs, as layout placed them.
  void write_eh_frames(const FileView &file) {
    frames_.clear();
    for (u32 i = 1; i < file.section_count; i++) {
      SectionId s = file.section_id(i);
      u64 bad = 0;
      if (!(t_.section.flags[s] & SectionFlags::EH_FRAME) || !is_kept(t_, s)) continue;
      if (!parse_eh_frame(file, i, relocation_section_of(t_, file, i), frames_.emplace_back(), bad))
        return; // the file changed
    }
    next_fde_ = t_.file.first_fde[file.id];
    fdes_end_ = next_fde_ + t_.file.fdes[file.id];
    CieId first{t_.file.first_cie[file.id]};
    u32 cies = 0, next = 0;
    for (const EhFrame &frame : frames_)
      for (const EhRecord &record : frame.records)
        if (record.is_cie && cies++ < t_.file.cies[file.id]) {
          CieId cie = first + (cies - 1);
          if (raw(cie) == t_.cie.same[cie] && t_.cie.is_used[cie])
            write_eh_record(file, frame, record, t_.cie.offset[cie] - eh_frame_begin_);
        }
    for (const EhFrame &frame : frames_) {
      cie_of_.assign(frame.records.size(), first);
      for (size_t i = 0; i < frame.records.size(); i++) {
        const EhRecord &record = frame.records[i];
        if (record.is_cie) {
          if (next < t_.file.cies[file.id]) cie_of_[i] = first + next++;
        } else if (is_live_fde(t_, file, frame, record)) {
          u64 position = parts_[EhFramePart].position();
          u8 *out = write_eh_record(file, frame, record, position);
          u32 cie = t_.cie.offset[CieId{t_.cie.same[cie_of_[record.cie]]}];
          u32 distance = static_cast<u32>(position + eh_frame_begin_ + 4 - cie);
          std::memcpy(out + 4, &distance, 4);
          add_to_header(frame, record, address_);
        }
      }
    }
  }

  u8 *write_eh_record(const FileView &file, const EhFrame &frame, const EhRecord &record, u64 position) {
    u8 *out = parts_[EhFramePart].reserve(output_, position, record.size);
    std::memcpy(out, contents_of(frame, record).data(), record.size);
    section_ = frame.section;
    header_ = {}; // nothing in .eh_frame is packed
    is_writable_ = file.section(frame.section).sh_flags & SHF_WRITE;
    address_ = t_.link.eh_frame_address + position + eh_frame_begin_;
    section_bytes_ = contents_of(frame, record);
    section_offset_ = record.offset;
    for (u32 r = record.first_rela; r < record.last_rela;) {
      Elf64_Rela rela = frame.relas[r];
      rela.r_offset -= record.offset;
      if (apply_plain(out, rela)) r++;
      else r += apply(out, rela, r + 1 < record.last_rela ? frame.relas[r + 1].type() : 0);
    }
    return out;
  }

  void add_to_header(const EhFrame &frame, const EhRecord &record, u64 fde_address) {
    if (!(flags_ & OutputFlags::EH_FRAME_HDR)) return;
    if (record.function_rela == none || next_fde_ == fdes_end_) return;
    Elf64_Rela rela = frame.relas[record.function_rela];
    u64 function = target_of_rela(rela, references_[rela.symbol()]);
    u64 base = t_.link.eh_frame_hdr_address;
    u64 low = (fde_address - base) & UINT32_MAX, high = (function - base + (u64{1} << 31)) & UINT32_MAX;
    t_.fde.pair[FdeId{next_fde_++}] = high << 32 | low;
  }

  Job &job_;
  const Tables &t_;
  u64 flags_;
  const Target &target_;
  Output &output_;
  std::vector<Stream> streams_;
  Stream parts_[part_count];
  References references_;
  PieceIndex pieces_;
  std::vector<LocalEntry> local_entries_;
  std::vector<EhFrame> frames_;
  std::vector<CieId> cie_of_;

  ChunkId chunk_{};
  const FileView *file_ = nullptr;
  u32 section_ = 0;
  Bytes section_bytes_; // of the section or the record that is relocated, as the file has it
  u64 section_offset_ = 0; // where they begin in the section
  u64 address_ = 0;
  bool is_writable_ = false;
  Elf64_Shdr header_{}; // of the section that is written
  u32 ordinal_ = 0; // of its bucket
  u64 part_offset_ = 0; // its offset in the chunk's part of the bucket
  std::vector<std::vector<u64>> packed_; // offsets in each part of what goes to .relr.dyn
  u64 eh_frame_begin_ = 0;
  u32 relatives_left_ = 0, symbolics_left_ = 0;
  u32 next_fde_ = 0, fdes_end_ = 0;
};

} // namespace

void write_chunks(Job &job, RowRange<ChunkId> rows) {
  Output output(job);
  ChunkWriter sections(job, output);
  SymtabWriter symbols(job, output);
  for (ChunkId chunk : rows) {
    sections.write(chunk);
    if (job.t.link.symtab_offset) symbols.write(chunk);
  }
}

} // namespace spore
