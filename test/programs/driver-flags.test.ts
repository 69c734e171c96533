/**
 * A matrix of what drivers and makefiles pass, for two programs that use what C and C++ have (testdata/programs):
 * what Spore links prints what GNU ld's link prints. Kinds of output rotate over the flags, so that each meets many.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";

import { complaints, expectSameBytes } from "../harness/large-outputs.ts";
import { type Ended, root, run, spore } from "../harness/oracles.ts";
import { lacks } from "../harness/requirements.ts";

interface Kind {
  readonly name: string;
  readonly compile: readonly string[];
  readonly link: readonly string[];
  /** Whether part.c goes into a shared object. */
  readonly isShared?: boolean;
}

const kinds: readonly Kind[] = [
  { name: "PIE", compile: ["-fPIE"], link: ["-pie"] },
  { name: "-no-pie", compile: ["-fno-pie"], link: ["-no-pie"] },
  { name: "-static", compile: ["-fno-pie"], link: ["-static"] },
  { name: "-static-pie", compile: ["-fPIE"], link: ["-static-pie"] },
  { name: "PIE and a shared object", compile: ["-fPIE"], link: ["-pie"], isShared: true },
  { name: "-no-pie and a shared object", compile: ["-fno-pie"], link: ["-no-pie"], isShared: true },
];
const sharedKinds = kinds.filter((kind) => kind.isShared);
const dynamicKinds = kinds.filter((kind) => !kind.link.some((flag) => flag.startsWith("-static")));
const wholeKinds = kinds.filter((kind) => !kind.isShared);
const fixedKinds = kinds.filter((kind) => kind.compile.includes("-fno-pie"));

interface Variation {
  readonly compile?: readonly string[];
  /** For part.c only, which may be in a shared object. */
  readonly part?: readonly string[];
  readonly link?: readonly string[];
  readonly drivers?: readonly string[];
  /** What it goes with; any kind when missing. */
  readonly kinds?: readonly Kind[];
}

