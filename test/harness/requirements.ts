/** Tests that need what a machine may lack are skipped there, and say so: `test.skipIf(lacks(requirements))`. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { totalmem } from "node:os";

import { isInstalled } from "./oracles.ts";

/** A program on the path or, with a slash, a file. */
export interface Requirement {
  readonly needs: string;
  /** The Debian package that has it. */
  readonly from: string;
}

const isThere = (name: string): boolean => (name.includes("/") ? existsSync(name) : isInstalled(name));

const told = new Set<string>();

/** Whether something is missing. Says which packages have it, once. */
export function lacks(requirements: readonly Requirement[]): boolean {
  const packages = new Set(requirements.filter(({ needs }) => !isThere(needs)).map(({ from }) => from));
  for (const name of packages) tell(`${name}, which is not installed`);
  return packages.size > 0;
}

/** Whether a program is older than this version. Says so, once. */
export function lacksVersion(program: string, version: string): boolean {
  const [, found = "0"] = /(\d+(?:\.\d+)+)/.exec(spawnSync(program, ["--version"], { encoding: "utf8" }).stdout) ?? [];
  const isOlder = found.localeCompare(version, "en", { numeric: true }) < 0;
  if (isOlder) tell(`${program} ${version} (this is ${found})`);
  return isOlder;
}

/** Whether the tests do not run as root. Says so, once. */
export function lacksRoot(what: string): boolean {
  const isRoot = process.geteuid?.() === 0;
  if (!isRoot) tell(`root (${what})`);
  return !isRoot;
}

/** Whether a program that only claims so many bytes may not run: proc(5), overcommit_memory. Says so, once. */
export function lacksAddressSpace(bytes: number): boolean {
  const isRefused = readFileSync("/proc/sys/vm/overcommit_memory", "latin1").trim() !== "1" && totalmem() < bytes;
  if (isRefused) tell(`${bytes / 2 ** 30} GiB of memory, or vm.overcommit_memory=1`);
  return isRefused;
}

function tell(what: string): void {
  if (!told.has(what)) process.stderr.write(`SKIPPED: tests that need ${what}\n`);
  told.add(what);
}
