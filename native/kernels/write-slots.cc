// Write: what the needs of symbols came to. .got, .got.plt, .plt and .plt.got with the dynamic relocations
// that fill their slots (psABI 5.2), and .dynsym with its hash tables (gABI ch. 5).

#include <algorithm>
#include <fcntl.h>

#include "generated/kernels.h"
#include "kernels/address.h"
#include "kernels/eh-frame-hdr.h"
#include "kernels/output.h"
#include "kernels/relr.h"

namespace spore {

namespace {

void put64(std::vector<u8> &out, u64 offset, u64 value) {
  if (offset + 8 <= out.size()) std::memcpy(out.data() + offset, &value, 8);
}

void append(std::vector<u8> &out, const void *data, size_t size) {
  const u8 *bytes = static_cast<const u8 *>(data);
  out.insert(out.end(), bytes, bytes + size);
}

// A part of the output that one kernel writes at once, digested under `index` of the single extents.
void write_part(Job &job, Output &output, u32 index, const std::vector<u8> &bytes, u64 offset) {
  if (bytes.empty()) return;
  Digest digest;
  digest.update(bytes.data(), bytes.size());
  digest.store(job.t, DigestId{static_cast<u32>(job.t.link.first_single_digest) + index});
  output.write(bytes.data(), bytes.size(), offset);
}

enum Single : u32 {
  Got,
  GotPlt,
  Plt,
  PltGot,
  RelaGotRelative,
  RelaGotSymbolic,
  RelaPlt,
  Dynsym,
  Dynstr,
  Versym,
  GnuHash,
  SysvHash,
  RelrGot,
  PltSec
};

class SlotWriter {
public:
  explicit SlotWriter(Job &job)
      : job_(job), t_(job.t), flags_(job.t.link.output_flags), target_(target_of(job.t.link.machine)) {}

  void write() {
    got_.resize(t_.own_section.size[OwnSection::Got]);
    got_plt_.resize(t_.own_section.size[OwnSection::GotPlt]);
    plt_.resize(t_.own_section.size[OwnSection::Plt]);
    plt_sec_.resize(t_.own_section.size[OwnSection::PltSec]);
    plt_got_.resize(t_.own_section.size[OwnSection::PltGot]);
    rela_plt_.resize(t_.own_section.size[OwnSection::RelaPlt]);
    if (!got_plt_.empty()) put64(got_plt_, 0, t_.own_section.address[OwnSection::Dynamic]);
    if (!plt_.empty())
      target_.write_plt_header(plt_.data(), t_.own_section.address[OwnSection::Plt],
                               t_.own_section.address[OwnSection::GotPlt]);
    if (t_.found.needs_tls_ld) write_word(module_slot, slot::module(flags_), 0, {});
    for (u32 i = 0; i < t_.entry.rows; i++) write_entry(EntryId{i});
    Output output(job_);
    write_part(job_, output, Got, got_, t_.own_section.offset[OwnSection::Got]);
    write_part(job_, output, GotPlt, got_plt_, t_.own_section.offset[OwnSection::GotPlt]);
    write_part(job_, output, Plt, plt_, t_.own_section.offset[OwnSection::Plt]);
    write_part(job_, output, PltSec, plt_sec_, t_.own_section.offset[OwnSection::PltSec]);
    write_part(job_, output, PltGot, plt_got_, t_.own_section.offset[OwnSection::PltGot]);
    write_part(job_, output, RelaGotRelative, relatives_, t_.own_section.offset[OwnSection::RelaDyn]);
    write_part(job_, output, RelaGotSymbolic, symbolics_,
               t_.own_section.offset[OwnSection::RelaDyn] + t_.link.got_symbolics * sizeof(Elf64_Rela));
    write_part(job_, output, RelaPlt, rela_plt_, t_.own_section.offset[OwnSection::RelaPlt]);
    std::vector<u64> words = encode_relr(packed_, t_.own_section.address[OwnSection::Got]);
    std::vector<u8> relr;
    append(relr, words.data(), std::min<size_t>(words.size(), t_.found.got_relr_words) * sizeof(u64));
    write_part(job_, output, RelrGot, relr, t_.own_section.offset[OwnSection::Relr]);
  }

private:
  void add(std::vector<u8> &out, u64 place, u64 dynsym, u32 type, u64 addend) {
    Elf64_Rela rela{place, dynsym << 32 | type, static_cast<i64>(addend)};
    append(out, &rela, sizeof rela);
  }

