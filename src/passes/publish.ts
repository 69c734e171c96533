/** Layout: where the linker's own sections are, left where kernels look for it. */
import * as elf from "../elf/constants.ts";
import type { Placed } from "../output/placed-section.ts";
import { alignUp } from "../output/place.ts";
import type { ProgramHeader } from "../output/program-headers.ts";
import type { OwnSectionId } from "../tables/schema.ts";
import type { Workers } from "./workers.ts";

export function publish({ tables }: Workers, placed: Placed, segments: readonly ProgramHeader[]): void {
  const address = (id: OwnSectionId): number => placed.own(id)?.address ?? 0;
  const offset = (id: OwnSectionId): number => placed.own(id)?.offset ?? 0;
  const size = (id: OwnSectionId): number => placed.own(id)?.size ?? 0;
  const index = (id: OwnSectionId): number => placed.indexOf(id);
  tables.set("gotAddress", address("got"));
  tables.set("gotOffset", offset("got"));
  tables.set("gotSize", size("got"));
  tables.set("gotPltAddress", address("gotPlt"));
  tables.set("gotPltOffset", offset("gotPlt"));
  tables.set("gotPltSize", size("gotPlt"));
  tables.set("pltAddress", address("plt"));
  tables.set("pltOffset", offset("plt"));
  tables.set("pltSize", size("plt"));
  tables.set("pltIndex", index(placed.own("pltSec") === undefined ? "plt" : "pltSec"));
  tables.set("pltSecAddress", address("pltSec"));
  tables.set("pltSecOffset", offset("pltSec"));
  tables.set("pltSecSize", size("pltSec"));
  tables.set("pltGotAddress", address("pltGot"));
  tables.set("pltGotOffset", offset("pltGot"));
  tables.set("pltGotSize", size("pltGot"));
  tables.set("copyAddress", address("copy"));
  tables.set("copyIndex", index("copy"));
  tables.set("copyRelroAddress", address("copyRelro"));
  tables.set("copyRelroIndex", index("copyRelro"));
  tables.set("relrOffset", offset("relr"));
  tables.set("relaDynOffset", offset("relaDyn"));
  tables.set("relaPltOffset", offset("relaPlt"));
  tables.set("relaPltSize", size("relaPlt"));
  tables.set("ehFrameAddress", address("ehFrame"));
  tables.set("ehFrameOffset", offset("ehFrame"));
  tables.set("ehFrameIndex", index("ehFrame"));
  tables.set("ehFrameHdrAddress", address("ehFrameHdr"));
  tables.set("ehFrameHdrOffset", offset("ehFrameHdr"));
  tables.set("dynamicAddress", address("dynamic"));
  tables.set("dynsymOffset", offset("dynsym"));
  tables.set("dynstrOffset", offset("dynstr"));
  tables.set("gnuHashOffset", offset("gnuHash"));
  tables.set("sysvHashOffset", offset("hash"));
  tables.set("versymOffset", offset("versym"));
  tables.set("symtabOffset", offset("symtab"));
  tables.set("strtabOffset", offset("strtab"));
  tables.set("symtabIndicesOffset", offset("symtabIndices"));
  const tls = segments.find(({ type }) => type === elf.PT_TLS);
  tables.set("tlsBegin", tls?.address ?? 0);
  // psABI 3.4.6, variant II: the block ends at the thread pointer.
  tables.set("tlsEnd", tls === undefined ? 0 : alignUp(tls.address + tls.memorySize, tls.alignment));
}
