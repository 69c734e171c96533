/** Relocations of every type, in code and data, against symbols of every kind: an object for each pair. */
import { relocations } from "../../src/targets/x86-64-relocations.ts";

/** What is referred to. SYMBOL is replaced by a name of the case's own. */
export interface Referent {
  readonly name: string;
  /** Assembly in the object that refers. */
  readonly definition: string;
  /** Assembly in a shared object that is linked against. */
  readonly inShared?: string;
  /** Assembly in an object that comes before. */
  readonly before?: string;
  /** What relocations name; SYMBOL by default. */
  readonly expression?: string;
  /** Thread-local, or not; nothing when it may be both. */
  readonly isTls?: boolean;
}

const object = ".type SYMBOL, @object\n.size SYMBOL, 4321\n";
const data = `.data\n.balign 16\n.quad 0\n${object}SYMBOL: .quad 7, 8\n`;
const code = ".text\n.balign 16\n.type SYMBOL, @function\n.size SYMBOL, 4321\nSYMBOL: ret\n";
const tls =
  '.section .tdata,"awT",@progbits\n.balign 8\n.type SYMBOL, @tls_object\n.size SYMBOL, 4321\nSYMBOL: .quad 7\n';
const ifunc = ".text\n.balign 16\n.type SYMBOL, @gnu_indirect_function\nSYMBOL: ret\n";
const globl = ".globl SYMBOL\n";

export const referents: readonly Referent[] = [
  { name: "local", definition: data, isTls: false },
  { name: "section symbol", definition: data, expression: ".data + 8", isTls: false },
  { name: "global", definition: globl + data, isTls: false },
  { name: "global function", definition: globl + code, isTls: false },
  { name: "hidden", definition: `${globl}.hidden SYMBOL\n${data}`, isTls: false },
  { name: "hidden function", definition: `${globl}.hidden SYMBOL\n${code}`, isTls: false },
  { name: "protected", definition: `${globl}.protected SYMBOL\n${data}`, isTls: false },
  { name: "protected function", definition: `${globl}.protected SYMBOL\n${code}`, isTls: false },
  { name: "weak", definition: `.weak SYMBOL\n${data}`, isTls: false },
  { name: "undefined weak", definition: ".weak SYMBOL\n" },
  { name: "undefined weak hidden", definition: ".weak SYMBOL\n.hidden SYMBOL\n" },
  { name: "undefined", definition: "" },
  { name: "absolute", definition: "", before: `${globl}SYMBOL = 0x1234\n`, isTls: false },
  { name: "hidden absolute", definition: "", before: `${globl}.hidden SYMBOL\nSYMBOL = 0x1234\n`, isTls: false },
  { name: "imported data", definition: "", inShared: globl + data, isTls: false },
  { name: "imported function", definition: "", inShared: globl + code, isTls: false },
  { name: "imported protected data", definition: "", inShared: `${globl}.protected SYMBOL\n${data}`, isTls: false },
  { name: "imported protected function", definition: "", inShared: `${globl}.protected SYMBOL\n${code}`, isTls: false },
  {
    name: "imported without a type",
    definition: "",
    inShared: `${globl}.data\n.balign 16\nSYMBOL: .quad 7\n`,
    isTls: false,
  },
  { name: "weakly imported data", definition: ".weak SYMBOL\n", inShared: globl + data, isTls: false },
  { name: "weakly imported function", definition: ".weak SYMBOL\n", inShared: globl + code, isTls: false },
  { name: "common", definition: ".comm SYMBOL, 4321, 16\n", isTls: false },
  {
    name: "string",
    isTls: false,
    definition: '.section .rodata.str1.1,"aMS",@progbits,1\n.asciz "other"\nSYMBOL: .asciz "string SYMBOL"\n',
  },
  {
    name: "string by its section",
    isTls: false,
    definition: '.section .rodata.str1.1,"aMS",@progbits,1\n.asciz "other"\nSYMBOL: .asciz "string SYMBOL"\n',
    expression: ".rodata.str1.1 + 6",
  },
  { name: "local ifunc", definition: ifunc, isTls: false },
  { name: "global ifunc", definition: globl + ifunc, isTls: false },
  { name: "hidden ifunc", definition: `${globl}.hidden SYMBOL\n${ifunc}`, isTls: false },
  { name: "TLS by its section", definition: tls, expression: ".tdata", isTls: true },
  { name: "local TLS", definition: tls, isTls: true },
  { name: "global TLS", definition: globl + tls, isTls: true },
  { name: "hidden TLS", definition: `${globl}.hidden SYMBOL\n${tls}`, isTls: true },
  { name: "imported TLS", definition: ".type SYMBOL, @tls_object\n", inShared: globl + tls, isTls: true },
  {
    name: "discarded",
    isTls: false,
    before: '.section .data.SYMBOL,"awG",@progbits,group_SYMBOL,comdat\n.quad 1\n',
    definition: '.section .data.SYMBOL,"awG",@progbits,group_SYMBOL,comdat\nSYMBOL: .quad 1\n',
  },
];

