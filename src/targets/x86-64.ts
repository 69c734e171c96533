/** x86-64; its relocations are in x86-64-relocations.ts, its code in native/targets/x86-64.cc. */
import { EM_X86_64 } from "../elf/constants.ts";
import type { PltUnwind, Target } from "./target.ts";

/**
 * .plt: the header pushes a word 6 bytes in; an entry has pushed its index where it is `pushed` bytes in. Entries have
 * 16 bytes, so one expression says for all: %rsp + 8 + ((%rip & 15) >= pushed) * 8.
 */
function unwindOf(pushed: number): PltUnwind {
  const [DW_CFA_def_cfa_offset, DW_CFA_advance_loc, DW_CFA_def_cfa_expression] = [0x0e, 0x40, 0x0f];
  const [DW_OP_breg7, DW_OP_breg16, DW_OP_lit0, DW_OP_and] = [0x77, 0x80, 0x30, 0x1a];
  const [DW_OP_ge, DW_OP_shl, DW_OP_plus] = [0x2a, 0x24, 0x22];
  const expression = [
    [DW_OP_breg7, 8],
    [DW_OP_breg16, 0, DW_OP_lit0 + 15, DW_OP_and, DW_OP_lit0 + pushed, DW_OP_ge],
    [DW_OP_lit0 + 3, DW_OP_shl, DW_OP_plus],
  ].flat();
  return {
    // Version 1, "zR": pointers are pc-relative, of 4 bytes. The CFA is %rsp + 8, the return address is below it.
    cie: [1, 0x7a, 0x52, 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1],
    plt: [
      [DW_CFA_def_cfa_offset, 16, DW_CFA_advance_loc + 6, DW_CFA_def_cfa_offset, 24],
      [DW_CFA_advance_loc + 10, DW_CFA_def_cfa_expression, expression.length, ...expression],
    ].flat(),
    jump: [],
  };
}

export const x86_64: Target = {
  name: "elf_x86_64",
  machine: EM_X86_64,
  imageBase: 0x400000,
  codeFiller: 0x90, // nop
  gotPltReserved: 3,
  // psABI 3.4.6, variant II: the block ends at the thread pointer.
  threadPointer: ({ end }) => end,
  plt: { header: 16, entry: 16, secondEntry: 0, gotEntry: 8, unwind: unwindOf(11) },
  // With IBT: each entry begins with endbr64, so that .plt has no room for the jump that is taken mostly.
  checkedPlt: { header: 16, entry: 16, secondEntry: 16, gotEntry: 16, unwind: unwindOf(9) },
};