  // The symbol of an entry as its slots see it.
  struct Subject {
    Reference ref;
    u64 address = 0;
    u64 definition = 0; // of an ifunc: its resolver
  };

  Subject subject_of(EntryId e) const {
    Subject subject{reference_of(t_, e)};
    bool is_ifunc = subject.ref.flags & Reference::Ifunc;
    if (t_.entry.symbol[e] != none) {
      SymbolId s{t_.entry.symbol[e]};
      subject.address = t_.symbol.address[s];
      u64 claim = t_.symbol.claim[s];
      if (is_ifunc && claim)
        subject.definition = definition_address(t_, FileView(t_, Claim::file(claim)), Claim::symbol(claim));
    } else {
      FileView file(t_, FileId{t_.entry.file[e]});
      u32 index = t_.entry.index[e];
      subject.definition = index < file.symbol_count ? definition_address(t_, file, index) : 0;
      subject.address = is_ifunc ? plt_address(t_, e) : subject.definition;
    }
    return subject;
  }

  u64 content_of(Content content, const Subject &subject) const {
    switch (content) {
    case Content::Zero: return 0;
    case Content::Address: return subject.address;
    case Content::Definition: return subject.definition;
    case Content::Module: return 1;
    case Content::DtpOffset: return target_.dtp_offset(subject.address, tls_block(t_));
    case Content::TpOffset: return target_.tp_offset(subject.address, tls_block(t_));
    case Content::BlockOffset: return subject.address - tls_block(t_).begin;
    }
    return 0;
  }

  u32 type_of(Filler filler) const {
    const DynamicRelocations &types = target_.dynamic();
    switch (filler) {
    case Filler::Link:
    case Filler::Packed: break;
    case Filler::Relative: return types.relative;
    case Filler::GlobDat: return types.glob_dat;
    case Filler::JumpSlot: return types.jump_slot;
    case Filler::Irelative: return types.irelative;
    case Filler::DtpMod: return types.dtpmod;
    case Filler::DtpOff: return types.dtpoff;
    case Filler::TpOff: return types.tpoff;
    case Filler::TlsDesc: return types.tlsdesc;
    }
    return 0;
  }

  void write_entry(EntryId e) {
    Subject subject = subject_of(e);
    u64 dynsym = t_.entry.dynsym[e];
    for_each_slot(t_.entry.needs[e], subject.ref, flags_, [&](const Slot &slot) {
      u32 index = slot_index(t_, e, slot.kind);
      if (slot.kind == SlotKind::PltGot) write_plt_got_entry(index, got_address(t_, t_.entry.got[e]));
      else if (got_words(slot.kind) == 0) write_jump(index, slot.words[0], dynsym, subject);
      for (u32 i = 0; i < got_words(slot.kind); i++) write_word(index + i, slot.words[i], dynsym, subject);
    });
    if (t_.entry.is_copied[e]) add(symbolics_, subject.address, dynsym, target_.dynamic().copy, 0);
  }

  // A word of .got.
  void write_word(u32 index, const SlotWord &word, u64 dynsym, const Subject &subject) {
    u64 content = content_of(word.content, subject), place = got_address(t_, index);
    switch (word.filler) {
    case Filler::Link: put64(got_, u64{index} * 8, content); break;
    case Filler::Packed:
      put64(got_, u64{index} * 8, content);
      packed_.push_back(u64{index} * 8);
      break;
    case Filler::Relative:
      put64(got_, u64{index} * 8, content);
      add(relatives_, place, 0, type_of(word.filler), content);
      break;
    default: add(symbolics_, place, word.has_symbol ? dynsym : 0, type_of(word.filler), content);
    }
  }

  // An entry of .plt, its word of .got.plt and what the loader does to that.
  void write_jump(u32 index, const SlotWord &word, u64 dynsym, const Subject &subject) {
    u64 place = got_plt_address(t_, index);
    u64 entry = write_plt_entry(index, place);
    put64(got_plt_, place - t_.own_section.address[OwnSection::GotPlt], target_.plt_resume(entry, !plt_sec_.empty()));
    u64 info = (word.has_symbol ? dynsym : 0) << 32 | type_of(word.filler);
    Elf64_Rela rela{place, info, static_cast<i64>(content_of(word.content, subject))};
    if ((u64{index} + 1) * sizeof rela <= rela_plt_.size())
      std::memcpy(rela_plt_.data() + index * sizeof rela, &rela, sizeof rela);
  }

