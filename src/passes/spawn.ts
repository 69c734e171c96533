/**
 * Spawn: the arena, then the workers. What was mapped before is inherited by them; what comes later goes into
 * the arena, which is shared. Fills the scalars that say what kind of output is wanted.
 */
import { addon, AddonError } from "../addon/load.ts";
import type { Diagnostics } from "../diagnostics/diagnostics.ts";
import type { InputFile } from "../inputs/input-file.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { Arena, defaultWorkerCount, WorkerPool } from "../staging/index.ts";
import { enumerations, ownSectionIds } from "../tables/schema.ts";
import { Tables } from "../tables/views.ts";
import { targetOf } from "../targets/index.ts";
import type { Inputs } from "./find-inputs.ts";
import { isSelfContained } from "./loader.ts";
import type { OwnHooks } from "./link-hooks.ts";
import { Workers } from "./workers.ts";

const { OutputFlags } = enumerations;

/** The seed of the first try; a link in which two names collide starts over with another. */
const FIRST_SEED = 0x5be0cd19;
/** More workers than this find nothing to do but to wait for memory. */
const MAX_WORKERS = 32;

/** Of a small link that is divided like a large one, for a test. */
const SPREAD_WORKERS = 4;

/** What a worker works through while another one is forked. */
const BYTES_FOR_A_FORK = 2 * 2 ** 20;

const COLLIDING_BITS = 10;

export async function spawn(
  inputs: Inputs,
  options: LinkOptions,
  diagnostics: Diagnostics,
  attempt: number,
  {
    hasCollisions = false,
    chunkRows,
    isSpread = false,
    leavesToExit = false,
    onSpawn,
    onTables,
    runsHere = false,
    fault,
    delays,
  }: OwnHooks,
): Promise<Workers> {
  const arena = Arena.create();
  const tables = tablesOf(arena, inputs, options, attempt, onTables !== undefined);
  if (hasCollisions && attempt === 0) tables.set("hashShift", 64 - COLLIDING_BITS);
  const tests = { ...(fault === undefined ? {} : { fault }), ...(delays === undefined ? {} : { delays }) };
  const workers = options.threads ?? (isSpread ? SPREAD_WORKERS : workersFor(inputs));
  // Blocking: a thread that allocates while another forks can leave a lock behind in the child (AddressSanitizer's
  // allocator does), and there is nothing else to do.
  const isSmall = workers === 1 && Object.keys(tests).length === 0;
  const pool = WorkerPool.createSync({ files: inputs.staged, arena, workers, runsHere: runsHere && isSmall, ...tests });
  const spawned = new Workers(arena, pool, tables, diagnostics, {
    chunkRows,
    isSpread,
    mayLeaveOne: leavesToExit && options.isFork,
    inputBytes: bytesRead(inputs),
  });
  onSpawn?.(spawned);
  return spawned;
}

/**
 * Tables that say what kind of output is wanted, and nothing yet of the inputs.
 *
 * @param isLookedAt somebody reads columns that the link does not need any more
 */
export function tablesOf(
  arena: Arena,
  inputs: Inputs,
  options: LinkOptions,
  attempt: number,
  isLookedAt: boolean,
): Tables {
  const tables = new Tables(arena, isLookedAt || addon().isChecked);
  if (addon().tablesBytes !== tables.rootBytes)
    throw new AddonError("ERR_ADDON_BROKEN", 'the native addon was built from other sources; run "npm run build"');
  tables.allocate("ownSection", ownSectionIds.length);
  tables.set("hashSeed", FIRST_SEED + attempt * 0x9e3779b1);
  tables.set("outputFlags", outputFlags(options, inputs));
  const target = targetOf(options.emulation);
  tables.set("machine", target.machine);
  tables.set("gotPltReserved", target.gotPltReserved);
  return tables;
}

/** One for every processor that this link may use, as long as there is work for it. */
function workersFor(inputs: Inputs): number {
  const useful = usefulWorkers(bytesRead(inputs));
  return useful === 1 ? 1 : Math.min(useful, shareOfJob(defaultWorkerCount(), process.env["MAKEFLAGS"]));
}

/** About how many bytes of the inputs the workers will look at. */
function bytesRead({ files }: Inputs): number {
  return files.reduce((sum, file) => sum + (isReadInPart(file) ? file.mapped.size / 8 : file.mapped.size), 0);
}

/** Of shared objects the symbols are read, and as a rule little of an archive is linked. */
function isReadInPart({ kind, isWholeArchive }: InputFile): boolean {
  return kind === "shared" || (kind === "archive" && !isWholeArchive);
}

