/** .gnu.version_r: which versions of which libraries the symbols are bound to (LSB Core, Symbol Versioning). */
import { Elf64_Vernaux, Elf64_Verneed } from "../../elf/records.ts";
import { sysvHash } from "./sysv-hash.ts";
import type { DynamicStrings } from "./dynamic-strings.ts";

export interface VersionRequirement {
  readonly soname: string;
  readonly versions: readonly { readonly name: string; readonly index: number }[];
}

export function versionRequirements(required: readonly VersionRequirement[], strings: DynamicStrings): Uint8Array {
  const size = required.reduce(
    (sum, { versions }) => sum + Elf64_Verneed.sizeof + versions.length * Elf64_Vernaux.sizeof,
    0,
  );
  const view = new DataView(new ArrayBuffer(size));
  let at = 0;
  for (const [i, { soname, versions }] of required.entries()) {
    const isLast = i + 1 === required.length;
    view.setUint16(at + Elf64_Verneed.vn_version, 1, true);
    view.setUint16(at + Elf64_Verneed.vn_cnt, versions.length, true);
    view.setUint32(at + Elf64_Verneed.vn_file, strings.add(soname), true);
    view.setUint32(at + Elf64_Verneed.vn_aux, Elf64_Verneed.sizeof, true);
    view.setUint32(
      at + Elf64_Verneed.vn_next,
      isLast ? 0 : Elf64_Verneed.sizeof + versions.length * Elf64_Vernaux.sizeof,
      true,
    );
    at += Elf64_Verneed.sizeof;
    for (const [j, { name, index }] of versions.entries()) {
      view.setUint32(at + Elf64_Vernaux.vna_hash, sysvHash(name), true);
      view.setUint16(at + Elf64_Vernaux.vna_other, index, true);
      view.setUint32(at + Elf64_Vernaux.vna_name, strings.add(name), true);
      view.setUint32(at + Elf64_Vernaux.vna_next, j + 1 === versions.length ? 0 : Elf64_Vernaux.sizeof, true);
      at += Elf64_Vernaux.sizeof;
    }
  }
  return new Uint8Array(view.buffer);
}
