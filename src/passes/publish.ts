/** Layout and pack: where everything is, left where kernels look for it. */
import * as elf from "../elf/constants.ts";
import type { Placed } from "../output/placed-section.ts";
import { alignUp } from "../output/place.ts";
import type { ElfSegment } from "../elf/elf-file.ts";
import { ownSectionIds } from "../tables/schema.ts";
import type { Target } from "../targets/target.ts";
import type { Workers } from "./workers.ts";

export function publish(workers: Workers, placed: Placed, segments: readonly ElfSegment[], target: Target): void {
  publishBuckets(workers, placed, target);
  publishOwnSections(workers, placed);
  const { tables } = workers;
  const tls = segments.find(({ type }) => type === elf.PT_TLS);
  tables.set("tlsBegin", tls?.address ?? 0);
  tables.set("tlsEnd", tls === undefined ? 0 : alignUp(tls.address + tls.memorySize, tls.alignment));
}

function publishBuckets({ tables }: Workers, placed: Placed, target: Target): void {
  const address = tables.column("bucket", "address");
  const fileOffset = tables.column("bucket", "fileOffset");
  const isCopied = tables.column("bucket", "isCopied");
  const filler = tables.column("bucket", "filler");
  const index = tables.column("bucket", "index");
  for (const section of placed.sections)
    for (const part of section.parts) {
      if (part.bucket === undefined) continue;
      const { id } = part.bucket;
      address.set(id, part.address);
      fileOffset.set(id, part.offset);
      isCopied[id] = section.type === elf.SHT_NOBITS ? 0 : 1;
      filler[id] = part.fill ?? (section.flags & elf.SHF_EXECINSTR ? target.codeFiller * 0x01010101 : 0);
      index[id] = section.index;
    }
  for (const part of placed.leftOut) {
    address.set(part.bucket.id, part.address);
    index[part.bucket.id] = part.index;
  }
}

function publishOwnSections({ tables }: Workers, placed: Placed): void {
  const address = tables.column("ownSection", "address");
  const offset = tables.column("ownSection", "offset");
  const size = tables.column("ownSection", "size");
  const index = tables.column("ownSection", "index");
  for (const [row, id] of ownSectionIds.entries()) {
    const own = placed.own(id);
    if (own === undefined) continue;
    address.set(row, own.address);
    offset.set(row, own.offset);
    size.set(row, own.size);
    index[row] = own.section.index;
  }
}
