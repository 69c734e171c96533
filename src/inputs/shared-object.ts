/** What the link needs to know of a shared object besides its symbols: a few strings of its .dynamic. */
import { ByteReader } from "../elf/byte-reader.ts";
import {
  DT_NEEDED,
  DT_RPATH,
  DT_RUNPATH,
  DT_SONAME,
  SHT_DYNAMIC,
  SHT_GNU_verdef,
  SHT_GNU_verneed,
} from "../elf/constants.ts";

const SHDR = 64;
/** Indices have 15 bits. */
const MAX_VERSIONS = 0x8000;

export interface SharedObject {
  /** DT_SONAME, or undefined. */
  readonly soname: string | undefined;
  readonly needed: readonly string[];
  /** DT_RUNPATH, or DT_RPATH where there is none: directories with colons between them. */
  readonly runpath: string | undefined;
  /** Names of the versions that it defines, by index (.gnu.version_d); index 1 is the object itself. */
  readonly versions: readonly (string | undefined)[];
  /** Names of the versions that it refers to, by index (.gnu.version_r). */
  readonly requiredVersions: readonly (string | undefined)[];
}

/** A shared object of the link. */
export interface LinkedObject extends SharedObject {
  /** Row of file. */
  readonly file: number;
  /** DT_SONAME, or what the loader looks for without one. */
  readonly soname: string;
}

/** @throws FormatError when what it says lies outside the file */
export function readSharedObject(file: string, bytes: Uint8Array): SharedObject {
  const reader = new ByteReader(file, bytes);
  const headers = reader.u64(40);
  const count = reader.u16(60);
  let soname: string | undefined;
  let rpath: string | undefined;
  let runpath: string | undefined;
  const needed: string[] = [];
  const versions: (string | undefined)[] = [];
  const requiredVersions: (string | undefined)[] = [];
  for (let i = 0; i < count; i++) {
    const header = headers + i * SHDR;
    const type = reader.u32(header + 4);
    if (type !== SHT_DYNAMIC && type !== SHT_GNU_verdef && type !== SHT_GNU_verneed) continue;
    const offset = reader.u64(header + 24);
    const size = reader.u64(header + 32);
    const strings = reader.u64(headers + reader.u32(header + 40) * SHDR + 24);
    if (type === SHT_DYNAMIC) {
      for (let at = offset; at + 16 <= offset + size; at += 16) {
        const tag = reader.u64(at);
        if (tag === 0) break;
        if (tag === DT_SONAME) soname = reader.cString(strings + reader.u64(at + 8));
        else if (tag === DT_NEEDED) needed.push(reader.cString(strings + reader.u64(at + 8)));
        else if (tag === DT_RUNPATH) runpath = reader.cString(strings + reader.u64(at + 8));
        else if (tag === DT_RPATH) rpath = reader.cString(strings + reader.u64(at + 8));
      }
    } else if (type === SHT_GNU_verneed) {
      readRequired(reader, offset, Math.min(reader.u32(header + 44), MAX_VERSIONS), strings, requiredVersions);
    } else {
      for (let at = offset, left = Math.min(reader.u32(header + 44), MAX_VERSIONS); left > 0; left--) {
        const index = reader.u16(at + 4) & 0x7fff;
        versions[index] = reader.cString(strings + reader.u32(at + reader.u32(at + 12)));
        const next = reader.u32(at + 16);
        if (next === 0) break;
        at += next;
      }
    }
  }
  return { soname, needed, runpath: runpath ?? rpath, versions, requiredVersions };
}

/** .gnu.version_r: a list of files, each with a list of versions. */
function readRequired(
  reader: ByteReader,
  offset: number,
  files: number,
  strings: number,
  versions: (string | undefined)[],
): void {
  for (let at = offset, left = files; left > 0; left--) {
    for (let aux = at + reader.u32(at + 8), more = reader.u16(at + 2); more > 0; more--) {
      versions[reader.u16(aux + 6) & 0x7fff] = reader.cString(strings + reader.u32(aux + 8));
      const next = reader.u32(aux + 12);
      if (next === 0) break;
      aux += next;
    }
    const next = reader.u32(at + 12);
    if (next === 0) break;
    at += next;
  }
}
