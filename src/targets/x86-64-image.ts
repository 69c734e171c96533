/**
 * How the loaded image of an x86-64 program refers to addresses, for who reads one back: what dynamic relocations
 * are for, which slot an entry of a PLT jumps through, and which fields of code and data may hold an address.
 */
import { relocationName, relocations } from "./x86-64-relocations.ts";

/** What the loader stores. Types that are in no image are `other`. */
export type DynamicKind = "relative" | "indirect" | "copy" | "symbol" | "threadOffset" | "other";

const kinds = new Map<number, DynamicKind>([
  [relocations.R_X86_64_RELATIVE.number, "relative"],
  [relocations.R_X86_64_IRELATIVE.number, "indirect"],
  [relocations.R_X86_64_COPY.number, "copy"],
  [relocations.R_X86_64_64.number, "symbol"],
  [relocations.R_X86_64_GLOB_DAT.number, "symbol"],
  [relocations.R_X86_64_JUMP_SLOT.number, "symbol"],
  [relocations.R_X86_64_TPOFF64.number, "threadOffset"],
]);

export const dynamicKind = (type: number): DynamicKind => kinds.get(type) ?? "other";

export const relativeType = relocations.R_X86_64_RELATIVE.number;

/** `R_X86_64_JUMP_SLOT`, or a number. */
export const dynamicName = relocationName;

/** Entries of PLTs are so many bytes apart, at least (psABI x86-64 5.2; .plt.got of GNU ld). */
export const PLT_STEP = 8;

/**
 * The offset of the slot that an entry of a PLT jumps through, from the entry: of `jmp *slot(%rip)`, after an endbr64
 * and a bnd prefix that may be there.
 */
export function pltSlotOffset(entry: DataView): number | undefined {
  let at = 0;
  if (entry.byteLength >= 4 && entry.getUint32(0, true) === 0xfa1e0ff3) at = 4;
  if (entry.byteLength > at && entry.getUint8(at) === 0xf2) at++;
  if (entry.byteLength < at + 6 || entry.getUint16(at, true) !== 0x25ff) return undefined;
  return at + 6 + entry.getInt32(at + 2, true);
}

/** In bytes: a displacement is followed by an immediate of so many (Intel SDM vol. 2, 2.2.1.6). */
export const bytesAfterDisplacement: readonly number[] = [0, 4, 1, 2];

/**
 * An instruction that uses the address of a symbol in one of the forms that a load through the GOT may have or become
 * (psABI x86-64 B.2): `mov slot(%rip), %reg`, `lea sym(%rip), %reg`, `mov $sym, %reg`, and the like for arithmetic.
 * The last four bytes are the field.
 */
export interface AddressUse {
  /** The operation and the register: equal for instructions that do the same. */
  readonly operation: string;
  readonly form: "slot" | "relative" | "immediate";
  readonly size: number;
}

/** Reads an instruction that begins with an opcode, or with a REX prefix when `hasRex`. */
export function addressUse(bytes: Uint8Array, at: number, hasRex: boolean): AddressUse | undefined {
  const rex = hasRex ? bytes[at] : 0x40;
  if ((rex & 0xf0) !== 0x40) return undefined;
  const opcodeAt = hasRex ? at + 1 : at;
  const [opcode, modrm] = [bytes[opcodeAt], bytes[opcodeAt + 1]];
  const size = opcodeAt + 6 - at;
  const width = rex & 8;
  const isRelative = (modrm & 0xc7) === 0x05;
  const isRegister = (modrm & 0xc0) === 0xc0;
  const target = ((modrm >> 3) & 7) | ((rex & 4) << 1);
  const only = (modrm & 7) | ((rex & 1) << 3);
  const group = (modrm >> 3) & 7;
  if (isRelative && opcode === 0x8b) return { operation: `mov ${width} ${target}`, form: "slot", size };
  if (isRelative && opcode === 0x8d) return { operation: `mov ${width} ${target}`, form: "relative", size };
  if (isRegister && opcode === 0xc7 && group === 0)
    return { operation: `mov ${width} ${only}`, form: "immediate", size };
  if (isRelative && opcode === 0x85) return { operation: `test ${width} ${target}`, form: "slot", size };
  if (isRegister && opcode === 0xf7 && group === 0)
    return { operation: `test ${width} ${only}`, form: "immediate", size };
  if (isRelative && (opcode & 0xc7) === 0x03)
    return { operation: `${opcode >> 3} ${width} ${target}`, form: "slot", size };
  if (isRegister && opcode === 0x81) return { operation: `${group} ${width} ${only}`, form: "immediate", size };
  return undefined;
}

/** TLS variant II: the thread pointer is where the module's block ends. */
export const threadPointer = (begin: number, size: number, alignment: number): number => {
  const unit = Math.max(1, alignment);
  return Math.ceil((begin + size) / unit) * unit;
};
