/**
 * The relocations of x86-64 (psABI x86-64 table 4.9, and 4.10 for the relaxable ones), once.
 *
 * A relocation is an expression over S (symbol), A (addend), P (place), G (GOT slot), L (PLT entry),
 * GOT (its address), Z (size), and a field that the result is stored in. What it needs follows from the
 * expression; generic code decides it.
 */

/** What is computed. */
export const expressions = {
  unknown: "a number that the psABI does not define, or that only the loader may see",
  none: "nothing",
  absolute: "S + A",
  pcRelative: "S + A - P",
  got: "G + A: the slot's offset in the GOT",
  gotPcRelative: "G + GOT + A - P",
  gotOffset: "S + A - GOT",
  gotBase: "GOT + A - P",
  plt: "L + A - P",
  pltOffset: "L - GOT + A",
  size: "Z + A",
  tlsGd: "General Dynamic: address of a pair of GOT slots, relative to P",
  tlsLd: "Local Dynamic: address of the module's pair of GOT slots, relative to P",
  dtpOffset: "offset in the module's TLS block",
  tpOffset: "offset from the thread pointer",
  gotTpOffset: "Initial Exec: address of a GOT slot with the offset from the thread pointer, relative to P",
  tlsDesc: "address of a TLS descriptor, relative to P",
  tlsDescCall: "marks the call through a TLS descriptor",
} as const;

/** Where the result goes: bits, and how the range is checked. */
export const fields = {
  none: "nothing is stored",
  word8: "8 bits, signed or unsigned",
  word16: "16 bits, signed or unsigned",
  unsigned32: "32 bits, zero-extended",
  signed32: "32 bits, sign-extended",
  signed8: "8 bits, sign-extended",
  signed16: "16 bits, sign-extended",
  word64: "64 bits",
} as const;

/** The rewriting of the instruction that the psABI allows when the symbol is near and final. */
export const relaxations = {
  none: "none",
  gotPcRelX: "psABI B.2: mov, call, jmp through the GOT, without REX",
  rexGotPcRelX: "psABI B.2: mov, test and arithmetic through the GOT, with REX",
} as const;

export interface RelocationRow {
  readonly number: number;
  readonly expression: keyof typeof expressions;
  readonly field: keyof typeof fields;
  readonly relax?: keyof typeof relaxations;
}

export const relocations = {
  R_X86_64_NONE: { number: 0, expression: "none", field: "none" },
  R_X86_64_64: { number: 1, expression: "absolute", field: "word64" },
  R_X86_64_PC32: { number: 2, expression: "pcRelative", field: "signed32" },
  R_X86_64_GOT32: { number: 3, expression: "got", field: "signed32" },
  R_X86_64_PLT32: { number: 4, expression: "plt", field: "signed32" },
  R_X86_64_COPY: { number: 5, expression: "unknown", field: "none" },
  R_X86_64_GLOB_DAT: { number: 6, expression: "unknown", field: "none" },
  R_X86_64_JUMP_SLOT: { number: 7, expression: "unknown", field: "none" },
  R_X86_64_RELATIVE: { number: 8, expression: "unknown", field: "none" },
  R_X86_64_GOTPCREL: { number: 9, expression: "gotPcRelative", field: "signed32" },
  R_X86_64_32: { number: 10, expression: "absolute", field: "unsigned32" },
  R_X86_64_32S: { number: 11, expression: "absolute", field: "signed32" },
  R_X86_64_16: { number: 12, expression: "absolute", field: "word16" },
  R_X86_64_PC16: { number: 13, expression: "pcRelative", field: "signed16" },
  R_X86_64_8: { number: 14, expression: "absolute", field: "word8" },
  R_X86_64_PC8: { number: 15, expression: "pcRelative", field: "signed8" },
  R_X86_64_DTPMOD64: { number: 16, expression: "unknown", field: "none" },
  R_X86_64_DTPOFF64: { number: 17, expression: "dtpOffset", field: "word64" },
  R_X86_64_TPOFF64: { number: 18, expression: "tpOffset", field: "word64" },
  R_X86_64_TLSGD: { number: 19, expression: "tlsGd", field: "signed32" },
  R_X86_64_TLSLD: { number: 20, expression: "tlsLd", field: "signed32" },
  R_X86_64_DTPOFF32: { number: 21, expression: "dtpOffset", field: "signed32" },
  R_X86_64_GOTTPOFF: { number: 22, expression: "gotTpOffset", field: "signed32" },
  R_X86_64_TPOFF32: { number: 23, expression: "tpOffset", field: "signed32" },
  R_X86_64_PC64: { number: 24, expression: "pcRelative", field: "word64" },
  R_X86_64_GOTOFF64: { number: 25, expression: "gotOffset", field: "word64" },
  R_X86_64_GOTPC32: { number: 26, expression: "gotBase", field: "signed32" },
  R_X86_64_GOT64: { number: 27, expression: "got", field: "word64" },
  R_X86_64_GOTPCREL64: { number: 28, expression: "gotPcRelative", field: "word64" },
  R_X86_64_GOTPC64: { number: 29, expression: "gotBase", field: "word64" },
  R_X86_64_GOTPLT64: { number: 30, expression: "got", field: "word64" },
  R_X86_64_PLTOFF64: { number: 31, expression: "pltOffset", field: "word64" },
  R_X86_64_SIZE32: { number: 32, expression: "size", field: "unsigned32" },
  R_X86_64_SIZE64: { number: 33, expression: "size", field: "word64" },
  R_X86_64_GOTPC32_TLSDESC: { number: 34, expression: "tlsDesc", field: "signed32" },
  R_X86_64_TLSDESC_CALL: { number: 35, expression: "tlsDescCall", field: "none" },
  R_X86_64_TLSDESC: { number: 36, expression: "unknown", field: "none" },
  R_X86_64_IRELATIVE: { number: 37, expression: "unknown", field: "none" },
  R_X86_64_GOTPCRELX: { number: 41, expression: "gotPcRelative", field: "signed32", relax: "gotPcRelX" },
  R_X86_64_REX_GOTPCRELX: { number: 42, expression: "gotPcRelative", field: "signed32", relax: "rexGotPcRelX" },
} as const satisfies Record<string, RelocationRow>;

const names = new Map<number, string>(Object.entries(relocations).map(([name, { number }]) => [number, name]));

/** `R_X86_64_PC32`, or the number of a type that is unknown. */
export const relocationName = (type: number): string => names.get(type) ?? `${type}`;

/** What a type can store, and what to compile with where that is too little; nothing for a type that is unknown. */
export function relocationRange(name: string): { minimum?: string; maximum?: string; model?: string } {
  const { field } = (relocations as Readonly<Record<string, RelocationRow>>)[name] ?? {};
  const hex = (value: number): string => (value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`);
  const [, sign, bits] = /^(word|signed|unsigned)(8|16|32)$/.exec(field ?? "") ?? [];
  if (bits === undefined) return {};
  const size = 2 ** Number(bits);
  return {
    minimum: hex(sign === "unsigned" ? 0 : -size / 2),
    maximum: hex(sign === "signed" ? size / 2 - 1 : size - 1),
    ...(bits === "32" ? { model: "recompile with -mcmodel=large, or -mcmodel=medium for large data" } : {}),
  };
}
