/** Split: the rules by which sections get their buckets, where the kernel reads them. */
import type { InputPattern } from "../output/plan.ts";
import type { Workers } from "./workers.ts";

/** Bytes of a text that the kernel compares at once. */
const FIRST_BYTES = 8;

export function fillNameRules({ tables }: Workers, rules: readonly InputPattern[]): void {
  const texts = rules.map(({ name }) => Buffer.from(name));
  tables.allocate("nameRule", rules.length);
  const firstBytes = tables.column("nameRule", "firstBytes");
  const mask = tables.column("nameRule", "mask");
  const address = tables.column("nameRule", "text");
  const length = tables.column("nameRule", "length");
  const keepsName = tables.column("nameRule", "keepsName");
  const isExact = tables.column("nameRule", "isExact");
  const reversedInto = tables.column("nameRule", "reversedInto");
  const bytes = Buffer.concat(texts);
  const offset = tables.arena.allocate(bytes.length);
  tables.arena.u8view(offset, bytes.length).set(bytes);
  let at = tables.arena.baseAddress + offset;
  for (const [row, pattern] of rules.entries()) {
    const text = texts[row]!;
    const first = Buffer.alloc(FIRST_BYTES);
    text.copy(first);
    firstBytes.setHalves(row, first.readUInt32LE(0), first.readUInt32LE(4));
    first.fill(0xff, 0, Math.min(text.length, FIRST_BYTES));
    mask.setHalves(row, first.readUInt32LE(0), first.readUInt32LE(4));
    address.set(row, at);
    at += text.length;
    length[row] = text.length;
    keepsName[row] = pattern.matches === "numbered" ? 1 : 0;
    isExact[row] = pattern.matches === "exact" ? 1 : 0;
    reversedInto[row] = pattern.reversedInto ?? 0;
  }
}
