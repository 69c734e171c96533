// Scan: what names mean: that those with one hash are the same, and which versions definitions may have.

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_set>

#include "generated/kernels.h"
#include "kernels/names.h"

namespace spore {

namespace {

// The name that a mention stands for, "name@version" for a version that is not the default: the text that is hashed.
// Where the name has an `@` of its own, as in a shared object that is not right, another pair may be the same text.
struct FullName {
  Name name;
  std::optional<Name> version;

  bool operator==(const FullName &other) const {
    if (version && other.version && name.size == other.name.size)
      return name == other.name && *version == *other.version;
    return text() == other.text();
  }

private:
  std::string text() const {
    std::string text(reinterpret_cast<const char *>(name.data), name.size);
    if (version) text.append("@").append(reinterpret_cast<const char *>(version->data), version->size);
    return text;
  }
};

// The versions of the shared object that was asked about last.
class VersionCache {
public:
  const std::vector<Name> &of(const Tables &t, FileId f) {
    if (f != file_ || !is_filled_) names_ = version_names(t, f, FileView(t, f));
    file_ = f;
    is_filled_ = true;
    return names_;
  }

private:
  FileId file_{};
  bool is_filled_ = false;
  std::vector<Name> names_;
};

FullName full_name(const Tables &t, MentionId m, FileId f, VersionCache &cache) {
  Name name = unpack_name(t.mention.name[m]);
  const u8 *at = name.data;
  u32 flags = t.mention.flags[m];
  if (flags & MentionFlags::NAME_HAS_AT) {
    auto *mark = static_cast<const u8 *>(std::memchr(at, '@', name.size));
    if (mark && flags & MentionFlags::DEFAULT_VERSION) name.size = static_cast<u32>(mark - at);
    else if (mark)
      return {{at, static_cast<u32>(mark - at)}, Name{mark + 1, static_cast<u32>(at + name.size - mark - 1)}};
  } else if (flags & MentionFlags::VERSIONED) {
    FileView file(t, f);
    const std::vector<Name> &versions = cache.of(t, f);
    Array<u16> indices(file.bytes.data() + t.file.versions[f], file.symbol_count);
    u32 index = indices[m - file.mention(file.first_global) + file.first_global] & ~VERSYM_HIDDEN;
    if (index < versions.size()) return {name, versions[index]};
  }
  return {name, std::nullopt};
}

// The file that a mention is of.
FileId file_of(const Tables &t, MentionId m) {
  u32 low = 0, high = static_cast<u32>(t.file.rows) - 1;
  while (low < high) {
    u32 middle = (low + high + 1) / 2;
    if (t.file.first_mention[FileId{middle}] <= raw(m)) low = middle;
    else high = middle - 1;
  }
  return FileId{low};
}

bool is_same_name(const Tables &t, MentionId a, MentionId b, VersionCache &own, VersionCache &other) {
  constexpr u32 is_special = MentionFlags::NAME_HAS_AT | MentionFlags::VERSIONED;
  if (!((t.mention.flags[a] | t.mention.flags[b]) & is_special)) [[likely]]
    return unpack_name(t.mention.name[a]) == unpack_name(t.mention.name[b]);
  return full_name(t, a, file_of(t, a), own) == full_name(t, b, file_of(t, b), other);
}

} // namespace

// Two different names with one hash: the link starts over with another seed. Names are compared in file
// order, so that one side is in cache; the other is asked for some rounds ahead.
void verify_names(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  constexpr u32 ahead = 8;
  VersionCache own, other;
  for (FileId f : rows) {
    u32 begin = t.file.first_mention[f], end = t.file.first_mention[f + 1];
    for (u32 i = begin; i < end; i++) {
      if (i + 2 * ahead < end)
        __builtin_prefetch(&t.mention.name[MentionId{t.mention.symbol[MentionId{i + 2 * ahead}]}]);
      if (i + ahead < end)
        __builtin_prefetch(unpack_name(t.mention.name[MentionId{t.mention.symbol[MentionId{i + ahead}]}]).data);
      MentionId same{t.mention.symbol[MentionId{i}]};
      if (raw(same) != i && !is_same_name(t, MentionId{i}, same, own, other)) t.found.has_collision.set();
    }
  }
}

// The names name@version were found by scan_symbols. A definition that has the plain name may have that version as its
// default.
void match_versions(Job &job, RowRange<FileId> rows) {
  const Tables &t = job.t;
  std::unordered_set<u64> hashes;
  u64 requests = std::min<u64>(t.found.request_count, t.request.rows);
  for (u32 row = 0; row < requests; row++) {
    RequestId id{row};
    // What is being added meanwhile is of another kind.
    if (std::atomic_ref<u8>(t.request.kind[id]).load(std::memory_order_acquire) == RequestKind::VERSIONED_NAME)
      hashes.insert(t.request.operand[id]);
  }
  for (FileId f : rows) {
    if (t.file.traits[f] & FileTraits::IS_BROKEN) continue;
    FileView file(t, f);
    bool shared = is_shared(t, f);
    for (u32 i = file.first_global; i < file.symbol_count; i++) {
      MentionId m = file.mention(i);
      u32 flags = t.mention.flags[m];
      if ((flags & MentionFlags::KIND) == MentionFlags::UNDEFINED || flags & MentionFlags::VERSIONED) continue;
      if ((shared || flags & MentionFlags::DEFAULT_VERSION) && hashes.contains(t.mention.hash[m]))
        job.request(RequestKind::VERSIONED_DEFINITION, f, i);
    }
  }
}

} // namespace spore
