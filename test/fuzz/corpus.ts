/** What is mutated: files of every kind that the linker reads, and links that read them. */
import { type Scratch, scratch } from "../harness/scratch.ts";

/** What a file is to the linker. */
export type FileKind = "object" | "archive" | "thin archive" | "shared object" | "linker script" | "pattern file";

export interface CorpusFile {
  readonly name: string;
  readonly kind: FileKind;
  /** How often it is the one that is mutated. */
  readonly weight: number;
}

/** A link that ends without an error when nothing is mutated. */
export interface Scenario {
  readonly name: string;
  /** ld's arguments without -o. */
  readonly args: readonly string[];
  readonly files: readonly CorpusFile[];
}

const sources = {
  "input.cc": `
    #include <stdexcept>
    extern "C" int other(int); extern int exported; extern "C" int versioned(int);
    inline __attribute__((noinline)) int shared_by_all(int x) { if (x > 5) throw std::runtime_error("too large"); return x; }
    template <class T> struct Shape { virtual ~Shape() {} virtual T area() const { static T last; return last += T(1.5); } };
    thread_local int local = 1; static const char *texts[] = {"one", "two", "three"};
    Shape<double> *made() { return new Shape<double>; }
    double number(double x) { return x * 1.5; } __attribute__((weak)) int optional(void); extern "C" int member_of_group(int);
    extern "C" __attribute__((visibility("protected"))) int kept(int x) { return x; }
    extern "C" int start(int i) { try { return shared_by_all(other(1)) + local + texts[i][0] + exported + versioned(i) + kept(i)
      + (optional ? optional() : 0); } catch (std::exception &) { return 3; } }
    struct First { First() { exported = 1; } } first;`,
  "debug.c": `
    struct node { struct node *next; int value; double weight[3]; }; extern int other(int);
    static int walk(const struct node *at) { int sum = 0; for (; at; at = at->next) sum += at->value; return sum; }
    int debugged(const struct node *at) { return walk(at) + other(walk(at->next)); }`,
  "tls.c": `
    extern __thread int elsewhere; __thread int general = 1; static __thread int inside, beside;
    __thread int fixed __attribute__((tls_model("initial-exec"))) = 3; int *other_address(void) { return &elsewhere; }
    int *addresses(int i) { return i == 0 ? &general : i == 1 ? &inside : i == 2 ? &beside : &fixed; }`,
  "pieces.s": `
      .globl pieces, piece_data, unique, hidden_one
      .type pieces, @function
      .section .text.pieces,"ax",@progbits
    pieces: .Lpieces: .cfi_startproc
      .cfi_personality 0x9b, personality
      .cfi_lsda 0x1b, lsda
      movq piece_data@GOTPCREL(%rip), %rax
      addq other@GOTPCREL(%rip), %rax
      call *other@GOTPCREL(%rip)
      call other@PLT
      leaq strings+5(%rip), %rdi
      leaq .Lwide(%rip), %rdi
      leaq _GLOBAL_OFFSET_TABLE_(%rip), %rbx
      movabsq $piece_data@GOTOFF, %rax
      movl $piece_data@SIZE, %eax
      jmp hidden_one
      .cfi_endproc
      .size pieces, .-pieces
      .section .gcc_except_table,"a",@progbits
    lsda: .byte 0xff, 0xff, 1, 0
      .section .rodata.str1.1,"aMS",@progbits,1
    strings: .string "one"
      .string "three"
      .string "longer than three"
      .section .rodata.str4.4,"aMS",@progbits,4
    .Lwide: .long 65, 66, 0, 67, 0
      .section .rodata.cst16,"aM",@progbits,16
      .quad 1, 2, 3, 4, 1, 2
      .section .data.rel.local,"aw",@progbits
    personality: .quad pieces
    piece_data: .quad pieces, strings, strings+4, other, exported, .Lwide+12
      .size piece_data, .-piece_data
      .type piece_data, @object
      .section .init_array.100,"aw",@init_array
      .quad pieces
      .section .ctors.65000,"aw",@progbits
      .quad pieces
      .section noted,"aw",@progbits
      .quad __start_noted, __stop_noted
      .section .text.grouped,"axG",@progbits,member_of_group,comdat
      .weak member_of_group
    member_of_group: ret
      .section .note.other,"a",@note
      .long 4, 8, 7
      .asciz "GNU"
      .quad 5
      .section .gnu.warning.dangerous,"",@progbits
      .string "do not use"
      .section .ordered,"ao",@progbits,.text.pieces
      .long .Lpieces - .
      .text
    hidden_one: call dangerous
      ret
      .hidden hidden_one
      .type unique, @gnu_unique_object
      .data
    unique: .quad unique
      .comm tentative,64,32
      .symver versioned_reference, versioned@V1
      .section .note.GNU-stack,"",@progbits`,
  "near.c": `
    int other(int); int table[100]; extern int exported; static const char *names[] = {"a", "b", "one"}; __thread int own = 2;
    int dangerous(void) { return 0; } int personality_of(void) { return 1; } int never(int x) { return table[x] * 7; }
    int start(int i) { switch (i) { case 0: return other(1); case 1: return other(2) + own; case 2: return table[i + 3];
      case 3: return names[i][0]; case 4: return exported; } return *names[1]; }`,
  "other.c": `
    int common; int other(int x) { return x + common; } static int (*choose(void))(int) { return other; }
    int indirect(int) __attribute__((ifunc("choose")));`,
  "another-member-with-a-long-name.c":
    "int indirect(int); int exported_by_member = 3; int deep(int x) { return indirect(x); }",
  "unused.c": "int never_needed(void) { return 1; } int exported_by_member;",
  "versioned.c": `
    __asm__(".symver versioned_old, versioned@V1"); __asm__(".symver versioned_new, versioned@@V2");
    int below(int); int versioned_old(int x) { return x; } int versioned_new(int x) { return below(x + 1); }
    __thread int elsewhere; int exported_v = 3; extern int alias_v __attribute__((alias("exported_v")));`,
  "below.c": "int below(int x) { return x; }",
  "plain.c":
    "int exported = 4; int imported(void); int call(void) { return imported(); } int versioned(int x) { return x; }",
  "versioned.map": "V1 { global: versioned; local: *; }; V2 { global: versioned; exported_v; alias_v; elsewhere; } V1;",
  "below.map": "BELOW { global: below; };",
  "inputs.ld": `/* GNU ld script */
    OUTPUT_FORMAT(elf64-x86-64)
    SEARCH_DIR("=/usr/lib/none") ENTRY(start)
    EXTERN ( deep )
    GROUP ( lib.a thin.a AS_NEEDED ( libplain.so libversioned.so ) )
    INPUT(tls.o, pieces.o)
    VERSION { NAMED { global: start; pie*; extern "C++" { number*; "made()"; }; local: tent*; }; }
  `,
  "versions.map": `
    # comment
    V1 { global: start; kept; extern "C++" { "number(double)"; shared_*; Shape*; }; pie?es; [a-d]*; };
    V2 { global: other; indi*; local: *; } V1;`,
  "names.list": '{ start; kept; extern "C++" { number*; }; };',
};

