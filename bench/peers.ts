/** The linkers that are compared, as far as they are installed. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { packageRoot } from "./measure.ts";
import { isInstalled } from "./workloads/workload.ts";

export interface Linker {
  /** As the table has it. */
  readonly name: string;
  readonly path: string;
  /** First line of `--version`. */
  readonly version: string;
  /** What it is given besides, to see its memory and processor time: mold links in a child that outlives it. */
  readonly inOneGo: readonly string[];
}

export const SPORE = "spore";

export interface Linkers {
  /** Spore is the last. */
  readonly present: readonly Linker[];
  /** Those that were looked for in vain. */
  readonly absent: readonly string[];
}

function versionOf(path: string): string {
  return spawnSync(path, ["--version"], { encoding: "utf8" }).stdout?.split("\n")[0] ?? "";
}

function linker(name: string, path: string): Linker {
  const version = versionOf(path);
  return { name, path, version, inOneGo: /^(mold|Spore)/.test(version) ? ["--no-fork"] : [] };
}

/** ld.lld and ld.lld-N on the path, newest first. */
function installedLlds(): Linker[] {
  const folders = (process.env["PATH"] ?? "").split(":");
  const names = folders.flatMap((folder) => {
    try {
      return readdirSync(folder).filter((name) => /^ld\.lld(-\d+)?$/.test(name));
    } catch {
      return [];
    }
  });
  const found = [...new Set(names)].map((name) => linker(name.replace("ld.", ""), name));
  const major = ({ version }: Linker): number => Number(/LLD (\d+)/.exec(version)?.[1] ?? 0);
  return found.sort((a, b) => major(b) - major(a));
}

/** Debian sid's mold and lld, where bench/newest-peers.sh has put them; named with their versions. */
function newestPeers(): Linker[] {
  const folder = join(packageRoot, "build", "bench", "peers");
  if (!existsSync(join(folder, "ready"))) return [];
  return ["mold", "ld.lld"].map((program) => {
    const found = linker(program, join(folder, program));
    const major = /\d+/.exec(found.version)?.[0] ?? "";
    return { ...found, name: `${program.replace("ld.", "")}-${major}` };
  });
}

/**
 * Finds the linkers. Those of `more` are NAME=PATH: a newer mold, an older Spore. Where `against` is given, only those
 * that it names are looked at, and Spore.
 */
export function findLinkers(more: readonly string[] = [], against?: readonly string[]): Linkers {
  const present: Linker[] = [];
  const absent: string[] = [];
  for (const [name, program] of [
    ["bfd", "ld.bfd"],
    ["gold", "ld.gold"],
  ])
    if (isInstalled(program)) present.push(linker(name, program));
    else absent.push(program);
  const newest = newestPeers();
  if (newest.length === 0) absent.push("the newest mold and lld (bench/newest-peers.sh)");
  present.push(...newest);
  const [lld] = installedLlds();
  if (lld === undefined) absent.push("ld.lld");
  else present.push(lld);
  if (isInstalled("mold")) present.push(linker("mold", "mold"));
  else absent.push("mold");
  for (const entry of more) {
    const [name, path] = entry.split("=", 2);
    if (path === undefined) throw new Error(`"${entry}" is not NAME=PATH`);
    present.push(linker(name, path));
  }
  present.push(linker(SPORE, join(packageRoot, "bin", "ld")));
  if (against === undefined) return { present, absent };
  const missing = against.filter((name) => !present.some((it) => it.name === name));
  if (missing.length > 0)
    throw new Error(`no linker "${missing[0]}"; there are ${present.map(({ name }) => name).join(", ")}`);
  return { present: present.filter(({ name }) => name === SPORE || against.includes(name)), absent: [] };
}

export function formatLinkers({ present, absent }: Linkers): string {
  const lines = present.map(({ name, version }) => `  ${name.padEnd(8)} ${version}\n`);
  return lines.join("") + (absent.length > 0 ? `  absent:  ${absent.join(", ")}\n` : "");
}
