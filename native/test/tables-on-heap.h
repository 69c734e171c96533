// Tables on the heap, so that a kernel can be run alone. Every column, and every file, is a block of its own of
// exactly the size that it has, so AddressSanitizer sees what is read or written beyond.
#pragma once

#include <algorithm>
#include <memory>
#include <string_view>
#include <vector>

#include "tables/job.h"

namespace spore::test {

// How a kernel's rows are shared out, of which no result may depend.
struct Chunking {
  u32 rows; // of a chunk
  bool is_backwards; // the last chunk first
  bool is_repeated; // each chunk twice, as after the death of its worker
};

inline constexpr Chunking chunkings[] = {
    {.rows = none, .is_backwards = false, .is_repeated = false},
    {.rows = 1, .is_backwards = true, .is_repeated = false},
    {.rows = 3, .is_backwards = false, .is_repeated = true},
};

class TablesOnHeap {
public:
  Tables t{};

  // Gives a table its rows and these of its columns zeros. Each has one row more, for prefix sums, as in
  // src/tables/views.ts.
  template <typename Table, typename... Columns> void allocate(Table &table, u64 rows, Columns Table::*...columns) {
    table.rows = rows;
    (allocate_column(table.*columns, rows + 1), ...);
  }

  // A copy of bytes; its address.
  u64 copy(std::string_view bytes) {
    u8 *block = block_of<u8>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), block);
    return reinterpret_cast<u64>(block);
  }

  // Sums a column of counts up to where each row's begin; returns the total. As prefixSum() of src/tables/views.ts.
  template <typename Id> static u32 sum(const Column<Id, u32> &counts, const Column<Id, u32> &firsts, u64 rows) {
    u32 next = 0;
    for (u64 row = 0; row < rows; row++) {
      firsts.data[row] = next;
      next += counts.data[row];
    }
    firsts.data[rows] = next;
    return next;
  }

  template <RowId Id>
  void run(void (*kernel)(Job &, RowRange<Id>), u64 rows, const Chunking &chunking, u64 parameter = 0) const {
    JobArguments arguments{&t, {parameter}};
    spore_context context{};
    context.worker_count = 2;
    context.args = &arguments;
    context.args_size = sizeof arguments;
    context.fault_row = SPORE_NO_ROW;
    u64 size = std::min<u64>(chunking.rows, std::max<u64>(rows, 1)), chunks = (rows + size - 1) / size;
    for (u64 i = 0; i < chunks; i++) {
      u64 chunk = chunking.is_backwards ? chunks - 1 - i : i;
      context.worker = static_cast<u32>(chunk % context.worker_count);
      for (context.attempt = 0; context.attempt <= u32{chunking.is_repeated}; context.attempt++) {
        Job job(context);
        u64 first = chunk * size, end = std::min(rows, first + size);
        kernel(job, RowRange<Id>(static_cast<u32>(first), static_cast<u32>(end), context.fault_row));
      }
    }
  }

private:
  template <typename T> T *block_of(size_t count) {
    std::shared_ptr<T[]> block(new T[count]{});
    blocks_.push_back(block);
    return block.get();
  }

  template <typename Id, typename T> void allocate_column(Column<Id, T> &column, u64 count) {
    column = {block_of<T>(count), count};
  }

  std::vector<std::shared_ptr<void>> blocks_;
};

} // namespace spore::test
