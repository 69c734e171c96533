/** x86-64; its relocations are in x86-64-relocations.ts, its code in native/targets/x86-64.cc. */
import { EM_X86_64 } from "../elf/constants.ts";
import type { Target } from "./target.ts";

export const x86_64: Target = {
  name: "elf_x86_64",
  machine: EM_X86_64,
  imageBase: 0x400000,
  codeFiller: 0xcc,
  gotPltReserved: 3,
  pltHeaderSize: 16,
  pltEntrySize: 16,
  pltGotEntrySize: 8,
};
