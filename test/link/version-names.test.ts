/** Names with versions, in objects and shared objects, and who answers for them. GNU ld is asked. */
import { expect, test } from "vitest";

import { bfd, type Linker, readelf, run, spore } from "../harness/oracles.ts";
import { scratch, type Scratch } from "../harness/scratch.ts";

const define = (name: string, value: number, as?: string): string =>
  `int ${name}(void) { return ${value}; }${as === undefined ? "" : ` __asm__(".symver ${name},${as}");`}`;
const refer = (as: string, user: string, isWeak = false): string =>
  `int ${isWeak ? "__attribute__((weak)) " : ""}${user}_f(void); __asm__(".symver ${user}_f,${as}");
   int ${user}(void) { return ${isWeak ? `${user}_f ? ${user}_f() : 99` : `${user}_f()`}; }`;

const objects: Readonly<Record<string, string>> = {
  emptyDefault: define("a", 1, "foo@@"),
  empty: define("a", 1, "foo@"),
  bothEmpty: define("a", 1, "foo@") + define("b", 2, "foo@@"),
  emptyAndV1: define("a", 1, "foo@") + define("b", 2, "foo@@V1"),
  emptyAndPlain: define("a", 1, "foo@") + define("foo", 2),
  oldAndPlain: define("a", 1, "foo@V1") + define("foo", 2),
  oldAndNew: define("a", 1, "foo@V1") + define("b", 2, "foo@@V1"),
  twoDefaults: define("a", 1, "foo@@V1") + define("b", 2, "foo@@V2"),
  old: define("a", 1, "foo@V1"),
  oldAgain: define("b", 2, "foo@V1"),
  new1: define("b2", 2, "foo@@V1"),
  new2: define("b3", 2, "foo@@V2"),
  weakNew: `__attribute__((weak)) ${define("b4", 3, "foo@@V1")}`,
  plain: define("foo", 3),
  refersEmpty: refer("foo@", "q"),
  refers1: refer("foo@V1", "q1"),
  refers2: refer("foo@V2", "q2"),
  refersWeakly: refer("foo@V1", "qw", true),
  refersPlain: "int foo(void); int q3(void) { return foo(); }",
};

const scripts: Readonly<Record<string, string>> = {
  other: "V1 { global: p; local: *; }; V2 { global: z; } V1;",
  exact: "V1 { global: foo; p; local: *; }; V2 { } V1;",
  nothing: "V1 { }; V2 { };",
  star: "V1 { global: *; }; V2 { } V1;",
};

const links = [
  ...Object.keys(objects).map((name) => [name]),
  ...`old oldAgain,old new1,new1 old,new1 new2,new1 weakNew,old weakNew,weakNew old,new1 plain,plain old,plain empty,
    empty plain,refers1 plain,refers1 old,refers1 new1,refers1 new2,refers2 new1,refersPlain new1,refersPlain old,
    refersPlain old new2,refersWeakly plain,refersWeakly new1,refersWeakly old,refers1 refersPlain plain,
    refersPlain refers1 new1,refersPlain emptyDefault,refersPlain empty,refersEmpty emptyDefault,refersEmpty empty,
    refersEmpty plain`
    .split(",")
    .map((names) => names.trim().split(" ")),
].filter(
  // GNU ld takes these in one order, or where a script makes the plain name local, before it sees the other.
  (names) => !["emptyDefault plain", "plain emptyDefault", "plain new1"].includes(names.join(" ")),
);

async function dynamicSymbols(file: string): Promise<string[]> {
  const { stdout } = await run("nm", ["-D", file]);
  return stdout
    .split("\n")
    .map((line) => line.replace(/^[0-9a-f ]{16} /, ""))
    .filter((line) => line !== "" && !/ (__|_ITM)/.test(line))
    .toSorted();
}

test("names with versions are defined, joined and refused as with GNU ld", async () => {
  await using dir = await scratch({
    ...Object.fromEntries(Object.entries(objects).map(([name, source]) => [`${name}.c`, source])),
    ...scripts,
  });
  for (const name of Object.keys(objects)) await dir.compile(`${name}.c`, ["-fPIC"]);
  for (const names of links)
    // What a single object comes to depends on more kinds of scripts than what two are joined to.
    for (const script of names.length === 1 ? Object.keys(scripts) : ["exact", "star"]) {
      const inputs = names.map((name) => `${name}.o`);
      const seen = [];
      for (const linker of [bfd, spore]) {
        const { status } = await dir.run(linker.path, [
          "-shared",
          ...inputs,
          `--version-script=${script}`,
          "-o",
          "out",
        ]);
        seen.push({ status, symbols: status === 0 ? await dynamicSymbols(dir.file("out")) : [] });
      }
      expect(seen[1], `${names.join(" ")} with ${script}`).toEqual(seen[0]);
    }
});