/**
 * So many workers that one more would take longer to fork, one after the other, than it would save. With work for
 * `forks` forks, n workers take n + forks / n, which is less with one more as long as forks > n * (n + 1).
 */
export function usefulWorkers(inputBytes: number): number {
  const forks = inputBytes / BYTES_FOR_A_FORK;
  return Math.min(Math.max(1, Math.ceil((Math.sqrt(1 + 4 * forks) - 1) / 2)), MAX_WORKERS);
}

/**
 * Beside N - 1 others under `make -jN`, a link takes its share of the processors: more workers than that would
 * only wait for each other.
 */
export function shareOfJob(processors: number, makeFlags: string | undefined): number {
  const jobs = Number(/(?:^| )-?\w*j ?(\d+)/.exec(makeFlags ?? "")?.[1] ?? 1);
  return Math.max(1, Math.floor(processors / Math.max(1, jobs)));
}

/** A static executable has nobody to read .relr.dyn, unless it relocates itself. */
export function packsRelatives({ packsDynamicRelocations, outputKind }: LinkOptions): boolean {
  return packsDynamicRelocations === "relr" && outputKind !== "exec";
}

/**
 * Whether the loader may find weak symbols that the link does not: GNU ld asks whether there is a loader, and an
 * executable at a fixed address has one when it has shared objects.
 */
function hasDynamicWeak(options: LinkOptions, inputs: Inputs): boolean {
  if (options.z.isDynamicUndefinedWeak === false || isSelfContained(options, inputs)) return false;
  return options.outputKind === "shared" || !options.isNoDynamicLinker;
}

function outputFlags(options: LinkOptions, inputs: Inputs): number {
  const { outputKind, z, strip, discard, symbolic } = options;
  const reportsUndefined = options.unresolvedInObjects === "report";
  const chosen: readonly [boolean, number][] = [
    [outputKind === "shared", OutputFlags.SHARED],
    [outputKind === "shared" || outputKind === "pie", OutputFlags.PIC],
    [isSelfContained(options, inputs), OutputFlags.STATIC],
    [options.isGcSections, OutputFlags.GC_SECTIONS],
    [strip === "all", OutputFlags.STRIP_ALL],
    [strip === "debug", OutputFlags.STRIP_DEBUG],
    [discard === "locals", OutputFlags.DISCARD_LOCALS],
    [discard === "all", OutputFlags.DISCARD_ALL],
    [!options.isRelax, OutputFlags.NO_RELAX],
    // A static executable has no loader that could fill the slots of other models.
    [outputKind === "shared" || !(options.isRelax || isSelfContained(options, inputs)), OutputFlags.KEEPS_TLS_MODELS],
    [symbolic !== "none", OutputFlags.BSYMBOLIC],
    [symbolic === "functions" || symbolic === "non-weak-functions", OutputFlags.BSYMBOLIC_FUNCTIONS],
    [symbolic === "non-weak" || symbolic === "non-weak-functions", OutputFlags.BSYMBOLIC_NON_WEAK],
    [symbolic === "unlisted", OutputFlags.BSYMBOLIC_UNLISTED],
    [options.isDataListed, OutputFlags.DATA_LISTED],
    [options.isExportDynamic, OutputFlags.EXPORT_DYNAMIC],
    [!z.hasCopyRelocations, OutputFlags.NO_COPY_RELOCATIONS],
    [z.textRelocations !== "error", OutputFlags.TEXT_RELOCATIONS],
    [options.buildId.kind !== "none", OutputFlags.HAS_DIGEST],
    [options.hasEhFrameHdr, OutputFlags.EH_FRAME_HDR],
    [reportsUndefined, OutputFlags.NO_UNDEFINED],
    [!reportsUndefined && outputKind !== "shared", OutputFlags.IGNORE_UNDEFINED],
    [reportsUndefined && options.isWarnUnresolved, OutputFlags.WARN_UNDEFINED],
    [packsRelatives(options), OutputFlags.PACK_RELATIVE],
    [hasDynamicWeak(options, inputs), OutputFlags.DYNAMIC_WEAK],
    [z.isDynamicUndefinedWeak === true && hasDynamicWeak(options, inputs), OutputFlags.LIST_WEAK],
    [options.isAllowMultipleDefinition, OutputFlags.ALLOW_MULTIPLE],
    [options.isGcKeepExported, OutputFlags.KEEP_EXPORTED],
    [!options.isGnuUnique, OutputFlags.NO_GNU_UNIQUE],
  ];
  return chosen.reduce((flags, [isChosen, flag]) => (isChosen ? flags + flag : flags), 0);
}
