/** .gnu.version, .gnu.version_r and .gnu.version_d (LSB Core, Symbol Versioning); the bytes are made beside this file. */
import { SHF_ALLOC, SHT_GNU_verdef, SHT_GNU_verneed, SHT_GNU_versym } from "../../elf/constants.ts";
import type { OwnSection } from "./own-section.ts";

const VERSYM = 2;

/** @param symbols of .dynsym */
export function versymSection(symbols: number): OwnSection {
  return {
    id: "versym",
    type: SHT_GNU_versym,
    flags: SHF_ALLOC,
    alignment: 2,
    size: symbols * VERSYM,
    entsize: VERSYM,
    link: "dynsym",
  };
}

/** @param count records, one for each library or version */
export function versionSection(
  id: "versionNeeds" | "versionDefinitions",
  bytes: Uint8Array,
  count: number,
): OwnSection {
  return {
    id,
    type: id === "versionNeeds" ? SHT_GNU_verneed : SHT_GNU_verdef,
    flags: SHF_ALLOC,
    alignment: 8,
    size: bytes.length,
    link: "dynstr",
    info: () => count,
    contents: () => bytes,
  };
}
