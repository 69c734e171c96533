/**
 * L1: all of LLVM 14 and Clang, from Debian's static libraries. And where other workloads find them: a copy,
 * because the times of inputs are changed between runs and the system's files are not ours to change.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

import {
  cached,
  checkProgram,
  driverArguments,
  type LinkCase,
  missingProgram,
  withOptions,
  type Workload,
} from "./workload.ts";

const LLVM = "/usr/lib/llvm-14";

/** Libraries that need packages of their own, or define what others do. */
const excluded = [
  /^libclang(-14)?\.a$/,
  /^libclang_rt/,
  /^libclang(d|Daemon)/,
  /^libclang(Tidy|Query|Doc|Move|Change|Reorder|ApplyRep|IncludeFixer|Handle)/,
  /Debuginfod|Exegesis|LineEditor|[Ff]indAllSymbols/,
  /^lib(gtest|gmock|LLVMTestingSupport)/,
];

/** What a link of all of LLVM needs besides. */
const systemLibraries = ["-lz3", "-lz", "-ltinfo", "-lxml2", "-lffi", "-lpthread", "-ldl", "-lrt", "-lm", "-lstdc++"];

const program = `
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Passes/PassPlugin.h"
#include "llvm/Support/raw_ostream.h"
using namespace llvm;

// LLVMExtensions asks for it; Polly is a package of its own.
llvm::PassPluginLibraryInfo getPollyPluginInfo() { return {}; }

int main() {
  LLVMContext context;
  Module module("spore", context);
  auto *type = FunctionType::get(Type::getInt32Ty(context), {Type::getInt32Ty(context)}, false);
  auto *function = Function::Create(type, Function::ExternalLinkage, "inc", module);
  IRBuilder<> builder(BasicBlock::Create(context, "entry", function));
  builder.CreateRet(builder.CreateAdd(function->getArg(0), builder.getInt32(1)));
  module.print(outs(), nullptr);
}
`;

/** What a machine lacks for LLVM's and Clang's static libraries, or nothing. */
export function missingLlvm(): string | undefined {
  for (const [file, name] of [
    [`${LLVM}/lib/libLLVMCore.a`, "llvm-14-dev"],
    [`${LLVM}/lib/libclangAST.a`, "libclang-14-dev"],
    [`${LLVM}/include/llvm/IR/Module.h`, "llvm-14-dev"],
  ])
    if (!existsSync(file)) return `${name} is not installed`;
  return missingProgram("gcc", "g++");
}

/** Names of the static libraries that can all be in one program. */
export function llvmArchives(): string[] {
  return readdirSync(`${LLVM}/lib`)
    .filter((name) => /^lib(LLVM|clang).*\.a$/.test(name) && !excluded.some((pattern) => pattern.test(name)))
    .sort();
}

/** The folder of the copied libraries, and their names. */
export function llvmLibraries(parent: string): { readonly folder: string; readonly names: readonly string[] } {
  const names = llvmArchives();
  const folder = join(parent, "llvm-14");
  const key = names.map((name) => `${name} ${statSync(`${LLVM}/lib/${name}`).size}`).join("\n");
  cached(folder, key, (unfinished) => {
    for (const name of names) copyFileSync(`${LLVM}/lib/${name}`, join(unfinished, name));
  });
  return { folder, names };
}

/** Compiles a program against LLVM's headers. Returns the object. */
export function compileWithLlvm(parent: string, name: string, source: string): string {
  const folder = join(parent, name);
  cached(folder, source, (unfinished) => {
    writeFileSync(join(unfinished, "main.cc"), source);
    const includes = [`-I${LLVM}/include`, "-D__STDC_CONSTANT_MACROS", "-D__STDC_LIMIT_MACROS"];
    const flags = ["-std=c++14", "-O2", "-fPIC", "-fno-exceptions", "-fno-rtti", "-ffunction-sections"];
    execFileSync("g++", ["-c", ...flags, ...includes, "main.cc"], { cwd: unfinished, stdio: "inherit" });
  });
  return join(folder, "main.o");
}

function prepare(parent: string): LinkCase {
  const { folder, names } = llvmLibraries(parent);
  const main = compileWithLlvm(parent, "clang", program);
  const libraries = names.map((name) => join(folder, name));
  const { before, after } = driverArguments(systemLibraries.filter(isFound));
  return {
    description: `${names.length} archives, --whole-archive`,
    folder,
    inputs: [main, ...libraries],
    args: [
      ...before,
      main,
      "--whole-archive",
      ...libraries.map((path) => basename(path)),
      "--no-whole-archive",
      ...after,
    ],
    check: (output) => checkProgram(output, { expected: /define i32 @inc\(i32 %0\)/ }),
  };
}

/** Whether gcc finds a library; what is missing is said by the link when it is needed. */
export function isFound(option: string): boolean {
  const name = `lib${option.slice(2)}.so`;
  return execFileSync("gcc", [`-print-file-name=${name}`], { encoding: "utf8" }).trim() !== name;
}

export { systemLibraries };

const sizes = { full: 1, quick: 1 };

export const clang: Workload = {
  name: "clang",
  title: "L1 clang",
  target: { ratio: 0.65, onOneProcessor: 0.6 },
  sizes,
  missing: missingLlvm,
  prepare,
};

/** The same without what nothing needs. */
export const clangCollected: Workload = {
  ...clang,
  name: "clang-gc-sections",
  title: "L1 with --gc-sections",
  target: { ratio: 0.75 },
  prepare: (parent) => withOptions(prepare(parent), "--gc-sections"),
};
