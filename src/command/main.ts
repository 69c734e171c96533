/**
 * The linker as a command: ld's command line in, exit status out. Nothing else in the program writes to
 * standard output or standard error.
 */
import { addon, AddonError } from "../addon/load.ts";
import { makeDemangler } from "../diagnostics/demangle.ts";
import { Diagnostics, LinkFailed } from "../diagnostics/diagnostics.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { writeReproduce } from "./write-reproduce.ts";
import { parseOptions } from "../options/parse.ts";
import { formatDefaultPlan } from "../reports/plan-script.ts";
import { IoError } from "../staging/index.ts";
import { helpText, longVersionText, versionText } from "./help.ts";
import { diagnosticsAsJson, diagnosticsAsSarif } from "./diagnostics-data.ts";
import { isColored, renderDiagnostics } from "./print-diagnostics.ts";

/** A link: resolves to what is to be printed on standard output besides, or throws LinkFailed. */
export type Link = (options: LinkOptions, diagnostics: Diagnostics) => Promise<LinkReports>;

/** What options such as --stats, -t and -M ask for. */
export interface LinkReports {
  readonly standardOutput?: string;
  readonly standardError?: string;
}

/** Where a command writes. */
export interface Terminal {
  readonly writeOutput: (text: string) => void;
  readonly writeError: (text: string) => void;
  /** Whether errors are read by a person. Asked only when there is something to say. */
  readonly isErrorTerminal: () => boolean;
}

/** The program's name in messages, under whichever name it runs. */
export const PROGRAM = "spore";

/** Runs the linker. `argv` is without the program's name. Resolves to the exit status. */
export async function runLinker(
  argv: readonly string[],
  version: string,
  link: Link,
  terminal: Terminal,
): Promise<number> {
  const diagnostics = new Diagnostics();
  const options = parseOptions(argv, diagnostics);
  const { queries } = options;
  if (queries.isHelp || queries.isVersion) {
    terminal.writeOutput(queries.isHelp ? helpText(PROGRAM) : versionText(version));
    return 0;
  }
  if (queries.isLongVersion) terminal.writeOutput(longVersionText(version));
  else if (queries.isShortVersion) terminal.writeOutput(versionText(version));
  if (options.isVerbose) terminal.writeOutput(planText(options));
  if (queries.isPrintOutputFormat) terminal.writeOutput("elf64-x86-64\n");
  if (queries.isPrintSysroot) terminal.writeOutput(`${options.sysroot}\n`);

  const { errorLimit, isFatalWarnings, isNoWarnings, isDemangle, colorDiagnostics } = options;
  diagnostics.configure({ errorLimit, fatalWarnings: isFatalWarnings, noWarnings: isNoWarnings });
  const hasInputs = options.inputs.length > 0 || options.linkerScripts.length > 0;
  const isOnlyQuery = Object.values(queries).some(Boolean);
  if (!hasInputs && isOnlyQuery && !diagnostics.hasFailed) return 0;
  if (!hasInputs) diagnostics.add("noInputs", {});

  const failure = await runLink(options, argv, version, diagnostics, link, terminal);
  for (const text of diagnostics.transcript) terminal.writeError(text);
  for (const note of diagnostics.notes) terminal.writeError(`${PROGRAM}: ${note}\n`);
  if (diagnostics.hasFailed || diagnostics.warningCount > 0) {
    if (isDemangle) diagnostics.configure({ demangle: await loadDemangler() });
    const colored = isColored(colorDiagnostics, terminal.isErrorTerminal(), process.env["NO_COLOR"]);
    const rendered = {
      text: () => renderDiagnostics(PROGRAM, diagnostics, colored),
      json: () => diagnosticsAsJson(diagnostics),
      sarif: () => diagnosticsAsSarif(diagnostics, version),
    };
    terminal.writeError(rendered[options.diagnosticsFormat]());
  }
  if (failure !== undefined) terminal.writeError(failure);
  return failure !== undefined || diagnostics.hasFailed ? 1 : 0;
}

/** The plan in use as a linker script, in the frame that GNU ld prints around its own. */
function planText(options: LinkOptions): string {
  const separator = "=".repeat(50);
  return `using internal linker script:\n${separator}\n${formatDefaultPlan(options)}${separator}\n`;
}

/** The demangler of messages, loaded when there is something to print. */
export async function loadDemangler(): Promise<(name: string) => string> {
  const { demangleRust } = await import("./rust-names.ts");
  return makeDemangler((name) => addon().demangle(name), demangleRust);
}

/** Links. What fails is in `diagnostics`, or is an internal error, which is returned as text with its trace. */
async function runLink(
  options: LinkOptions,
  argv: readonly string[],
  version: string,
  diagnostics: Diagnostics,
  link: Link,
  terminal: Terminal,
): Promise<string | undefined> {
  try {
    diagnostics.stopIfFailed();
    if (options.reproduce !== undefined) writeReproduce(options.reproduce, options, argv, version);
    const { standardOutput = "", standardError = "" } = await link(options, diagnostics);
    if (standardOutput !== "") terminal.writeOutput(standardOutput);
    if (standardError !== "") terminal.writeError(standardError);
    return undefined;
  } catch (error) {
    if (error instanceof LinkFailed) return undefined;
    if (error instanceof IoError) {
      addIoError(options, diagnostics, error);
      return undefined;
    }
    if (error instanceof AddonError) return `${PROGRAM}: error: ${error.message}\n`;
    return `${PROGRAM}: internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`;
  }
}

function addIoError(options: LinkOptions, diagnostics: Diagnostics, { path, syscall, reason }: IoError): void {
  const { output, mapFile, dependencyFile, traceFile, reproduce } = options;
  if (path === undefined) diagnostics.add("systemCallFailed", { call: syscall, reason });
  else if (![output, mapFile, dependencyFile, traceFile, reproduce].includes(path))
    diagnostics.add("stagingFailed", { path, reason });
  else if (syscall === "open" || syscall === "stat") diagnostics.add("cannotWriteOutput", { path, reason });
  else diagnostics.add("outputFailed", { path, reason });
}
