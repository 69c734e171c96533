// Parts of the output that one kernel writes at once.
#pragma once

#include <vector>

#include "kernels/output.h"

namespace spore {

// By the digest of each.
enum SinglePart : u32 {
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
static_assert(PltSec < single_parts);
static_assert(Versym - Dynsym + 1 == dynsym_extents);

inline void append(std::vector<u8> &out, const void *data, size_t size) {
  const u8 *bytes = static_cast<const u8 *>(data);
  out.insert(out.end(), bytes, bytes + size);
}

// Digested under `index` of the single extents.
inline void write_part(Job &job, Output &output, u32 index, const std::vector<u8> &bytes, u64 offset) {
  if (bytes.empty()) return;
  Digest digest;
  digest.update(bytes.data(), bytes.size());
  digest.store(job.t, DigestId{static_cast<u32>(job.t.link.first_single_digest) + index});
  output.write(bytes.data(), bytes.size(), offset);
}

} // namespace spore
