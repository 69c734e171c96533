/** Layout: where the linker's own sections and the thread-local segment are, left where kernels look for it. */
import * as elf from "../elf/constants.ts";
import type { Placed } from "../output/placed-section.ts";
import { alignUp } from "../output/place.ts";
import type { ProgramHeader } from "../output/program-headers.ts";
import { ownSectionIds } from "../tables/schema.ts";
import type { Workers } from "./workers.ts";

export function publish({ tables }: Workers, placed: Placed, segments: readonly ProgramHeader[]): void {
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
  const tls = segments.find(({ type }) => type === elf.PT_TLS);
  tables.set("tlsBegin", tls?.address ?? 0);
  // psABI 3.4.6, variant II: the block ends at the thread pointer.
  tables.set("tlsEnd", tls === undefined ? 0 : alignUp(tls.address + tls.memorySize, tls.alignment));
}
