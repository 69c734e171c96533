/** The section header table (gABI ch. 4, Sections). */
import type { OutputSection } from "./output-section.ts";
import type { StringTable } from "./sections/string-table.ts";

const SHDR = 64;

export function sectionHeaders(ordered: readonly OutputSection[], names: StringTable): Uint8Array {
  const view = new DataView(new ArrayBuffer((ordered.length + 1) * SHDR));
  for (const section of ordered) {
    const at = section.index * SHDR;
    const u64 = (offset: number, value: number): void => view.setBigUint64(at + offset, BigInt(value), true);
    view.setUint32(at, names.offsetOf(section.name), true);
    view.setUint32(at + 4, section.type, true);
    u64(8, section.flags);
    u64(16, section.address);
    u64(24, section.offset);
    u64(32, section.size);
    view.setUint32(at + 40, section.link()?.index ?? 0, true);
    view.setUint32(at + 44, section.info(), true);
    u64(48, section.alignment);
    u64(56, section.entsize);
  }
  return new Uint8Array(view.buffer);
}
