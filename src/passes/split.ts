/**
 * Split: gives every live input section its bucket, what is laid out together. Fills section's flags and
 * bucket, nameRule and bucket. No section of an input is added after it.
 */
import { InputPatterns } from "../output/input-patterns.ts";
import type { Bucket, CommonsKind, FilePattern, OutputPlan } from "../output/plan.ts";
import { enumerations } from "../tables/schema.ts";
import { type FileNames, fileTest } from "../output/script/file-pattern.ts";
import { type BucketRow, type FileRow, rowAt } from "../tables/views.ts";
import { SHF_ALLOC, SHF_TLS, SHF_WRITE, SHF_X86_64_LARGE, SHT_NOBITS } from "../elf/constants.ts";
import type { FindingReader } from "./findings.ts";
import { fillNameRules, fillStatedRules } from "./name-rules.ts";
import { dropRequests, readRequests } from "./requests.ts";
import type { Resolved } from "./resolve.ts";
import { dropBounds } from "./section-bounds.ts";
import type { Workers } from "./workers.ts";

/** Rows of bucket, a power of two: enough for programs, and as many times more as are wanted. */
const BUCKET_ROWS = [1 << 12, 1 << 16, 1 << 20, 1 << 24];
/** Common symbols have buckets of their own, of each kind one, whose rows are known before any other. */
const COMMON_BUCKET = 1 as BucketRow;
const LARGE_COMMON_BUCKET = 2 as BucketRow;
const TLS_COMMON_BUCKET = 3 as BucketRow;

export interface Split extends Resolved {
  /** Those in use, by their first section in input order; common symbols last. */
  readonly buckets: readonly Bucket[];
}

export async function split(
  workers: Workers,
  resolved: Resolved,
  plan: OutputPlan,
  findings: FindingReader,
): Promise<Split> {
  const { tables, diagnostics } = workers;
  await inflateFiles(workers, resolved);
  if (plan.order === "kinds") fillNameRules(workers, new InputPatterns(plan).rules);
  else fillStatedRules(workers, plan.rules, resolved.files, fileFinder(workers, findings));
  tables.set("commonBucket", COMMON_BUCKET);
  tables.set("largeCommonBucket", LARGE_COMMON_BUCKET);
  tables.set("tlsCommonBucket", TLS_COMMON_BUCKET);
  for (const rows of BUCKET_ROWS) {
    tables.allocate("bucket", rows);
    tables.allocate("bucketUse", rows / 32);
    for (const row of [COMMON_BUCKET, LARGE_COMMON_BUCKET, TLS_COMMON_BUCKET]) {
      tables.column("bucket", "key").set(row, 1);
      tables.column("bucket", "type")[row] = SHT_NOBITS;
    }
    await workers.run("assignBuckets", { bounds: resolved.fileBounds });
    if (tables.get("hasTooFewBuckets") === 0) break;
    if (rows === BUCKET_ROWS.at(-1)) diagnostics.add("tooManySections", { limit: rows - 4 });
    diagnostics.stopIfFailed();
    tables.reset("hasTooFewBuckets");
    dropRequests(workers); // it makes them again
    tables.free("bucket");
    tables.free("bucketUse");
  }
  await reverseConstructors(workers, resolved);
  findings.warnings = readWarnings(workers, findings);
  const buckets = readBuckets(workers, findings);
  dropBounds(workers, resolved.sectionBounds, new Set(buckets.map(({ name }) => name)));
  return { ...resolved, buckets };
}

/** Finds the files that a pattern of a script means. What each is called is asked once. */
export function fileFinder({ tables }: Workers, findings: FindingReader): (pattern: FilePattern) => readonly FileRow[] {
  const names: { readonly file: FileRow; readonly called: FileNames }[] = [];
  const state = tables.column("file", "state");
  let isRead = false;
  return (pattern) => {
    for (let file = 0 as FileRow; !isRead && file < tables.rows("file"); file++)
      if (state[file] & enumerations.FileState.REACHED) names.push({ file, called: findings.patternNames(file) });
    isRead = true;
    const isMeant = fileTest(pattern);
    return names.filter(({ called }) => isMeant(called)).map(({ file }) => file);
  };
}

const WARNING_PREFIX = ".gnu.warning.";

/** Marks the symbols that .gnu.warning sections speak of, so that references to them are reported. */
function readWarnings(workers: Workers, findings: FindingReader): Map<string, string> {
  const { tables } = workers;
  const warnings = new Map<string, string>();
  for (const { file, index: section } of readRequests(workers, "WARNING_SECTION")) {
    const object = findings.object(file);
    const name = findings.sectionName(file, section).slice(WARNING_PREFIX.length);
    const index = object?.indexOfGlobal(name);
    if (object === undefined || index === undefined) continue;
    const { [file]: first } = tables.column("file", "firstMention");
    const mention = rowAt(first, index - tables.column("file", "firstGlobal")[file]);
    tables.column("symbol", "flags")[tables.column("mention", "symbol")[mention]] |=
      enumerations.SymbolFlags.HAS_WARNING;
    warnings.set(name, object.sectionText(section).replace(/\0.*$/s, ""));
  }
  dropRequests(workers);
  return warnings;
}

