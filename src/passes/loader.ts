/** Whether a loader links the output at run time, or nobody but itself. */
import type { LinkOptions } from "../options/link-options.ts";
import type { Inputs } from "./find-inputs.ts";

/**
 * Whether the output is complete by itself: -static; or, as GNU ld has it, an executable at a fixed address that is
 * linked with no shared object, whatever else the driver says.
 */
export function isSelfContained({ outputKind, isStatic }: LinkOptions, { files }: Pick<Inputs, "files">): boolean {
  if (outputKind === "shared") return false;
  return isStatic || (outputKind === "exec" && !files.some(({ kind }) => kind === "shared"));
}

/** Whether it has .dynamic: a program that relocates itself finds its relocations there. */
export function hasDynamicSection(options: LinkOptions, inputs: Pick<Inputs, "files">): boolean {
  return options.outputKind !== "exec" || !isSelfContained(options, inputs);
}