/** What a program made of these returns, or that it can not be linked. */
async function outcome(dir: Scratch, linker: Linker, inputs: readonly string[]): Promise<number | string> {
  const { status } = await dir.run("gcc", [...linker.gccFlags, ...inputs]);
  if (status !== 0) return "refused";
  return (await dir.run("./a.out", [], { env: { LD_LIBRARY_PATH: dir.path } })).status;
}

test("a reference to a version is bound to who defines that version, wherever it is", async () => {
  const sources: Readonly<Record<string, string>> = {
    unversioned: define("foo", 10),
    default: define("i", 20, "foo@@VV"),
    hidden: define("i", 30, "foo@VV"),
    both: define("i", 41, "foo@VV") + define("j", 42, "foo@@V2"),
    other: define("i", 50, "foo@@VX"),
    base: define("foo", 60) + define("bar", 0),
  };
  const maps: Readonly<Record<string, string>> = {
    default: "VV { global: foo; local: *; };",
    hidden: "VV { global: foo; local: *; };",
    both: "VV { }; V2 { };",
    other: "VX { global: foo; local: *; };",
    base: "VV { global: bar; };",
  };
  await using dir = await scratch({
    ...Object.fromEntries(Object.entries(sources).map(([name, source]) => [`lib-${name}.c`, source])),
    ...Object.fromEntries(Object.entries(maps).map(([name, map]) => [`${name}.map`, map])),
    "new.c": define("i", 70, "foo@@VV"),
    "old.c": define("i2", 80, "foo@VV"),
    "plain.c": define("foo", 90),
    "versioned.c": `${refer("foo@VV", "q")} int main(void) { return q(); }`,
    "weak.c": `${refer("foo@VV", "q", true)} int main(void) { return q(); }`,
    "empty.c": `${refer("foo@", "q")} int main(void) { return q(); }`,
    "unversioned.c": "int foo(void); int main(void) { return foo(); }",
    "several.c": `${refer("foo@VV", "q")} int foo(void); int main(void) { return q() + foo(); }`,
  });
  for (const name of Object.keys(sources)) {
    const script = name in maps ? [`-Wl,--version-script=${name}.map`] : [];
    await dir.shared(`lib${name}.so`, [`lib-${name}.o`], ["-nostdlib", `-Wl,-soname,lib${name}.so`, ...script]);
  }
  const mains = ["versioned", "weak", "empty", "unversioned", "several"];
  for (const name of [...mains, "new", "old", "plain"]) await dir.compile(`${name}.c`, ["-fPIC"]);
  for (const name of ["new", "old", "plain"]) await dir.archive(`${name}.a`, [`${name}.o`]);
  const so = (name: string): string => `./lib${name}.so`;
  const inputs = [
    ...Object.keys(sources).map((name) => [so(name)]),
    ...`unversioned default,default unversioned,hidden unversioned,both unversioned,default other,hidden default,
      default hidden,default base,both default,default both`
      .split(",")
      .map((names) => names.trim().split(" ").map(so)),
    ...["new.o", "old.o", "plain.o", "new.a", "old.a", "plain.a"].flatMap((object) => [
      [object],
      [object, so("default")],
      [so("default"), object],
      [so("unversioned"), object],
    ]),
    ["plain.o", "old.o"],
    ["plain.a", "old.a"],
  ];
  for (const main of mains)
    for (const libraries of main === "weak" || main === "empty" ? inputs.slice(0, 10) : inputs)
      for (const mode of main === "versioned" ? ["-Wl,--no-as-needed", "-Wl,--as-needed"] : ["-Wl,--no-as-needed"]) {
        const command = [`${main}.o`, mode, ...libraries];
        // In this order alone GNU ld takes an object's foo@VV for what was the library's default.
        if (main !== "versioned" && libraries.join(" ") === "./libdefault.so old.o") continue;
        const expected = await outcome(dir, bfd, command);
        // Where a library was not needed after all, GNU ld may have lost the name, or writes a PLT that nothing fills.
        if (expected === "refused" ? mode === "-Wl,--as-needed" : Number(expected) >= 127) continue;
        expect(await outcome(dir, spore, command), command.join(" ")).toBe(expected);
      }
});

