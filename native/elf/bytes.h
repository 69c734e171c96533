// Checked reading: the only place where an offset from a file becomes an address.
//
// Every range is checked against the bytes that it must lie in, by subtraction, before it is used, and
// values are copied out, because members of archives are aligned to 2 bytes only.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "elf/checked.h"

namespace spore {

// A string in a table: bytes before the first zero, at most as many as there are, and whether an `@` is among them.
struct StringScan {
  uint64_t size;
  bool has_at;
};

// Names are short, and every one is looked at: calls of strnlen() and memchr() would take longer than looking.
inline StringScan scan_string(const uint8_t *data, uint64_t size) {
  uint64_t at = 0;
  bool has_at = false;
#ifdef __SSE2__
  for (; size - at >= 16; at += 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i *>(data + at));
    const auto zeros = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(block, _mm_setzero_si128())));
    const auto ats = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(block, _mm_set1_epi8('@'))));
    if (zeros) // of those before the first zero only
      return {at + static_cast<uint64_t>(__builtin_ctz(zeros)), has_at || (ats & (zeros ^ (zeros - 1))) != 0};
    has_at |= ats != 0;
  }
#endif
  for (; at < size && data[at] != 0; at++) has_at |= data[at] == '@';
  return {at, has_at};
}

// A copy of what is at an address, which may be misaligned. Records are loaded field by field: a copy of all their
// bytes would go through memory, however few fields are looked at.
template <typename T> T load(const uint8_t *at) {
  if constexpr (requires { T::load_fields(at); }) {
    return T::load_fields(at);
  } else {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
  }
}

// `count` records of type T, which may be misaligned. Elements are copies.
template <typename T> class Array {
public:
  Array() = default;
  Array(const uint8_t *data, uint64_t count) : data_(data), count_(count) {}

  uint64_t size() const { return count_; }
  T operator[](uint64_t i) const {
    check_index(i, count_);
    return load<T>(data_ + i * sizeof(T));
  }

  class Iterator {
  public:
    explicit Iterator(const uint8_t *at) : at_(at) {}
    T operator*() const { return load<T>(at_); }
    Iterator &operator++() {
      at_ += sizeof(T);
      return *this;
    }
    bool operator!=(const Iterator &other) const { return at_ != other.at_; }

  private:
    const uint8_t *at_;
  };
  Iterator begin() const { return Iterator(data_); }
  Iterator end() const { return Iterator(data_ + count_ * sizeof(T)); }

private:
  const uint8_t *data_ = nullptr;
  uint64_t count_ = 0;
};

class Bytes {
public:
  Bytes() = default;
  Bytes(const uint8_t *data, uint64_t size) : data_(data), size_(size) {}

  const uint8_t *data() const { return data_; }
  uint64_t size() const { return size_; }
  const uint8_t *begin() const { return data_; }
  const uint8_t *end() const { return data_ + size_; }

  bool contains(uint64_t offset, uint64_t size) const { return offset <= size_ && size <= size_ - offset; }

  std::optional<Bytes> slice(uint64_t offset, uint64_t size) const {
    if (!contains(offset, size)) return std::nullopt;
    return Bytes(data_ + offset, size);
  }
  template <typename T> std::optional<T> read(uint64_t offset) const {
    if (!contains(offset, sizeof(T))) return std::nullopt;
    return load<T>(data_ + offset);
  }
  template <typename T> std::optional<Array<T>> array(uint64_t offset, uint64_t count) const {
    if (offset > size_ || count > (size_ - offset) / sizeof(T)) return std::nullopt;
    return Array<T>(data_ + offset, count);
  }

private:
  const uint8_t *data_ = nullptr;
  uint64_t size_ = 0;
};

} // namespace spore
