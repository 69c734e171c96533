/** What options make of one program and its libraries, in every kind of output: what GNU ld makes of it. */
import { expect, test } from "vitest";

import { bfd, readelf, run, spore, symbols } from "../harness/oracles.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";

const sources = {
  "own.c": `
    extern int libf(int), from_archive(int), libd;
    extern __thread int libtls;
    __attribute__((weak)) int maybe(void);
    __attribute__((weak)) int weak_own(void) { return 4; }
    int common_one, data = 7;
    static int local = 5;
    const char text[] = "text";
    __thread int tls = 3;
    __attribute__((visibility("hidden"))) int hidden(void) { return local; }
    void start(void) { common_one = 9; }
    void end(void) { local = 0; }
    int unused(void) { return data; }
    int *ptr = &data;
    int (*fptr)(int) = libf;
    int body(int x) {
      int sum = libf(x) + from_archive(x) + libd + weak_own() + hidden() + common_one + *ptr + tls + libtls;
      return maybe ? sum + maybe() : sum;
    }
    int main(int argc, char **argv) { return body(argc) & 0x3f; }`,
  "member.c": "int from_archive(int x) { return x + 1; } int archive_data = 4;",
  "other.c": "int unused_member(void) { return 1; }",
  "lib.c": "int libf(int x) { return x * 2; } int libd = 6; __thread int libtls = 1;",
  anonymous: "{ global: main; local: *; };",
  versions: "V1 { global: body; main; local: d*; }; V2 { global: weak_*; } V1;",
};

const kinds = ["-shared", "-pie", "-no-pie"];

/** Each line is one command line. */
const dynamic = `
--exclude-libs=ALL
--exclude-libs libown.a -E
--exclude-libs=libother:libown
-init start -fini end
-init nowhere
--version-script=anonymous
--version-script=anonymous -E
--version-script=versions
--version-script=versions -Bsymbolic-functions
--no-undefined-version --version-script=versions
-E --no-export-dynamic
--export-dynamic-symbol=b?dy --export-dynamic-symbol=data
--disable-new-dtags -rpath /x
--disable-new-dtags -rpath /x --enable-new-dtags
-rpath /x -rpath /y:/x -rpath /x
-R /usr
-Y /usr/lib
-z lazy
-z now
-z norelro
-z origin -z nodelete
-z nodlopen -z now
-z nodump -z initfirst -z now
-z interpose
-z nodefaultlib
-z loadfltr -z global
-z unique
-z globalaudit
-Bgroup
-z stack-size=65536
-z text
-z notext
-z dynamic-undefined-weak
-z nodynamic-undefined-weak
-z pack-relative-relocs
-z nocopyreloc
--audit=x.so -P y.so
--audit=x.so -P y.so --audit y.so --depaudit=x.so:z.so
-F filtered.so
-f auxiliary.so
--spare-dynamic-tags=3
--hash-style=sysv
--hash-style=gnu
--soname=name.so.1
-soname first -h last
--copy-dt-needed-entries
`;
const others = `
-z max-page-size=65536
-z max-page-size=0x200000 -z separate-code
-z noseparate-code
-z execstack
-z noexecstack
-z ibt -z shstk
-z ibtplt
-z x86-64-v3
--no-omagic
-s
-S
-x
-X
--discard-none
-u unused_member
--require-defined=unused_member
--defsym=other=data --defsym=number=0x1234
--defsym=limit=_end --defsym=code=etext
--wrap=libf
--wrap=from_archive
--wrap=maybe
--wrap=hidden
--gc-sections
--gc-sections -u unused
--gc-sections -e body
-e body
-e 0x1234
-e nowhere
--unresolved-symbols=ignore-all
--unresolved-symbols=ignore-in-object-files
--warn-unresolved-symbols
--no-undefined
--no-allow-shlib-undefined
--no-relax
--build-id
--build-id=0x1234
--no-eh-frame-hdr
--no-ld-generated-unwind-info
--compress-debug-sections=zlib
--package-metadata={"type":"deb"}
-d
--whole-archive libother.a --no-whole-archive
--as-needed libother.so --no-as-needed
--push-state --as-needed --pop-state libother.so
--start-group libother.a --end-group
`;

const linesOf = (text: string): string[] => text.trim().split("\n");

async function prepare(): Promise<Scratch> {
  const dir = await scratch(sources);
  await dir.compile("own.c", ["-fPIC", "-ffunction-sections", "-fdata-sections", "-fcommon", "-g"]);
  for (const name of ["member.c", "other.c", "lib.c"]) await dir.compile(name, ["-fPIC"]);
  await dir.archive("libown.a", ["member.o"]);
  await dir.archive("libother.a", ["other.o"]);
  await dir.shared("lib.so", ["lib.o"], ["-Wl,-soname,lib.so"]);
  await dir.shared("libother.so", ["other.o"], ["-Wl,-soname,libother.so"]);
  return dir;
}

async function startFile(kind: string): Promise<readonly string[]> {
  if (kind === "-shared") return [];
  return [(await run("gcc", [`-print-file-name=${kind === "-pie" ? "S" : ""}crt1.o`])).stdout.trim()];
}

