/** V8's compilers, which bin/ld starts Node without: they take more time of a usual link than they give back. */

/** So many inputs are walked through often enough for compiled code to be worth it. */
const MANY_INPUTS = 15_000;

/** Turns them on where they pay. */
export function turnOnCompilers(inputs: number): void {
  if (inputs < MANY_INPUTS) return;
  // Takes 7 ms to load: with other flags than the usual ones V8 has no compiled code of Node's own modules.
  const { setFlagsFromString } = process.getBuiltinModule("node:v8");
  setFlagsFromString("--sparkplug");
  setFlagsFromString("--opt");
}

/** Each child of a process that has compiled what it will would compile, again, what is nearly due. */
export function turnOffCompilers(): void {
  const { setFlagsFromString } = process.getBuiltinModule("node:v8");
  setFlagsFromString("--no-sparkplug");
  setFlagsFromString("--no-opt");
}
