/** The list of targets. */
import type { Target } from "./target.ts";
import { x86_64 } from "./x86-64.ts";

export type { Target } from "./target.ts";

const targets: readonly Target[] = [x86_64];

/** The target of an emulation, which the command line has checked. */
export function targetOf(emulation: string): Target {
  return targets.find(({ name }) => name === emulation) ?? x86_64;
}
