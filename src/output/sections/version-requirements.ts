/** .gnu.version_r: which versions of which libraries the symbols are bound to (LSB Core, Symbol Versioning). */
import { sysvHash } from "./sysv-hash.ts";
import type { DynamicStrings } from "./dynamic-strings.ts";

export interface VersionRequirement {
  readonly soname: string;
  readonly versions: readonly { readonly name: string; readonly index: number }[];
}

const VERNEED = 16;
const VERNAUX = 16;

export function versionRequirements(required: readonly VersionRequirement[], strings: DynamicStrings): Uint8Array {
  const size = required.reduce((sum, { versions }) => sum + VERNEED + versions.length * VERNAUX, 0);
  const view = new DataView(new ArrayBuffer(size));
  let at = 0;
  for (const [i, { soname, versions }] of required.entries()) {
    const isLast = i + 1 === required.length;
    view.setUint16(at, 1, true);
    view.setUint16(at + 2, versions.length, true);
    view.setUint32(at + 4, strings.add(soname), true);
    view.setUint32(at + 8, VERNEED, true);
    view.setUint32(at + 12, isLast ? 0 : VERNEED + versions.length * VERNAUX, true);
    at += VERNEED;
    for (const [j, { name, index }] of versions.entries()) {
      view.setUint32(at, sysvHash(name), true);
      view.setUint16(at + 6, index, true);
      view.setUint32(at + 8, strings.add(name), true);
      view.setUint32(at + 12, j + 1 === versions.length ? 0 : VERNAUX, true);
      at += VERNAUX;
    }
  }
  return new Uint8Array(view.buffer);
}
