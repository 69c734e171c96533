/** All of LLVM 14 and Clang in one program, and in one shared object: 185 MB, seven hundred thousand sections. */
import { expect, test } from "vitest";

import { isFound, llvmArchives, systemLibraries } from "../../bench/workloads/clang.ts";
import { complaints, expectSameBytes } from "../harness/large-outputs.ts";
import { spore } from "../harness/oracles.ts";
import { lacks } from "../harness/requirements.ts";
import { scratch } from "../harness/scratch.ts";

const llvm = "/usr/lib/llvm-14";
const requirements = [
  { needs: `${llvm}/lib/libLLVMCore.a`, from: "llvm-14-dev" },
  { needs: `${llvm}/lib/libclangAST.a`, from: "libclang-14-dev" },
];

const files = {
  "program.cc": `
    #include "llvm/IR/IRBuilder.h"
    #include "llvm/IR/LLVMContext.h"
    #include "llvm/IR/Module.h"
    #include "llvm/IR/Verifier.h"
    #include "llvm/Passes/PassPlugin.h"
    #include "llvm/Support/raw_ostream.h"
    using namespace llvm;

    // LLVMExtensions asks for it; Polly is a package of its own.
    llvm::PassPluginLibraryInfo getPollyPluginInfo() { return {}; }

    int program() {
      LLVMContext context;
      Module module("spore", context);
      auto *type = FunctionType::get(Type::getInt32Ty(context), {Type::getInt32Ty(context)}, false);
      auto *function = Function::Create(type, Function::ExternalLinkage, "inc", module);
      IRBuilder<> builder(BasicBlock::Create(context, "entry", function));
      builder.CreateRet(builder.CreateAdd(function->getArg(0), builder.getInt32(1)));
      module.print(outs(), nullptr);
      return verifyModule(module, &errs()) ? 1 : 0;
    }`,
  "main.cc": "int program(); int main() { return program(); }",
};

/** What the program prints. */
const printed = /define i32 @inc\(i32 %0\) \{\nentry:\n {2}%1 = add i32 %0, 1\n {2}ret i32 %1\n\}/;

for (const { name, flags, inputs } of [
  { name: "program", flags: ["-pie"], inputs: ["main.o", "program.o"] },
  { name: "libprogram.so", flags: ["-shared", "-Wl,-soname,libprogram.so"], inputs: ["program.o"] },
])
  test.skipIf(lacks(requirements))(`all of LLVM and Clang, ${flags[0]}, makes and prints IR`, async () => {
    await using dir = await scratch(files);
    await dir.compile("program.cc", [`-I${llvm}/include`, "-std=c++14", "-fPIC", "-fno-rtti", "-O1"]);
    await dir.compile("main.cc", ["-fPIE"]);
    await expectSameBytes(dir.file(name), async (workers, output) => {
      const archives = ["-Wl,--whole-archive", ...llvmArchives().map((it) => `-l:${it}`), "-Wl,--no-whole-archive"];
      const all = [...inputs, `-L${llvm}/lib`, ...archives, ...systemLibraries.filter(isFound)];
      const args = [...spore.gccFlags, ...flags, ...all, workers, "-o", output];
      await dir.mustRun("g++", args, { timeoutMs: 300_000 });
    });
    if (name !== "program") await dir.mustRun("g++", [...spore.gccFlags, "main.o", name, "-o", "program"]);
    const ended = await dir.run("./program", [], { env: { LD_LIBRARY_PATH: dir.path } });
    expect(ended).toMatchObject({ status: 0, stderr: "" });
    expect(ended.stdout).toMatch(printed);
    expect(await complaints(dir.file(name))).toEqual([]);
  });
