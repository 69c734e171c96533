/**
 * Which output section an input section goes to, by name: GNU ld's default script, reduced to what it
 * does. A kernel applies the rules to every section; the first that matches decides.
 */
import { SHT_FINI_ARRAY, SHT_INIT_ARRAY } from "../elf/constants.ts";

/** Bytes of one rule as the kernel reads it; `NameRule` in native/kernels/buckets.cc. */
const RULE_SIZE = 64;
const MAX_TEXT = 43;

export interface NameRule {
  /** `.text` stands for `.text` and `.text.anything`. */
  readonly name: string;
  /** Sections keep their own name, and are put in order by it: `.init_array.00100`. */
  readonly isSorted?: boolean;
  readonly isExact?: boolean;
  /** The output section; default: `name`. */
  readonly output?: string;
  /**
   * The section lists functions from last to first, as .ctors does, and becomes a list of this type, from first
   * to last: SHT_INIT_ARRAY or SHT_FINI_ARRAY.
   */
  readonly reversedInto?: number;
}

/** Hot and cold code stays apart within .text: what is used together lies together. */
const textParts: readonly NameRule[] = ["unlikely", "exit", "startup", "hot"].map((part) => ({
  name: `.text.${part}`,
  output: ".text",
}));

export const nameRules: readonly NameRule[] = [
  ...textParts,
  { name: ".text" },
  { name: ".data.rel.ro" },
  { name: ".data" },
  { name: ".rodata" },
  { name: ".bss.rel.ro" },
  { name: ".bss" },
  { name: ".tdata" },
  { name: ".tbss" },
  { name: ".gcc_except_table" },
  { name: ".init_array.", isSorted: true, output: ".init_array" },
  { name: ".fini_array.", isSorted: true, output: ".fini_array" },
  { name: ".ctors.", isSorted: true, output: ".init_array", reversedInto: SHT_INIT_ARRAY },
  { name: ".dtors.", isSorted: true, output: ".fini_array", reversedInto: SHT_FINI_ARRAY },
  { name: ".init_array", isExact: true, output: ".init_array" },
  { name: ".fini_array", isExact: true, output: ".fini_array" },
  // In one bucket with these, so that both are in input order.
  { name: ".ctors", isExact: true, output: ".init_array", reversedInto: SHT_INIT_ARRAY },
  { name: ".dtors", isExact: true, output: ".fini_array", reversedInto: SHT_FINI_ARRAY },
  { name: ".ldata" },
  { name: ".lrodata" },
  { name: ".lbss" },
  { name: ".gnu.linkonce.t", output: ".text" },
  { name: ".gnu.linkonce.r", output: ".rodata" },
  { name: ".gnu.linkonce.d", output: ".data" },
  { name: ".gnu.linkonce.b", output: ".bss" },
];

/** The rules as the kernel reads them. */
export function encodeNameRules(rules: readonly NameRule[]): Uint8Array {
  const bytes = new Uint8Array(rules.length * RULE_SIZE);
  for (const [i, { name, isSorted = false, isExact = false, reversedInto = 0 }] of rules.entries()) {
    const text = Buffer.from(name);
    if (text.length > MAX_TEXT) throw new RangeError(`rule '${name}' is longer than ${MAX_TEXT} bytes`);
    const at = i * RULE_SIZE;
    bytes.set(text.subarray(0, 8), at);
    bytes.fill(0xff, at + 8, at + 8 + Math.min(text.length, 8));
    bytes[at + 16] = text.length;
    bytes[at + 17] = isSorted ? 1 : 0;
    bytes[at + 18] = isExact ? 1 : 0;
    bytes[at + 19] = reversedInto;
    bytes.set(text, at + 20);
  }
  return bytes;
}

/** Where a sorted section comes among those of its rule: by the number in its name, then without one. */
export function sortKey(rule: NameRule, name: string): number {
  const number = Number.parseInt(name.slice(rule.name.length), 10);
  if (Number.isNaN(number)) return UNNUMBERED;
  // GNU ld: what was .ctors.65535-N, and ran in reverse, is .init_array.N.
  return rule.reversedInto === undefined ? number : 65535 - number;
}

/** After every number that sections can have. */
export const UNNUMBERED = 65536;
