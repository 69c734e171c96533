/** Which input sections went where: what -Map prints, and what --print-gc-sections says was left out. */
import type { MapSection } from "../reports/map-file.ts";
import { enumerations } from "../tables/schema.ts";
import { type BucketRow, type FileRow, rowAt, type SectionRow } from "../tables/views.ts";
import type { FindingReader } from "./findings.ts";
import type { Image } from "./layout.ts";
import type { Folded, FoldedSection } from "./fold.ts";
import type { Scanned } from "./scan.ts";
import type { Workers } from "./workers.ts";

const { FileState, FileTraits, SectionFlags } = enumerations;
/** From here on, offsets have their high bits in a column of their own. */
const FAR = 2 ** 31;
/** From here on, buckets have. */
const FAR_BUCKET = 2 ** 15;

/** Every output section with the input sections in it, in the order of addresses. */
export function listSections(workers: Workers, image: Image, findings: FindingReader): MapSection[] {
  const { tables } = workers;
  const bucketLow = tables.column("section", "bucket");
  const bucketHigh = tables.column("section", "bucketHigh");
  // As bucket_of() in the kernels.
  const bucketOf = (row: SectionRow): BucketRow =>
    (bucketLow[row] < FAR_BUCKET
      ? bucketLow[row]
      : bucketHigh[row] * FAR_BUCKET + (bucketLow[row] - FAR_BUCKET)) as BucketRow;
  const offset = tables.column("section", "offset");
  const offsetHigh = tables.column("section", "offsetHigh");
  const flags = tables.column("section", "flags");
  const chunk = tables.column("file", "chunk");
  const partOffset = tables.column("chunkBucket", "offset");
  const ordinal = tables.column("bucket", "ordinal");
  const address = tables.column("bucket", "address");
  // As section_offset() in the kernels.
  const offsetOf = (row: SectionRow): number =>
    offset[row] < FAR ? offset[row] : offsetHigh[row] * FAR + (offset[row] - FAR);
  const sections = new Map<number, MapSection>();
  const listed = image.placed.sections.map((section) => {
    const entry: MapSection = { ...pick(section), inputs: [] };
    for (const { bucket } of section.parts) if (bucket !== undefined) sections.set(bucket.id, entry);
    return entry;
  });
  for (const { file, section, row } of liveSections(workers, image.files)) {
    const bucket = bucketOf(row);
    const entry = sections.get(bucket);
    if (entry === undefined || (flags[row] & (SectionFlags.LIVE | SectionFlags.FOLDED)) !== SectionFlags.LIVE) continue;
    const object = findings.object(file);
    const isMerged = (flags[row] & SectionFlags.MERGEABLE) !== 0;
    const part = chunk[file] * image.buckets.length + ordinal[bucket];
    entry.inputs.push({
      // What is merged has no place of its own: it is listed where its output section begins.
      address: isMerged ? entry.address : address.get(bucket) + partOffset.get(part) + offsetOf(row),
      size: object?.sectionSize(section) ?? 0,
      alignment: object?.sectionAlignment(section) ?? 1,
      name: object?.sectionName(section) ?? "",
      file: findings.fileName(file),
    });
  }
  for (const { inputs } of listed) inputs.sort((a, b) => a.address - b.address);
  return listed;
}

/** Input sections that --gc-sections left out, as GNU ld words it. */
export function listUnused(workers: Workers, { files }: Pick<Scanned, "files">, findings: FindingReader): string[] {
  const { tables } = workers;
  const bucketOf = tables.column("section", "bucket");
  const flags = tables.column("section", "flags");
  const unused: string[] = [];
  for (const { file, section, row } of liveSections(workers, files))
    if (
      bucketOf[row] !== 0 &&
      !(flags[row] & (SectionFlags.LIVE | SectionFlags.DISCARDED)) &&
      (findings.object(file)?.sectionSize(section) ?? 0) > 0
    )
      unused.push(
        `removing unused section '${findings.sectionName(file, section)}' in file '${findings.fileName(file)}'`,
      );
  return unused;
}

/** Input sections that --icf folded into others, as lld words it. */
export function listFolded({ folds }: Folded, findings: FindingReader): string[] {
  const name = ({ file, section }: FoldedSection): string =>
    `${findings.fileName(file)}:(${findings.sectionName(file, section)})`;
  return folds.flatMap(({ stays, removed }) => [
    `selected section ${name(stays)}`,
    ...removed.map((section) => `  removing identical section ${name(section)}`),
  ]);
}

const pick = ({ name, address, size, alignment }: Omit<MapSection, "inputs">): Omit<MapSection, "inputs"> => ({
  name,
  address,
  size,
  alignment,
});

/** The section headers of the objects in the link. */
export function* liveSections(
  { tables }: Workers,
  files: number,
): Generator<{ file: FileRow; section: number; row: SectionRow }> {
  const traits = tables.column("file", "traits");
  const state = tables.column("file", "state");
  const count = tables.column("file", "sectionCount");
  const first = tables.column("file", "firstSection");
  for (let file = 0 as FileRow; file < files; file++) {
    if (traits[file] & (FileTraits.IS_SHARED | FileTraits.IS_BROKEN) || !(state[file] & FileState.REACHED)) continue;
    for (let section = 1; section < count[file]; section++) yield { file, section, row: rowAt(first[file], section) };
  }
}
