/** The few functions that generated objects consist of, as machine code with the places of their relocations. */
import type { Bytes } from "../../test/harness/elf-writer.ts";

/** Offsets, from the beginning of the function, of the 32-bit fields that relocations fill. */
export interface CountedFunction {
  /** A call: R_X86_64_PLT32, addend -4. */
  readonly call: number;
  /** `mov sym@GOTPCREL(%rip), %rcx`: R_X86_64_REX_GOTPCRELX, addend -4. */
  readonly load: number;
  /** `lea text(%rip), %rsi`: R_X86_64_PC32, addend -4. */
  readonly text: number;
}

/** Where the fields of what `addCountedFunction` writes are, and how long it is. */
export const countedFunction: CountedFunction & { readonly size: number } = { load: 9, text: 16, call: 27, size: 37 };

/**
 * `int f(int depth) { return number + (depth > 0 ? callee(depth - 1) : 0); }`, with a load of a function's
 * address and of a string's on the way. All registers but %rbx may change.
 */
export function addCountedFunction(code: Bytes, number: number): void {
  code.u8(0x53, 0xbb); // push %rbx; mov $number, %ebx
  code.u32(number);
  code.u8(0x48, 0x8b, 0x0d, 0, 0, 0, 0); // mov load(%rip), %rcx
  code.u8(0x48, 0x8d, 0x35, 0, 0, 0, 0); // lea text(%rip), %rsi
  code.u8(0x85, 0xff, 0x74, 9); // test %edi, %edi; je over the next three
  code.u8(0xff, 0xcf, 0xe8, 0, 0, 0, 0, 0x01, 0xc3); // dec %edi; call callee; add %eax, %ebx
  code.u8(0x89, 0xd8, 0x5b, 0xc3); // mov %ebx, %eax; pop %rbx; ret
}

/** A CIE of 24 bytes: "zR", addresses of 32 bits relative to where they are. */
export function addCie(frames: Bytes): void {
  frames.u32(20);
  frames.u32(0);
  frames.u8(1, 0x7a, 0x52, 0, 1, 0x78, 16, 1, 0x1b); // version, "zR", alignments 1 and -8, return address in 16
  frames.u8(0x0c, 7, 8, 0x90, 1, 0, 0); // DW_CFA_def_cfa: r7 ofs 8; DW_CFA_offset: r16 at cfa-8
}

/** Bytes of an FDE; its address (R_X86_64_PC32) is at +8. */
export const FDE_BYTES = 24;

/** An FDE of a function that begins with `push %rbx`; the section's first bytes are the CIE. */
export function addFde(frames: Bytes, functionSize: number): void {
  frames.u32(FDE_BYTES - 4);
  frames.u32(frames.size);
  frames.u32(0);
  frames.u32(functionSize);
  frames.u8(0, 0x41, 0x0e, 16, 0x83, 2, 0, 0); // advance 1; def_cfa_offset 16; offset: r3 at cfa-16
}

/** A `main` that calls functions with an argument each and returns the sum of what they return, modulo 128. */
export function addMain(code: Bytes, calls: readonly { readonly argument: number }[]): number[] {
  const fields: number[] = [];
  code.u8(0x53, 0x31, 0xdb); // push %rbx; xor %ebx, %ebx
  for (const { argument } of calls) {
    code.u8(0xbf); // mov $argument, %edi
    code.u32(argument);
    code.u8(0xe8); // call
    fields.push(code.size);
    code.u32(0);
    code.u8(0x01, 0xc3); // add %eax, %ebx
  }
  code.u8(0x83, 0xe3, 0x7f, 0x89, 0xd8, 0x5b, 0xc3); // and $127, %ebx; mov %ebx, %eax; pop %rbx; ret
  return fields;
}
