/**
 * What may differ between Spore's output and GNU ld's for the same command line, each with its reason.
 */
import type { Difference } from "../../src/reports/diff/diff.ts";

export interface Circumstances {
  /** The words of the command line, with blanks between. */
  readonly words: string;
  /** Names that the objects of the command line define, not those of its libraries. */
  readonly ownNames: ReadonlySet<string>;
  /** Of these, those of what has several names. */
  readonly namesOfSeveral: ReadonlySet<string>;
  /** Those that are not of default visibility. */
  readonly protectedNames: ReadonlySet<string>;
}

interface Accepted {
  readonly reason: string;
  readonly kind?: Difference["kind"] | readonly Difference["kind"][];
  readonly subject?: RegExp;
  readonly what?: RegExp;
  /** What Spore's output has; `absent` where it lacks the subject. */
  readonly spore?: RegExp | "absent";
  readonly bfd?: RegExp | "absent";
  /** Only where both values are numbers, one that is absent being 0, and Spore's is the larger. */
  readonly hasMore?: true;
  /** Only for such command lines. */
  readonly words?: RegExp;
  /** Only for names that come from libraries. */
  readonly isOfLibrary?: true;
  /** Only for names of what has other names, too. */
  readonly hasAliases?: true;
  /** Only where GNU ld's output names a symbol that is protected. */
  readonly isProtected?: true;
  /** Only where small links are divided like large ones. */
  readonly isSpread?: true;
}

const isSpread = process.env["SPORE_TEST_SPREAD"] !== undefined;
const symbolTables = ["symbol", "dynamicSymbol"] as const;

