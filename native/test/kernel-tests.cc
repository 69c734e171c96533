// Kernels alone: what relocations come to, what slots symbols have, how relative relocations are packed.

#include <algorithm>
#include <vector>

#include "elf/elf.h"
#include "generated/relocations-x86-64.h"
#include "kernels/decide.h"
#include "kernels/relr.h"
#include "kernels/slots.h"
#include "test/check.h"
#include "test/random.h"

using namespace spore;

namespace {

constexpr u64 executable = 0, pie = OutputFlags::PIC,
              shared = OutputFlags::PIC | OutputFlags::SHARED | OutputFlags::KEEPS_TLS_MODELS,
              static_executable = OutputFlags::STATIC;
constexpr u64 outputs[] = {executable, pie, shared, static_executable, static_executable | OutputFlags::PIC};

constexpr u32 library = Reference::Global | Reference::Imported | Reference::OwnedByShared | Reference::Elsewhere;
constexpr u32 library_function = library | Reference::Function;
constexpr u32 interposable = Reference::Global | Reference::Imported;
constexpr u32 null = Reference::Global | Reference::Weak | Reference::Absolute;
constexpr u32 references[] = {0,
                              Reference::Section | Reference::Merged,
                              Reference::Global,
                              Reference::Global | Reference::Absolute,
                              Reference::Global | Reference::Ifunc,
                              Reference::Global | Reference::Tls,
                              Reference::Global | Reference::Undefined,
                              Reference::Discarded,
                              null,
                              interposable,
                              library,
                              library_function,
                              library | Reference::ProtectedThere,
                              library_function | Reference::ProtectedThere,
                              library | Reference::Tls};

constexpr u64 data = SHF_ALLOC | SHF_WRITE, constants = SHF_ALLOC, code = SHF_ALLOC | SHF_EXECINSTR;

Decision decided(u32 type, u32 flags, u64 output, u64 section, std::vector<u8> bytes = std::vector<u8>(16), u64 at = 0,
                 u32 next_type = 0) {
  const Target &target = target_of(EM_X86_64);
  Elf64_Shdr header{};
  header.sh_flags = section;
  header.sh_addralign = 8;
  Bytes contents(bytes.data(), bytes.size());
  return decide(target, {flags, 1, 0}, *target.relocation(type), surroundings_in(output, header),
                {contents, at, next_type});
}

std::vector<Slot> slots(u32 needs, u32 flags, u64 output) {
  std::vector<Slot> found;
  for_each_slot(needs, {flags, 1, 0}, output, [&](const Slot &slot) { found.push_back(slot); });
  return found;
}

// The places that a loader finds (gABI, SHT_RELR).
std::vector<u64> decode_relr(const std::vector<u64> &words) {
  std::vector<u64> found;
  u64 next = 0;
  for (u64 word : words) {
    if (word & 1) {
      for (u32 bit = 0; bit < 63; bit++)
        if (word >> (bit + 1) & 1) found.push_back(next + bit * 8);
      next += u64{63} * 8;
    } else {
      found.push_back(word);
      next = word + 8;
    }
  }
  return found;
}

} // namespace

TEST("decide: a word in data is relative where the image moves, and packed where it is aligned and asked for") {
  CHECK(decided(R_X86_64_64, Reference::Global, executable, data).effect == Effect::None);
  CHECK(decided(R_X86_64_64, Reference::Global, pie, data).effect == Effect::Relative);
  u64 packing = pie | OutputFlags::PACK_RELATIVE;
  CHECK(decided(R_X86_64_64, Reference::Global, packing, data).effect == Effect::Packed);
  CHECK(decided(R_X86_64_64, Reference::Global, packing, data, std::vector<u8>(16), 4).effect == Effect::Relative);
  CHECK(decided(R_X86_64_64, Reference::Global, pie, constants).error == Code::RelocationInReadOnly);
  CHECK(decided(R_X86_64_64, Reference::Global | Reference::Absolute, pie, data).effect == Effect::None);
  CHECK(decided(R_X86_64_32, Reference::Global, pie, data).error == Code::RelocationNeedsPic);
}

TEST("decide: an executable copies a library's data and takes over its functions, unless they are protected there") {
  CHECK(decided(R_X86_64_PC32, library, executable, code).needs == SymbolFlags::NEEDS_COPY);
  CHECK(decided(R_X86_64_PC32, library, executable | OutputFlags::NO_COPY_RELOCATIONS, code).error ==
        Code::RelocationNeedsPic);
  CHECK(decided(R_X86_64_32, library_function, executable, code).needs ==
        (SymbolFlags::NEEDS_PLT | SymbolFlags::NEEDS_CANONICAL_PLT));
  constexpr u32 protected_data = library | Reference::ProtectedThere;
  constexpr u32 protected_function = library_function | Reference::ProtectedThere;
  for (u64 output : {executable, pie}) {
    CHECK(decided(R_X86_64_PC32, protected_data, output, code).error == Code::ProtectedInShared);
    CHECK(decided(R_X86_64_PC32, protected_function, output, data).error == Code::ProtectedInShared);
    CHECK(decided(R_X86_64_64, protected_data, output, data).effect == Effect::Symbolic);
    CHECK(decided(R_X86_64_PLT32, protected_function, output, code).needs == SymbolFlags::NEEDS_PLT);
  }
  CHECK(decided(R_X86_64_PC32, protected_function, executable, code).needs == SymbolFlags::NEEDS_PLT);
}

