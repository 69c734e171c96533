/** Whether linkers did the same work: size, sections and symbols of what they wrote, as readelf sees them. */
import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";

/** One linker's output. */
export interface Output {
  readonly bytes: number;
  /** Names, in order of headers. */
  readonly sections: readonly string[];
  readonly symtabEntries: number;
}

/** By linker. */
export type Outputs = Readonly<Record<string, Output>>;

const SYM_BYTES = 24;

export interface SectionSize {
  readonly name: string;
  readonly bytes: number;
}

/** Sections of a file, by `readelf -SW`. */
export function sectionsOf(file: string): SectionSize[] {
  const text = execFileSync("readelf", ["-SW", file], { encoding: "utf8", maxBuffer: 1 << 28 });
  // [Nr] Name Type Address Off Size
  const rows = text.matchAll(/^ +\[ *\d+\] (\S+) +[A-Z]\w* +[0-9a-f]{16} [0-9a-f]+ ([0-9a-f]+) /gm);
  return [...rows].map(([, name, size]) => ({ name, bytes: Number.parseInt(size, 16) }));
}

export function lookAtOutput(file: string): Output {
  const sections = sectionsOf(file);
  const symtab = sections.find(({ name }) => name === ".symtab")?.bytes ?? 0;
  return {
    bytes: statSync(file).size,
    symtabEntries: symtab / SYM_BYTES,
    sections: sections.map(({ name }) => name),
  };
}

/** How one linker's output differs from another's. */
export interface OutputComparison {
  readonly reference: string;
  readonly sizeRatio: number;
  readonly symbolRatio: number;
  readonly missingSections: readonly string[];
  readonly addedSections: readonly string[];
}

/** Compares with mold's output, or that of whichever linker is there. Nothing when one is missing. */
export function compareOutputs(outputs: Outputs, name: string): OutputComparison | undefined {
  const subject = outputs[name];
  const reference = "mold" in outputs ? "mold" : Object.keys(outputs).find((other) => other !== name);
  if (subject === undefined || reference === undefined) return undefined;
  const other = outputs[reference];
  const without = (names: readonly string[], known: readonly string[]): string[] => [
    ...new Set(names.filter((section) => !known.includes(section))),
  ];
  return {
    reference,
    sizeRatio: subject.bytes / other.bytes,
    symbolRatio: subject.symtabEntries / other.symtabEntries,
    missingSections: without(other.sections, subject.sections),
    addedSections: without(subject.sections, other.sections),
  };
}