/** How it is referred to. */
export interface Use {
  readonly name: string;
  /** Assembly with PLACE: a label where the bytes begin. EXPRESSION is what is referred to. */
  readonly text: string;
  /** Bytes from PLACE on that are compared. */
  readonly size: number;
  /** Of the relocation. */
  readonly addend: number;
  readonly isTls: boolean;
  /** The field of the call that goes with it: offset and size. */
  readonly call?: readonly [number, number];
  /** Loads from the GOT, which linkers rewrite as far as they care to. */
  readonly isRewritable?: boolean;
}

const inText = (text: string): string => `.text\n.balign 16\nPLACE: ${text}\n.skip 16, 0x90\n`;
const code32 = (name: string, text: string): Use => ({
  name,
  text: inText(text),
  size: 16,
  addend: -4,
  isTls: /@(?:TLS|GOTTP|DTP|TP)/.test(text),
  isRewritable: text.includes("EXPRESSION@GOTPCREL"),
});
const call = ".word 0x6666\nrex64\ncall __tls_get_addr@PLT";
const indirectCall = ".byte 0x66\nrex64\ncall *__tls_get_addr@GOTPCREL(%rip)";

const codeUses: readonly Use[] = [
  code32("call", "call EXPRESSION@PLT"),
  code32("jmp", "jmp EXPRESSION"),
  code32("jne", "jne EXPRESSION"),
  code32("lea", "lea EXPRESSION(%rip), %rax"),
  { ...code32("mov $, %eax", "mov $EXPRESSION, %eax"), addend: 0 },
  { ...code32("mov $, %rax", "mov $EXPRESSION, %rax"), addend: 0 },
  { ...code32("movabs $", "movabs $EXPRESSION, %rax"), addend: 0 },
  code32("mov through the GOT", "mov EXPRESSION@GOTPCREL(%rip), %rax"),
  code32("mov through the GOT to %r12", "mov EXPRESSION@GOTPCREL(%rip), %r12"),
  code32("mov through the GOT, 32 bits", "mov EXPRESSION@GOTPCREL(%rip), %eax"),
  code32("call through the GOT", "call *EXPRESSION@GOTPCREL(%rip)"),
  code32("jmp through the GOT", "jmp *EXPRESSION@GOTPCREL(%rip)"),
  code32("test through the GOT", "test %rax, EXPRESSION@GOTPCREL(%rip)"),
  code32("add through the GOT", "add EXPRESSION@GOTPCREL(%rip), %rax"),
  code32("cmp through the GOT, 32 bits", "cmp EXPRESSION@GOTPCREL(%rip), %ecx"),
  code32("push through the GOT", "push EXPRESSION@GOTPCREL(%rip)"),
  { ...code32("General Dynamic", `.byte 0x66\nlea EXPRESSION@TLSGD(%rip), %rdi\n${call}`), call: [12, 4] },
  {
    ...code32("General Dynamic, indirect", `.byte 0x66\nlea EXPRESSION@TLSGD(%rip), %rdi\n${indirectCall}`),
    call: [12, 4],
  },
  { ...code32("Local Dynamic", "lea EXPRESSION@TLSLD(%rip), %rdi\ncall __tls_get_addr@PLT"), call: [8, 4] },
  {
    ...code32("Local Dynamic, indirect", "lea EXPRESSION@TLSLD(%rip), %rdi\ncall *__tls_get_addr@GOTPCREL(%rip)"),
    call: [9, 4],
  },
  { ...code32("Local Dynamic's offset", "lea EXPRESSION@DTPOFF(%rax), %rax"), addend: 0 },
  code32("Initial Exec, mov", "mov EXPRESSION@GOTTPOFF(%rip), %rax"),
  code32("Initial Exec, mov to %r12", "mov EXPRESSION@GOTTPOFF(%rip), %r12"),
  code32("Initial Exec, add", "add EXPRESSION@GOTTPOFF(%rip), %rax"),
  code32("Initial Exec, add to %r12", "add EXPRESSION@GOTTPOFF(%rip), %r12"),
  code32("Initial Exec, add to %r9", "add EXPRESSION@GOTTPOFF(%rip), %r9"),
  code32("Initial Exec, cmp", "cmp EXPRESSION@GOTTPOFF(%rip), %rax"),
  { ...code32("Local Exec", "lea EXPRESSION@TPOFF(%rax), %rax"), addend: 0 },
  { ...code32("Local Exec, 64 bits", "movabs $EXPRESSION@TPOFF, %rax"), addend: 0 },
  code32("TLS descriptor", "lea EXPRESSION@TLSDESC(%rip), %rax\ncall *EXPRESSION@TLSCALL(%rax)"),
  {
    ...code32(
      "General Dynamic of the large model",
      "lea EXPRESSION@TLSGD(%rip), %rdi\nmovabs $__tls_get_addr@PLTOFF, %rax\nadd %rbx, %rax\ncall *%rax",
    ),
    size: 24,
    call: [9, 8],
  },
];

