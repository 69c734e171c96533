// write_eh_frame_hdr alone: the search table that parts make of FDEs in any order, and what it says of overlaps.

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "kernels/eh-frame-hdr.h"
#include "test/check.h"
#include "test/random.h"
#include "test/tables-on-heap.h"

using namespace spore;
using namespace spore::test;

namespace {

struct Fde {
  i64 function; // offset from .eh_frame_hdr
  u32 size;
};

struct Entry {
  i32 function, record;
  bool operator==(const Entry &) const = default;
};

constexpr u32 header_address = 0x500000, frame_address = 0x510000, header_offset = 24;

i32 record_of(u32 row) { return static_cast<i32>(frame_address - header_address + row * 24); }

// The table that these parts write, the last one first and each twice; what they write beyond it is noticed.
std::vector<Entry> table_of(const std::vector<Fde> &fdes, u32 parts) {
  TablesOnHeap heap;
  Tables &t = heap.t;
  heap.allocate(t.fde, fdes.size(), &FdeTable::function, &FdeTable::size, &FdeTable::record);
  heap.allocate(t.own_section, static_cast<u32>(OwnSection::Shstrtab) + 1, &OwnSectionTable::address,
                &OwnSectionTable::offset);
  for (u32 row = 0; row < fdes.size(); row++) {
    t.fde.function[FdeId{row}] = static_cast<u32>(fdes[row].function + (i64{1} << 31));
    t.fde.size[FdeId{row}] = fdes[row].size;
    t.fde.record[FdeId{row}] = static_cast<u32>(record_of(row));
  }
  t.own_section.address[OwnSection::EhFrame] = frame_address;
  t.own_section.address[OwnSection::EhFrameHdr] = header_address;
  t.own_section.offset[OwnSection::EhFrameHdr] = header_offset;
  char path[] = "/tmp/spore-native-XXXXXX";
  int fd = mkstemp(path);
  t.link.output_path = reinterpret_cast<u64>(path);

  JobArguments arguments{&t, {}};
  spore_context context{};
  context.args = &arguments;
  Job job(context);
  for (u32 part = parts; part-- > 0;)
    for (u32 attempt = 0; attempt < 2; attempt++) write_eh_frame_hdr(job, part, parts);

  u32 header[3];
  std::vector<Entry> entries(fdes.size());
  size_t size = entries.size() * sizeof(Entry);
  CHECK(pread(fd, header, sizeof header, header_offset) == sizeof header);
  CHECK(pread(fd, entries.data(), size, header_offset + sizeof header) == static_cast<ssize_t>(size));
  CHECK(lseek(fd, 0, SEEK_END) == static_cast<off_t>(header_offset + sizeof header + size));
  close(fd);
  unlink(path);
  // LSB Core: version 1; pcrel sdata4, udata4, datarel sdata4; .eh_frame from the field itself; how many.
  CHECK(header[0] == 0x3b031b01 && header[1] == frame_address - header_address - 4 && header[2] == fdes.size());
  return entries;
}

// By function; those of one function as .eh_frame has them.
void check_tables(const std::vector<Fde> &fdes) {
  std::vector<u32> rows(fdes.size());
  std::iota(rows.begin(), rows.end(), 0);
  std::ranges::stable_sort(rows, [&](u32 a, u32 b) { return fdes[a].function < fdes[b].function; });
  std::vector<Entry> expected;
  expected.reserve(rows.size());
  for (u32 row : rows) expected.push_back({static_cast<i32>(fdes[row].function), record_of(row)});
  for (u32 parts : {1U, 2U, 3U, 8U, 64U}) CHECK(table_of(fdes, parts) == expected);
}

} // namespace

TEST("eh-frame-hdr: FDEs in any order are sorted by function, however many parts do it") {
  Random random(1);
  for (u32 count : {0U, 1U, 2U, 7U, 63U, 64U, 65U, 1000U, 20'000U}) {
    std::vector<Fde> fdes;
    fdes.reserve(count);
    for (u32 row = 0; row < count; row++) fdes.push_back({i64{row} * 16 - i64{count} * 8, 16});
    check_tables(fdes);
    std::ranges::reverse(fdes);
    check_tables(fdes);
    for (u32 row = count; row > 1; row--) std::swap(fdes[row - 1], fdes[random.below(row)]);
    check_tables(fdes);
  }
}

TEST("eh-frame-hdr: FDEs of one function stay in order, also where a part ends among them") {
  Random random(2);
  for (u32 functions : {1U, 2U, 5U}) {
    std::vector<Fde> fdes;
    fdes.reserve(1000);
    for (u32 row = 0; row < 1000; row++) fdes.push_back({i64{random.below(functions)} * 64, 0});
    check_tables(fdes);
  }
}

TEST("eh-frame-hdr: functions without a size come before what begins where they do, or not, as .eh_frame has them") {
  std::vector<Fde> fdes;
  for (u32 row = 0; row < 500; row++) {
    fdes.push_back({i64{row} * 32, row % 2 * 32});
    fdes.push_back({i64{row} * 32, (row + 1) % 2 * 32});
  }
  check_tables(fdes);
}

TEST("eh-frame-hdr: functions at both ends of what the table reaches") {
  constexpr i64 reach = i64{1} << 31;
  check_tables({{reach - 1, 0}, {-reach, 16}, {-1, 1}, {0, 1}, {reach - 17, 16}, {-reach + 16, 16}, {reach - 1, 0}});
}
