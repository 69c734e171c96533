// Integer names that every native file uses.
#pragma once

#include <cstddef>
#include <cstdint>

namespace spore {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i32 = std::int32_t;
using i64 = std::int64_t;

inline constexpr u32 none = UINT32_MAX; // of an index

} // namespace spore
