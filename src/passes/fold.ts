/**
 * Fold (--icf): of sections that are identical one stays, which stands for all. Fills fold and its like, bucket.foldGroup,
 * and section's flags FOLDED and ADDRESS_TAKEN. Costs a visit to each relocation of what may be folded, and to each
 * reference between those that look alike as often as something is told apart.
 */
import { SHF_ALLOC, SHF_EXECINSTR, SHF_TLS, SHF_WRITE, SHT_PROGBITS } from "../elf/constants.ts";
import type { InternalObject } from "../inputs/internal-object.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { InputPatterns } from "../output/input-patterns.ts";
import type { Bucket, OutputPlan } from "../output/plan.ts";
import { claimingFile, claimingSymbol, isClaimed } from "../tables/claim.ts";
import { enumerations } from "../tables/schema.ts";
import { type FileRow, prefixSum, rowAt } from "../tables/views.ts";
import type { FindingReader } from "./findings.ts";
import type { Pieces } from "./list-pieces.ts";
import { unify } from "./unify.ts";
import type { Workers } from "./workers.ts";
import { nameAsItIs } from "./wrapped-names.ts";

const { AddressKinds, HashSource, SectionFlags } = enumerations;

export interface FoldedSection {
  readonly file: FileRow;
  /** Header index. */
  readonly section: number;
}

/** Identical sections. */
export interface Fold {
  readonly stays: FoldedSection;
  readonly removed: readonly FoldedSection[];
}

export interface Folded extends Pieces {
  /** In the order of what stays. Empty unless it is to be printed. */
  readonly folds: readonly Fold[];
}

export async function fold(
  workers: Workers,
  pieces: Pieces,
  plan: OutputPlan,
  options: LinkOptions,
  internal: InternalObject,
  findings: FindingReader,
): Promise<Folded> {
  if (options.icf === "none") return { ...pieces, folds: [] };
  const { tables } = workers;
  const { files, fileBounds: bounds } = pieces;
  groupBuckets(workers, pieces.buckets, plan);
  const kinds = (options.icf === "safe" ? AddressKinds.CODE : 0) + (options.isDataFolded ? 0 : AddressKinds.DATA);
  if (kinds !== 0) await workers.run("markAddresses", { bounds, parameters: [kinds] });
  await workers.run("countFolds", { bounds });
  const folds = prefixSum(
    tables.column("file", "folds"),
    tables.column("file", "firstFold"),
    files,
    "sections that may be folded",
  );
  tables.allocate("fold", folds);
  tables.allocate("suspect", folds);
  await workers.run("listFolds", { bounds });
  keepUnique(workers, pieces, options, internal, findings);
  tables.allocate(
    "foldEdge",
    prefixSum(tables.column("fold", "room"), tables.column("fold", "firstEdge"), folds, "references"),
  );
  await tellApart(workers, folds);
  await workers.run("sortSuspects", { rows: 1 });
  adoptNext(workers, tables.rows("suspect"));
  await workers.run("compareFolds");
  findings.check(workers.diagnostics); // else what a collision of hashes made equal would be folded
  return { ...pieces, folds: options.isPrintIcfSections ? listFolds(workers) : [] };
}

/**
 * What is folded must be in one section of the output, under one kind of access: in the default plan that of one
 * statement, in a script the sections of one statement's pattern.
 */
function groupBuckets({ tables }: Workers, buckets: readonly Bucket[], plan: OutputPlan): void {
  const foldGroup = tables.column("bucket", "foldGroup");
  const patterns = plan.order === "kinds" ? new InputPatterns(plan) : undefined;
  const groups = new Map<unknown, Map<number, number>>();
  let count = 0;
  for (const bucket of buckets) {
    const { id, type, flags, entsize, commons, orderedBy } = bucket;
    const isOrdinary = commons === undefined && orderedBy === undefined && entsize === 0 && type === SHT_PROGBITS;
    if (!isOrdinary || (flags & (SHF_ALLOC | SHF_TLS)) !== SHF_ALLOC) continue;
    const home = patterns?.homeOf(bucket)?.statement ?? bucket;
    let group = groups.get(home);
    if (group === undefined) groups.set(home, (group = new Map()));
    const access = flags & (SHF_WRITE | SHF_EXECINSTR);
    if (!group.has(access)) group.set(access, ++count);
    foldGroup[id] = group.get(access)!;
  }
}

