// Columns in the arena and ranges of rows: how a kernel sees the tables.
#pragma once

#include <atomic>
#include <span>
#include <type_traits>

#include "elf/checked.h"
#include "spore/fault.h"
#include "spore/kernel.h"
#include "tables/types.h"

namespace spore {

template <typename Id>
concept RowId = std::is_enum_v<Id> && std::is_same_v<std::underlying_type_t<Id>, u32>;

// Ids are rows: adding a count to one gives a row of the same table.
template <RowId Id> constexpr u32 raw(Id id) { return static_cast<u32>(id); }
template <RowId Id> constexpr std::enable_if_t<std::is_enum_v<Id>, Id> operator+(Id id, u32 n) {
  return static_cast<Id>(static_cast<u32>(id) + n);
}
template <RowId Id> constexpr u32 operator-(Id a, Id b) { return raw(a) - raw(b); }
template <RowId Id> constexpr Id &operator++(Id &id) { return id = id + 1; }

// One column of a table. The arena maps it at the same address in every worker.
template <typename Id, typename T> struct Column {
  T *data;
  u64 count;

  T &operator[](Id id) const {
    check_index(raw(id), count);
    return data[raw(id)];
  }

  // A hint that the row will be read, for loops that know early which row comes later: of any index.
  void prefetch(Id id) const { __builtin_prefetch(data + raw(id)); }

  // All rows, for loops over rows of more than one table.
  std::span<T> all() const { return {data, count}; }

  // Stores that other workers may make too, and that may be repeated.
  void set_bits(Id id, T bits) const {
    std::atomic_ref<T> cell(data_at(id));
    if ((cell.load(std::memory_order_relaxed) & bits) != bits) cell.fetch_or(bits, std::memory_order_relaxed);
  }
  // True for the one caller that turned the bits on.
  bool claim_bits(Id id, T bits) const {
    std::atomic_ref<T> cell(data_at(id));
    if ((cell.load(std::memory_order_relaxed) & bits) == bits) return false;
    return (cell.fetch_or(bits, std::memory_order_acq_rel) & bits) != bits;
  }
  void raise(Id id, T value) const {
    std::atomic_ref<T> cell(data_at(id));
    T seen = cell.load(std::memory_order_relaxed);
    while (seen < value && !cell.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
    }
  }
  T load(Id id) const { return std::atomic_ref<T>(data_at(id)).load(std::memory_order_relaxed); }

private:
  T &data_at(Id id) const { return (*this)[id]; }
};

// A single value that kernels find out, all workers together. Stores may be repeated by a rerun, but for add().
class Result {
public:
  void set(u64 value = 1) const { cell().store(value, std::memory_order_relaxed); }
  void set_bits(u64 bits) const { cell().fetch_or(bits, std::memory_order_relaxed); }
  // Hands out space: returns what it was before.
  u64 add(u64 count) const { return cell().fetch_add(count, std::memory_order_relaxed); }
  operator u64() const { return cell().load(std::memory_order_relaxed); }

private:
  // Kernels see the tables as const; this is what they may change in the root block.
  std::atomic_ref<u64> cell() const { return std::atomic_ref<u64>(const_cast<u64 &>(value_)); }

  u64 value_;
};

// The rows [begin, end) of a kernel's share, in order.
template <RowId Id> class RowRange {
public:
  RowRange(u32 first, u32 last, u32 fault_row) : first_(first), last_(last), fault_row_(fault_row) {}

  class Iterator {
  public:
    Iterator(u32 row, u32 fault_row) : row_(row), fault_row_(fault_row) {}
    Id operator*() const {
      if (row_ == fault_row_) [[unlikely]]
        spore_fault();
      return Id{row_};
    }
    Iterator &operator++() {
      ++row_;
      return *this;
    }
    bool operator!=(const Iterator &other) const { return row_ != other.row_; }

  private:
    u32 row_;
    u32 fault_row_;
  };

  Iterator begin() const { return {first_, fault_row_}; }
  Iterator end() const { return {last_, fault_row_}; }
  u32 first() const { return first_; }
  u32 last() const { return last_; }

private:
  u32 first_;
  u32 last_;
  u32 fault_row_;
};

} // namespace spore
