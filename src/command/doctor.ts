/** `spore doctor`: what Spore runs on here, and which linker each compiler would call now. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, release, tmpdir, totalmem } from "node:os";
import { delimiter, dirname, join } from "node:path";

import { addon, AddonError } from "../addon/load.ts";
import { linkerFolder } from "./exec.ts";
import type { Terminal } from "./main.ts";

type Row = readonly [what: string, found: string];

/** Prints the findings. Returns 1 when Spore cannot link here, else 0. */
export function runDoctor(version: string, terminal: Terminal): number {
  const folder = linkerFolder();
  const addonProblem = problemOfAddon();
  const linkers = compilers.map((compiler): Row => [compiler.name, compiler.linker(compiler.name)]);
  const rows: Row[] = [
    ["Spore", `${version}, in ${dirname(folder)}`],
    ["Node", `${process.version}, ${process.execPath}`],
    ["addon", addonProblem ?? "loads"],
    ...systemRows(),
    ...linkers,
  ];
  const width = Math.max(...rows.map(([what]) => what.length));
  for (const [what, found] of rows) terminal.writeOutput(`${what.padEnd(width)}  ${found}\n`);
  if (!linkers.some(([, found]) => found.includes("Spore ")))
    terminal.writeOutput(`\nNo compiler calls Spore by itself: spore exec -- COMMAND, or gcc -B${folder}\n`);
  return addonProblem === undefined ? 0 : 1;
}

function problemOfAddon(): string | undefined {
  try {
    addon();
    return undefined;
  } catch (error) {
    if (error instanceof AddonError) return error.message;
    throw error;
  }
}

/** As much of Node's report as is looked at (Node's documentation, "Diagnostic report"). */
interface Report {
  readonly header: { readonly glibcVersionRuntime?: string };
  readonly userLimits: Readonly<Record<string, { readonly soft: number | string }>>;
}

function systemRows(): Row[] {
  const { header, userLimits } = process.report.getReport() as unknown as Report;
  const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  const { constrainedMemory } = process as { constrainedMemory?: () => number | undefined };
  const limit = constrainedMemory?.() ?? 0;
  const memory = limit > 0 && limit < totalmem() ? `${gib(limit)} by control group` : gib(totalmem());
  return [
    ["C library", header.glibcVersionRuntime === undefined ? "not glibc" : `glibc ${header.glibcVersionRuntime}`],
    ["kernel", `Linux ${release()}, ${availableParallelism()} processors, ${memory} of memory`],
    ["limits", `${userLimits["open_files"]?.soft} open files, ${mappingLimit()} mappings`],
  ];
}

function mappingLimit(): string {
  try {
    return readFileSync("/proc/sys/vm/max_map_count", "latin1").trim();
  } catch {
    return "unknown";
  }
}

interface Compiler {
  readonly name: string;
  /** What it would link with, and why. */
  readonly linker: (name: string) => string;
}

const compilers: readonly Compiler[] = [
  ...["cc", "gcc", "g++", "clang", "clang++"].map((name) => ({ name, linker: linkerOfDriver })),
  { name: "rustc", linker: linkerOfRust },
];

const isInPath = (program: string): boolean =>
  (process.env["PATH"] ?? "").split(delimiter).some((folder) => existsSync(join(folder, program)));

/** Runs a compiler in a folder of its own; what it prints. */
function ask(
  program: string,
  args: readonly string[],
  input = "",
): { readonly stdout: string; readonly stderr: string } {
  const folder = mkdtempSync(join(tmpdir(), "spore-doctor-"));
  try {
    return spawnSync(program, [...args], { cwd: folder, encoding: "utf8", input });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** gcc and clang tell the linker `--version` where there is nothing to link. */
function linkerOfDriver(driver: string): string {
  if (!isInPath(driver)) return "not installed";
  const { stdout } = ask(driver, ["-Wl,--version"]);
  const [name = ""] = stdout.split("\n");
  if (name === "") return "unknown: it does not tell";
  const path = ask(driver, ["-print-prog-name=ld"]).stdout.trim();
  return `${name}, ${reasonFor(path)}`;
}

/** Why a driver takes the `ld` that it takes. */
function reasonFor(path: string): string {
  const folder = (process.env["COMPILER_PATH"] ?? "")
    .split(delimiter)
    .find((one) => one !== "" && one === dirname(path));
  if (folder !== undefined) return `by COMPILER_PATH, which has ${folder}`;
  return path.includes("/") ? `from ${path}` : "from PATH";
}

/** rustc calls cc; from 1.90 on with a linker of its own. */
function linkerOfRust(rustc: string): string {
  if (!isInPath(rustc)) return "not installed";
  const words = ask(rustc, ["--crate-name=asked", "--print=link-args", "-"], "fn main() {}").stdout;
  if (words === "") return "unknown: it does not tell";
  const command = words.replaceAll(/\b[A-Z_]+="[^"]*" /g, ""); // its environment is before it
  const [, program = "cc"] = /"([^"]*)"/.exec(command) ?? [];
  if (program.endsWith("/rust-gcc")) return `Spore, by way of ${program}`;
  if (words.includes('"-fuse-ld=lld"')) return `lld, its own, by way of ${program}`;
  return `what ${program} takes: ${linkerOfDriver(program)}`;
}
