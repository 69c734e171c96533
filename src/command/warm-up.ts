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

/** @param path beside which outputs may be written, and are removed */
export async function warmUp(path: string, version: string): Promise<void> {
  const inputs = join(import.meta.dirname, "warm-up");
  const folder = mkdtempSync(`${path}-`);
  try {
    for (let round = 0; round < rounds; round++) {
      const output = join(folder, String(round)); // a file that is replaced would be kept open
      const words = [
        "--build-id",
        "--eh-frame-hdr",
        "--hash-style=gnu",
        "-dynamic-linker",
        "/lib64/ld-linux-x86-64.so.2",
      ];
      const files = [join(inputs, "main.o"), `-L${inputs}`, "--as-needed", "-llibrary", "-lmember"];
      await runLinker([round % 3 === 0 ? "-shared" : "-pie", ...words, "-o", output, ...files], version, link, nobody);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  if (addon().forksKernels()) throw new Error("the resident linker has a thread for forks before its first child");
}
