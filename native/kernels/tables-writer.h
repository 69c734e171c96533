// What the kernel writeTables writes, a file each.
#pragma once

#include "tables/job.h"

namespace spore {

// .got, .plt and the like, with their relocations.
void write_slots(Job &job);

void write_dynsym(Job &job);

} // namespace spore
