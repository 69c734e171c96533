/**
 * Links that the resident linker does before there is a client, so that V8 has compiled what links run. Kernels run in
 * the process itself: it must stay one that can be forked.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";

import { addon } from "../addon/load.ts";
import { type Link, runLinker, type Terminal } from "./main.ts";
import { linkReporting } from "./write-reports.ts";

/** Enough for functions that each link calls to be compiled. */
const rounds = 30;

const nobody: Terminal = { writeOutput: () => undefined, writeError: () => undefined, isErrorTerminal: () => false };

const link: Link = (options, diagnostics) => linkReporting(options, diagnostics, { runsHere: true });

/** As gcc says it. */
const options =
  "-plugin none -plugin-opt=none --build-id --eh-frame-hdr -m elf_x86_64 --hash-style=gnu -dynamic-linker /lib/ld.so " +
  "-z now -z relro -O1 --sort-common";

/** @param path beside which outputs may be written, and are removed */
export async function warmUp(path: string, version: string): Promise<void> {
  const inputs = join(import.meta.dirname, "warm-up");
  const folder = mkdtempSync(`${path}-`);
  const files = ["-L/no/where", `-L${inputs}`, "main.o", "--push-state", "--as-needed", "-lscript", "--pop-state"];
  const kinds = [["-shared"], ["-pie"], ["-pie", "--gc-sections", "-O2"], ["--no-dynamic-linker", "-static"]];
  const home = process.cwd();
  process.chdir(inputs);
  try {
    for (let round = 0; round < rounds; round++) {
      const output = join(folder, String(round)); // a file that is replaced would be kept open
      const words = [...kinds[round % kinds.length]!, ...options.split(" "), "-o", output, ...files];
      await runLinker(words, version, link, nobody);
    }
  } finally {
    process.chdir(home);
    rmSync(folder, { recursive: true });
  }
  if (addon().forksKernels()) throw new Error("the resident linker has a thread for forks before its first child");
}
