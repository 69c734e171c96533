/** Split: the rules by which sections get their buckets, where the kernel reads them. */
import type { FilePattern, InputPattern, StatedRule } from "../output/plan.ts";
import { isGlob } from "../script/glob.ts";
import { enumerations } from "../tables/schema.ts";
import type { FileRow } from "../tables/views.ts";
import type { Workers } from "./workers.ts";

/** Bytes of a text that the kernel compares at once. */
const FIRST_BYTES = 8;

/** Those of a plan of kinds. */
export function fillNameRules(workers: Workers, rules: readonly InputPattern[]): void {
  const { tables } = workers;
  fillTexts(
    workers,
    rules.map(({ name }) => name),
    rules.map(({ name }) => Buffer.byteLength(name)),
  );
  const keepsName = tables.column("nameRule", "keepsName");
  const isExact = tables.column("nameRule", "isExact");
  const reversedInto = tables.column("nameRule", "reversedInto");
  for (const [row, pattern] of rules.entries()) {
    keepsName[row] = pattern.matches === "numbered" ? 1 : 0;
    isExact[row] = pattern.matches === "exact" ? 1 : 0;
    reversedInto[row] = pattern.reversedInto ?? 0;
  }
}

const { RuleTraits } = enumerations;

/** Those of a linker script. `filesOf` says which files a pattern means, by their rows. */
export function fillStatedRules(
  workers: Workers,
  rules: readonly StatedRule[],
  files: number,
  filesOf: (pattern: FilePattern) => Iterable<FileRow>,
): void {
  const { tables } = workers;
  fillTexts(
    workers,
    rules.map(({ glob }) => (isPrefix(glob) ? glob.slice(0, -1) : glob)),
    rules.map(({ glob }) => literalBytes(glob)),
  );
  const column = {
    traits: tables.column("nameRule", "traits"),
    group: tables.column("nameRule", "group"),
    reversedInto: tables.column("nameRule", "reversedInto"),
    withFlags: tables.column("nameRule", "withFlags"),
    withoutFlags: tables.column("nameRule", "withoutFlags"),
    fileSet: tables.column("nameRule", "fileSet"),
  };
  const sets = new Map<string, FilePattern>();
  for (const [row, rule] of rules.entries()) {
    column.traits[row] = traitsOf(rule);
    column.group[row] = rule.group + 1;
    column.reversedInto[row] = rule.reversedInto ?? 0;
    column.withFlags[row] = rule.withFlags;
    column.withoutFlags[row] = rule.withoutFlags;
    if (rule.files === undefined) continue;
    const key = JSON.stringify(rule.files);
    if (!sets.has(key)) sets.set(key, rule.files);
    column.fileSet[row] = [...sets.keys()].indexOf(key) + 1;
  }
  const words = Math.ceil(sets.size / 32);
  tables.set("fileSetWords", words);
  tables.allocate("fileSet", files * words);
  const bits = tables.column("fileSet", "bits");
  for (const [set, pattern] of [...sets.values()].entries())
    for (const file of filesOf(pattern)) bits[file * words + Math.floor(set / 32)] |= 1 << (set % 32);
}

function traitsOf({ glob, isKept, isDiscarded, sort }: StatedRule): number {
  let traits = RuleTraits.STATED;
  if (isPrefix(glob)) traits |= RuleTraits.PREFIX;
  else if (isGlob(glob)) traits |= RuleTraits.GLOB;
  if (isKept) traits |= RuleTraits.KEEP;
  if (isDiscarded) traits |= RuleTraits.DISCARD;
  if (sort.orders.some((order) => order === "name" || order === "initPriority")) traits |= RuleTraits.BY_NAME;
  if (sort.orders.includes("alignment")) traits |= RuleTraits.BY_ALIGNMENT;
  if (sort.isByFile) traits |= RuleTraits.BY_FILE;
  return traits;
}

/** `.text.*`, and no other wildcard. */
const isPrefix = (glob: string): boolean => glob.endsWith("*") && !isGlob(glob.slice(0, -1));

/** Bytes before the first wildcard. */
function literalBytes(glob: string): number {
  const at = glob.search(/[*?[\\]/);
  return Buffer.byteLength(at === -1 ? glob : glob.slice(0, at));
}

/** The texts, and the first bytes of each, of which `literal` are compared. */
function fillTexts({ tables }: Workers, all: readonly string[], literal: readonly number[]): void {
  const texts = all.map((text) => Buffer.from(text));
  tables.allocate("nameRule", texts.length);
  const firstBytes = tables.column("nameRule", "firstBytes");
  const mask = tables.column("nameRule", "mask");
  const address = tables.column("nameRule", "text");
  const length = tables.column("nameRule", "length");
  const bytes = Buffer.concat(texts);
  const offset = tables.arena.allocate(bytes.length);
  tables.arena.u8view(offset, bytes.length).set(bytes);
  let at = tables.arena.baseAddress + offset;
  for (const [row, text] of texts.entries()) {
    const known = Math.min(literal[row]!, FIRST_BYTES);
    const first = Buffer.alloc(FIRST_BYTES);
    text.copy(first, 0, 0, known);
    firstBytes.setHalves(row, first.readUInt32LE(0), first.readUInt32LE(4));
    first.fill(0xff, 0, known);
    mask.setHalves(row, first.readUInt32LE(0), first.readUInt32LE(4));
    address.set(row, at);
    at += text.length;
    length[row] = text.length;
  }
}
