/** .plt, .plt.sec and .plt.got: code that reaches other modules (psABI 5.2, Procedure Linkage Table). */
import { SHF_ALLOC, SHF_EXECINSTR, SHT_PROGBITS } from "../../elf/constants.ts";
import type { PltSizes } from "../../targets/target.ts";
import type { OwnSection } from "./own-section.ts";

const ALIGNMENT = 16;

function code(id: "plt" | "pltSec" | "pltGot", size: number, entsize: number, alignment: number): OwnSection {
  return { id, type: SHT_PROGBITS, flags: SHF_ALLOC | SHF_EXECINSTR, alignment, size, entsize };
}

export function pltSection(entries: number, { header, entry }: PltSizes): OwnSection {
  return code("plt", header + entries * entry, entry, ALIGNMENT);
}

/** What code calls, where .plt has no room for it. */
export function pltSecSection(entries: number, { secondEntry }: PltSizes): OwnSection {
  return code("pltSec", entries * secondEntry, secondEntry, ALIGNMENT);
}

/** For symbols that have a slot in .got as well. */
export function pltGotSection(entries: number, { gotEntry }: PltSizes): OwnSection {
  return code("pltGot", entries * gotEntry, gotEntry, gotEntry);
}
