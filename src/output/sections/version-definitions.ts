/** .gnu.version_d: the versions that a shared object defines (LSB Core, Symbol Versioning). */
import type { DynamicStrings } from "./dynamic-strings.ts";
import { sysvHash } from "./sysv-hash.ts";

const VERDEF = 20;
const VERDAUX = 8;
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
  const size = all.reduce((sum, { parents }) => sum + VERDEF + (1 + parents.length) * VERDAUX, 0);
  const view = new DataView(new ArrayBuffer(size));
  let at = 0;
  for (const { name, index, parents, isWeak } of all) {
    const names = [name, ...parents];
    const length = VERDEF + names.length * VERDAUX;
    view.setUint16(at, 1, true);
    view.setUint16(at + 2, index === 1 ? VER_FLG_BASE : isWeak ? VER_FLG_WEAK : 0, true);
    view.setUint16(at + 4, index, true);
    view.setUint16(at + 6, names.length, true);
    view.setUint32(at + 8, sysvHash(name), true);
    view.setUint32(at + 12, VERDEF, true);
    view.setUint32(at + 16, index === all.length ? 0 : length, true);
    for (const [i, text] of names.entries()) {
      const aux = at + VERDEF + i * VERDAUX;
      view.setUint32(aux, strings.add(text), true);
      view.setUint32(aux + 4, i + 1 === names.length ? 0 : VERDAUX, true);
    }
    at += length;
  }
  return new Uint8Array(view.buffer);
}