test("an unversioned library that comes first does not answer for a version", async () => {
  await using dir = await scratch({
    "u.c": define("foo", 10),
    "v.c": define("i", 20, "foo@@VV"),
    "v.map": "VV { global: foo; local: *; };",
    "main.c": `${refer("foo@VV", "q")} int main(void) { return q(); }`,
  });
  await dir.shared("libu.so", ["u.o"]);
  await dir.shared("libv.so", ["v.o"], ["-Wl,--version-script=v.map"]);
  await dir.link(spore, ["main.o"], { flags: ["-Wl,--as-needed", "./libu.so", "./libv.so"] });
  expect((await readelf(dir.file("a.out"), "-W", "--dyn-syms")).text).toContain("foo@VV");
  expect(await dir.run("./a.out", [], { env: { LD_LIBRARY_PATH: dir.path } })).toMatchObject({ status: 20 });
});

test("each version has an absolute symbol, in the tables and for the loader", async () => {
  await using dir = await scratch({
    "l.c": "int f(void) { return 1; } int g(void) { return 2; }",
    map: "V1 { global: f; local: *; }; V2 { global: g; } V1;",
    anonymous: "{ global: f; local: *; };",
    "strong.c": "int V1(void) { return 1; }",
    "weak.c": "__attribute__((weak)) int V1(void) { return 1; }",
    "refers.c": "extern char V1[]; char *v(void) { return V1; }",
    "open.c": `#define _GNU_SOURCE
      #include <dlfcn.h>
      int main(void) { void *l = dlopen("./out.so", RTLD_NOW);
        return !(l && dlvsym(l, "f", "V1") && !dlvsym(l, "f", "V2") && dlvsym(l, "g", "V2") && (dlerror(), dlsym(l, "V1"), !dlerror())); }`,
    "main.c": "int main(void) { return 0; }",
  });
  for (const name of ["l", "main", "strong", "weak", "refers"]) await dir.compile(`${name}.c`, ["-fPIC"]);
  await dir.link(bfd, ["open.o"], { output: "open" });
  for (const style of ["gnu", "sysv", "both"]) {
    const seen = [];
    for (const linker of [bfd, spore]) {
      const args = ["-shared", "l.o", "--version-script=map", `--hash-style=${style}`, "-o", "out.so"];
      expect((await dir.run(linker.path, args)).stderr).toBe("");
      const { text } = await readelf(dir.file("out.so"), "-sW");
      const found = [...text.matchAll(/: ([0-9a-f]+) +(\d+) (\w+) +(\w+) +(\w+) +ABS (V\d)/g)];
      seen.push(found.map((match) => match.slice(1).join(" ")).toSorted());
      expect((await run("objdump", ["-T", dir.file("out.so")])).stdout).toMatch(/ DO \*ABS\*\s+0+ +V1 +V1$/m);
      expect(await dir.run("./open"), linker.name).toMatchObject({ status: 0 });
    }
    expect(seen[1]).toEqual(seen[0]);
    expect(seen[1]).toHaveLength(4); // .dynsym and .symtab
  }
  for (const [name, status] of [
    ["strong", 1],
    ["weak", 0],
    ["refers", 0],
  ] as const)
    for (const linker of [bfd, spore]) {
      const args = ["-shared", "l.o", `${name}.o`, "--version-script=map", "-o", "out"];
      expect((await dir.run(linker.path, args)).status, `${linker.name} ${name}`).toBe(status);
    }
  for (const linker of [bfd, spore]) {
    await dir.mustRun(linker.path, ["-shared", "l.o", "--version-script=anonymous", "-o", "out"]);
    expect(await dynamicSymbols(dir.file("out")), linker.name).toEqual(["T f"]);
    await dir.mustRun("gcc", [...linker.gccFlags, "main.o", "l.o", "-Wl,--version-script=map", "-o", "out"]);
    const listed = (await dynamicSymbols(dir.file("out"))).filter((line) => line.startsWith("A "));
    expect(listed, linker.name).toEqual(["A V1", "A V2"]);
  }
});

