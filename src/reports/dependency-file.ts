/** --dependency-file: a make rule that says what the output was made from. */

/** The rule, and an empty rule for each input, so that one that is gone does not stop make. */
export function formatDependencies(output: string, inputs: readonly string[]): string {
  const names = inputs.map(escapeForMake);
  const phony = names.map((name) => `\n${name}:\n`);
  return `${[`${escapeForMake(output)}:`, ...names].join(" \\\n  ")}\n${phony.join("")}`;
}

/** Spaces and number signs with a backslash, dollars doubled: what GNU make reads back as the name. */
function escapeForMake(name: string): string {
  return name.replaceAll("$", "$$$$").replace(/[ #]/g, "\\$&");
}
