/** Programs whose links need every kernel between them. */
import { type Scratch, scratch } from "./scratch.ts";

const files = {
  "main.cc": `
    #include <cstdio>
    #include <stdexcept>
    #include <string>
    #include <thread>
    extern "C" { int archived(int); extern int exported; int plain(int); int indirect(int); extern char **environ; }
    thread_local int local = 3;
    template <class T> T twice(T x) { return x + x; }
    inline const char *text() { return "a string in both files"; }
    std::string other();
    int main() {
      try { throw std::runtime_error(other()); } catch (const std::exception &error) { std::printf("%s %s\\n", error.what(), text()); }
      std::thread thread([] { local += archived(1); std::printf("%d %d\\n", local, twice(exported)); });
      thread.join();
      std::printf("%d %d %d\\n", plain(2), indirect(3), environ != nullptr);
    }`,
  "other.cc": `
    #include <string>
    template <class T> T twice(T x) { return x + x; }
    inline const char *text() { return "a string in both files"; }
    std::string other() { return std::string(text()) + std::to_string(twice(1.5)); }`,
  "plain.c": `
    int tentative; static int unused(void) { return 1; } int dead(void) { return unused(); }
    int same(int x) { return x * 9; } int as_same(int x) { return x * 9; }
    int plain(int x) { tentative = x; return tentative + 1; }
    static int one(int x) { return x + 1; } static int (*choose(void))(int) { return one; }
    int versioned(int); __asm__(".symver versioned, abs@GLIBC_2.2.5"); int ask(int x) { return versioned(x); }
    static void construct(void) { tentative = 1; }
    static void (*constructor)(void) __attribute__((section(".ctors"), used)) = construct;
    int indirect(int) __attribute__((ifunc("choose")));`,
  "archived.c": "int deeper(int); int archived(int x) { return deeper(x) + 1; }",
  "deeper.c": "int deeper(int x) { return x * 10; }",
  "unused.c": "int never(void) { return 1; }",
  "lib.c": "int exported = 21; int lib(void) { return exported; }",
  order: "same\nplain\n",
  versions: "V1 { global: main; local: *; };",
  "apart.ld": "NOCROSSREFS(.init .comment)",
};

export interface Program {
  readonly name: string;
  /** ld's arguments without -o. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What the program prints; undefined when it is a shared object. */
  readonly stdout?: string;
}

const stdout = "a string in both files3.000000 a string in both files\n14 42\n3 4 1\n";

/** What gcc or g++ passes to the linker for these arguments. */
async function driverArguments(dir: Scratch, driver: string, args: readonly string[]): Promise<string[]> {
  const { stderr } = await dir.mustRun(driver, [...args, "-###"]);
  const line = stderr.split("\n").find((text) => /collect2|\/ld"? /.test(text)) ?? "";
  const words = [...line.trim().matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
  const kept: string[] = [];
  for (let i = 1; i < words.length; i++) {
    const word = words[i] ?? "";
    if (word === "-o" || word === "-plugin") i++;
    else if (!word.startsWith("-plugin-opt")) kept.push(word);
  }
  return kept;
}

/** Compiles the sources in a new directory and says how to link them. */
export async function programs(): Promise<{ dir: Scratch; all: readonly Program[] }> {
  const dir = await scratch(files);
  for (const name of ["main.cc", "other.cc"])
    await dir.compile(name, ["-O1", "-g", "-gz=zlib", "-ffunction-sections", "-fno-pie"]);
  for (const name of ["plain.c", "archived.c", "deeper.c", "unused.c"])
    await dir.compile(name, ["-fcommon", "-ffunction-sections", "-fPIC"]);
  await dir.archive("lib.a", ["unused.o", "deeper.o", "archived.o"]);
  await dir.shared("lib.so", ["lib.o"]);
  const inputs = ["main.o", "other.o", "plain.o", "lib.a", "./lib.so"];
  const more = ["-no-pie", "-Wl,--gc-sections,--build-id,--compress-debug-sections=zlib"];
  const fixed = await driverArguments(dir, "g++", [...inputs, ...more]);
  const shared = await driverArguments(dir, "gcc", [
    "plain.o",
    "-Wl,--whole-archive",
    "lib.a",
    "-Wl,--no-whole-archive",
    "-shared",
    "-Wl,-z,pack-relative-relocs",
    "-Wl,--version-script=versions,--build-id,-soname,libplain.so",
  ]);
  return {
    dir,
    all: [
      { name: "a C++ program", args: [...fixed, "apart.ld"], stdout },
      { name: "a shared object", args: shared },
      {
        name: "an object of objects",
        args: ["-r", "main.o", "other.o", "plain.o", "lib.a", "--gc-sections", "-e", "main", "-X", "--build-id"],
      },
      { name: "a shared object without identical functions", args: [...shared, "--icf=all"] },
      { name: "a shared object in another order", args: [...shared, "--symbol-ordering-file=order"] },
      { name: "a C++ program, archives by their indexes", args: fixed, env: { SPORE_TEST_SEARCH: "1" }, stdout },
    ],
  };
}
