/** x86-64; its relocations are in x86-64-relocations.ts, its code in native/targets/x86-64.cc. */
import { EM_X86_64 } from "../elf/constants.ts";
import type { Target } from "./target.ts";

export const x86_64: Target = {
  name: "elf_x86_64",
  machine: EM_X86_64,
  imageBase: 0x400000,
  codeFiller: 0xcc,
  gotPltReserved: 3,
  plt: { header: 16, entry: 16, secondEntry: 0, gotEntry: 8 },
  // With IBT: each entry begins with endbr64, so that .plt has no room for the jump that is taken mostly.
  checkedPlt: { header: 16, entry: 16, secondEntry: 16, gotEntry: 16 },
};
