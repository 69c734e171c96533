/** What all scripts of a link say of the output, together. */
import type {
  LayoutCommands,
  OutputSectionDescription,
  ScriptAssertion,
  ScriptAssignment,
  SectionContent,
  SectionsStatement,
} from "../script/commands.ts";
import { isGlob } from "../script/glob.ts";
import { type Expression, symbolsOf } from "../script/expressions.ts";

/** What scripts of -T say comes first; then what scripts among the inputs say, then --defsym. */
export function joinLayouts(layouts: readonly LayoutCommands[], defsyms: readonly ScriptAssignment[]): LayoutCommands {
  return {
    statements: [...layouts.flatMap(({ statements }) => statements), ...defsyms],
    insertions: layouts.flatMap(({ insertions }) => insertions),
    memory: layouts.flatMap(({ memory }) => memory),
    aliases: layouts.flatMap(({ aliases }) => aliases),
    segments: layouts.flatMap(({ segments }) => segments),
    noCrossReferences: layouts.flatMap(({ noCrossReferences }) => noCrossReferences),
    hasSections: layouts.some(({ hasSections }) => hasSections),
  };
}

/** Whether scripts say more than what symbols are: then the output is laid out as they state. */
export const isStated = ({ hasSections, memory, segments, insertions }: LayoutCommands): boolean =>
  hasSections || memory.length > 0 || segments.length > 0 || insertions.length > 0;

/** An assignment, and whether it is in a section's statement. */
export interface FoundAssignment extends ScriptAssignment {
  readonly isInSection: boolean;
}

/** All assignments to symbols, in order. */
export function assignmentsOf({ statements, insertions }: LayoutCommands): FoundAssignment[] {
  const all = [...statements, ...insertions.flatMap((insertion) => insertion.statements)];
  return [...contentsOf(all)].flatMap(({ content, isInSection }) =>
    content.kind === "assignment" && content.name !== "." ? [{ ...content, isInSection }] : [],
  );
}

/** Symbols that the values of others are made of, but for those that are only provided. */
export function mentionedBy(assignments: readonly FoundAssignment[]): Set<string> {
  return new Set(assignments.flatMap(({ value, isProvided }) => (isProvided ? [] : symbolsOf(value))));
}

/** All assertions, in order. */
export function assertionsOf({ statements }: LayoutCommands): ScriptAssertion[] {
  return statements.filter((statement) => statement.kind === "assertion");
}

function* contentsOf(
  statements: readonly SectionsStatement[],
): Generator<{ content: SectionContent | SectionsStatement; isInSection: boolean }> {
  for (const statement of statements) {
    if (statement.kind !== "section") yield { content: statement, isInSection: false };
    else for (const content of statement.contents) yield { content, isInSection: true };
  }
}

/** All symbols that expressions speak of, those of assignments among them. */
export function symbolsMentioned({ statements, insertions, memory, segments }: LayoutCommands): Set<string> {
  const found = new Set<string>();
  const take = (expression: Expression | undefined): void => {
    if (expression === undefined) return;
    for (const ask of ["value", "defined"] as const) for (const name of symbolsOf(expression, ask)) found.add(name);
  };
  const takeSection = (section: OutputSectionDescription): void => {
    for (const value of [section.address, section.loadAddress, section.alignment, section.subalignment]) take(value);
  };
  const all = [...statements, ...insertions.flatMap((insertion) => insertion.statements)];
  for (const statement of all) if (statement.kind === "section") takeSection(statement);
  for (const { content } of contentsOf(all))
    if (content.kind === "assignment" || content.kind === "data") take(content.value);
    else if (content.kind === "assertion") take(content.condition);
  for (const { origin, length } of memory) for (const value of [origin, length]) take(value);
  for (const { loadAddress, flags } of segments) for (const value of [loadAddress, flags]) take(value);
  return found;
}

/** Files that input section descriptions name, without wildcards and not in an archive. */
export function filesNamed({ statements, insertions }: LayoutCommands): string[] {
  const all = [...statements, ...insertions.flatMap((insertion) => insertion.statements)];
  return [...contentsOf(all)].flatMap(({ content }) =>
    content.kind === "inputs" && !isGlob(content.files) && !content.files.includes(":") ? [content.files] : [],
  );
}

/** What is said where there is no script. */
export const nothingSaid: LayoutCommands = {
  statements: [],
  insertions: [],
  memory: [],
  aliases: [],
  segments: [],
  noCrossReferences: [],
  hasSections: false,
};
