/** .hash (gABI ch. 5, Hash Table) and .gnu.hash (GNU's, with a Bloom filter): names to symbols of .dynsym. */
import { SHF_ALLOC, SHT_GNU_HASH, SHT_HASH } from "../../elf/constants.ts";
import type { OwnSection } from "./own-section.ts";

const HEADER = 16;
const WORD = 4;
/** Bits of the filter for each symbol, more or less. */
const BLOOM_BITS = 12;

/** 64-bit words of the Bloom filter for so many symbols. */
export function bloomWords(symbols: number): number {
  return symbols === 0 ? 1 : 2 ** Math.max(0, Math.ceil(Math.log2((symbols * BLOOM_BITS) / 64)));
}

/** @param hashed symbols that can be found by name */
export function gnuHashSection(hashed: number, buckets: number): OwnSection {
  return {
    id: "gnuHash",
    type: SHT_GNU_HASH,
    flags: SHF_ALLOC,
    alignment: 8,
    size: HEADER + bloomWords(hashed) * 8 + buckets * WORD + hashed * WORD,
    link: "dynsym",
  };
}

/** @param symbols of .dynsym */
export function hashSection(symbols: number): OwnSection {
  return {
    id: "hash",
    type: SHT_HASH,
    flags: SHF_ALLOC,
    alignment: 4,
    size: 2 * WORD + symbols * 2 * WORD,
    entsize: WORD,
    link: "dynsym",
  };
}
