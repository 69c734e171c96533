/** .eh_frame and .eh_frame_hdr: how stacks are unwound (LSB Core, Exception Frames). */
import { SHF_ALLOC, SHT_PROGBITS } from "../../elf/constants.ts";
import type { OwnSection } from "./own-section.ts";

/** Unwinders without .eh_frame_hdr look for four zero bytes at the end. */
const TERMINATOR = 4;
const HEADER = 12;
/** Of the search table: a function and its FDE. */
const ENTRY = 8;

/** @param size bytes of CIEs and FDEs of inputs */
export function ehFrameSection(size: number): OwnSection {
  return { id: "ehFrame", type: SHT_PROGBITS, flags: SHF_ALLOC, alignment: 8, size };
}

export const ehFrameEndSection: OwnSection = {
  id: "ehFrameEnd",
  type: SHT_PROGBITS,
  flags: SHF_ALLOC,
  alignment: 1,
  size: TERMINATOR,
  contents: () => new Uint8Array(TERMINATOR),
};

export function ehFrameHdrSection(fdes: number): OwnSection {
  return { id: "ehFrameHdr", type: SHT_PROGBITS, flags: SHF_ALLOC, alignment: 4, size: HEADER + fdes * ENTRY };
}
