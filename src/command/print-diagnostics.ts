/** Prints diagnostics as lines of standard error: `spore: error: …`. */
import type { Diagnostic, Diagnostics } from "../diagnostics/diagnostics.ts";
import { formatDiagnostic } from "../diagnostics/diagnostics.ts";

export type WhenColored = "auto" | "always" | "never";

const BOLD_RED = "\x1b[1;31m";
const BOLD_MAGENTA = "\x1b[1;35m";
const RESET = "\x1b[0m";

/** Whether standard error is to be coloured. NO_COLOR is a convention of many tools. */
export function isColored(when: WhenColored, isTerminal: boolean, noColor: string | undefined): boolean {
  return when === "always" || (when === "auto" && isTerminal && (noColor ?? "") === "");
}

/** Everything that is wrong with a link, as text that ends in a newline; empty when nothing is. */
export function renderDiagnostics(program: string, diagnostics: Diagnostics, colored: boolean): string {
  const messages = diagnostics.list().map((diagnostic) => renderOne(program, diagnostic, colored));
  // An empty line where one message of several lines meets another; those of one line stand together.
  const lines = messages.flatMap((message, i) =>
    i > 0 && (message.length > 1 || messages[i - 1]!.length > 1) ? ["", ...message] : message,
  );
  const unlisted = diagnostics.unlistedErrorCount;
  if (unlisted > 0)
    lines.push(
      `${heading(program, "error", colored)}${unlisted} more ${unlisted === 1 ? "error" : "errors"} not listed ` +
        "(use --error-limit=0 to list all)",
    );
  return lines.map((line) => `${line}\n`).join("");
}

function renderOne(program: string, diagnostic: Diagnostic, colored: boolean): string[] {
  const [first = "", ...rest] = formatDiagnostic(diagnostic);
  return [heading(program, diagnostic.severity, colored) + first, ...rest];
}

function heading(program: string, severity: Diagnostic["severity"], colored: boolean): string {
  if (!colored) return `${program}: ${severity}: `;
  return `${program}: ${severity === "error" ? BOLD_RED : BOLD_MAGENTA}${severity}:${RESET} `;
}
