/**
 * The debug program: one C++ file, compiled with `-g -O0` and linked many times under other names, so that nearly all of
 * its functions and most of its strings are duplicates.
 */
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";

import { compileWithDebugInfo, library } from "./debug-info.ts";
import { cached, checkProgram, driverArguments, type LinkCase, missingProgram, type Workload } from "./workload.ts";

/** Instances of the templates in each file. */
const INSTANCES = 2;
/** What each copy returns: for "alpha" and "beta", 19 + 2 N for each instance. */
const RESULT = 40;

const source = `#include "work.h"
extern "C" int copy_0(const Words &words) { return work<0>(words) + work<1>(words); }
`;

const mainSource = (size: number): string => `
#include "work.h"
#include <cstdio>
${Array.from({ length: size }, (_, i) => `extern "C" int copy_${i}(const Words &);\n`).join("")}
int main() {
  Words words{"alpha", "beta"};
  int sum = 0;
${Array.from({ length: size }, (_, i) => `  sum += copy_${i}(words);\n`).join("")}
  std::printf("%d\\n", sum);
}
`;

function prepare(parent: string, size: number): LinkCase {
  const folder = join(parent, `debug-copies-${size}`);
  const objects = Array.from({ length: size }, (_, i) => `copy_${i}.o`);
  cached(folder, library + source + mainSource(size), (unfinished) => {
    compileWithDebugInfo(
      unfinished,
      new Map([
        ["main.cc", mainSource(size)],
        ["copy.cc", source],
      ]),
    );
    for (const [i, name] of objects.entries())
      execFileSync("objcopy", [`--redefine-sym=copy_0=copy_${i}`, "copy.o", name], { cwd: unfinished });
    rmSync(join(unfinished, "copy.o"));
  });
  const { before, after } = driverArguments(["-lstdc++", "-lm"]);
  return {
    description: `one file with ${INSTANCES} instances of templates, ${size} times, -g -O0`,
    folder,
    inputs: ["main.o", ...objects].map((name) => join(folder, name)),
    args: [...before, "main.o", ...objects, ...after],
    check: (output) => checkProgram(output, { expected: new RegExp(`^${RESULT * size}\n$`) }),
  };
}

export const debugCopies: Workload = {
  name: "debug-copies",
  title: "debug information, copies",
  target: { ratio: 0.85, onOneProcessor: 1 },
  sizes: { full: 300, quick: 12 },
  missing: () => missingProgram("gcc", "g++", "xargs", "objcopy"),
  prepare,
};
