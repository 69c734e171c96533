/**
 * Write: workers copy, relocate and digest what comes from inputs and what grows with symbols, unless pack has
 * done it; the parent writes headers and small sections, and the build id last, because it is made of all digests.
 */
import type { LinkOptions } from "../options/link-options.ts";
import { elfHeader, type HeaderFacts } from "../output/elf-header.ts";
import type { OutputFile } from "../output/output-file.ts";
import { BUILD_ID_OFFSET, buildIdOf } from "../output/sections/build-id.ts";
import type { StatedBytes } from "../output/script/place-stated.ts";
import { pltFdes } from "../output/sections/plt-frame.ts";
import { sectionHeaders } from "../output/section-headers.ts";
import { enumerations } from "../tables/schema.ts";
import type { Tables } from "../tables/views.ts";
import type { Target } from "../targets/target.ts";
import type { Packed } from "./pack.ts";
import type { Workers } from "./workers.ts";

/** FDEs that one part of .eh_frame_hdr has, more or less, and how many parts there are at most: each looks at all. */
const FDES_PER_PART = 32_768;
const MAX_PARTS = 16;

/** An image and e_entry. */
export type EntryImage = Packed & { readonly entry: number };

export async function write(
  workers: Workers,
  image: EntryImage,
  output: OutputFile,
  options: LinkOptions,
  target: Target,
): Promise<void> {
  const { tables } = workers;
  const { placed } = image;
  tables.set("outputPath", addressOfPath(tables, output.path));
  tables.set("replacedPath", addressOfPath(tables, output.target));

  await workers.run("writeChunks");
  if (tables.rows("piece") > 0) await workers.run("writePieces", { rows: tables.get("partitions") });
  const parts =
    placed.own("ehFrameHdr") !== undefined
      ? Math.min(Math.max(1, Math.ceil(tables.rows("fde") / FDES_PER_PART)), MAX_PARTS)
      : 0;
  if (parts > 0) listPltFdes(tables, image);
  const rows = enumerations.TableRow.PARTS + tables.get("dynsymParts") + parts;
  await workers.run("writeTables", { rows, parameters: [parts] });
  if (image.packed.length > 0) await workers.run("writePacked");
  void workers.dismiss(output.replacedBytes); // there is no other kernel; they end while the rest is done

  const own = writeOwn(workers, image, output, options, target);
  const note = placed.own("buildIdNote");
  if (note === undefined) return;
  const low = tables.column("digest", "low").bytes();
  const high = tables.column("digest", "high").bytes();
  output.write(buildIdOf(options.buildId, [low, high, ...own]), note.offset + BUILD_ID_OFFSET);
}

/** Of the PLT, the last ones; each as EhFrameWriter has those of inputs. */
function listPltFdes(tables: Tables, { pltCode, pltUnwind, placed }: EntryImage): void {
  if (pltCode.length === 0) return;
  const functions = tables.column("fde", "function");
  const size = tables.column("fde", "size");
  const record = tables.column("fde", "record");
  const { address } = placed.own("ehFrameHdr")!;
  let row = tables.rows("fde") - pltCode.length;
  for (const { code, fde } of pltFdes(pltCode, pltUnwind, placed)) {
    functions[row] = code.address - address + 2 ** 31;
    size[row] = code.size;
    record[row++] = fde - address;
  }
}

export function addressOfPath({ arena }: Tables, path: string): number {
  const bytes = Buffer.from(`${path}\0`);
  const offset = arena.allocate(bytes.length);
  arena.u8view(offset, bytes.length).set(bytes);
  return arena.baseAddress + offset;
}

/** What the ELF header says. Whether GNU's symbols are there is known once symbols are written. */
function headerFacts(tables: Tables, image: EntryImage): HeaderFacts {
  return { ...image, hasGnuSymbols: tables.get("hasGnuSymbols") !== 0 };
}

/** Bytes that are written at once, of a gap that a script fills. */
const FILL_BYTES = 1 << 20;

/** Writes what a script gives. Returns what a digest is to know of it. */
function writeStated(output: OutputFile, { offset, size, bytes }: StatedBytes): Uint8Array {
  if (size === bytes.length) output.write(bytes, offset);
  else {
    const pattern = Buffer.alloc(Math.min(size, FILL_BYTES - (FILL_BYTES % bytes.length)), bytes);
    for (let at = 0; at < size; at += pattern.length)
      output.write(pattern.subarray(0, Math.min(pattern.length, size - at)), offset + at);
  }
  return Buffer.concat([bytes, Buffer.from(String(size))]);
}

/** Headers and the sections whose bytes TypeScript makes. Returns them, for the build id. */
function writeOwn(
  { tables }: Workers,
  image: EntryImage,
  output: OutputFile,
  options: LinkOptions,
  target: Target,
): Uint8Array[] {
  const written: Uint8Array[] = [];
  const put = (bytes: Uint8Array, offset: number): void => {
    output.write(bytes, offset);
    written.push(bytes);
  };
  put(elfHeader(headerFacts(tables, image), options, target), 0);
  const { placed, own, sectionNames } = image;
  for (const { parts } of placed.sections)
    for (const part of parts) {
      const contents = part.own === undefined ? undefined : own.get(part.own)?.contents;
      if (contents !== undefined) put(contents(placed), part.offset);
    }
  for (const stated of image.statedBytes) written.push(writeStated(output, stated));
  for (const { index, head, tail } of image.packed) {
    const { offset, size } = placed.sections[index - 1];
    put(head, offset);
    put(tail, offset + size - tail.length);
  }
  put(sectionNames.bytes, placed.own("shstrtab")!.offset);
  put(sectionHeaders(placed, own, sectionNames), image.sectionHeadersOffset);
  return written;
}