/** GNU ld takes these for nothing in particular, where they are not refused. */
const isForLoader = /_(?:NONE|COPY|GLOB_DAT|JUMP_SLOT|RELATIVE|DTPMOD64|TLSDESC|IRELATIVE)$/;

/** Of each type in 8 bytes of data; a sequence of instructions that a type asks for is not there. */
function dataUses(section: string, flags: string, addend: number): Use[] {
  return Object.keys(relocations)
    .filter((type) => !isForLoader.test(type))
    .map((type) => ({
      name: `${type} in ${section}, + ${addend}`,
      text: `.section ${section},"${flags}",@progbits\n.balign 8\nPLACE: .reloc PLACE, ${type}, EXPRESSION + ${addend}\n.quad 0\n`,
      size: 8,
      addend,
      isTls: /TLS|TPOFF/.test(type),
    }));
}

export const uses: readonly Use[] = [
  ...codeUses,
  ...dataUses(".data.places", "aw", 0),
  ...dataUses(".rodata.places", "a", 4),
];

export interface RelocationCase {
  readonly index: number;
  readonly use: Use;
  readonly referent: Referent;
  /** What the symbol and the place are called. */
  readonly symbol: string;
  readonly place: string;
}

export const relocationCases: readonly RelocationCase[] = uses
  .flatMap((use) => referents.map((referent) => ({ use, referent })))
  .filter(({ use, referent }) => use.isTls === (referent.isTls ?? false))
  // What points into a split section by the section's symbol says by its addend where: there is no other use of it.
  .filter(({ use, referent }) => referent.name !== "string by its section" || /mov \$|_64 |_32S? /.test(use.name))
  // A slot is a symbol's: with a section's and an offset it is none in particular.
  .filter(({ use, referent }) => referent.name !== "section symbol" || !/GOT(?!OFF|PC(?:32|64) )/.test(use.name))
  .map(({ use, referent }, index) => ({ use, referent, index, symbol: `s${index}`, place: `p${index}` }));

/** The sources of a case: its object, and what it needs in others. */
export function sources(one: RelocationCase): { object: string; before: string; inShared: string } {
  const { use, referent, symbol, place } = one;
  const named = (text: string): string => text.replaceAll("SYMBOL", symbol).replaceAll("PLACE", place);
  const text = use.text.replaceAll("EXPRESSION", referent.expression ?? "SYMBOL");
  return {
    object: named(`${referent.definition}\n${text}\n.section .note.GNU-stack,"",@progbits\n`),
    before: named(referent.before ?? ""),
    inShared: named(referent.inShared ?? ""),
  };
}