TEST("decide: nothing is at a fixed distance from the GOT that is not in this link") {
  for (u64 output : outputs)
    for (u32 flags : {library, library_function})
      CHECK(decided(R_X86_64_GOTOFF64, flags, output, data).error == Code::RelocationNeedsPic);
  CHECK(decided(R_X86_64_GOTOFF64, null, pie, data).error == Code::RelocationNeedsPic);
  CHECK(decided(R_X86_64_GOTOFF64, Reference::Global, shared, data).origin == Origin::GotBase);
}

TEST("decide: TLS accesses become as cheap as the output lets them, and offsets in code go with them") {
  std::vector<u8> mov = {0x48, 0x8b, 0x05, 0, 0, 0, 0};
  constexpr u32 own = Reference::Global | Reference::Tls, others = library | Reference::Tls;
  CHECK(decided(R_X86_64_GOTTPOFF, own, executable, code, mov, 3).rewrite == Rewrite::IeToLe);
  CHECK(decided(R_X86_64_GOTTPOFF, others, executable, code, mov, 3).needs == SymbolFlags::NEEDS_GOT_TP);
  CHECK(decided(R_X86_64_GOTTPOFF, own, shared, code, mov, 3).effect == Effect::StaticTls);
  CHECK(decided(R_X86_64_TLSGD, own, shared, code).needs == SymbolFlags::NEEDS_TLS_GD);
  CHECK(decided(R_X86_64_TLSLD, own, shared, code).effect == Effect::ModuleSlots);
  CHECK(decided(R_X86_64_TLSGD, own, executable, code).error == Code::BadTlsSequence);
  CHECK(decided(R_X86_64_TPOFF32, own, shared, code).error == Code::RelocationNeedsPic);
  CHECK(decided(R_X86_64_DTPOFF32, own, executable, code).origin == Origin::ThreadPointer);
  CHECK(decided(R_X86_64_DTPOFF32, own, executable, data).origin == Origin::TlsBlock);
  CHECK(decided(R_X86_64_DTPOFF32, own, shared, code).origin == Origin::TlsBlock);
  CHECK(decided(R_X86_64_PC32, own, executable, code).error == Code::TlsMismatch);
}

TEST("decide: what is stored agrees with what is needed, whatever is asked") {
  const Target &target = target_of(EM_X86_64);
  for (u32 type = 0; type < target.relocation_count(); type++) {
    if (!target.relocation(type)) continue;
    for (u32 flags : references)
      for (u64 output : outputs)
        for (u64 section : {data, constants, code}) {
          Decision d = decided(type, flags, output, section);
          if (d.error != Code::None) CHECK(d.value == Value::None && d.effect == Effect::None && d.consumed() == 1);
          auto needs_for = [&](Value value, u32 need) { CHECK(d.value != value || (d.needs & need)); };
          needs_for(Value::Got, SymbolFlags::NEEDS_GOT);
          needs_for(Value::GotTp, SymbolFlags::NEEDS_GOT_TP);
          needs_for(Value::TlsGd, SymbolFlags::NEEDS_TLS_GD);
          needs_for(Value::TlsDesc, SymbolFlags::NEEDS_TLS_DESC);
          needs_for(Value::Plt, SymbolFlags::NEEDS_PLT);
          CHECK((d.effect == Effect::ModuleSlots) == (d.value == Value::TlsLd));
          // Symbols are looked up by name where they are imported only; the loader writes where it may.
          if (d.effect == Effect::Symbolic) CHECK(flags & Reference::Imported);
          if (d.effect == Effect::Relative || d.effect == Effect::Packed) CHECK(output & OutputFlags::PIC);
          if (d.needs & SymbolFlags::NEEDS_COPY) CHECK(!(output & OutputFlags::SHARED));
        }
  }
}

TEST("types: a glance says what decide() says of an ordinary reference") {
  const Target &target = target_of(EM_X86_64);
  for (u64 output : outputs) {
    Types types(target, output);
    for (u64 section : {data, constants, code})
      for (u32 type = 0; type < types.count(); type++) {
        Elf64_Shdr header{};
        header.sh_flags = section;
        TypeFacts facts = types.in(surroundings_in(output, header))[type];
        CHECK(facts.is_known == (target.relocation(type) != nullptr));
        if (!facts.is_settled && !facts.is_relative) continue;
        for (u32 flags : {u32{0}, u32{Reference::Global}, u32{Reference::Section | Reference::Merged}}) {
          Decision d = decided(type, flags, output, section);
          CHECK(d.error == Code::None && d.needs == 0 && d.value == Value::Symbol && d.rewrite == Rewrite::None);
          CHECK((d.origin == Origin::Place) == facts.is_distance);
          CHECK((d.effect == Effect::None) == facts.is_settled);
        }
      }
  }
}