  // Writes an entry of .plt, and of .plt.sec where there is one. Returns the address of the former.
  u64 write_plt_entry(u32 index, u64 slot) {
    u64 plt = t_.own_section.address[OwnSection::Plt], size = t_.link.plt_entry_size;
    u64 offset = t_.link.plt_header_size + index * size, entry = plt + offset;
    if (offset + size > plt_.size()) return entry;
    if (plt_sec_.empty()) {
      target_.write_plt_entry(plt_.data() + offset, entry, plt, slot, index);
      return entry;
    }
    target_.write_checked_plt_entry(plt_.data() + offset, entry, plt, index);
    u64 second = index * t_.link.plt_sec_entry_size;
    if (second + t_.link.plt_sec_entry_size <= plt_sec_.size())
      target_.write_checked_jump(plt_sec_.data() + second, t_.own_section.address[OwnSection::PltSec] + second, slot);
    return entry;
  }

  void write_plt_got_entry(u32 index, u64 slot) {
    u64 size = t_.link.plt_got_entry_size, offset = index * size,
        entry = t_.own_section.address[OwnSection::PltGot] + offset;
    if (offset + size > plt_got_.size()) return;
    if (t_.link.plt_sec_entry_size) target_.write_checked_jump(plt_got_.data() + offset, entry, slot);
    else target_.write_plt_got_entry(plt_got_.data() + offset, entry, slot);
  }

