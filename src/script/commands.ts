/** What a linker script says of the output: SECTIONS, MEMORY and PHDRS as they are written (ld manual, "Linker Scripts"). */
import type { Expression } from "./expressions.ts";

/** Where a statement is, for messages. */
export interface ScriptPlace {
  readonly path: string;
  /** From 1. */
  readonly line: number;
}

/** `name = value`, `. += value`, PROVIDE and HIDDEN. */
export interface ScriptAssignment {
  readonly kind: "assignment";
  /** A symbol, or `.`. */
  readonly name: string;
  readonly value: Expression;
  /** Only where something refers to it and nothing else defines it. */
  readonly isProvided: boolean;
  readonly isHidden: boolean;
  /** Of `.`: it is the end of an overlay, so that symbols after it belong to that still. */
  readonly endsOverlay?: boolean;
  readonly place: ScriptPlace;
}

export interface ScriptAssertion {
  readonly kind: "assertion";
  readonly condition: Expression;
  readonly message: string;
  readonly place: ScriptPlace;
}

export type SortOrder = "name" | "alignment" | "initPriority" | "none";

/** One pattern of section names in the parentheses of an input section description. */
export interface SectionPattern {
  readonly glob: string;
  /** Files that it does not speak of: those of EXCLUDE_FILE. */
  readonly excludedFiles: readonly string[];
  /** From the outermost. */
  readonly sort: readonly SortOrder[];
  readonly isReversed: boolean;
}

/** `file(.section …)`, with KEEP and INPUT_SECTION_FLAGS around it. */
export interface InputDescription {
  readonly kind: "inputs";
  /** A glob of paths, or `archive:member`. */
  readonly files: string;
  readonly excludedFiles: readonly string[];
  /** Files in the order of their names. */
  readonly isFilesSorted: boolean;
  /** Empty: all sections of the files. */
  readonly sections: readonly SectionPattern[];
  readonly isKept: boolean;
  /** sh_flags that a section must have, and must not have. */
  readonly withFlags: number;
  readonly withoutFlags: number;
  readonly place: ScriptPlace;
}

/** BYTE and its like. */
export interface DataCommand {
  readonly kind: "data";
  /** Bytes: 1, 2, 4 or 8. */
  readonly size: number;
  readonly value: Expression;
  readonly place: ScriptPlace;
}

/** ASCIZ: a text and its zero. */
export interface TextCommand {
  readonly kind: "text";
  readonly text: string;
}

export interface FillCommand {
  readonly kind: "fill";
  readonly fill: Fill;
}

/** What gaps are filled with: a number's bytes, or all digits of a hexadecimal number that is written so. */
export type Fill = { readonly bytes: readonly number[] } | { readonly value: Expression };

export type SectionContent =
  | ScriptAssignment
  | ScriptAssertion
  | InputDescription
  | DataCommand
  | TextCommand
  | FillCommand
  | { readonly kind: "constructors" };

/** `name address (type) : AT(…) ALIGN(…) { … } >region AT>region :phdr =fill` */
export interface OutputSectionDescription {
  readonly kind: "section";
  readonly name: string;
  readonly address: Expression | undefined;
  /** NOLOAD, COPY, INFO, OVERLAY, DSECT, READONLY, TYPE. */
  readonly type: SectionTypeCommand | undefined;
  readonly loadAddress: Expression | undefined;
  readonly alignment: Expression | undefined;
  readonly isAlignedWithInput: boolean;
  readonly subalignment: Expression | undefined;
  readonly constraint: "ONLY_IF_RO" | "ONLY_IF_RW" | undefined;
  readonly contents: readonly SectionContent[];
  readonly region: string | undefined;
  readonly loadRegion: string | undefined;
  /** Names of PHDRS; `NONE` is one. */
  readonly segments: readonly string[];
  readonly fill: Fill | undefined;
  readonly place: ScriptPlace;
}

export interface SectionTypeCommand {
  readonly isNotLoaded: boolean;
  readonly isReadOnly: boolean;
  /** COPY, INFO, OVERLAY: it is not allocated. */
  readonly isNotAllocated: boolean;
  /** sh_type. */
  readonly type: number | undefined;
}

/** `OVERLAY start : AT(…) { .a { … } .b { … } } >region` */
export interface OverlayDescription {
  readonly address: Expression | undefined;
  readonly loadAddress: Expression | undefined;
  readonly hasNoCrossReferences: boolean;
  readonly sections: readonly OutputSectionDescription[];
  readonly place: ScriptPlace;
}

/** NOCROSSREFS and NOCROSSREFS_TO: sections of the output that must not refer to each other, or all others to the first. */
export interface NoCrossReferences {
  readonly kind: "noCrossReferences";
  readonly sections: readonly string[];
  readonly isToFirst: boolean;
}

export type SectionsStatement =
  | ScriptAssignment
  | ScriptAssertion
  | OutputSectionDescription
  | { readonly kind: "entry"; readonly symbol: string };

/** `name (attributes) : ORIGIN = …, LENGTH = …` */
export interface MemoryDescription {
  readonly name: string;
  /** Which sections go here that name no region; sh_flags that they have one of, and none of. */
  readonly attributes: { readonly withAny: number; readonly without: number } | undefined;
  readonly origin: Expression;
  readonly length: Expression;
  readonly place: ScriptPlace;
}

/** `name type FILEHDR PHDRS AT(…) FLAGS(…);` */
export interface SegmentDescription {
  readonly name: string;
  readonly type: Expression;
  readonly hasFileHeader: boolean;
  readonly hasProgramHeaders: boolean;
  readonly loadAddress: Expression | undefined;
  readonly flags: Expression | undefined;
  readonly place: ScriptPlace;
}

/** `INSERT AFTER name`: the sections of this script go into the plan that there is without it. */
export interface Insertion {
  readonly isAfter: boolean;
  readonly section: string;
  readonly statements: readonly SectionsStatement[];
  readonly place: ScriptPlace;
}

/** All that one script says of the output, in order. */
export interface LayoutCommands {
  readonly statements: readonly SectionsStatement[];
  readonly insertions: readonly Insertion[];
  readonly memory: readonly MemoryDescription[];
  readonly aliases: readonly { readonly alias: string; readonly region: string; readonly place: ScriptPlace }[];
  readonly segments: readonly SegmentDescription[];
  readonly noCrossReferences: readonly NoCrossReferences[];
  /** It has SECTIONS, so that it takes the default plan's place. */
  readonly hasSections: boolean;
}
