/** Diagnostics as data, for --diagnostics: lines of JSON, or SARIF 2.1.0 (OASIS), which code hosts and editors show. */
import type { Diagnostic, Diagnostics, Place } from "../diagnostics/diagnostics.ts";
import { describePlace } from "../diagnostics/diagnostics.ts";

/** The code of the message that says how many errors are not listed. */
const UNLISTED = "errorLimit";

interface Source {
  readonly file: string;
  readonly line: number;
}

/** `main.c:3`, as places have it. */
function sourceOf({ source }: Place): Source | undefined {
  const [, file, line] = /^(.*):(\d+)$/s.exec(source ?? "") ?? [];
  return file === undefined ? undefined : { file, line: Number(line) };
}

/** One object a line: code, severity, message, places and hint. docs/errors.md has the fields. */
export function diagnosticsAsJson(diagnostics: Diagnostics): string {
  const records: object[] = diagnostics.list().map(({ code, severity, message, hint, places, placeCount }) => ({
    code,
    severity,
    message,
    hint,
    places: places.map((place) => {
      const { file, section, offset, symbol } = place;
      return { file, section, offset, symbol, source: sourceOf(place) };
    }),
    placeCount,
  }));
  const unlisted = diagnostics.unlistedErrorCount;
  if (unlisted > 0)
    records.push({ code: UNLISTED, severity: "error", message: `${unlisted} more errors`, places: [], placeCount: 0 });
  return records.map((record) => `${JSON.stringify(record)}\n`).join("");
}

/** One log with one run; the first place of a message is its location, the others are related ones. */
export function diagnosticsAsSarif(diagnostics: Diagnostics, version: string): string {
  const listed = diagnostics.list();
  const rules = [...new Set(listed.map(({ code }) => code))].map((id) => ({ id }));
  const run = {
    tool: { driver: { name: "Spore", version, rules } },
    results: listed.map(sarifResult),
    properties: { unlistedErrors: diagnostics.unlistedErrorCount },
  };
  return `${JSON.stringify({ $schema: SARIF_SCHEMA, version: "2.1.0", runs: [run] })}\n`;
}

const SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

function sarifResult({ code, severity, message, hint, places }: Diagnostic): object {
  const [first, ...others] = places.map(sarifLocation);
  return {
    ruleId: code,
    level: severity,
    message: { text: hint === undefined ? message : `${message}\n${hint}` },
    ...(first === undefined ? {} : { locations: [first] }),
    ...(others.length === 0 ? {} : { relatedLocations: others }),
  };
}

/** The line of the source where it is known, else the file; and where in that it is. */
function sarifLocation(place: Place): object {
  const source = sourceOf(place);
  const file = source?.file ?? place.file;
  const artifact = file === undefined ? undefined : { artifactLocation: { uri: uriOf(file) } };
  const region = source === undefined ? {} : { region: { startLine: source.line } };
  return {
    ...(artifact === undefined ? {} : { physicalLocation: { ...artifact, ...region } }),
    ...(place.symbol === undefined
      ? {}
      : { logicalLocations: [{ fullyQualifiedName: place.symbol, kind: "function" }] }),
    message: { text: describePlace(place) },
  };
}

function uriOf(file: string): string {
  if (!file.startsWith("/")) return encodeURI(file);
  return process.getBuiltinModule("node:url").pathToFileURL(file).href; // not loaded by links that need none
}