  Job &job_;
  const Tables &t_;
  u64 flags_;
  const Target &target_;
  std::vector<u64> packed_; // offsets in .got
  std::vector<u8> got_, got_plt_, plt_, plt_sec_, plt_got_, rela_plt_, relatives_, symbolics_;
};

// The type of a symbol that nothing defines, as its first mention has it.
u32 mentioned_type(const Tables &t, SymbolId s) {
  u32 low = 0, high = static_cast<u32>(t.file.rows); // the last file that begins at or before it has it
  while (high - low > 1) {
    u32 middle = low + (high - low) / 2;
    (t.file.first_mention[FileId{middle}] <= raw(s) ? low : high) = middle;
  }
  FileView file(t, FileId{low});
  u64 index = u64{file.first_global} + (raw(s) - t.file.first_mention[file.id]);
  u32 type = index < file.symbol_count ? file.symbols()[static_cast<u32>(index)].type() : u32{STT_NOTYPE};
  return type == STT_GNU_IFUNC ? u32{STT_FUNC} : type;
}

// st_shndx in .dynsym. No SHT_SYMTAB_SHNDX goes with it: what has no room is SHN_XINDEX here, and refused.
u16 loaded_index(u64 index) { return index < SHN_LORESERVE ? static_cast<u16>(index) : u16{SHN_XINDEX}; }

Elf64_Sym dynamic_symbol(const Tables &t, EntryId e) {
  SymbolId s{t.entry.symbol[e]};
  u32 flags = t.symbol.flags[s];
  u64 claim = t.symbol.claim[s];
  Elf64_Sym out{};
  out.st_name = static_cast<u32>(t.link.dynstr_own + t.entry.dynstr[e]);
  u32 type = STT_NOTYPE, binding = STB_GLOBAL;
  if (claim) {
    FileView file(t, Claim::file(claim));
    u32 index = Claim::symbol(claim);
    Elf64_Sym sym = file.symbols()[index];
    type = sym.type();
    if (flags & SymbolFlags::OWNED_BY_SHARED || !is_live(t, file.id)) {
      // Weak here only if every reference is.
      binding = flags & SymbolFlags::STRONGLY_REFERENCED ? STB_GLOBAL : STB_WEAK;
      if (!(flags & SymbolFlags::OWNED_BY_SHARED)) type = STT_NOTYPE; // a member that is not in the link
      if (type == STT_GNU_IFUNC) type = STT_FUNC;
      if (flags & SymbolFlags::NEEDS_COPY) {
        binding = sym.binding();
        out.st_shndx = loaded_index(flags & SymbolFlags::COPY_IS_RELRO ? t.own_section.index[OwnSection::CopyRelro]
                                                                       : t.own_section.index[OwnSection::Copy]);
        out.st_value = t.symbol.address[s];
        out.st_size = sym.st_size;
      } else if (flags & SymbolFlags::NEEDS_CANONICAL_PLT) {
        out.st_value = t.symbol.address[s]; // and undefined: that is what tells the loader
      }
    } else {
      binding = sym.binding();
      u64 value = t.symbol.address[s];
      u32 section = file.section_index(index, sym);
      bool is_internal = t.file.flags[file.id] & FileFlags::IS_INTERNAL;
      if (section == section_absolute) {
        out.st_shndx = SHN_ABS;
      } else if (is_internal) {
        // Layout left the header index of its section there.
        out.st_shndx = sym.st_size ? loaded_index(sym.st_size) : u16{SHN_ABS};
      } else if (is_common(section)) {
        out.st_shndx = loaded_index(t.bucket.index[common_bucket(t, s)]);
        if (type == STT_COMMON) type = STT_OBJECT;
      } else if (section < file.section_count) {
        out.st_shndx = loaded_index(t.bucket.index[BucketId{t.section.bucket[file.section_id(section)]}]);
      }
      if (type == STT_GNU_IFUNC && !(flags & SymbolFlags::IMPORTED) && t.entry.plt[e] != none) {
        type = STT_FUNC; // its address is the PLT entry
        sym.st_size = 0;
        out.st_shndx = loaded_index(called_plt_index(t));
      }
      out.st_value = type == STT_TLS ? value - t.link.tls_begin : value;
      out.st_size = is_common(section) ? t.symbol.common_size[s] : is_internal ? 0 : sym.st_size;
      out.st_other = static_cast<u8>(flags & SymbolFlags::VISIBILITY);
    }
  } else {
    binding = flags & SymbolFlags::STRONGLY_REFERENCED ? STB_GLOBAL : STB_WEAK;
    type = mentioned_type(t, s);
  }
  out.st_info = static_cast<u8>(binding << 4 | type);
  if (type == STT_GNU_IFUNC || binding == STB_GNU_UNIQUE) t.found.has_gnu_symbols.set();
  return out;
}

// .gnu.hash: header, Bloom filter, buckets, chains. The hashed symbols are the last of .dynsym, by bucket.
std::vector<u8> gnu_hash_table(const Tables &t, u32 count, u32 hashed) {
  u32 buckets = static_cast<u32>(t.found.gnu_hash_buckets), words = static_cast<u32>(t.link.gnu_hash_bloom_words);
  u32 first = count - hashed; // index of the first hashed symbol
  constexpr u32 shift = 26;
  std::vector<u64> bloom(words);
  std::vector<u32> bucket(buckets), chain(hashed);
  for (u32 i = 0; i < hashed; i++) {
    u32 h = t.entry.hash[EntryId{t.dynsym.entry[DynsymId{first + i - 1}]}];
    bloom[h / 64 % words] |= u64{1} << h % 64 | u64{1} << (h >> shift) % 64;
    if (bucket[h % buckets] == 0) bucket[h % buckets] = first + i;
    bool is_last =
        i + 1 == hashed || t.entry.hash[EntryId{t.dynsym.entry[DynsymId{first + i}]}] % buckets != h % buckets;
    chain[i] = (h & ~1u) | is_last;
  }
  u32 header[4] = {buckets, first, words, shift};
  std::vector<u8> out;
  append(out, header, sizeof header);
  append(out, bloom.data(), bloom.size() * 8);
  append(out, bucket.data(), bucket.size() * 4);
  append(out, chain.data(), chain.size() * 4);
  return out;
}

std::vector<u8> sysv_hash_table(const Tables &t, u32 count) {
  std::vector<u32> table(2 + size_t{count} * 2);
  table[0] = table[1] = count;
  u32 *bucket = table.data() + 2, *chain = bucket + count;
  for (u32 i = 1; i < count; i++) {
    Name name = symbol_name(t, SymbolId{t.entry.symbol[EntryId{t.dynsym.entry[DynsymId{i - 1}]}]});
    u32 at = sysv_hash(name.data, name.size) % count;
    chain[i] = bucket[at];
    bucket[at] = i;
  }
  std::vector<u8> out;
  append(out, table.data(), table.size() * 4);
  return out;
}

void write_dynsym(Job &job) {
  const Tables &t = job.t;
  Output output(job);
  u32 count = static_cast<u32>(t.found.dynsym_count), hashed = static_cast<u32>(t.found.dynsym_hashed);
  std::vector<u8> symbols(sizeof(Elf64_Sym)), strings, versions(2);
  strings.resize(t.found.dynstr_size);
  for (u32 i = 1; i < count; i++) {
    EntryId e{t.dynsym.entry[DynsymId{i - 1}]};
    SymbolId s{t.entry.symbol[e]};
    Elf64_Sym sym = dynamic_symbol(t, e);
    if (u64 definition = t.symbol.claim[s]; sym.st_shndx == SHN_XINDEX)
      job.report(Code::DynamicSymbolSection,
                 {.file = raw(Claim::file(definition)), .symbol = Claim::symbol(definition)});
    append(symbols, &sym, sizeof sym);
    Name name = symbol_name(t, s);
    u64 at = t.entry.dynstr[e];
    if (at + name.size < strings.size()) std::memcpy(strings.data() + at, name.data, name.size);
    u16 version = t.entry.version[e];
    u64 claim = t.symbol.claim[s];
    if (claim && t.symbol.flags[s] & SymbolFlags::OWNED_BY_SHARED) {
      FileId f = Claim::file(claim);
      FileView file(t, f);
      u32 own = t.file.versions[f]
                    ? file.bytes.read<u16>(t.file.versions[f] + u64{Claim::symbol(claim)} * 2).value_or(0) &
                          ~u32{VERSYM_HIDDEN}
                    : 0;
      if (own > VER_NDX_GLOBAL && t.file.first_version[f] + own < t.file.first_version[f + 1])
        version = t.version.index[VersionId{t.file.first_version[f] + own}];
    }
    append(versions, &version, 2);
  }
  write_part(job, output, Dynsym, symbols, t.own_section.offset[OwnSection::Dynsym]);
  write_part(job, output, Dynstr, strings, t.own_section.offset[OwnSection::Dynstr] + t.link.dynstr_own);
  if (t.own_section.offset[OwnSection::Versym])
    write_part(job, output, Versym, versions, t.own_section.offset[OwnSection::Versym]);
  if (t.own_section.offset[OwnSection::GnuHash])
    write_part(job, output, GnuHash, gnu_hash_table(t, count, hashed), t.own_section.offset[OwnSection::GnuHash]);
  if (t.own_section.offset[OwnSection::Hash])
    write_part(job, output, SysvHash, sysv_hash_table(t, count), t.own_section.offset[OwnSection::Hash]);
}

} // namespace

void pack_got(Job &job, RowRange<RangeId> rows) {
  const Tables &t = job.t;
  for ([[maybe_unused]] RangeId row : rows) {
    std::vector<u64> places;
    for (u32 i = 0; i < t.entry.rows; i++) {
      EntryId e{i};
      for_each_slot(t.entry.needs[e], reference_of(t, e), t.link.output_flags, [&](const Slot &slot) {
        for (u32 word = 0; word < got_words(slot.kind); word++)
          if (slot.words[word].filler == Filler::Packed)
            places.push_back((u64{slot_index(t, e, slot.kind)} + word) * 8);
      });
    }
    t.found.got_relr_words.set(encode_relr(places, 0).size());
  }
}

// Keeps the file that the output replaces until this worker ends. Who drops the last link or descriptor of a file
// frees its pages, which takes 15 ms for 185 MB: so that is not the process that renames, and is waited for.
static void hold_replaced(const Job &job) {
  [[maybe_unused]] int held = ::open(reinterpret_cast<const char *>(job.t.link.replaced_path), O_PATH | O_CLOEXEC);
  job.t.found.replaced_holder.set(job.worker());
}

void write_tables(Job &job, RowRange<RangeId> rows) {
  u32 eh_frame_hdr_parts = static_cast<u32>(job.parameter(0));
  for (RangeId row : rows) switch (raw(row)) {
    case 0: SlotWriter(job).write(); break;
    case 1:
      if (job.t.own_section.offset[OwnSection::Dynsym]) write_dynsym(job);
      break;
    case 2: hold_replaced(job); break;
    default: write_eh_frame_hdr(job, raw(row) - 3, eh_frame_hdr_parts);
    }
}

} // namespace spore