const object = (name: string, weight = 4): CorpusFile => ({ name, kind: "object", weight });
const archive: CorpusFile = { name: "lib.a", kind: "archive", weight: 4 };
const thinArchive: CorpusFile = { name: "thin.a", kind: "thin archive", weight: 2 };
const shared = (name: string): CorpusFile => ({ name, kind: "shared object", weight: 3 });
const always =
  "--unresolved-symbols=ignore-all --allow-shlib-undefined --allow-multiple-definition --eh-frame-hdr -e start";

/** ld's command line without -o. */
type Command = { readonly command: string };

const links: readonly (Omit<Scenario, "args"> & Command)[] = [
  {
    name: "PIE",
    command:
      "-pie input.o debug.o tls.o pieces.o lib.a libversioned.so libplain.so --build-id --hash-style=both -z now",
    files: [
      object("input.o"),
      object("debug.o"),
      object("tls.o"),
      object("pieces.o", 6),
      archive,
      shared("libversioned.so"),
      shared("libplain.so"),
    ],
  },
  {
    name: "executable",
    command:
      "-no-pie near.o pieces.o thin.a libplain.so lib.a --gc-sections --print-gc-sections -Map=map --export-dynamic --no-as-needed",
    files: [object("near.o", 6), object("pieces.o"), thinArchive, archive, shared("libplain.so")],
  },
  {
    name: "shared object",
    command:
      "-shared input.o pieces.o tls.o --whole-archive lib.a --no-whole-archive libversioned.so --version-script=versions.map -z pack-relative-relocs -soname libout.so",
    files: [
      object("input.o"),
      object("pieces.o"),
      object("tls.o"),
      archive,
      shared("libversioned.so"),
      { name: "versions.map", kind: "pattern file", weight: 3 },
    ],
  },
  {
    name: "linker script",
    command: "-pie input.o inputs.ld debug.o -s --dynamic-list=names.list --as-needed",
    files: [
      { name: "inputs.ld", kind: "linker script", weight: 5 },
      { name: "names.list", kind: "pattern file", weight: 2 },
      thinArchive,
      object("debug.o", 2),
      shared("libversioned.so"),
    ],
  },
  {
    name: "relocatable object",
    command: "-r input.o debug.o near.o tls.o pieces.o lib.a --gc-sections -x -d --build-id",
    files: [object("input.o"), object("debug.o", 3), object("near.o", 2), object("tls.o"), object("pieces.o"), archive],
  },
  {
    name: "static executable",
    command: "-static near.o tls.o lib.a --gc-sections -S --wrap=other",
    files: [object("near.o"), object("tls.o"), archive],
  },
];