TEST("slots: words of .got and what the loader does to them") {
  CHECK(slots(SymbolFlags::NEEDS_GOT, Reference::Global, executable)[0].words[0].filler == Filler::Link);
  CHECK(slots(SymbolFlags::NEEDS_GOT, Reference::Global, pie)[0].words[0].filler == Filler::Relative);
  CHECK(slots(SymbolFlags::NEEDS_GOT, Reference::Global, pie | OutputFlags::PACK_RELATIVE)[0].words[0].filler ==
        Filler::Packed);
  CHECK(slots(SymbolFlags::NEEDS_GOT, null, pie)[0].words[0].filler == Filler::Link);
  CHECK(slots(SymbolFlags::NEEDS_GOT, library, executable)[0].words[0].filler == Filler::GlobDat);
  auto pair = slots(SymbolFlags::NEEDS_TLS_GD, Reference::Global | Reference::Tls, shared)[0];
  CHECK(pair.words[0].filler == Filler::DtpMod && !pair.words[0].has_symbol);
  CHECK(pair.words[1].filler == Filler::Link && pair.words[1].content == Content::DtpOffset);
  CHECK(slots(SymbolFlags::NEEDS_GOT_TP, Reference::Tls, executable)[0].words[0].content == Content::TpOffset);
  CHECK(slots(SymbolFlags::NEEDS_GOT_TP, Reference::Tls, shared)[0].words[0].content == Content::BlockOffset);
}

TEST("slots: a function with a slot in .got is called through it, unless its PLT entry is its address") {
  constexpr u32 both = SymbolFlags::NEEDS_GOT | SymbolFlags::NEEDS_PLT;
  CHECK(slots(SymbolFlags::NEEDS_PLT, library_function, executable)[0].kind == SlotKind::Plt);
  CHECK(slots(both, library_function, executable)[1].kind == SlotKind::PltGot);
  CHECK(slots(both | SymbolFlags::NEEDS_CANONICAL_PLT, library_function, executable)[1].kind == SlotKind::Plt);
  CHECK(slots(both, Reference::Global | Reference::Ifunc, executable)[1].kind == SlotKind::Iplt);
}

TEST("relr: every place comes back, and nothing else") {
  std::vector<u64> places = {0x1000, 0x1008, 0x1000 + 8 * 62, 0x1000 + 8 * 63, 0x1000 + 8 * 64, 0x9000, 0x1008};
  std::vector<u64> found = decode_relr(encode_relr(places, 0x400000));
  CHECK(found.size() == places.size()); // sorted now, without the one that was there twice
  for (size_t i = 0; i < places.size(); i++) CHECK(found[i] == places[i] + 0x400000);
}

TEST("relr: a second place shares a bitmap, needs the next ones, or an address of its own, by its distance") {
  for (u64 distance = 1; distance < 64 * 5; distance++) {
    std::vector<u64> places = {0, distance * 8};
    std::vector<u64> words = encode_relr(places, 0x1000);
    CHECK((decode_relr(words) == std::vector<u64>{0x1000, 0x1000 + distance * 8}));
    CHECK(words.size() == 2 && (words[1] & 1) == (distance <= 63));
  }
}

TEST("relr: runs take one bitmap for each 63 words after the first, and a gap of one bitmap ends them") {
  for (u64 count = 1; count < 64 * 4; count++) {
    std::vector<u64> places, expected;
    for (u64 i = 0; i < count; i++) places.push_back((count - i - 1) * 8);
    for (u64 i = 0; i < count; i++) expected.push_back(0x2000 + i * 8);
    std::vector<u64> words = encode_relr(places, 0x2000);
    CHECK(words.size() == 1 + (count - 1 + 62) / 63 && decode_relr(words) == expected);
    // The words of a second run begin where a bitmap after the last one would.
    u64 behind = (words.size() - 1) * 63 + 1;
    for (u64 gap : {u64{0}, u64{62}, u64{63}, u64{64}}) {
      places.push_back((behind + gap) * 8);
      words = encode_relr(places, 0);
      CHECK(words.back() == (gap < 63 ? u64{2} << gap | 1 : (behind + gap) * 8));
      places.pop_back();
    }
  }
}

TEST("relr: as many words for any base, which need not be a multiple of 8") {
  test::Random random(1);
  for (u32 round = 0; round < 200; round++) {
    std::vector<u64> places;
    for (u32 i = random.below(300), dense = random.below(2); i-- > 0;)
      places.push_back(u64{random.below(dense ? 1000 : 20'000)} * 8);
    std::vector<u64> words = encode_relr(places, 0); // which also sorts them
    for (u64 base : {u64{2}, u64{4}, u64{0x1006}, u64{0x555555554000}, UINT64_MAX - 0xffffff}) {
      std::vector<u64> expected = places;
      for (u64 &place : expected) place += base;
      std::vector<u64> moved = encode_relr(places, base);
      CHECK(moved.size() == words.size() && decode_relr(moved) == expected);
    }
  }
  std::vector<u64> nowhere;
  CHECK(encode_relr(nowhere, 0x1000).empty());
}
