/**
 * The output plan: which sections the output has, in which order, what each is made of, and which symbols are
 * defined where, which segments map them. A value: default-plan.ts makes one from the options, a linker script will be
 * another. Layout walks it.
 */
import type { PT_GNU_RELRO, PT_GNU_STACK, PT_NOTE, PT_PHDR, PT_TLS } from "../elf/constants.ts";
import type {
  InputDescription,
  MemoryDescription,
  OutputSectionDescription,
  ScriptAssertion,
  ScriptAssignment,
  SectionContent,
  SegmentDescription,
  SortOrder,
} from "../script/commands.ts";
import type { OwnSectionId } from "../tables/schema.ts";
import type { BucketRow } from "../tables/views.ts";

/** Input sections that are laid out one after another; a row of the table of that name. */
export interface Bucket {
  readonly id: BucketRow;
  readonly name: string;
  /** Of its first section. */
  readonly type: number;
  /** A script lays sections of other types with it, such as contents behind what is zero-filled. */
  readonly isMixed?: boolean;
  readonly flags: number;
  /** Of what is merged, else 0. */
  readonly entsize: number;
  /** Index of the kernel's rule that named it, or -1. */
  readonly rule: number;
  /** It holds common symbols, no sections. */
  readonly commons?: CommonsKind;
  /** Where its sections have SHF_LINK_ORDER: the bucket of those that they are ordered by. */
  readonly orderedBy?: BucketRow;
}

/** Common symbols of SHN_COMMON, of SHN_X86_64_LCOMMON, and those of type STT_TLS. */
export type CommonsKind = "small" | "large" | "threadLocal";

/** What is mapped together: sections of one kind of access, which a page of memory cannot mix. */
export interface LoadSegment {
  /** For people. */
  readonly name: string;
  /** Which sections may be in it, and so its PF_R, PF_W and PF_X (gABI ch. 5, Segment Permissions). */
  readonly access: "read" | "execute" | "write";
  /** Of the large code model: no part of what the names of ends (`etext`) speak of. */
  readonly isLarge?: boolean;
  /** It begins with the ELF header and the program headers. */
  readonly hasHeaders?: boolean;
  /** The loader protects it once it has relocated it: PT_GNU_RELRO. */
  readonly isProtected?: boolean;
}

/** A program header other than PT_LOAD, in the order of the table. */
export type SegmentPlan =
  /** All segments that are loaded, in the order of addresses. */
  | { readonly loads: true }
  /** The program headers themselves, where there is an interpreter to read them. */
  | { readonly type: typeof PT_PHDR }
  /** Notes that lie together, each run one segment. */
  | { readonly type: typeof PT_NOTE }
  /** The sections of threads. */
  | { readonly type: typeof PT_TLS }
  | { readonly type: typeof PT_GNU_STACK }
  /** What segments that are protected load. */
  | { readonly type: typeof PT_GNU_RELRO }
  /** A section of the linker's own, where the output has it, or else an input's section of that name. */
  | { readonly type: number; readonly own: OwnSectionId; readonly orNamed?: string; readonly isWritable?: boolean };

/** Sections that no statement names, by what they are: each kind has its place. */
export type OrphanKind =
  | "note"
  | "readOnly"
  | "code"
  | "tlsData"
  | "tlsZero"
  | "relro"
  | "relroZero"
  | "data"
  | "zero"
  | "largeZero"
  | "largeReadOnly"
  | "largeData"
  | "largeCode"
  | "notLoaded";

/** Names of input sections. */
export interface InputPattern {
  readonly name: string;
  /**
   * family: `.text` and `.text.anything`, as one. exact: only `.text`. numbered: `.init_array.anything`, each by
   * its own name, so that they can be put in order.
   */
  readonly matches: "family" | "exact" | "numbered";
  /**
   * The section lists functions from last to first, as .ctors does, and becomes a list of this type, from first
   * to last: SHT_INIT_ARRAY or SHT_FINI_ARRAY.
   */
  readonly reversedInto?: number;
}

/** What a section is made of. */
export type Part =
  /** Input sections that match one of these, in the order of inputs; numbered ones by number, then name. */
  { readonly inputs: readonly InputPattern[] } | { readonly own: OwnSectionId } | { readonly commons: CommonsKind };