test("versions that contradict each other are refused", async () => {
  await using dir = await scratch({ "l.c": "int foo(void) { return 1; }" });
  await dir.compile("l.c", ["-fPIC"]);
  for (const script of [
    "V1 { global: foo; }; V2 { foo; } V1;",
    'V1 { global: foo; foo; "foo"; local: *; };',
    "V1 { global: foo; local: foo; *; };",
    "V1 { }; V1 { };",
    "V1 { global: f*; }; V2 { local: f*; };",
    "V1 { local: foo; }; V2 { local: foo; };",
    "V1 { local: foo; }; V2 { global: foo; };",
    "V1 { global: f*; }; V2 { global: f*; };",
    "{ global: a; }; V2 { b; };",
    "V1 { foo; } V2; V2 { };",
    "V1 { foo; } V3;",
    'V1 { global: foo; extern "C++" { foo; }; };',
  ]) {
    await dir.write("map", script);
    const seen = [];
    for (const linker of [bfd, spore]) {
      const { status } = await dir.run(linker.path, ["-shared", "l.o", "--version-script=map", "-o", "out"]);
      seen.push({ status, symbols: status === 0 ? await dynamicSymbols(dir.file("out")) : [] });
    }
    expect(seen[1], script).toEqual(seen[0]);
  }
});

test("as many versions as .gnu.version can number are defined, and one more is refused by name", async () => {
  const limit = 32766;
  await using dir = await scratch({ "l.c": "int f(void) { return 1; }" });
  await dir.compile("l.c", ["-fPIC"]);
  for (const [count, status] of [
    [limit, 0],
    [limit + 1, 1],
  ] as const) {
    await dir.write("map", Array.from({ length: count }, (_, i) => `V${i} { };`).join("\n"));
    const ended = await dir.run(spore.path, ["-shared", "l.o", "--version-script=map", "-o", "out"]);
    expect(ended.status).toBe(status);
    if (status === 1) expect(ended.stderr).toMatch(new RegExp(`more versions .* ${limit}`));
  }
});

test("version tables of shared objects may be odd", async () => {
  await using dir = await scratch({
    "l.c": define("i", 41, "foo@V1") + define("j", 42, "foo@@V2") + define("bar", 1),
    map: "V1 { }; V2 { global: bar; };",
    "main.c": `${refer("foo@V1", "q")} int foo(void), bar(void); int main(void) { return q() + foo() + bar(); }`,
  });
  await dir.shared("libl.so", ["l.o"], ["-Wl,-soname,libl.so", "-nostdlib", "-Wl,--version-script=map"]);
  const { text } = await readelf(dir.file("libl.so"), "-SW");
  const offsetOf = (name: string): number =>
    Number.parseInt(new RegExp(`${name.replaceAll(".", "\\.")} +\\w+ +[0-9a-f]+ ([0-9a-f]+)`).exec(text)![1]!, 16);
  const original = await dir.read("libl.so");
  const definitions = offsetOf(".gnu.version_d");
  const indices = offsetOf(".gnu.version");
  const count = original.subarray(indices).length;
  /** Renumbers versions in both tables. */
  const renumber = (bytes: Buffer, from: number, to: number): void => {
    for (let at = definitions; ; at += bytes.readUInt32LE(at + 16)) {
      if (bytes.readUInt16LE(at + 4) === from) bytes.writeUInt16LE(to, at + 4);
      if (bytes.readUInt32LE(at + 16) === 0) break;
    }
    const end = Math.min(definitions, indices + count);
    for (let at = indices; at < end; at += 2)
      if ((bytes.readUInt16LE(at) & 0x7fff) === from) bytes.writeUInt16LE((bytes.readUInt16LE(at) & 0x8000) | to, at);
  };
  const changes: Readonly<Record<string, (bytes: Buffer) => void>> = {
    "gaps between indices": (bytes) => renumber(bytes, 3, 300),
    "the highest index": (bytes) => renumber(bytes, 2, 0x7fff),
    "indices out of order": (bytes) => {
      renumber(bytes, 2, 9);
      renumber(bytes, 3, 2);
    },
    "no base": (bytes) => {
      bytes.writeUInt16LE(0, definitions + 2);
      bytes.writeUInt16LE(77, definitions + 4);
    },
  };
  for (const [what, change] of Object.entries(changes)) {
    const bytes = Buffer.from(original);
    change(bytes);
    await dir.write("libl.so", bytes, 0o755);
    const { status } = await dir.link(spore, ["main.o", "./libl.so"]);
    expect(status, what).toBe(0);
    const expected = await dir.link(bfd, ["main.o", "./libl.so"], { output: "b.out" });
    expect(await dynamicSymbols(dir.file("a.out")), what).toContain("U foo@V1");
    if (expected.status === 0)
      expect(
        (await dynamicSymbols(dir.file("a.out"))).filter((line) => / (foo|bar)/.test(line)),
        what,
      ).toEqual((await dynamicSymbols(dir.file("b.out"))).filter((line) => / (foo|bar)/.test(line)));
  }
});