/** --keep-unique: nothing is folded with the definitions of these symbols. */
function keepUnique(
  { tables, diagnostics }: Workers,
  { internalFile }: Pieces,
  options: LinkOptions,
  internal: InternalObject,
  findings: FindingReader,
): void {
  const claim = tables.column("symbol", "claim");
  for (const symbol of options.keepUnique) {
    const index = internal.indexOf(nameAsItIs(symbol, options));
    if (index === undefined) continue;
    const mention = rowAt(tables.column("file", "firstMention")[internalFile], index - 1);
    const row = tables.column("mention", "symbol")[mention];
    const file = isClaimed(claim, row) ? claimingFile(claim.high(row)) : undefined;
    const place = file === undefined ? undefined : findings.object(file)?.definitionOf(claimingSymbol(claim.low(row)));
    if (file === undefined || place === undefined) {
      diagnostics.add("keepUniqueUndefined", { symbol });
      continue;
    }
    const section = rowAt(tables.column("file", "firstSection")[file], place.section);
    const id = tables.column("section", "fold")[section];
    if (id === 0) continue;
    tables.column("fold", "isFixed")[id - 1] = 1;
    tables.column("section", "flags")[section] |= SectionFlags.ADDRESS_TAKEN;
  }
}

/** Leaves in suspect the sections that are equal to others: of all, those that nothing tells apart. */
async function tellApart(workers: Workers, folds: number): Promise<void> {
  const { tables } = workers;
  const rowsInFold = tables.column("suspect", "fold");
  for (let row = 0; row < folds; row++) rowsInFold[row] = row;
  let classes = 1;
  /** By hashes of which their classes were a part. Returns whether a class was split. */
  const split = async (): Promise<boolean> => {
    const rows = tables.rows("suspect");
    if (rows === 0) return false;
    await unify(workers, HashSource.SUSPECTS, rows);
    tables.free("hashEntry");
    tables.free("hashCell");
    await workers.run("settleSuspects", { rows: 1 });
    const found = tables.get("suspectClasses");
    const left = tables.get("suspectsLeft");
    const isSplit = found !== classes;
    classes = found - (rows - left); // one that is like no other was a class, too
    adoptNext(workers, left);
    return isSplit;
  };
  await split(); // by headers
  await workers.run("hashFolds");
  await split();
  await workers.run("describeFolds");
  await split();
  do await workers.run("refineFolds");
  while (await split());
}

/** What a kernel has put in order or left out is in a column of its own: kernels may run twice. */
function adoptNext({ tables }: Workers, rows: number): void {
  tables.column("suspect", "fold").set(tables.column("suspect", "next").subarray(0, rows));
  tables.setRows("suspect", rows);
}

/** What was folded, in the order of sorted suspects. */
function listFolds({ tables }: Workers): Fold[] {
  const file = tables.column("fold", "file");
  const section = tables.column("fold", "section");
  const firstSection = tables.column("file", "firstSection");
  const flags = tables.column("section", "flags");
  const removedOf = new Map<number, FoldedSection[]>();
  for (const row of tables.column("suspect", "fold").subarray(0, tables.rows("suspect"))) {
    if (!(flags[rowAt(firstSection[file[row]], section[row])] & SectionFlags.FOLDED)) continue;
    const stays = tables.column("fold", "leader")[row];
    const removed = removedOf.get(stays);
    if (removed === undefined) removedOf.set(stays, [{ file: file[row], section: section[row] }]);
    else removed.push({ file: file[row], section: section[row] });
  }
  return [...removedOf].map(([row, removed]) => ({ stays: { file: file[row], section: section[row] }, removed }));
}
