/** Fills pattern and patternSlot: the patterns of version scripts and lists, found by hash (match-patterns.cc). */
import { enumerations } from "../tables/schema.ts";
import type { Workers } from "./workers.ts";

const { PatternFlags } = enumerations;

export interface Pattern {
  readonly text: string;
  /** PatternFlags. */
  readonly flags: number;
  /** As in symbol.version. */
  readonly version: number;
  /** The version's place among all. */
  readonly node: number;
}

/** Longer beginnings and ends of globs are cut: kernels have one bit for each length. */
const MAX_GLOB_KEY = 63;

/** FNV-1a. */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/**
 * What a pattern is found by: all of it, or what comes before its first wildcard, if it has one; of a glob that begins
 * with one, what comes after the last, from the end.
 */
function keyOf(text: Buffer, flags: number): { readonly key: Uint8Array; readonly isSuffix: boolean } {
  if (!(flags & PatternFlags.GLOB)) return { key: text, isSuffix: false };
  const isWildcard = (byte: number): boolean => "*?[]\\".includes(String.fromCharCode(byte));
  const firstWildcard = text.findIndex(isWildcard);
  const prefix = text.subarray(0, firstWildcard === -1 ? text.length : firstWildcard).subarray(0, MAX_GLOB_KEY);
  if (prefix.length > 0) return { key: prefix, isSuffix: false };
  const suffix = text.subarray(text.findLastIndex(isWildcard) + 1).toReversed();
  return { key: suffix.subarray(0, MAX_GLOB_KEY), isSuffix: suffix.length > 0 };
}

/** `patterns` are in the order of versions, and each version's global ones before its local ones. */
export function fillPatterns({ tables }: Workers, patterns: readonly Pattern[]): void {
  const slots = patterns.length === 0 ? 0 : 2 ** Math.ceil(Math.log2(patterns.length * 2));
  tables.allocate("pattern", patterns.length);
  tables.allocate("patternSlot", slots);
  if (patterns.length === 0) return;
  const texts = patterns.map(({ text }) => Buffer.from(text));
  const size = texts.reduce((sum, { length }) => sum + length, 0);
  const offset = tables.arena.allocate(size);
  const bytes = tables.arena.u8view(offset, size);
  const columns = {
    text: tables.column("pattern", "text"),
    length: tables.column("pattern", "length"),
    flags: tables.column("pattern", "flags"),
    version: tables.column("pattern", "version"),
    node: tables.column("pattern", "node"),
    hash: tables.column("pattern", "hash"),
    keyLength: tables.column("pattern", "keyLength"),
    next: tables.column("pattern", "next"),
  };
  const first = tables.column("patternSlot", "first");
  let end = size;
  // From the last to the first, so that those of one slot are in order.
  for (let row = patterns.length - 1; row >= 0; row--) {
    const { flags, version, node } = patterns[row];
    const text = texts[row];
    end -= text.length;
    bytes.set(text, end);
    const { key, isSuffix } = keyOf(text, flags);
    const hash = hashOf(key);
    columns.text.set(row, tables.arena.baseAddress + offset + end);
    columns.length[row] = text.length;
    columns.flags[row] = flags | (isSuffix ? PatternFlags.SUFFIX : 0);
    columns.version[row] = version;
    columns.node[row] = node;
    columns.hash[row] = hash;
    columns.keyLength[row] = key.length;
    columns.next[row] = first[hash & (slots - 1)];
    first[hash & (slots - 1)] = row + 1;
  }
}
