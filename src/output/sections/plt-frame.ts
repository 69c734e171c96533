/** Unwind information of the PLT: a CIE and an FDE for each of .plt, .plt.sec and .plt.got, at the end of .eh_frame. */
import { SHF_ALLOC, SHT_PROGBITS } from "../../elf/constants.ts";
import type { OwnSectionId } from "../../tables/schema.ts";
import type { PltUnwind } from "../../targets/target.ts";
import type { Placed, PlacedPart } from "../placed-section.ts";
import type { OwnSection } from "./own-section.ts";

/** Each of the tables of code, and what the frame is like in it. */
export type PltCode = readonly { readonly id: OwnSectionId; readonly instructions: readonly number[] }[];

/** Offset in an FDE of the pointer to its function. */
const FUNCTION = 8;
const ALIGNMENT = 8;

/** Bytes of a record whose body has so many after the length. */
function recordSize(body: number): number {
  return Math.ceil((4 + body) / ALIGNMENT) * ALIGNMENT;
}

const fdeBody = (instructions: readonly number[]): number => 4 + 4 + 4 + 1 + instructions.length;

export function pltFrameSection(code: PltCode, unwind: PltUnwind): OwnSection {
  const cieSize = recordSize(4 + unwind.cie.length);
  const size = code.reduce((sum, { instructions }) => sum + recordSize(fdeBody(instructions)), cieSize);
  return {
    id: "pltFrame",
    type: SHT_PROGBITS,
    flags: SHF_ALLOC,
    alignment: 1, // right after what is before it: zeros between would be read as the end
    size,
    contents: (placed) => encode(code, unwind, placed, new Uint8Array(size)),
  };
}

/** For .eh_frame_hdr: where the code is, and addresses of the FDEs. */
export function pltFdes(code: PltCode, unwind: PltUnwind, placed: Placed): { code: PlacedPart; fde: number }[] {
  let at = placed.own("pltFrame")!.address + recordSize(4 + unwind.cie.length);
  return code.map(({ id, instructions }) => {
    const fde = at;
    at += recordSize(fdeBody(instructions));
    return { code: placed.own(id)!, fde };
  });
}

/** LSB Core, Exception Frames: the CIE, then an FDE for each part, padded with DW_CFA_nop, which is 0. */
function encode(code: PltCode, { cie }: PltUnwind, placed: Placed, bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer);
  const { address } = placed.own("pltFrame")!;
  const cieSize = recordSize(4 + cie.length);
  view.setUint32(0, cieSize - 4, true);
  bytes.set(cie, 8); // after the id, 0
  let at = cieSize;
  for (const { id, instructions } of code) {
    const own = placed.own(id)!;
    view.setUint32(at, recordSize(fdeBody(instructions)) - 4, true);
    view.setUint32(at + 4, at + 4, true); // how far back the CIE is
    view.setInt32(at + FUNCTION, own.address - (address + at + FUNCTION), true);
    view.setUint32(at + FUNCTION + 4, own.size, true);
    bytes.set(instructions, at + FUNCTION + 9); // after the size of augmentation data, 0
    at += recordSize(fdeBody(instructions));
  }
  return bytes;
}
