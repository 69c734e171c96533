/** L6: hello world, dynamically linked, against the start-up of Node itself. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { cached, checkProgram, driverArguments, type LinkCase, missingProgram, type Workload } from "./workload.ts";

const program = '#include <stdio.h>\nint main(void) { puts("hello, world"); }\n';

function prepare(parent: string): LinkCase {
  const folder = join(parent, "hello");
  cached(folder, program, (unfinished) => {
    writeFileSync(join(unfinished, "hello.c"), program);
    execFileSync("gcc", ["-c", "-O2", "-fPIE", "hello.c"], { cwd: unfinished, stdio: "inherit" });
  });
  const { before, after } = driverArguments();
  return {
    description: "one object, libc.so",
    folder,
    inputs: [join(folder, "hello.o")],
    args: [...before, "hello.o", ...after],
    check: (output) => checkProgram(output, { expected: /^hello, world\n$/ }),
  };
}

export const hello: Workload = {
  name: "hello",
  title: "L6 hello",
  target: { nodePlusMs: 15 },
  sizes: { full: 1, quick: 1 },
  missing: () => missingProgram("gcc"),
  prepare,
};
