/** Sections of a script that lie over one another, as GNU ld looks for them (--check-sections). */
import { SHT_NOBITS } from "../../elf/constants.ts";
import type { Located, StatedError } from "./located-section.ts";
import { isAllocated, isTbss } from "./stated-section.ts";

type Where = "address" | "loadAddress";

/** Two sections with the same address are overlays; then only load addresses must be apart. */
export function overlapsOf(located: readonly Located[]): StatedError[] {
  const loaded = located.filter(({ section, value }) => isAllocated(section) && value.size > 0 && !isTbss(section));
  const errors = overlaps(
    loaded.filter(({ section }) => section.type !== SHT_NOBITS),
    "loadAddress",
  );
  const addresses = new Set(loaded.map(({ value }) => value.address));
  return addresses.size < loaded.length ? errors : [...errors, ...overlaps(loaded, "address")];
}

function overlaps(located: readonly Located[], where: Where): StatedError[] {
  const ordered = located.toSorted((a, b) => a.value[where] - b.value[where]);
  const errors: StatedError[] = [];
  let last: Located | undefined;
  for (const item of ordered) {
    if (last !== undefined && last.value[where] + last.value.size > item.value[where])
      errors.push({
        place: item.section.stated?.place,
        detail: `section '${item.section.name}' ${range(item, where)} overlaps section '${last.section.name}' ${range(last, where)}`,
      });
    if (last === undefined || item.value[where] + item.value.size > last.value[where] + last.value.size) last = item;
  }
  return errors;
}

function range({ value }: Located, where: Where): string {
  const hex = (address: number): string => `0x${BigInt.asUintN(64, BigInt(address)).toString(16)}`;
  return `(${where === "address" ? "" : "load "}addresses ${hex(value[where])} to ${hex(value[where] + value.size - 1)})`;
}
