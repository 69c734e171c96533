/** The order of output sections: by what may share a page, then by what readers and loaders expect. */
import {
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_TLS,
  SHF_WRITE,
  SHT_FINI_ARRAY,
  SHT_INIT_ARRAY,
  SHT_NOBITS,
  SHT_NOTE,
  SHT_PREINIT_ARRAY,
} from "../elf/constants.ts";
import type { OutputSection } from "./output-section.ts";

const headOrder = [
  ".interp",
  ".note", // any note
  ".hash",
  ".gnu.hash",
  ".dynsym",
  ".dynstr",
  ".gnu.version",
  ".gnu.version_r",
  ".gnu.version_d",
  ".relr.dyn",
  ".rela.dyn",
  ".rela.plt",
];
const codeOrder = [".init", ".plt", ".plt.got", ".plt.sec", ".fini"];
const relroNames: ReadonlySet<string> = new Set([
  ".dynamic",
  ".got",
  ".data.rel.ro",
  ".bss.rel.ro",
  ".copyrel.rel.ro",
  ".ctors",
  ".dtors",
  ".jcr",
]);

/** Which segment a section is in, in the order of addresses. */
export const Region = { ReadOnly: 0, Code: 1, Relro: 2, Data: 3, NotLoaded: 4 } as const;
export type Region = (typeof Region)[keyof typeof Region];

export interface Protection {
  readonly isRelro: boolean;
  /** .got.plt is bound at start, so it can be protected too. */
  readonly isNow: boolean;
}

export function isRelro(section: OutputSection, { isRelro: isOn, isNow }: Protection): boolean {
  if (!isOn || !(section.flags & SHF_WRITE)) return false;
  if (section.flags & SHF_TLS) return true;
  switch (section.type) {
    case SHT_INIT_ARRAY:
    case SHT_FINI_ARRAY:
    case SHT_PREINIT_ARRAY:
      return true;
  }
  return relroNames.has(section.name) || (isNow && section.name === ".got.plt");
}

export function regionOf(section: OutputSection, protection: Protection): Region {
  if (!(section.flags & SHF_ALLOC)) return Region.NotLoaded;
  if (section.flags & SHF_EXECINSTR && !(section.flags & SHF_WRITE)) return Region.Code;
  if (!(section.flags & SHF_WRITE)) return Region.ReadOnly;
  return isRelro(section, protection) ? Region.Relro : Region.Data;
}

/** Sections are put in ascending order of this, and keep their order where it is equal. */
export function rankOf(section: OutputSection, protection: Protection): number {
  const region = regionOf(section, protection);
  const isZero = section.type === SHT_NOBITS;
  const within = (): number => {
    switch (region) {
      case Region.ReadOnly: {
        const at = headOrder.indexOf(section.type === SHT_NOTE ? ".note" : section.name);
        if (at >= 0) return at;
        return section.name === ".eh_frame_hdr" ? 60 : section.name === ".eh_frame" ? 61 : 50;
      }
      case Region.Code: {
        const at = codeOrder.indexOf(section.name);
        return at >= 0 ? at : 50;
      }
      case Region.Relro:
      case Region.Data:
        if (section.flags & SHF_TLS) return isZero ? 1 : 0;
        if (isZero) return section.name === ".bss" ? 99 : 90;
        return section.name === ".dynamic" ? 70 : section.name === ".got" ? 71 : section.name === ".got.plt" ? 30 : 50;
      case Region.NotLoaded:
        return [".symtab", ".strtab", ".shstrtab"].indexOf(section.name) + 1;
    }
  };
  return region * 100 + within();
}