const accepted: readonly Accepted[] = [
  // Where things are
  {
    reason: "mergeable strings and constants have sections of their own, where no other data is between them",
    kind: "section",
    subject: /^\.rodata(\.str|\.cst)?$/,
  },
  {
    reason: "mergeable strings and constants have sections of their own",
    kind: symbolTables,
    what: /^section$/,
    spore: /^\.rodata\.(str|cst)$/,
    bfd: /^\.rodata$/,
  },
  {
    reason: "copies of a shared object's data have sections of their own",
    kind: symbolTables,
    what: /^section$/,
    spore: /^\.copyrel/,
    bfd: /^\.(bss|data\.rel\.ro)$/,
  },
  {
    reason: "copies of a shared object's data have sections of their own",
    kind: "section",
    subject: /^(\.copyrel(\.rel\.ro)?|\.data\.rel\.ro)$/,
  },
  {
    reason: "a section is as long as what is in it: GNU ld's script rounds .bss up",
    kind: "section",
    subject: /^\.bss$/,
    what: /^(size|alignment)$/,
  },
  {
    reason: "a copy is as large as the common symbol whose place it took: GNU ld lets that reach into what follows",
    kind: symbolTables,
    what: /^size$/,
    hasMore: true,
    words: /\bmain\.o\b.*\blib\.so\b|\blib\.so\b.*\bmain\.o\b/,
    subject: /^small$/,
  },
  {
    reason:
      "a function that --defsym gives another name is its PLT entry for all: GNU ld's PLT entry is the name's alone",
    kind: symbolTables,
    what: /^address$/,
    spore: /^PLT$/,
    bfd: /^none$/,
    words: /--defsym/,
  },
  {
    reason: "constants that are merged are in another order",
    kind: "symbol",
    what: /^place$/,
    words: /\bconsts\.o\b/,
  },
  {
    reason: "each chunk's part of a section is aligned by itself, and each partition's of merged strings",
    kind: "section",
    what: /^size$/,
    isSpread: true,
  },
  {
    reason: "each chunk's part of a section is aligned by itself, and each partition's of merged strings",
    kind: "symbol",
    subject: /^(one|two)$/,
    what: /^place$/,
    isSpread: true,
  },
  {
    reason: "slots of the PLT have a section of their own, also with -z now, and only with it they are read-only",
    kind: ["section", "segment"],
    subject: /^(\.got\.plt|PT_GNU_RELRO)$/,
    what: /^(presence|contents)$/,
  },
  {
    reason:
      "slots for TLS descriptors are relocated with the others, at once: loaders do not bind them lazily any more",
    kind: ["section", "dynamic"],
    subject: /^(\.rela\.plt|DT_JMPREL|DT_PLTREL|DT_PLTRELSZ|DT_TLSDESC_PLT|DT_TLSDESC_GOT)$/,
    spore: "absent",
  },
  {
    reason: "there is no PLT without entries",
    kind: ["section", "dynamic", "unwind"],
    subject: /^(\.plt|\.plt\.got|DT_PLTGOT)$/,
    spore: "absent",
  },
  { reason: "words of 4 bytes", kind: "section", subject: /^\.hash$/, what: /^alignment$/, spore: /^4$/ },
  {
    reason: "notes of another alignment have a segment of their own (gABI ch. 5)",
    kind: "segment",
    subject: /^PT_NOTE/,
  },
  {
    reason: "without -z separate-code, read-only data and code share pages of the file and no permissions",
    kind: "segment",
    subject: /^PT_LOAD of /,
    words: /noseparate-code/,
    spore: /^R--$/,
    bfd: /^R-X$/,
  },
  {
    reason: "only what may be written and run is in a segment with all permissions; read-only zeros are in the file",
    kind: ["segment", "section"],
    subject: /^(PT_LOAD of .*|zeros_section)$/,
    words: /\bodd\.o\b/,
  },
  {
    reason: "a section that a merged one has kept is not marked: nobody collects garbage in an output",
    kind: "section",
    what: /^flags$/,
    bfd: /^0x200003$/,
  },
  {
    reason: "an empty string is not shared with the end of another: tails are not merged",
    kind: "section",
    subject: /^\.(comment|debug_str|debug_line_str)$/,
    what: /^size$/,
  },
  {
    reason: "GNU ld 2.40 does not know --build-id=sha256 and =fast",
    kind: ["section", "segment"],
    subject: /^(\.note\.gnu\.build-id|PT_NOTE.*)$/,
    words: /--build-id=(sha256|0x|fast)/,
  },

  {
    reason: "the stack's size is in PT_GNU_STACK only: nobody reads GNU_PROPERTY_STACK_SIZE",
    kind: "section",
    subject: /^\.note\.gnu\.property$/,
    what: /^size$/,
    words: /stack-size/,
  },

  // Symbols
  {
    reason: "GNU ld's script defines these in every program, referred to or not",
    kind: symbolTables,
    subject:
      /^(_DYNAMIC|_end|_edata|etext|__bss_start|__GNU_EH_FRAME_HDR|_GLOBAL_OFFSET_TABLE_|_PROCEDURE_LINKAGE_TABLE_)$/,
    spore: "absent",
  },
  {
    reason: "there is always a .got.plt, if only with what is reserved for the loader",
    kind: "symbol",
    subject: /^_GLOBAL_OFFSET_TABLE_$/,
    what: /^presence$/,
    bfd: "absent",
  },
  {
    reason: "what the linker defines has no type, is weak and as visible as references want it",
    kind: symbolTables,
    subject:
      /^_{0,2}(DYNAMIC|GLOBAL_OFFSET_TABLE_|TLS_MODULE_BASE_|ehdr_start|executable_start|bss_start|rela_iplt_(start|end)|(start|stop)_.*|e?text|etext|edata|end)$/,
    what: /^(type|binding|section|visibility)$/,
  },
  {
    reason: "both ends of an empty range have names, of which one is taken",
    kind: "symbol",
    subject: /^__rela_iplt_(start|end)$/,
    what: /^place$/,
    spore: /^__rela_iplt_end$/,
    bfd: /^__rela_iplt_end$/,
  },
  {
    reason:
      "a program's common symbol is where it is, also where a library has one of that name: GNU ld asks the loader",
    kind: "relocation",
    subject: /^GOT$/,
    what: /^R_X86_64_GLOB_DAT (weak|zero)$/,
    spore: "absent",
    words: /\bmain\.o\b/,
  },
  {
    reason: "hidden symbols are local in programs, too, as the gABI wants: GNU ld leaves most of them global",
    kind: "symbol",
    what: /^binding$/,
    spore: /^local$/,
    bfd: /^(global|weak|unique)$/,
    words: /^(?!-shared)/,
  },
  {
    reason: "hidden symbols are local in programs, too, as the gABI wants: GNU ld leaves most of them global",
    kind: "symbol",
    what: /^visibility$/,
    spore: /^default$/,
    bfd: /^(hidden|internal)$/,
    words: /^(?!-shared)/,
  },
  {
    reason: "undefined symbols are listed also when only dead code, --unresolved-symbols or -u is why",
    kind: "symbol",
    what: /^presence$/,
    spore: /^undefined$/,
    bfd: "absent",
  },
  {
    reason: "an entry symbol that is nowhere is a warning, not a symbol",
    kind: "symbol",
    subject: /^(_start|nowhere)$/,
    spore: "absent",
  },
  {
    reason: "all names of copied data are exported, so that the library means the copy by each",
    kind: [...symbolTables, "relocation"],
    subject: /^(_{0,2}environ\b|numbers$)/,
  },
  {
    reason: "the file's name is its own",
    kind: "version",
    subject: /^definition .*\.(so|out)(\.bfd)?$/,
  },

  // Code and relocations
  {
    reason: "what is defined by an IFUNC has the address of its PLT entry in PIEs, too",
    kind: ["relocation", "contents"],
    spore: /PLT of R_X86_64_IRELATIVE/,
  },
  {
    reason: "what is defined by an IFUNC has the address of its PLT entry in PIEs, too",
    kind: "relocation",
    subject: /^GOT$/,
    what: /PLT of R_X86_64_IRELATIVE/,
  },
  {
    reason: "the PLT has no entry for __tls_get_addr where nothing calls it in the end",
    kind: "unwind",
    subject: /^(\.plt$|PLT of )/,
    what: /^size$/,
  },
  {
    reason: "__tls_get_addr has no slot where nothing calls it in the end",
    kind: "relocation",
    subject: /^GOT$/,
    what: /__tls_get_addr/,
    spore: "absent",
  },
  {
    reason: "--no-relax also leaves TLS as it is",
    kind: ["contents", "relocation"],
    words: /--no-relax/,
  },
  {
    reason: "data that may be written holds addresses of functions by relocations, not those of PLT entries",
    kind: "relocation",
    what: /^target$/,
    spore: /^R_X86_64_64 /,
    bfd: "absent",
    words: /-no-pie/,
  },
  {
    reason: "debug information about what is gone has the address 0 (1 in lists), not that of what was kept",
    kind: "contents",
    subject: /^\.debug_(info|aranges|rnglists|ranges|loc|loclists)\+/,
    spore: /^0[01]0000000000/,
  },
  {
    reason: "lines of what is gone are nobody's, not those of what was kept",
    kind: "line",
    what: /^further source$/,
    spore: "absent",
  },
  {
    reason: "what goes through the GOT by a relocation that is not marked as relaxable stays so",
    kind: "relocation",
    subject: /^GOT$/,
    what: /^R_X86_64_RELATIVE /,
    hasMore: true,
  },
  {
    reason: "what goes through the GOT by a relocation that is not marked as relaxable stays so",
    kind: ["section", "segment"],
    subject: /^(PT_LOAD of )?\.(got|rela\.dyn)$/,
    what: /^(presence|contents)$/,
    bfd: "absent",
  },
  {
    reason: "a section that is empty is left out",
    kind: "section",
    what: /^presence$/,
    spore: "absent",
    bfd: /^0x0$/,
  },
  {
    reason: "local names are gone, so that what has none has to be guessed",
    kind: ["contents", "relocation", "unwind", "symbol", "file"],
    words: /(^| |,)-[sxX]( |$)/,
  },
  {
    reason: "what is undefined may be defined when the program runs",
    kind: [...symbolTables, "relocation", "section", "dynamic", "contents"],
    words: /unresolved-symbols/,
  },

  {
    reason: "what a function of a library is that an IFUNC chooses, is in the PLT of the program",
    kind: [...symbolTables, "relocation", "unwind", "section"],
    subject: /^(ifunc\d|alias_of_|GOT|unnamed place|pointer|\.plt\.got)/,
    what: /^(size|type|section|presence|target|FDE|R_X86_64_(IRELATIVE|JUMP_SLOT) (chosen_|alias_of_)?(ifunc.*)?.*)$/,
  },
  {
    reason: "a program's own thread-local variables are where they are, also where it exports them",
    kind: ["relocation", "contents"],
    subject: /^(GOT$|.*\+0x)/,
    what: /^(R_X86_64_TPOFF64 .*|code)$/,
    words: /(^| )-(no-)?pie( |$)/,
    bfd: /^1$|^(66)*[0-9a-f]{2,6}0[35]|^[0-9a-f]*8b[01]5/,
  },
  {
    reason: "-Bsymbolic binds thread-local variables, too: GNU ld leaves to the loader what it has made Initial Exec",
    kind: "contents",
    what: /^code$/,
    words: /-Bsymbolic\b/,
    spore: /slot of R_X86_64_(TPOFF64|DTPMOD64) (\+0x[0-9a-f]+)?\)/,
    bfd: /slot of R_X86_64_(TPOFF64|DTPMOD64) \S+\)/,
  },
  {
    reason: "GNU ld makes Initial Exec of General Dynamic where other code of a shared object has it",
    kind: "contents",
    what: /^code$/,
    spore: /^(66)?(48)?8d3d|^(48)?8d05/,
    bfd: /^(66)*64488b0425|^(48)?8b05/,
    words: /-shared/,
  },
  {
    reason: "GNU ld makes Initial Exec of General Dynamic where other code of a shared object has it",
    kind: "relocation",
    subject: /^GOT$/,
    what: /^R_X86_64_(DTPMOD64|DTPOFF64|TLSDESC|TPOFF64) /,
    words: /-shared|-pie( |$)/,
  },
  {
    reason: "how many relocations are relative follows from which are there",
    kind: "dynamic",
    subject: /^DT_RELA(COUNT|SZ|ENT)?$/,
  },
  {
    reason: "an absolute symbol of a library is looked up as any other, not taken over",
    kind: [...symbolTables, "relocation", "version", "contents"],
    subject: /^(absolute\d+.*|requirement V. of .*|GOT)$/,
    what: /^(section|presence|flags and parents|R_X86_64_GLOB_DAT absolute.*)$/,
  },
  {
    reason: "data with several names is copied by the first of them",
    kind: "relocation",
    what: /^target$/,
    spore: "absent",
    bfd: /^R_X86_64_COPY /,
  },
  {
    reason: "aliases of data that is copied are exported, too",
    kind: symbolTables,
    what: /^presence$/,
    spore: /^\.copyrel/,
    bfd: "absent",
  },
  {
    reason: "protected symbols are bound when the library is linked, also variables",
    kind: ["relocation", "contents"],
    isProtected: true,
  },
  {
    reason: "protected symbols are bound when the library is linked, also variables: here a slot of General Dynamic",
    kind: "contents",
    what: /^code$/,
    words: /-shared/,
    spore: /^[0-9a-f]*0000666648e8/,
    bfd: /^[0-9a-f]*0000666648e8/,
  },
  {
    reason: "sections that __start_ and __stop_ symbols can name are kept",
    kind: ["section", "segment", "symbol", "relocation"],
    words: /--gc-sections/,
    subject: /^(PT_LOAD of )?[A-Za-z_]\w*/,
    what: /^(presence|contents|size|alignment|target)$/,
  },
  {
    reason: "aliases of data that is copied are exported, too",
    kind: [...symbolTables, "relocation", "version", "contents"],
    subject: /^alias_of_/,
  },
  {
    reason:
      "all names of copied data mean the copy: in GNU ld's program, some may mean another, or what the library has",
    kind: [...symbolTables, "relocation"],
    subject: /^data\d+(@|$)/,
    hasAliases: true,
    what: /^(section|size|binding|presence|target)$/,
    words: /(^| )-(no-)?pie( |$)/,
  },
  {
    reason:
      "all names of copied data mean the copy: in GNU ld's program, some may mean another, or what the library has",
    kind: "relocation",
    subject: /^GOT$/,
    what: /^R_X86_64_GLOB_DAT (alias_of_|data)\d+@/,
    words: /(^| )-(no-)?pie( |$)/,
  },
  {
    reason:
      "all names of copied data mean the copy: in GNU ld's program, some may mean another, or what the library has",
    kind: "contents",
    what: /^code$/,
    spore: /slot of R_X86_64_GLOB_DAT (alias_of_|data)\d+@/,
    words: /(^| )-(no-)?pie( |$)/,
  },
  {
    reason: "--wrap is for references of objects: GNU ld has the names that shared objects refer to turned round, too",
    kind: ["section", ...symbolTables, "unwind"],
    subject: /^(__wrap_.*|f\d+|\.text|\.eh_frame(_hdr)?)$/,
    what: /^(presence|size|FDE)$/,
    words: /--wrap=/,
  },

  // The C library in the program
  {
    reason: "members of archives are in the archive's order, so that what has no name is elsewhere",
    kind: ["contents", "relocation", "unwind", "symbol"],
    words: /-static/,
    isOfLibrary: true,
  },
  {
    reason: "members of archives are in the archive's order: gaps differ, and which strings are shared",
    kind: "section",
    what: /^(size|link|entry size|alignment|presence)$/,
    words: /-static/,
  },

  // The rest
  {
    reason: "an indirect function that its library binds is called by a PLT entry and a relocation of it",
    kind: ["section", "dynamic"],
    subject: /^(\.plt|\.rela\.plt|DT_PLTGOT|DT_PLTREL|DT_PLTRELSZ|DT_JMPREL)$/,
    words: /-shared/,
    bfd: "absent",
  },
  {
    reason: "an indirect function that its library binds is called by a PLT entry and a relocation of it",
    kind: ["section", "dynamic", "segment"],
    subject: /^((PT_LOAD of )?\.rela\.dyn|DT_RELA(SZ|ENT|COUNT)?)$/,
    words: /-shared.*-Bsymbolic/,
    spore: "absent",
  },
  {
    reason: "what goes through the GOT by a relocation that is not marked as relaxable stays so",
    kind: ["section", "dynamic"],
    subject: /^(\.relr\.dyn|DT_RELR.*)$/,
    words: /pack-relative-relocs/,
    bfd: "absent",
  },
  {
    reason: "a hidden symbol is not in .dynsym, also where it is the bound of a section",
    kind: "dynamicSymbol",
    subject: /^__(start|stop)_bounded$/,
    what: /^presence$/,
    spore: "absent",
  },
  {
    reason: "a program's own symbols are where they are, also where it exports them",
    kind: ["relocation", "contents"],
    subject: /^(GOT$|.*\+0x)/,
    what: /^(R_X86_64_GLOB_DAT .*|code)$/,
    words: /(^| )-no-pie( |$)/,
    bfd: /^1$|slot of R_X86_64_GLOB_DAT/,
  },
  {
    reason: "what a program exports that an IFUNC chooses is a function, also where its address is not taken",
    kind: symbolTables,
    subject: /^(ifunc\d|alias_of_)/,
    what: /^place$/,
    spore: /PLT of R_X86_64_IRELATIVE/,
  },
  {
    reason: "what a program exports that an IFUNC chooses is a function, also where its address is not taken",
    kind: "file",
    what: /^OS ABI$/,
    spore: /^0$/,
  },
  {
    reason: "a call of nothing goes to address 0 of the image, in place of a PLT entry without a function",
    kind: "contents",
    what: /^code$/,
    words: /-static-pie/,
    bfd: /PLT of 0x0/,
  },
  {
    reason:
      "a function with a slot in the GOT for its address, too, is called through .plt.got, which is unwound by itself",
    kind: "unwind",
    subject: /^PLT of R_X86_64_GLOB_DAT /,
    what: /^FDE$/,
    bfd: "absent",
  },
  {
    reason: "the entries of what is resolved at start can be unwound, too; there is no PLT without entries",
    kind: "unwind",
    subject: /^FDE of an unnamed place$/,
  },
  {
    reason:
      "a label in an empty section that is left out is at the end of what is before it, or the start of what follows",
    kind: ["symbol", "contents"],
    subject: /^__TMC_(LIST|END)__$/,
    what: /^(presence|place|section)$/,
  },
  {
    reason: "_DYNAMIC is a symbol that nothing defines where there is no .dynamic",
    kind: "relocation",
    subject: /^GOT$/,
    what: /_DYNAMIC/,
  },
  {
    reason: "the address of what is nowhere is loaded from the GOT",
    kind: "contents",
    what: /^code$/,
    words: /-static-pie/,
    spore: /488b05/,
    bfd: /48c7c0/,
  },
  {
    reason: "a GOT without slots is left out",
    kind: "section",
    subject: /^\.got$/,
    what: /^presence$/,
    spore: "absent",
  },
  {
    reason: "which symbols have their entry in .plt.got, and what is resolved at start, differs",
    kind: "unwind",
    subject: /^(\.plt|PLT of )/,
    what: /^size$/,
  },
  {
    reason: "slots of functions that the output binds itself are filled by the linker",
    kind: "relocation",
    subject: /^GOT$/,
    what: /^R_X86_64_GLOB_DAT (ifunc|alias_of_|f)\d/,
    spore: "absent",
  },
  {
    reason: "slots of functions that the output binds itself are filled by the linker",
    kind: "contents",
    what: /^code$/,
    bfd: /(slot|PLT) of R_X86_64_GLOB_DAT (ifunc|alias_of_|f)\d/,
  },
  {
    reason: "an address with a number added stays an address, which moves with the image",
    kind: symbolTables,
    what: /^section$/,
    bfd: /^absolute$/,
    words: /--defsym/,
  },
  {
    reason: "a name that only -u refers to, and nothing defines, is not in .symtab",
    kind: "symbol",
    what: /^presence$/,
    spore: "absent",
    bfd: /^undefined$/,
    words: /(-Wl,|^| )-u\b/,
  },
];