for (const kind of kinds)
  for (const [what, text] of Object.entries({ "for the loader": dynamic, "of all sorts": others }))
    test.concurrent(`options ${what} mean what they mean to GNU ld (${kind})`, async () => {
      await using dir = await prepare();
      const library = (await run("gcc", ["-print-file-name=libc.so"])).stdout.trim();
      const start = await startFile(kind);
      for (const line of linesOf(text)) {
        const before = [kind, "-dynamic-linker", "/lib64/ld-linux-x86-64.so.2", "--eh-frame-hdr", ...start, "own.o"];
        const words = [...before, "-L.", "-lown", "lib.so", ...line.split(" "), library, "-o", "output.so"];
        const expected = await dir.run(bfd.path, words);
        const found = await dir.linkDirectly(spore, words);
        expect(found.status, `${line}: ${found.stderr}`).toBe(expected.status);
        expect(found.stderr === "", `${line}: ${found.stderr}`).toBe(expected.stderr === "");
      }
    });

test("what --wrap makes of a name is named in a message, and by a shared object that leaves it to others", async () => {
  await using dir = await prepare();
  const words = ["own.o", "-L.", "-lown", "lib.so", "--wrap=libf", "--wrap=number", "-o", "output"];
  for (const linker of [bfd, spore]) {
    const ended = await dir.run(linker.path, ["-pie", "-e", "main", ...words]);
    expect(ended.status, linker.name).toBe(1);
    expect(ended.stderr, linker.name).toMatch(/undefined reference to .__wrap_libf'/);
    expect((await dir.run(linker.path, ["-shared", ...words])).status, linker.name).toBe(0);
    const { text } = await readelf(dir.file("output"), "--dyn-syms", "-W");
    expect(text, linker.name).toMatch(/ UND __wrap_libf\n/);
    expect(text, linker.name).not.toMatch(/ UND libf\n/);
  }
});

test("what -u, -e and --require-defined name is taken as it is, with --wrap too", async () => {
  await using dir = await scratch({
    "main.c": "int main(void) { return 0; }",
    "f.c": "int f(void) { return 1; }",
    "wrapper.c": "int __wrap_f(void) { return 2; }",
  });
  await dir.archive("libf.a", ["f.o", "wrapper.o"]);
  await dir.compile("main.c");
  for (const line of ["-u f", "-u __wrap_f", "-e f", "--require-defined=f", "-u f -e __wrap_f"])
    for (const linker of [bfd, spore]) {
      const words = ["-e", "main", "main.o", "libf.a", "--wrap=f", ...line.split(" "), "-o", "a.out"];
      expect(await dir.linkDirectly(linker, words), `${linker.name} ${line}`).toMatchObject({ status: 0, stderr: "" });
      const names = (await symbols(dir.file("a.out"))).map(({ name }) => name);
      const expected = ["f", "__wrap_f"].filter((name) => line.split(/[ =]/).includes(name));
      expect(names.filter((name) => name === "f" || name === "__wrap_f").sort(), line).toEqual(expected.sort());
    }
});

test("--wrap lets a function stand before another, in objects, archives and for what libraries define", async () => {
  await using dir = await scratch({
    "main.c": `
      #include <string.h>
      int plain(int), archived(int), shared(int);
      int main(void) { return plain(1) + 10 * archived(1) + 100 * (shared(1) == 7) + (int)strlen("abc") - 3; }`,
    "wrappers.c": `
      #include <stddef.h>
      int __real_plain(int), __real_archived(int), __real_shared(int); size_t __real_strlen(const char *);
      int __wrap_plain(int x) { return __real_plain(x) + 1; }
      int __wrap_archived(int x) { return __real_archived(x) + 2; }
      int __wrap_shared(int x) { return __real_shared(x) + 3; }
      size_t __wrap_strlen(const char *s) { return __real_strlen(s) + 4; }`,
    "plain.c": "int plain(int x) { return x; }",
    "archived.c": "int archived(int x) { return x; }",
    "shared.c": "int shared(int x) { return x + 3; }",
  });
  await dir.compile("main.c", ["-fno-builtin"]);
  await dir.archive("libarchived.a", ["archived.o"]);
  await dir.shared("libshared.so", ["shared.o"]);
  const inputs = ["main.o", "plain.o", "wrappers.o", "libarchived.a", "libshared.so"];
  const flags = ["plain", "archived", "shared", "strlen"].map((name) => `-Wl,--wrap=${name}`);
  for (const linker of [bfd, spore])
    for (const kind of ["-pie", "-no-pie"]) {
      const ended = await dir.linkAndRun(linker, inputs, { flags: [kind, ...flags] });
      expect(ended, `${linker.name} ${kind}`).toMatchObject({ status: 136 });
    }
});

test("page sizes and kinds of build ids are accepted and refused as by GNU ld", async () => {
  await using dir = await prepare();
  const lines = [
    ...["0", "1000", "x", "0x10000"].map((size) => `-z max-page-size=${size}`),
    ...["0x10000", "0", "3"].map((size) => `-z common-page-size=${size}`),
    "-z max-page-size=0 -z common-page-size=0x10000",
    "-z common-page-size=0x10000 -z max-page-size=0x10000",
    "-z max-page-size=0x800 -z common-page-size=0",
    ...["junk", "MD5", "0x1", "0xzz", "0x12-34"].map((kind) => `--build-id=${kind}`),
    "--build-id --build-id=junk",
    "--fatal-warnings --build-id=junk",
  ];
  for (const line of lines) {
    const words = ["-shared", "own.o", "-L.", "-lown", "lib.so", ...line.split(" "), "-o", "output.so"];
    const expected = await dir.run(bfd.path, words);
    const found = await dir.linkDirectly(spore, words);
    expect(found.status, `${line}: ${found.stderr}`).toBe(expected.status);
    expect(found.stderr === "", `${line}: ${found.stderr}`).toBe(expected.stderr === "");
  }
});