/** Gives each live file with compressed sections room for a copy without. */
export async function inflateFiles(workers: Workers, { files, fileBounds: bounds }: Resolved): Promise<void> {
  const { tables } = workers;
  const state = tables.column("file", "state");
  const size = tables.column("file", "inflatedSize");
  const offset = tables.column("file", "inflatedOffset");
  let total = 0;
  for (let file = 0 as FileRow; file < files; file++) {
    if (!(state[file] & enumerations.FileState.REACHED)) continue;
    offset.set(file, total);
    total += size.get(file);
  }
  if (total === 0) return;
  tables.set("inflated", tables.arena.baseAddress + tables.arena.allocate(total, 16));
  await workers.run("inflateSections", { bounds });
}

/** Gives each live file with .ctors or .dtors room for a copy in which they are reversed, and makes it. */
async function reverseConstructors(workers: Workers, { files, fileBounds: bounds }: Resolved): Promise<void> {
  const { tables } = workers;
  const flags = tables.column("file", "flags");
  const state = tables.column("file", "state");
  const size = tables.column("file", "size");
  const inflatedSize = tables.column("file", "inflatedSize");
  const reversedCopy = tables.column("file", "reversedCopy");
  let hasAny = false;
  for (let file = 0 as FileRow; file < files; file++) {
    if (!(flags[file] & enumerations.FileFlags.HAS_CONSTRUCTORS)) continue;
    if (!(state[file] & enumerations.FileState.REACHED)) continue;
    hasAny = true;
    if (inflatedSize.get(file) > 0) continue; // it is read from a copy already
    reversedCopy.set(file, tables.arena.baseAddress + tables.arena.allocate(size[file], 16));
  }
  if (hasAny) await workers.run("reverseConstructors", { bounds });
}

function readBuckets({ tables }: Workers, findings: FindingReader): Bucket[] {
  const key = tables.column("bucket", "key");
  const first = tables.column("bucket", "first");
  const type = tables.column("bucket", "type");
  const invertedType = tables.column("bucket", "invertedType");
  const flags = tables.column("bucket", "flags");
  const entsize = tables.column("bucket", "entsize");
  const nameLength = tables.column("bucket", "nameLength");
  const rule = tables.column("bucket", "rule");
  const orderedBy = tables.column("bucket", "orderedBy");
  const ordinal = tables.column("bucket", "ordinal");
  const found: { bucket: Bucket; file: FileRow; section: number }[] = [];
  const read = (id: BucketRow): void => {
    const file = (~first.high(id) >>> 0) as FileRow;
    const section = ~first.low(id) >>> 0;
    const name = findings.sectionName(file, section).slice(0, nameLength[id]);
    const ordering = orderedBy[id] === 0 ? {} : { orderedBy: orderedBy[id] as BucketRow };
    // Where a script lays sections of several types together, the first one's counts, as in GNU ld.
    const isMixed = invertedType[id] !== 0 && type[id] !== ~invertedType[id] >>> 0;
    const ofFirst = isMixed ? findings.object(file)!.sectionType(section) : type[id];
    const attributes = { type: ofFirst, flags: flags.get(id), entsize: entsize[id], ...(isMixed && { isMixed }) };
    found.push({ bucket: { id, name, ...attributes, rule: rule[id] - 1, ...ordering }, file, section });
  };
  const use = tables.column("bucketUse", "bits");
  for (let word = 0; word < tables.rows("bucketUse"); word++)
    for (let bits = use[word]; bits !== 0; bits &= bits - 1)
      read((word * 32 + 31 - Math.clz32(bits & -bits)) as BucketRow);
  found.sort((a, b) => a.file - b.file || a.section - b.section);
  const buckets = found.map(({ bucket }) => bucket);
  const access = SHF_ALLOC | SHF_WRITE;
  const addCommons = (id: BucketRow, commons: CommonsKind, name: string, more: number, isUsed: boolean): void => {
    if (isUsed) {
      buckets.push({ id, name, type: SHT_NOBITS, flags: access | more, entsize: 0, rule: -1, commons });
      return;
    }
    // Kernels see no bucket that has no place among those in use.
    key.set(id, 0);
    type[id] = 0;
  };
  addCommons(COMMON_BUCKET, "small", ".bss", 0, true);
  addCommons(LARGE_COMMON_BUCKET, "large", ".lbss", SHF_X86_64_LARGE, tables.get("hasLargeCommon") !== 0);
  addCommons(TLS_COMMON_BUCKET, "threadLocal", ".tbss", SHF_TLS, tables.get("hasTlsCommon") !== 0);
  for (const [i, { id }] of buckets.entries()) ordinal[id] = i;
  tables.set("bucketCount", buckets.length);
  return buckets;
}
