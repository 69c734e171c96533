/** Links generated programs with GNU ld and Spore into every kind of output, runs and compares them. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { diff, formatDifferences } from "../../src/reports/diff/diff.ts";
import { reasonFor } from "../harness/accepted-differences.ts";
import { bfd, type Ended, type Linker, run, spore } from "../harness/oracles.ts";
import {
  type Built,
  buildProgram,
  type Kind,
  kinds,
  type Limits,
  noLimits,
  type Plan,
  planProgram,
} from "./program.ts";

/** The one part that a compiler made: it prints what the generated functions compute. */
const runtime = `
#include <stdio.h>
unsigned long trace = 1;
unsigned long generated_main(void);
__attribute__((destructor(101))) static void last(void) { printf("trace at the end %lx\\n", trace); }
int main(void) {
  printf("trace %lx\\n", trace);
  printf("sum %lx\\n", generated_main());
  return 0;
}
`;

const driverFlags: Readonly<Record<Kind, readonly string[]>> = {
  static: ["-static"],
  "static-pie": ["-static-pie"],
  "no-pie": ["-no-pie"],
  pie: ["-pie"],
  shared: ["-pie"],
};

/** What a driver passes to a linker before and after the objects. */
interface CommandLine {
  readonly before: readonly string[];
  readonly after: readonly string[];
}

export interface Toolchain {
  /** The runtime's object. */
  readonly runtime: string;
  readonly commands: Readonly<Record<Kind, CommandLine>>;
}

/** Compiles the runtime unless an earlier run did, and asks the driver once for each kind. */
export async function prepareToolchain(): Promise<Toolchain> {
  const key = createHash("sha256").update(runtime).digest("hex").slice(0, 16);
  const folder = join(tmpdir(), `spore-generated-${process.getuid?.() ?? 0}`);
  mkdirSync(folder, { recursive: true });
  const object = join(folder, `runtime-${key}.o`);
  if (!existsSync(object)) {
    const source = join(folder, `runtime-${process.pid}.c`);
    writeFileSync(source, runtime);
    await mustRun("gcc", ["-c", "-O1", "-fPIC", source, "-o", `${object}.${process.pid}`], folder);
    renameSync(`${object}.${process.pid}`, object);
    rmSync(source);
  }
  const commands = {} as Record<Kind, CommandLine>;
  for (const kind of kinds) commands[kind] = await commandLineOf(driverFlags[kind], folder);
  return { runtime: object, commands };
}

async function commandLineOf(flags: readonly string[], folder: string): Promise<CommandLine> {
  const { stderr } = await run("gcc", ["-###", ...flags, "objects.o", "-o", "output"], { cwd: folder });
  const line = stderr.split("\n").find((each) => each.includes("collect2")) ?? "";
  const words = line
    .trim()
    .split(/\s+/)
    .map((word) => word.replace(/^"|"$/g, ""))
    .slice(1);
  const kept = words.filter(
    (word, i) => !word.startsWith("-plugin") && words[i - 1] !== "-plugin" && word !== "-o" && word !== "output",
  );
  const at = kept.indexOf("objects.o");
  if (at === -1) throw new Error(`gcc -### said ${stderr}`);
  return { before: kept.slice(0, at), after: kept.slice(at + 1) };
}

async function mustRun(program: string, args: readonly string[], cwd: string): Promise<void> {
  const ended = await run(program, args, { cwd });
  if (ended.status !== 0) throw new Error(`${program} ${args.join(" ")}: ${ended.stderr}`);
}

export interface Fault {
  readonly seed: number;
  readonly kind: Kind;
  /** In a few words: what is compared with others that are the same fault. */
  readonly what: string;
  readonly details: string;
}

/** Links and runs the program of a seed. Resolves to the first fault, if there is one. */
export async function tryProgram(
  toolchain: Toolchain,
  seed: number,
  wanted: readonly Kind[],
  folder: string,
  limits: Limits = noLimits,
): Promise<Fault | undefined> {
  const plan = planProgram(seed, limits);
  for (const kind of wanted) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const fault = await tryKind(toolchain, plan, kind, folder);
    if (fault !== undefined) return { seed, kind, ...fault };
  }
  return undefined;
}

/** GNU ld rewrites a load from the GOT that need not be one, and then refuses what it has made of it. */
const knownRefusals = /relocation R_X86_64_PC32 against absolute symbol .* is disallowed/;

type Found = Pick<Fault, "what" | "details">;

