/** L4: a small program that needs one of a hundred members of LLVM's and Clang's archives, with --gc-sections. */
import { basename, join } from "node:path";

import { compileWithLlvm, isFound, llvmLibraries, missingLlvm, systemLibraries } from "./clang.ts";
import { checkProgram, driverArguments, type LinkCase, type Workload } from "./workload.ts";

const program = `
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/Triple.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
using namespace llvm;

int main() {
  Triple triple("x86_64-pc-linux-gnu");
  json::Object object{{"arch", triple.getArchName()}};
  outs() << json::Value(std::move(object)) << "\\n";
}
`;

function prepare(parent: string): LinkCase {
  const { folder, names } = llvmLibraries(parent);
  const main = compileWithLlvm(parent, "archive-search", program);
  const libraries = names.map((name) => join(folder, name));
  const { before, after } = driverArguments(systemLibraries.filter(isFound));
  const archives = libraries.map((path) => basename(path));
  return {
    description: `1% of the members of ${names.length} archives, --gc-sections`,
    folder,
    inputs: [main, ...libraries],
    // GNU ld and gold look into an archive when they meet it, so they need the group.
    args: [...before, "--gc-sections", main, "--start-group", ...archives, "--end-group", ...after],
    check: (output) => checkProgram(output, { expected: /^{"arch":"x86_64"}$/m }),
  };
}

export const archiveSearch: Workload = {
  name: "archive-search",
  title: "L4 archive search",
  target: { ratio: 0.85 },
  sizes: { full: 1, quick: 1 },
  missing: missingLlvm,
  prepare,
};
