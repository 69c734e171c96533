// The checked build keeps each kernel to the columns that it declares in src/tables/accesses.ts: in a worker, the pages
// of what it only reads are read-only, and those of what it does not name are out of reach.
#pragma once

#include "generated/columns.h"

namespace spore {

#ifdef SPORE_CHECKED

enum class Access : u8 { None, Reads, Fills };

// A column of the schema, by where its Column is in Tables.
struct ColumnPlace {
  const char *name; // table.column
  u32 offset;
  u32 width; // bytes of an element
};

// In the order of the schema; the last has no name.
extern const ColumnPlace column_places[];
// By kernel, in the order of kernel_entries: what it does with each column.
extern const Access *const kernel_accesses[];

// Before each share of a kernel's rows.
void protect_columns(const Tables &t, u32 kernel);

#else

inline void protect_columns(const Tables &, u32) {}

#endif

} // namespace spore
