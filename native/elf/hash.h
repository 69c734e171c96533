// Hashes of names and of merged pieces: 64 bits, keyed, by wide multiplication. They decide where an
// entry goes and whether two are the same; equality is verified byte by byte afterwards, and a link in
// which two names collide starts over with another seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace spore {

inline uint64_t fold_multiply(uint64_t a, uint64_t b) {
  unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

inline uint64_t load_up_to_8(const uint8_t *p, size_t n) { // 1 <= n <= 8, without reading past the end
  if (n >= 4) {
    uint32_t low, high;
    std::memcpy(&low, p, 4);
    std::memcpy(&high, p + n - 4, 4);
    return low | static_cast<uint64_t>(high) << 32;
  }
  return p[0] | static_cast<uint64_t>(p[n / 2]) << 8 | static_cast<uint64_t>(p[n - 1]) << 16;
}

inline uint64_t hash_bytes(const uint8_t *p, size_t n, uint64_t seed) {
  constexpr uint64_t k0 = 0x9e3779b97f4a7c15, k1 = 0xd1b54a32d192ed03, k2 = 0x8cb92ba72f3d8dd7;
  uint64_t h = seed ^ fold_multiply(n ^ k0, k1);
  while (n > 16) {
    uint64_t a, b;
    std::memcpy(&a, p, 8);
    std::memcpy(&b, p + 8, 8);
    h = fold_multiply(a ^ k1, b ^ h);
    p += 16;
    n -= 16;
  }
  uint64_t a = 0, b = 0;
  if (n > 8) {
    a = load_up_to_8(p, 8);
    b = load_up_to_8(p + 8, n - 8);
  } else if (n > 0) {
    a = load_up_to_8(p, n);
  }
  return fold_multiply(fold_multiply(a ^ k2, b ^ h ^ k1), k0 ^ h);
}

// The hash functions of .gnu.hash and of .hash (gABI ch. 5, Hash Table).
inline uint32_t gnu_hash(const uint8_t *p, size_t n) {
  uint32_t h = 5381;
  for (size_t i = 0; i < n; i++) h = h * 33 + p[i];
  return h;
}

inline uint32_t sysv_hash(const uint8_t *p, size_t n) {
  uint32_t h = 0;
  for (size_t i = 0; i < n; i++) {
    h = (h << 4) + p[i];
    uint32_t top = h & 0xf0000000;
    h ^= top >> 24;
    h &= ~top;
  }
  return h;
}

} // namespace spore