/** The links. Each file of the corpus is read by one of them at least. */
export const scenarios: readonly Scenario[] = links.map(({ command, ...link }) => ({
  ...link,
  args: `${command} ${always}`.split(" "),
}));

/** Makes the corpus in a directory. */
export async function makeCorpus(): Promise<Scratch> {
  const dir = await scratch(sources);
  await Promise.all([
    dir.compile("input.cc", ["-O1", "-g", "-fPIC", "-fcf-protection"]),
    dir.compile("debug.c", ["-O1", "-g3", "-gz=zlib", "-fPIC"]),
    dir.compile("tls.c", ["-O1", "-fPIC"]),
    dir.compile("pieces.s"),
    dir.compile("near.c", ["-O1", "-fno-pic", "-ffunction-sections", "-fdata-sections", "-mcmodel=small"]),
    dir.compile("other.c", ["-fcommon", "-fPIC"]),
    dir.compile("another-member-with-a-long-name.c", ["-fPIC", "-g"]),
    dir.compile("unused.c", ["-fPIC"]),
    dir.compile("versioned.c", ["-fPIC"]),
    dir.compile("below.c", ["-fPIC"]),
    dir.compile("plain.c", ["-fPIC"]),
  ]);
  const members = ["other.o", "another-member-with-a-long-name.o", "unused.o"];
  await dir.archive("lib.a", members);
  await dir.archive("thin.a", members, "rcsT");
  await dir.shared("libbelow.so", ["below.o"], ["-Wl,--version-script=below.map", "-nostdlib"]);
  const versioned = ["-Wl,--version-script=versioned.map", "-Wl,--hash-style=both", "-Wl,-soname,libversioned.so.1"];
  await dir.shared("libversioned.so", ["versioned.o"], [...versioned, "libbelow.so", "-nostdlib"]);
  await dir.shared("libplain.so", ["plain.o"], ["-nostdlib"]);
  return dir;
}
