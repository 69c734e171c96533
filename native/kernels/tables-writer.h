// What the kernel writeTables writes, a file each.
#pragma once

#include "tables/job.h"

namespace spore {

// .got, .plt and the like, with their relocations.
void write_slots(Job &job);

// One of so many parts of .dynsym, with the names and versions of its symbols.
void write_dynsym(Job &job, u32 part, u32 parts);

// .gnu.hash and .hash.
void write_hash_tables(Job &job);

} // namespace spore
