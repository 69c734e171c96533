/**
 * Scan: which files there are, members of archives among them, and what names they mention. Reads the
 * headers and symbol tables of every input; fills input, file, chunk, mention and the symbol of each mention.
 */
import { binaryObject } from "../inputs/binary-object.ts";
import { missingObject } from "../inputs/missing-object.ts";
import type { InternalObject } from "../inputs/internal-object.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { enumerations } from "../tables/schema.ts";
import { prefixSum, type FileRow } from "../tables/views.ts";
import type { Inputs } from "./find-inputs.ts";
import { allocateRequests } from "./requests.ts";
import { unify } from "./unify.ts";
import type { Workers } from "./workers.ts";
import { fillWrapped } from "./wrapped-names.ts";

const { InputFlags, HashSource } = enumerations;

/** Bounds of the work over files: enough for balance, few enough to cost nothing. */
const MAX_FILE_CHUNKS = 128;
/** Fewer bytes than this are not worth another chunk. */
const MIN_CHUNK_BYTES = 128 * 1024;
/** Most mentions past the last file's: one for each name that the linker defines once it has seen it used. */
export const SPARE_MENTIONS = 1 << 20;

export interface Scanned {
  /** Rows of file; the last is the linker's own object. */
  readonly files: number;
  readonly internalFile: FileRow;
  /** First file of each chunk of files, of about equal size in bytes; the same for any number of workers. */
  readonly fileBounds: Uint32Array;
}

/** Gives each file its row, members of archives among them, and reads its headers. Returns how many there are. */
export async function listFiles(workers: Workers): Promise<number> {
  const { tables } = workers;
  await workers.run("countMembers");
  const files = prefixSum(
    tables.column("input", "members"),
    tables.column("input", "firstFile"),
    tables.rows("input"),
    "files",
  );

  tables.allocate("file", files);
  await workers.run("listMembers");
  await workers.run("scanHeaders");
  return files;
}

export async function scan(workers: Workers, files: number, options: LinkOptions): Promise<Scanned> {
  const { tables } = workers;
  const fileBounds = chunkFiles(workers, files);
  const sections = prefixSum(
    tables.column("file", "sectionCount"),
    tables.column("file", "firstSection"),
    files,
    "sections",
  );
  tables.allocate("section", sections);
  const mentions = countMentions(workers, files);
  fillWrapped(workers, options);
  const spare = Math.min(mentions, SPARE_MENTIONS);
  tables.allocate("mention", mentions + spare);
  tables.allocate("symbol", mentions + spare);
  tables.setRows("mention", mentions);
  tables.setRows("symbol", mentions);
  allocateRequests(workers);

  await workers.run("scanSymbols", { bounds: fileBounds });
  await unify(workers, HashSource.MENTIONS, mentions);
  await workers.run("verifyNames", { bounds: fileBounds });
  return { files, internalFile: (files - 1) as FileRow, fileBounds };
}

/** Gives each staged file its row in input. */
export function listInputs({ tables }: Workers, inputs: Inputs, internal: InternalObject | undefined): void {
  const rows = inputs.files.length + (internal === undefined ? 0 : 1);
  tables.allocate("input", rows);
  const base = tables.column("input", "base");
  const size = tables.column("input", "size");
  const flags = tables.column("input", "flags");
  const isRuntime = /(^|\/)[^/]*crt(begin|end).?\.o$/; // as GNU ld's script names them
  for (const [row, file] of inputs.files.entries()) {
    const { kind, path, mapped, missing } = file;
    const staged =
      missing !== undefined
        ? missingObject(tables.arena, missing)
        : kind === "binary"
          ? binaryObject(tables.arena, path, mapped.bytes())
          : mapped;
    base.set(row, staged.address);
    size.set(row, staged.size);
    flags[row] =
      (file.kind === "archive" ? InputFlags.IS_ARCHIVE : 0) |
      (file.kind === "shared" ? InputFlags.IS_SHARED : 0) |
      (file.isLazy ? InputFlags.IS_LAZY : 0) |
      (file.isWholeArchive ? InputFlags.WHOLE_ARCHIVE : 0) |
      (file.isAsNeeded ? InputFlags.AS_NEEDED : 0) |
      (file.isIndirect ? InputFlags.IS_INDIRECT : 0) |
      (file.path.includes("crt") && isRuntime.test(file.path) ? InputFlags.IS_RUNTIME : 0) |
      (file.isExcludedLibrary ? InputFlags.EXCLUDE_LIBS : 0);
  }
  if (internal === undefined) return;
  base.set(rows - 1, internal.address);
  size.set(rows - 1, internal.size);
  flags[rows - 1] = InputFlags.IS_INTERNAL;
}

/**
 * Cuts the files into chunks of about equal bytes. Bounds may follow from sizes: these are the inputs', so they are the
 * same in every link of them, and so is what is written by chunks, whoever takes which.
 */
function chunkFiles({ tables, isSpread }: Workers, files: number): Uint32Array {
  const size = tables.column("file", "size");
  // A header is read of every file, however small.
  const weight = (file: FileRow): number => size[file] + 4096;
  let total = 0;
  for (let file = 0 as FileRow; file < files; file++) total += weight(file);
  const target = isSpread ? 1 : Math.max(MIN_CHUNK_BYTES, total / Math.min(files, MAX_FILE_CHUNKS));
  const bounds = [0];
  let sum = 0;
  for (let file = 0 as FileRow; file < files; file++) {
    sum += weight(file);
    if (sum >= target * bounds.length && file + 1 < files) bounds.push(file + 1);
  }
  bounds.push(files);
  const chunks = bounds.length - 1;
  tables.allocate("chunk", chunks);
  tables.column("chunk", "firstFile").set(bounds);
  const chunk = tables.column("file", "chunk");
  for (let i = 0; i < chunks; i++) chunk.fill(i, bounds[i], bounds[i + 1]);
  return Uint32Array.from(bounds);
}

function countMentions({ tables }: Workers, files: number): number {
  const symbols = tables.column("file", "symbolCount");
  const firstGlobal = tables.column("file", "firstGlobal");
  const signatures = tables.column("file", "signatures");
  const counts = new Uint32Array(files);
  for (let file = 0 as FileRow; file < files; file++)
    counts[file] = symbols[file] - firstGlobal[file] + signatures[file];
  return prefixSum(counts, tables.column("file", "firstMention"), files, "symbols");
}
