/** Sections that the linker makes: known by id, never by name, because an input may have a section of any name. */
import type { OwnSectionId } from "../../tables/schema.ts";
import type { Placed } from "../placed-section.ts";

/** What each is called in the output. */
export const ownNames: Readonly<Record<OwnSectionId, string>> = {
  interp: ".interp",
  propertyNote: ".note.gnu.property",
  buildIdNote: ".note.gnu.build-id",
  packageNote: ".note.package",
  hash: ".hash",
  gnuHash: ".gnu.hash",
  dynsym: ".dynsym",
  dynstr: ".dynstr",
  versym: ".gnu.version",
  versionNeeds: ".gnu.version_r",
  versionDefinitions: ".gnu.version_d",
  relr: ".relr.dyn",
  relaDyn: ".rela.dyn",
  relaPlt: ".rela.plt",
  ehFrameHdr: ".eh_frame_hdr",
  ehFrame: ".eh_frame",
  pltFrame: ".eh_frame",
  ehFrameEnd: ".eh_frame",
  plt: ".plt",
  pltGot: ".plt.got",
  pltSec: ".plt.sec",
  dynamic: ".dynamic",
  got: ".got",
  gotPlt: ".got.plt",
  copyRelro: ".copyrel.rel.ro",
  copy: ".copyrel",
  symtab: ".symtab",
  symtabIndices: ".symtab_shndx",
  strtab: ".strtab",
  shstrtab: ".shstrtab",
};

const otherNames: Partial<Readonly<Record<OwnSectionId, readonly string[]>>> = {
  relaDyn: [".rela.got", ".rela.data.rel.ro", ".rela.data", ".rela.bss", ".rela.ifunc", ".rela.text"],
  relaPlt: [".rela.iplt"],
  plt: [".iplt"],
  got: [".igot"],
  gotPlt: [".igot.plt"],
  copy: [".dynbss"],
  copyRelro: [".data.rel.ro"],
};

/**
 * By which names a linker script speaks of those that it can place, as GNU ld has them: its parts of one section have
 * names of their own.
 */
export const scriptNames: ReadonlyMap<OwnSectionId, readonly string[]> = new Map(
  (Object.entries(ownNames) as [OwnSectionId, string][])
    .filter(([id]) => !["symtab", "symtabIndices", "strtab", "shstrtab"].includes(id))
    .map(([id, name]) => [id, [name, ...(otherNames[id] ?? [])]]),
);

export interface OwnSection {
  readonly id: OwnSectionId;
  readonly type: number;
  readonly flags: number;
  /** Bytes; a power of two. */
  readonly alignment: number;
  readonly entsize?: number;
  /** Bytes; undefined where only layout knows. */
  readonly size?: number;
  /** The section that sh_link speaks of. */
  readonly link?: OwnSectionId;
  /** sh_info, once every section has its index. */
  readonly info?: (placed: Placed) => number;
  /** Bytes that TypeScript makes, once addresses are known. What grows with symbols is made by kernels. */
  readonly contents?: (placed: Placed) => Uint8Array;
}

export type OwnSections = ReadonlyMap<OwnSectionId, OwnSection>;