export interface SectionPlan {
  readonly name: string;
  readonly parts: readonly Part[];
  /** Sections of their own for strings and constants that are merged, so that their flags and sh_entsize stay true. */
  readonly merged?: { readonly strings: string; readonly constants: string };
}

/** A place in the order of sections. */
export interface Slot {
  /** Undefined for what is not loaded. */
  readonly load: LoadSegment | undefined;
  /** Its sections are zero-filled; what has contents has its place elsewhere, and the other way round. */
  readonly isZero?: boolean;
  /** In this order, but for those that share the place with orphans. */
  readonly sections: readonly SectionPlan[];
  /** What no statement names, of this kind, in the order of first input sections; with them the sections above. */
  readonly orphans?: OrphanKind;
}

/** Where a symbol is that the plan defines. */
export type Location =
  | { readonly startOf: PlanTarget; readonly otherwise?: Location }
  | { readonly endOf: PlanTarget }
  /** The end of the last section with code, with data that has contents, of all. */
  | { readonly endOfLast: "code" | "data" | "image" }
  /** The first byte of the image, where the ELF header is. */
  | { readonly image: "start" }
  /** The start of the thread-local segment; the thread pointer, where accesses count from there. */
  | { readonly threadLocal: "base" };

export type PlanTarget = { readonly own: OwnSectionId } | { readonly section: string };

/** A symbol that the linker defines when something refers to it and nothing else defines it. */
export interface PlanSymbol {
  readonly name: string;
  /** Undefined: the image's base, as what belongs to a section that is not there. */
  readonly at: Location | undefined;
}

/** A plan that has a place for each kind of section, as the default plan. */
export interface KindPlan {
  readonly order: "kinds";
  /** Address of the first byte of the image. */
  readonly base: number;
  /** What begins on a page of its own. */
  readonly paged: "segments" | "data" | "none";
  readonly slots: readonly Slot[];
  readonly segments: readonly SegmentPlan[];
  readonly symbols: readonly PlanSymbol[];
}

/** What a statement of a script has in it, in order. */
export type StatedPart =
  /** Input sections of this rule, and of those that share its place. */
  | {
      readonly kind: "inputs";
      readonly rule: number;
      readonly description: InputDescription;
      readonly sort: StatedSort;
    }
  | { readonly kind: "own"; readonly id: OwnSectionId }
  | { readonly kind: "commons"; readonly commons: CommonsKind }
  | StatedContent;

/** What is no section of an input, nor the linker's own. */
export type StatedContent = Exclude<SectionContent, InputDescription | { readonly kind: "constructors" }>;

export interface StatedSort {
  readonly orders: readonly SortOrder[];
  readonly isReversed: boolean;
  readonly isByFile: boolean;
}

/** An output section as a script describes it. */
export interface StatedSection extends Omit<OutputSectionDescription, "contents"> {
  readonly parts: readonly StatedPart[];
}

export type Statement = ScriptAssignment | ScriptAssertion | StatedSection;

/** A plan that says where each section is, as a linker script does; what it does not name has its place as in GNU ld. */
export interface StatedPlan {
  readonly order: "statements";
  readonly statements: readonly Statement[];
  /** Rules of input sections, in the order in which they are tried. */
  readonly rules: readonly StatedRule[];
  /** Sections of the linker's own that are not in the output. */
  readonly discarded: ReadonlySet<OwnSectionId>;
  readonly memory: readonly MemoryRegion[];
  /** Of PHDRS; empty where segments follow from the sections. */
  readonly programHeaders: readonly SegmentDescription[];
  readonly segments: readonly SegmentPlan[];
  readonly symbols: readonly PlanSymbol[];
}

/** Which input sections a pattern of a script means. */
export interface StatedRule {
  readonly glob: string;
  /** Undefined: all files. */
  readonly files: FilePattern | undefined;
  readonly withFlags: number;
  readonly withoutFlags: number;
  readonly isKept: boolean;
  readonly isDiscarded: boolean;
  /** The first rule of those whose sections lie together in the order of inputs. */
  readonly group: number;
  readonly sort: StatedSort;
  /** As of InputPattern. */
  readonly reversedInto: number | undefined;
}

/** Files by their names. */
export interface FilePattern {
  readonly glob: string;
  readonly excluded: readonly string[];
}

export interface MemoryRegion extends MemoryDescription {
  /** Its names: its own, and those of REGION_ALIAS. */
  readonly names: readonly string[];
}

export type OutputPlan = KindPlan | StatedPlan;