async function tryKind(toolchain: Toolchain, plan: Plan, kind: Kind, folder: string): Promise<Found | undefined> {
  const built = buildProgram(plan, kind);
  for (const [name, bytes] of built.files) writeFileSync(join(folder, name), bytes);
  for (const [name, members] of built.archives) await mustRun("ar", ["rcsD", name, ...members], folder);
  const [first, second] = await Promise.all(
    [bfd, spore].map((linker) => linkWith(linker, toolchain, built, plan, kind, folder)),
  );
  if (first.failed !== undefined && second.failed !== undefined) return undefined;
  if (first.failed !== undefined && knownRefusals.test(first.failed)) return undefined;
  if (first.failed !== undefined) return { what: `GNU ld refuses: ${shorten(first.failed)}`, details: first.failed };
  if (second.failed !== undefined) return { what: `Spore refuses: ${shorten(second.failed)}`, details: second.failed };
  const [expected, found] = await Promise.all([first, second].map(({ program }) => runProgram(program, folder)));
  // With --wrap and the like, GNU ld links what the loader refuses.
  if (expected.status !== 0) return undefined;
  if (expected.status !== found.status || expected.stdout !== found.stdout)
    return {
      what: `the program ${found.status === 0 ? "prints something else" : `ends with status ${found.status}`}`,
      details: `GNU ld's: status ${expected.status}\n${expected.stdout}${expected.stderr}Spore's: status ${found.status}\n${found.stdout}${found.stderr}`,
    };
  for (const [i, output] of second.outputs.entries()) {
    const read = (file: string) => ({ file, bytes: readFileSync(join(folder, file)) });
    const ownNames = new Set([...plan.symbols.flatMap(({ name, aliases }) => [name, ...aliases]), "generated_main"]);
    const protectedNames = new Set(
      plan.symbols.flatMap(({ name, aliases, visibility }) => (visibility === 0 ? [] : [name, ...aliases])),
    );
    const namesOfSeveral = new Set(
      plan.symbols.flatMap(({ name, aliases }) => (aliases.length === 0 ? [] : [name, ...aliases])),
    );
    const words = `${output.words.join(" ")} -${kind}`;
    const circumstances = { words, ownNames, namesOfSeveral, protectedNames };
    const open = diff(read(output.name), read(first.outputs[i].name)).filter(
      (difference) => reasonFor(difference, circumstances) === undefined,
    );
    if (open.length > 0) {
      const [{ kind: what, subject, what: property }] = open;
      return {
        what: `diff: ${what} ${shorten(subject)} ${shorten(property)}`,
        details: `${output.name}\n${formatDifferences(open)}`,
      };
    }
  }
  return undefined;
}

/** Without what differs from seed to seed. */
const shorten = (text: string): string =>
  (text.split("\n").find((line) => line.trim() !== "") ?? "").replace(/0x[0-9a-f]+|\d+/g, "N").slice(0, 160);

interface LinkedProgram {
  readonly failed?: string | undefined;
  readonly program: string;
  readonly outputs: readonly { readonly name: string; readonly words: readonly string[] }[];
}

/** Links libraries and program into files whose names begin with the linker's. */
async function linkWith(
  linker: Linker,
  toolchain: Toolchain,
  built: Built,
  plan: Plan,
  kind: Kind,
  folder: string,
): Promise<LinkedProgram> {
  const own = linker === bfd ? "bfd" : "spore";
  mkdirSync(join(folder, own));
  const outputs: { name: string; words: readonly string[] }[] = [];
  const link = async (name: string, words: readonly string[]): Promise<string | undefined> => {
    const ended = await run(linker.path, [...words, "-o", `${own}/${name}`], { cwd: folder });
    outputs.push({ name: `${own}/${name}`, words });
    return ended.status === 0 ? undefined : ended.stderr || `status ${ended.status}`;
  };
  const program = join(own, "program");
  for (const { name, objects, flags } of built.libraries) {
    const failed = await link(name, ["-shared", ...objects, ...flags]);
    if (failed !== undefined) return { failed, program, outputs };
  }
  const libraries = built.libraries.map(({ name }) => `${own}/${name}`);
  const asNeeded = plan.enabled.has("asNeeded") ? ["--as-needed"] : [];
  const archives = [...built.archives.keys()].sort();
  // Archives that need each other are searched again, as Spore does without being told.
  const inputs = [
    ...built.objects,
    "--start-group",
    ...archives,
    "--end-group",
    ...asNeeded,
    ...libraries,
    "--no-as-needed",
  ];
  const { before, after } = toolchain.commands[kind];
  const search = ["-rpath", "$ORIGIN", "--no-copy-dt-needed-entries"];
  let failed: string | undefined;
  if (kind === "shared") {
    failed = await link("libmain.so", ["-shared", ...inputs, ...built.flags, "-soname", "libmain.so", ...search]);
    failed ??= await link("program", [
      ...before,
      toolchain.runtime,
      `${own}/libmain.so`,
      ...search,
      "-rpath-link",
      own,
      ...after,
    ]);
  } else {
    failed = await link("program", [...before, toolchain.runtime, ...inputs, ...built.flags, ...search, ...after]);
  }
  return { ...(failed === undefined ? {} : { failed }), program, outputs };
}

async function runProgram(program: string, folder: string): Promise<Ended> {
  return run(join(folder, program), [], { cwd: folder, timeoutMs: 10_000 });
}

/** Looks for a smaller program that has the same fault. */
export async function shrink(toolchain: Toolchain, fault: Fault, folder: string): Promise<Limits> {
  const plan = planProgram(fault.seed);
  let limits: Limits = { ...noLimits, objects: plan.objects.length, symbols: plan.symbols.length };
  const isSame = async (smaller: Limits): Promise<boolean> =>
    (await tryProgram(toolchain, fault.seed, [fault.kind], folder, smaller))?.what === fault.what;
  for (const feature of plan.enabled) {
    const smaller = { ...limits, without: [...limits.without, feature] };
    if (await isSame(smaller)) limits = smaller;
  }
  for (const field of ["objects", "symbols"] as const)
    while (limits[field] > 1) {
      const smaller = { ...limits, [field]: limits[field] - 1 };
      if (!(await isSame(smaller))) break;
      limits = smaller;
    }
  return limits;
}

/** A folder for the files of one seed after another. */
export const makeFolder = (): string => mkdtempSync(join(tmpdir(), "spore-generated-"));
