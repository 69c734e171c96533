/** `spore`, the tool around the linker: its subcommands. `spore link` takes ld's command line as it is. */
import { Command, CommanderError, InvalidArgumentError } from "commander";

import type { Diagnostics } from "../diagnostics/diagnostics.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { LinkExplainer } from "../passes/explain.ts";
import { formatScan, type ScanReport } from "../reports/scan-report.ts";
import { type DiffFlags, runDiff } from "./diff.ts";
import { helpText } from "./help.ts";
import { runTune, type TuneFlags } from "./tune.ts";
import { type Link, loadDemangler, PROGRAM, runLinker, type Terminal } from "./main.ts";

/** The passes of `spore scan`: the same as a link's, up to resolve. */
export type Scan = (options: LinkOptions, diagnostics: Diagnostics) => Promise<ScanReport>;

/** A link that somebody looks at after each of its passes. */
export type WatchedLink = (
  options: LinkOptions,
  diagnostics: Diagnostics,
  onTables: LinkExplainer["onTables"],
) => Promise<void>;

export interface Passes {
  readonly link: Link;
  readonly watched: WatchedLink;
  readonly scan: Scan;
}

interface ScanFlags {
  readonly json?: true;
  readonly stats?: true;
  readonly threads?: number;
  readonly demangle: boolean;
}

/** Runs `spore`. `argv` is without the program's name. Resolves to the exit status. */
export async function runSpore(
  argv: readonly string[],
  version: string,
  passes: Passes,
  terminal: Terminal,
): Promise<number> {
  const [first, ...rest] = argv;
  // ld's grammar is not commander's: `-lfoo`, one dash, options that hold for what follows.
  if (first === "link" || first === "ld") return runLinker(rest, version, passes.link, terminal);
  if (first === "explain") return runExplain(rest, passes.watched, version, terminal);
  let status = 0;
  const program = new Command(PROGRAM)
    .description("A linker for ELF on Linux, and what looks at links")
    .version(`Spore ${version}`)
    .enablePositionalOptions() // those after the command of `exec` are its own
    .exitOverride()
    .configureOutput({ writeOut: terminal.writeOutput, writeErr: terminal.writeError });
  program
    .command("link")
    .alias("ld")
    .description("link, with GNU ld's command line")
    .usage("[ld options] file...")
    .helpOption(false)
    .configureHelp({ formatHelp: () => helpText(`${PROGRAM} link`) });
  program
    .command("explain")
    .description("link, and print the tables that each pass leaves behind")
    .usage("[--rows=N] [ld options] file...")
    .helpOption(false);
  program
    .command("scan")
    .description("list what files define and refer to, what is duplicate and what is undefined")
    .argument("<file...>", "objects, archives and shared objects")
    .option("--json", "print JSON")
    .option("--stats", "print the time of each pass")
    .option("--threads <n>", "number of workers", parseWorkers)
    .option("--no-demangle", "print names as in the files")
    .action(async (files: string[], flags: ScanFlags) => {
      status = await runScan(files, flags, passes.scan, version, terminal);
    });
  program
    .command("diff")
    .description("compare two ELF files by what they mean: sections, symbols, relocated places, unwind tables")
    .argument("<first>", "an executable or a shared object")
    .argument("<second>", "what the same inputs became elsewhere")
    .option("--json", "print JSON")
    .option("--all", "print all lines, not the first ones of each group")
    .addHelpText("after", "\nThe exit status is 0 if they are the same, 1 if they differ, 2 after an error.")
    .action((one: string, other: string, flags: DiffFlags) => {
      status = runDiff([one, other], flags, terminal);
    });
  // The launcher has run it before Node was started; here are its help, and what is wrong with its options.
  program
    .command("serve")
    .description("link for others: a process that stays, to which bin/ld hands its links while it runs")
    .option("--idle=<seconds>", "end after so long without a link; 0: never; default: 600")
    .option("--status", "print whether one runs and what it has done; start nothing")
    .option("--stop", "end the one that runs, after the links that run")
    .action(() => {
      terminal.writeError(`${PROGRAM}: error: serve takes one option, as "--idle=60"\n`);
      status = 1;
    });
  program
    .command("exec")
    .description("run a command, such as a build, with Spore in the place of the linkers that its compilers look for")
    .argument("<command>", "a program, with its arguments; put -- before it")
    .argument("[arguments...]")
    .passThroughOptions()
    .addHelpText("after", "\nThe exit status is the command's. What was linked is said at the end, on standard error.")
    .action(async (command: string, args: string[]) => {
      const { runExec } = await import("./exec.ts");
      status = await runExec(command, args, terminal);
    });
  program
    .command("dir")
    .description("print the folder for gcc -B, where Spore is called ld")
    .action(async () => {
      const { linkerFolder } = await import("./exec.ts");
      terminal.writeOutput(`${linkerFolder()}\n`);
    });
  program
    .command("doctor")
    .description("say what Spore runs on here, and which linker each compiler would call")
    .action(async () => {
      const { runDoctor } = await import("./doctor.ts");
      status = runDoctor(version, terminal);
    });
  program
    .command("tune")
    .description("measure on this machine when a file is better read than mapped, and keep it for StageMode.Adaptive")
    .option("--folder <path>", "measure on the disk of this folder; default: the system's for temporary files")
    .option("--show", "measure nothing: print what was measured and what holds")
    .action((flags: TuneFlags) => {
      status = runTune(flags, terminal);
    });
  if (argv.length === 0) {
    terminal.writeError(program.helpInformation());
    return 1;
  }
  try {
    await program.parseAsync(argv as string[], { from: "user" });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    throw error;
  }
}

function parseWorkers(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new InvalidArgumentError("It must be a number from 1.");
  return count;
}

/** Rows of a table that `spore explain` prints, unless it is told. */
const EXPLAINED_ROWS = 8;

async function runExplain(
  argv: readonly string[],
  watched: WatchedLink,
  version: string,
  terminal: Terminal,
): Promise<number> {
  const asked = /^--rows=(\d+)$/.exec(argv[0] ?? "");
  const explainer = new LinkExplainer(asked === null ? EXPLAINED_ROWS : Number(asked[1]));
  const explainAndReport: Link = async (options, diagnostics) => {
    await watched(options, diagnostics, explainer.onTables);
    return { standardOutput: explainer.text };
  };
  return runLinker(asked === null ? argv : argv.slice(1), version, explainAndReport, terminal);
}

async function runScan(
  files: readonly string[],
  flags: ScanFlags,
  scan: Scan,
  version: string,
  terminal: Terminal,
): Promise<number> {
  const demangle = flags.demangle ? await loadDemangler() : (name: string) => name;
  // Files are inputs of a link that has every archive member in it.
  const threads = flags.threads === undefined ? [] : [`--threads=${flags.threads}`];
  const argv = ["--whole-archive", "-shared", ...threads, ...files.map(protectDash)];
  const scanAndReport: Link = async (options, diagnostics) => {
    const report = await scan(options, diagnostics);
    diagnostics.stopIfFailed();
    const format = { isJson: flags.json === true, hasTimings: flags.stats === true, demangle };
    return { standardOutput: formatScan(report, format) };
  };
  return runLinker(argv, version, scanAndReport, terminal);
}

/** A file whose name begins with a dash or an at sign is no option here. */
function protectDash(file: string): string {
  return /^[-@]/.test(file) ? `./${file}` : file;
}