/** `main+0x4` → `main`, `data@V1 of lib.so` → `data`. */
const nameOf = (subject: string): string => subject.replace(/(?<!^)(@.*|\+0x[0-9a-f]+)$/, "");

/** Why a difference is no failure of a test; undefined if it is. */
export function reasonFor(difference: Difference, circumstances: Circumstances): string | undefined {
  return accepted.find((row) => matches(row, difference, circumstances))?.reason;
}

function matches(row: Accepted, difference: Difference, circumstances: Circumstances): boolean {
  const { words, ownNames, namesOfSeveral, protectedNames } = circumstances;
  const { kind, subject, what, first, second } = difference;
  const hasValue = (wanted: RegExp | "absent" | undefined, value: string | undefined): boolean =>
    wanted === undefined || (wanted === "absent" ? value === undefined : value !== undefined && wanted.test(value));
  return (
    (row.kind === undefined || [row.kind].flat().includes(kind)) &&
    (row.subject?.test(subject) ?? true) &&
    (row.what?.test(what) ?? true) &&
    hasValue(row.spore, first) &&
    hasValue(row.bfd, second) &&
    (row.hasMore === undefined || Number(first ?? 0) > Number(second ?? 0)) &&
    (row.words?.test(words) ?? true) &&
    (row.isSpread === undefined || isSpread) &&
    (row.isOfLibrary === undefined || !ownNames.has(nameOf(subject))) &&
    (row.hasAliases === undefined || namesOfSeveral.has(nameOf(subject))) &&
    (row.isProtected === undefined ||
      `${what} ${first} ${second}`.split(/[ +)(]/).some((name) => protectedNames.has(name)))
  );
}