/** What is another module's has to be reached otherwise; GNU ld links code that does not and reads what lies before the block. */
const localDynamic = ["-fPIC", "-ftls-model=local-dynamic", '-DMAIN_TLS_MODEL="global-dynamic"'];
const gccOnly = ["gcc", "g++"];
const variations: readonly Variation[] = [
  ...kinds.map((kind) => ({ kinds: [kind] })),
  ...["-O0", "-O1", "-O2", "-O3", "-Os", "-g", "-gdwarf-4", "-gz", "-fno-plt", "-fcf-protection"].map((flag) => ({
    compile: [flag],
    link: [flag],
  })),
  { compile: ["-g", "-gz"], link: ["-g", "-gz"] },
  { compile: ["-O2", "-fno-plt"], kinds: dynamicKinds },
  { compile: ["-fPIC"] },
  { compile: ["-O2", "-fPIC"] },
  { compile: ["-mcmodel=medium"], kinds: fixedKinds, drivers: gccOnly },
  { compile: ["-mcmodel=medium"], kinds: fixedKinds.filter((kind) => !kind.isShared) },
  { compile: ["-mcmodel=medium", "-fPIC"], kinds: dynamicKinds, drivers: gccOnly },
  { compile: ["-mcmodel=large"], kinds: fixedKinds.filter((kind) => !kind.isShared) },
  // GNU ld does not let such code call IFUNCs: the C program's, and those of the static C library.
  { compile: ["-mcmodel=large", "-fPIC"], kinds: dynamicKinds.filter((kind) => !kind.isShared), drivers: ["g++"] },
  ...["global-dynamic", "initial-exec"].map((model) => ({ compile: ["-fPIC", `-ftls-model=${model}`] })),
  { compile: ["-fPIC", "-ftls-model=local-dynamic"], kinds: wholeKinds },
  { part: localDynamic },
  { compile: ["-ftls-model=local-exec"], kinds: wholeKinds },
  { compile: ["-O2", "-fPIC", "-ftls-model=global-dynamic"], kinds: sharedKinds },
  { part: ["-O2", ...localDynamic], kinds: sharedKinds },
  { compile: ["-fPIC", "-mtls-dialect=gnu2"], drivers: gccOnly },
  { compile: ["-O2", "-fPIC", "-mtls-dialect=gnu2"], drivers: gccOnly, kinds: sharedKinds },
  { compile: ["-fPIC", "-mtls-dialect=gnu2"], link: ["-Wl,-z,now"], drivers: gccOnly, kinds: dynamicKinds },
  ...["now", "lazy", "relro", "norelro", "separate-code", "noseparate-code", "nodelete", "origin"].map((keyword) => ({
    link: [`-Wl,-z,${keyword}`],
  })),
  { link: ["-Wl,-z,defs"], kinds: wholeKinds },
  { link: ["-Wl,-z,now", "-Wl,-z,relro"], kinds: dynamicKinds },
  { link: ["-Wl,-z,max-page-size=0x200000"] },
  { link: ["-Wl,-z,max-page-size=65536", "-Wl,-z,noseparate-code"] },
  { link: ["-Wl,-z,stack-size=2097152"] },
  { compile: ["-O2", "-ffunction-sections", "-fdata-sections"], link: ["-Wl,--gc-sections"] },
  { compile: ["-ffunction-sections", "-fdata-sections"], link: ["-Wl,--gc-sections"], kinds: sharedKinds },
  { compile: ["-O2", "-ffunction-sections"] },
  { compile: ["-fPIC"], link: ["-Wl,-Bsymbolic-functions"], kinds: sharedKinds },
  { link: ["-Wl,-Bsymbolic"], kinds: [kinds[4]] },
  ...["sysv", "gnu", "both"].map((style) => ({ link: [`-Wl,--hash-style=${style}`], kinds: dynamicKinds })),
  { link: ["-s"] },
  { link: ["-Wl,--strip-debug"], compile: ["-g"] },
  { link: ["-Wl,-x"] },
  { link: ["-Wl,--discard-locals"] },
  { link: ["-rdynamic"], kinds: dynamicKinds },
  { link: ["-Wl,--as-needed", "-Wl,-O1", "-Wl,--sort-common"] },
  { link: ["-Wl,--no-relax"], compile: ["-O2", "-fPIC"] },
  { link: ["-Wl,--no-eh-frame-hdr"], kinds: [kinds[2]] },
  { link: ["-Wl,--build-id=sha1"] },
  { link: ["-Wl,--build-id=none", "-Wl,--no-gc-sections"] },
  { link: ["-Wl,--disable-new-dtags"], kinds: sharedKinds },
  { compile: ["-fcommon", "-O2"] },
  { compile: ["-fno-semantic-interposition", "-fPIC", "-O2"], kinds: sharedKinds },
  {
    compile: ["-O2", "-g", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2", "-fcf-protection"],
    link: ["-Wl,-z,relro", "-Wl,-z,now"],
  },
  { compile: ["-O2", "-Wa,-mrelax-relocations=no", "-fPIC"], drivers: gccOnly },
];

interface Language {
  readonly name: string;
  readonly source: string;
  readonly drivers: readonly string[];
  readonly libraries: readonly string[];
}

const languages: readonly Language[] = [
  { name: "C", source: "everything-c", drivers: ["gcc", "clang"], libraries: ["-lm", "-pthread"] },
  { name: "C++", source: "everything-cxx", drivers: ["g++", "clang++"], libraries: ["-pthread"] },
];

interface Case {
  readonly driver: string;
  readonly language: Language;
  readonly kind: Kind;
  readonly compile: readonly string[];
  readonly part: readonly string[];
  readonly link: readonly string[];
}

/** Each variation for each driver, with one of the kinds that it goes with: another for each driver. */
const cases: readonly Case[] = languages.flatMap((language, l) =>
  language.drivers.flatMap((driver, d) =>
    variations.flatMap(({ compile = [], part = [], link = [], drivers, kinds: possible = kinds }, v) => {
      if (drivers?.includes(driver) === false) return [];
      const kind = possible[(v + 2 * l + 3 * d) % possible.length];
      return [{ driver, language, kind, compile, part, link }];
    }),
  ),
);

const folder = mkdtempSync(join(tmpdir(), "spore-flags-"));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function mustRun(program: string, args: readonly string[]): Promise<void> {
  const ended = await run(program, args, { cwd: folder });
  if (ended.status !== 0) throw new Error(`${program} ${args.join(" ")}\n${ended.stdout}${ended.stderr}`);
}

const compiled = new Map<string, Promise<string>>();

/** Compiles main or part, once for each set of flags. */
function object({ driver, language }: Case, unit: "main" | "part", flags: readonly string[]): Promise<string> {
  const standard = language.name === "C" ? ["-std=gnu11"] : ["-std=c++17"];
  const source = join(root, "testdata/programs", language.source, `${unit}.${language.name === "C" ? "c" : "cc"}`);
  const args = [...standard, ...flags, "-w", "-c", source];
  const key = [driver, ...args].join(" ");
  let made = compiled.get(key);
  if (made === undefined) {
    const name = join(folder, `${compiled.size}.o`);
    made = mustRun(driver, [...args, "-o", name]).then(() => name);
    compiled.set(key, made);
  }
  return made;
}

/** Links the program, and the shared object before it, into a folder of its own; `linker` selects the linker. */
async function linkCase(it: Case, into: string, objects: readonly string[], linker: readonly string[]): Promise<void> {
  const [main, part] = objects;
  const common = [...linker, ...it.link];
  await mkdir(into, { recursive: true });
  const library = join(into, "libpart.so");
  if (it.kind.isShared) await mustRun(it.driver, ["-shared", ...common, "-Wl,-soname,libpart.so", part, "-o", library]);
  const inputs = it.kind.isShared ? [main, library, `-Wl,-rpath,$ORIGIN`] : [main, part];
  await mustRun(it.driver, [...it.kind.link, ...common, ...inputs, ...it.language.libraries, "-o", join(into, "main")]);
}

function outcome({ status, signal, stdout, stderr }: Ended): object {
  return { status, signal, stdout, stderr };
}

test("the matrix has at least a hundred combinations", () => {
  expect(cases.length).toBeGreaterThanOrEqual(100);
});

for (const [number, it] of cases.entries()) {
  const { driver, kind } = it;
  const flags = [...new Set([...it.compile, ...it.part, ...it.link])].join(" ");
  describe.skipIf(lacks([{ needs: driver, from: driver.startsWith("clang") ? "clang" : driver }]))(driver, () => {
    test.concurrent(`${kind.name} ${flags}`, async () => {
      const position = kind.isShared ? ["-fPIC"] : kind.compile;
      const objects = await Promise.all([
        object(it, "main", [...kind.compile, ...it.compile]),
        object(it, "part", [...position, ...it.compile, ...it.part]),
      ]);
      const base = join(folder, `${number}`);
      await linkCase(it, join(base, "witness"), objects, ["-fuse-ld=bfd"]);
      const expected = await run(join(base, "witness/main"), []);
      const ours = join(base, "ours");
      const selected = driver.startsWith("clang") ? [`--ld-path=${spore.path}`] : spore.gccFlags;
      const outputs = kind.isShared ? ["main", "libpart.so"] : ["main"];
      await expectSameBytes(
        join(ours, "main"),
        (workers) => linkCase(it, ours, objects, [...selected, workers]),
        outputs.slice(1).map((name) => join(ours, name)),
      );
      expect(outcome(await run(join(ours, "main"), []))).toEqual(outcome(expected));
      for (const name of outputs) expect(await complaints(join(ours, name)), name).toEqual([]);
      rmSync(base, { recursive: true, force: true });
    });
  });
}
