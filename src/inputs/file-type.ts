/** Tells what a file is from its first 64 bytes. What is inside is checked by the passes that read it. */
import * as elf from "../elf/constants.ts";
import { Elf64_Ehdr } from "../elf/records.ts";

export type FileType =
  | { readonly kind: "empty" | "object" | "shared" | "executable" | "archive" | "thin-archive" | "bitcode" | "script" }
  /** An ELF file that can not be linked here; `what` completes "it is …". */
  | { readonly kind: "foreign"; readonly what: string }
  | { readonly kind: "unknown"; readonly detail?: string };

/** Bytes of a file's head that `fileTypeOf` looks at. */
export const HEAD_SIZE = 64;

const ELF_MAGIC = "\x7fELF";
const ARCHIVE_MAGIC = "!<arch>\n";
const THIN_ARCHIVE_MAGIC = "!<thin>\n";
const BITCODE_MAGIC = "BC\xc0\xde";
/** LLVM's wrapper around bitcode, 0x0B17C0DE in little-endian order. */
const BITCODE_WRAPPER_MAGIC = "\xde\xc0\x17\x0b";

/** Machines that people do mix up; others are named by their number. */
const machineNames: ReadonlyMap<number, string> = new Map([
  [elf.EM_386, "i386"],
  [elf.EM_MIPS, "MIPS"],
  [elf.EM_PPC64, "PowerPC64"],
  [elf.EM_S390, "S/390"],
  [elf.EM_ARM, "ARM"],
  [elf.EM_AARCH64, "AArch64"],
  [elf.EM_RISCV, "RISC-V"],
  [elf.EM_BPF, "BPF"],
  [elf.EM_LOONGARCH, "LoongArch"],
]);

/**
 * What a file is. `head` has its first bytes, at most HEAD_SIZE, padded with zeros where the file is
 * shorter; `size` is the file's size in bytes.
 */
export function fileTypeOf(head: Uint8Array, size: number): FileType {
  if (size === 0) return { kind: "empty" };
  // By the first byte: a link may ask this of 10,000 files.
  switch (head[0]) {
    case 0x7f:
      if (startsWith(head, ELF_MAGIC)) return elfTypeOf(head, size);
      break;
    case 0x21:
      if (startsWith(head, ARCHIVE_MAGIC)) return { kind: "archive" };
      if (startsWith(head, THIN_ARCHIVE_MAGIC)) return { kind: "thin-archive" };
      break;
    case 0x42:
    case 0xde:
      if (startsWith(head, BITCODE_MAGIC) || startsWith(head, BITCODE_WRAPPER_MAGIC)) return { kind: "bitcode" };
  }
  // As GNU ld does: whatever else is text is a linker script.
  const text = head.subarray(0, size);
  if (!text.some(isBinary)) return { kind: "script" };
  return text.some((byte) => byte !== 0 && isBinary(byte))
    ? { kind: "unknown" }
    : { kind: "unknown", detail: "NUL byte in what would be a script" };
}

function startsWith(head: Uint8Array, magic: string): boolean {
  for (let i = 0; i < magic.length; i++) if (head[i] !== magic.charCodeAt(i)) return false;
  return true;
}

/** Control characters other than white space; bytes from 0x80 may be UTF-8. */
function isBinary(byte: number): boolean {
  return (byte < 0x20 && (byte < 0x09 || byte > 0x0d)) || byte === 0x7f;
}

function elfTypeOf(head: Uint8Array, size: number): FileType {
  if (Math.min(head.length, size) < Elf64_Ehdr.sizeof)
    return { kind: "foreign", what: "an ELF file that is cut off in its header" };
  const elfClass = head[elf.EI_CLASS];
  const isBigEndian = head[elf.EI_DATA] === elf.ELFDATA2MSB;
  const half = (at: number): number => (isBigEndian ? (head[at] << 8) | head[at + 1] : (head[at + 1] << 8) | head[at]);
  const type = half(Elf64_Ehdr.e_type);
  const machine = half(Elf64_Ehdr.e_machine);
  if (machine !== elf.EM_X86_64)
    return { kind: "foreign", what: `for ${machineNames.get(machine) ?? `machine ${machine}`}` };
  if (elfClass !== elf.ELFCLASS64 || isBigEndian) return { kind: "foreign", what: "not 64-bit little-endian (x32?)" };
  if (type === elf.ET_REL) return { kind: "object" };
  if (type === elf.ET_DYN) return { kind: "shared" };
  if (type === elf.ET_EXEC) return { kind: "executable" };
  return { kind: "foreign", what: type === elf.ET_CORE ? "a core dump" : `an ELF file of type ${type}` };
}
