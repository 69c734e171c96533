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

/** FNV-1a. */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** Bytes of the text that a glob is found by: as many as the longest of its texts without wildcards has. */
const WINDOWS = [8, 4, 2, 1];

/**
 * What a text that a glob matches has in it: the parts of the glob without wildcards. Where it has brackets, only what
 * is before the first and behind the last is looked at. A character is a byte here.
 */
function literalsOf(glob: string): Buffer[] {
  const open = glob.indexOf("[");
  const texts = open === -1 ? [glob] : [glob.slice(0, open), glob.slice(open).replace(/^[^]*\]|^[^\]]*$/, "")];
  return texts.flatMap((text) => text.split(/[*?]|\\[^]?/)).map((text) => Buffer.from(text, "latin1"));
}

/** Of 1, 2, 4 or 8 bytes, taken as two numbers of 32 bits. */
function hashOfWindow(bytes: Buffer): number {
  const low = bytes.readUIntLE(0, Math.min(bytes.length, 4));
  const high = bytes.length === 8 ? bytes.readUInt32LE(4) : 0;
  const hash = Math.imul(low, 0x9e3779b1) + Math.imul(high, 0x85ebca6b);
  return Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35) >>> 0;
}

interface Key {
  readonly hash: number;
  readonly length: number;
}

/** For each pattern what it is found by: a name all of it, a glob a window that few others have. */
function keysOf(patterns: readonly Pattern[], texts: readonly Buffer[]): Key[] {
  const uses = new Map<number, number>();
  const windows = patterns.map(({ flags }, i): Key[] => {
    if (!(flags & PatternFlags.GLOB)) return [];
    const literals = literalsOf(texts[i].toString("latin1"));
    const longest = Math.max(...literals.map(({ length }) => length));
    const length = WINDOWS.find((window) => window <= longest) ?? 0;
    if (length === 0) return [{ hash: 0, length }];
    return literals.flatMap((literal) =>
      Array.from({ length: Math.max(0, literal.length - length + 1) }, (_, at) => {
        const hash = hashOfWindow(literal.subarray(at, at + length));
        uses.set(hash, (uses.get(hash) ?? 0) + 1);
        return { hash, length };
      }),
    );
  });
  const rarest = (a: Key, b: Key): Key => (uses.get(b.hash)! < uses.get(a.hash)! ? b : a);
  return windows.map((keys, i) =>
    keys.length === 0 ? { hash: hashOf(texts[i]), length: texts[i].length } : keys.reduce(rarest),
  );
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
  const keys = keysOf(patterns, texts);
  let end = size;
  // From the last to the first, so that those of one slot are in order.
  for (let row = patterns.length - 1; row >= 0; row--) {
    const { flags, version, node } = patterns[row];
    const text = texts[row];
    end -= text.length;
    bytes.set(text, end);
    const { hash, length } = keys[row];
    columns.text.set(row, tables.arena.baseAddress + offset + end);
    columns.length[row] = text.length;
    columns.flags[row] = flags;
    columns.version[row] = version;
    columns.node[row] = node;
    columns.hash[row] = hash;
    columns.keyLength[row] = length;
    columns.next[row] = first[hash & (slots - 1)];
    first[hash & (slots - 1)] = row + 1;
  }
}
