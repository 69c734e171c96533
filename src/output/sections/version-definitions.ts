/** .gnu.version_d: the versions that a shared object defines (LSB Core, Symbol Versioning). */
import { Elf64_Verdaux, Elf64_Verdef } from "../../elf/records.ts";
import type { DynamicStrings } from "./dynamic-strings.ts";
import { sysvHash } from "./sysv-hash.ts";

const VER_FLG_BASE = 1;
const VER_FLG_WEAK = 2;

export interface Definition {
  readonly name: string;
  readonly index: number;
  readonly parents: readonly string[];
  readonly isWeak: boolean;
}

/** @param own the object's own name, which is version 1 */
export function versionDefinitions(
  own: string,
  definitions: readonly Definition[],
  strings: DynamicStrings,
): Uint8Array {
  const all: Definition[] = [{ name: own, index: 1, parents: [], isWeak: false }, ...definitions];
  const size = all.reduce(
    (sum, { parents }) => sum + Elf64_Verdef.sizeof + (1 + parents.length) * Elf64_Verdaux.sizeof,
    0,
  );
  const view = new DataView(new ArrayBuffer(size));
  let at = 0;
  for (const { name, index, parents, isWeak } of all) {
    const names = [name, ...parents];
    const length = Elf64_Verdef.sizeof + names.length * Elf64_Verdaux.sizeof;
    view.setUint16(at + Elf64_Verdef.vd_version, 1, true);
    view.setUint16(at + Elf64_Verdef.vd_flags, index === 1 ? VER_FLG_BASE : isWeak ? VER_FLG_WEAK : 0, true);
    view.setUint16(at + Elf64_Verdef.vd_ndx, index, true);
    view.setUint16(at + Elf64_Verdef.vd_cnt, names.length, true);
    view.setUint32(at + Elf64_Verdef.vd_hash, sysvHash(name), true);
    view.setUint32(at + Elf64_Verdef.vd_aux, Elf64_Verdef.sizeof, true);
    view.setUint32(at + Elf64_Verdef.vd_next, index === all.length ? 0 : length, true);
    for (const [i, text] of names.entries()) {
      const aux = at + Elf64_Verdef.sizeof + i * Elf64_Verdaux.sizeof;
      view.setUint32(aux + Elf64_Verdaux.vda_name, strings.add(text), true);
      view.setUint32(aux + Elf64_Verdaux.vda_next, i + 1 === names.length ? 0 : Elf64_Verdaux.sizeof, true);
    }
    at += length;
  }
  return new Uint8Array(view.buffer);
}
