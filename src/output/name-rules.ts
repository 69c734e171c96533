/**
 * Which output section an input section goes to, by name: GNU ld's default script, reduced to what it
 * does. A kernel applies the rules to every section; the first that matches decides.
 */

/** Bytes of one rule as the kernel reads it; `NameRule` in native/kernels/buckets.cc. */
const RULE_SIZE = 64;
const MAX_TEXT = 45;

export interface NameRule {
  /** `.text` stands for `.text` and `.text.anything`. */
  readonly name: string;
  /** Sections keep their own name, and are put in order by it: `.init_array.00100`. */
  readonly isSorted?: boolean;
  readonly isExact?: boolean;
  /** The output section; default: `name`. */
  readonly output?: string;
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
  { name: ".ctors.", isSorted: true, output: ".ctors" },
  { name: ".dtors.", isSorted: true, output: ".dtors" },
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
  for (const [i, { name, isSorted = false, isExact = false }] of rules.entries()) {
    const text = Buffer.from(name);
    if (text.length > MAX_TEXT) throw new RangeError(`rule '${name}' is longer than ${MAX_TEXT} bytes`);
    const at = i * RULE_SIZE;
    bytes.set(text.subarray(0, 8), at);
    bytes.fill(0xff, at + 8, at + 8 + Math.min(text.length, 8));
    bytes[at + 16] = text.length;
    bytes[at + 17] = isSorted ? 1 : 0;
    bytes[at + 18] = isExact ? 1 : 0;
    bytes.set(text, at + 19);
  }
  return bytes;
}

/** Where a sorted section comes among those of its rule: by the number in its name, then without one. */
export function sortKey(rule: NameRule, name: string): number {
  const number = Number.parseInt(name.slice(rule.name.length), 10);
  if (Number.isNaN(number)) return 65536;
  // GNU ld: .ctors.N runs in reverse, so .ctors.65535-N is .init_array.N.
  return rule.output === ".ctors" || rule.output === ".dtors" ? 65535 - number : number;
}
