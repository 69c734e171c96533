// Scan: which files there are, members of archives among them.

#include "generated/kernels.h"
#include "kernels/archive.h"

namespace spore {

namespace {

// Counts the members that are listed. A whole archive has such that are linked, and no others: as in GNU ld. False when
// it is malformed.
bool count_listed(Job &job, InputId i, u32 &count, u64 &bad_offset) {
  if (!(job.t.input.flags[i] & InputFlags::WHOLE_ARCHIVE))
    return for_each_listed_member(job.t, i, [&](const Member &) { count++; }, bad_offset);
  Bytes archive = input_bytes(job.t, i);
  auto visit = [&](const Member &m) {
    if (is_linkable(m)) count++;
    else if (!is_special(archive, m)) job.report(Code::MemberNotObject, {.file = raw(i), .offset = m.header});
  };
  return for_any_member(archive, visit, bad_offset);
}

} // namespace

void count_members(Job &job, RowRange<InputId> rows) {
  const Tables &t = job.t;
  for (InputId i : rows) {
    if (!(t.input.flags[i] & InputFlags::IS_ARCHIVE)) {
      t.input.members[i] = 1;
      continue;
    }
    u32 count = 0;
    u64 bad = 0;
    if (!count_listed(job, i, count, bad)) {
      job.report(Code::MalformedArchive, {.file = raw(i), .offset = bad});
      count = 0;
    }
    t.input.members[i] = count;
  }
}

void list_members(Job &job, RowRange<InputId> rows) {
  const Tables &t = job.t;
  for (InputId i : rows) {
    u32 in = t.input.flags[i];
    u32 flags = 0, traits = 0;
    if (in & InputFlags::IS_SHARED) traits |= FileTraits::IS_SHARED;
    if (in & InputFlags::IS_INDIRECT) flags |= FileFlags::IS_INDIRECT;
    if (in & InputFlags::IS_INTERNAL) flags |= FileFlags::IS_INTERNAL;
    if (in & InputFlags::AS_NEEDED) flags |= FileFlags::AS_NEEDED;
    if (in & InputFlags::EXCLUDE_LIBS) flags |= FileFlags::EXCLUDE_LIBS;
    bool is_archive = in & InputFlags::IS_ARCHIVE;
    if (is_archive ? !(in & InputFlags::WHOLE_ARCHIVE) : in & InputFlags::IS_LAZY) flags |= FileFlags::IS_LAZY;

    FileId next{t.input.first_file[i]};
    FileId end = next + t.input.members[i];
    const u8 *begin = input_bytes(t, i).data();
    auto add = [&](u64 header, const Bytes &contents) {
      if (raw(next) >= raw(end)) return; // the archive grew since it was counted
      u32 own = traits;
      if (contents.size() > UINT32_MAX) {
        job.report(Code::FileTooLarge, {.file = raw(next)});
        own |= FileTraits::IS_BROKEN;
      } else if (has_bitcode_magic(contents)) {
        own |= FileTraits::IS_LTO | FileTraits::IS_BROKEN;
      }
      u32 size = contents.size() > UINT32_MAX ? 0 : static_cast<u32>(contents.size());
      t.file.size[next] = t.file.image_size[next] = size;
      t.file.image[next] = reinterpret_cast<u64>(contents.data());
      t.file.input[next] = raw(i);
      t.file.input_offset[next] = static_cast<u64>(contents.data() - begin);
      t.file.name_offset[next] = header;
      t.file.flags[next] = static_cast<u16>(flags);
      t.file.traits[next] = static_cast<u8>(own);
      ++next;
    };
    u64 bad = 0;
    if (is_archive) {
      if (t.input.members[i] != 0)
        for_each_listed_member(t, i, [&](const Member &m) { add(m.header, m.contents); }, bad);
    } else {
      add(0, input_bytes(t, i));
    }
  }
}

} // namespace spore
