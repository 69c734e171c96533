/** A section of the output as a script's statement, or an orphan, makes it: its parts in order, its attributes. */
import { SHF_ALLOC, SHF_EXECINSTR, SHF_TLS, SHF_WRITE, SHT_NOBITS, SHT_PROGBITS } from "../../elf/constants.ts";
import type { ScriptAssertion, ScriptAssignment } from "../../script/commands.ts";
import type { Expression } from "../../script/expressions.ts";
import { type ArrangedPart, type ArrangedSection, type BucketSize, entsizeOf, flagsOf } from "../arrange.ts";
import type { Bucket, StatedPart, StatedSection } from "../plan.ts";
import type { OwnSection, OwnSections } from "../sections/own-section.ts";
import { inStatedOrder } from "./stated-order.ts";

/** A section, or what is between sections. */
export type ArrangedItem = ArrangedSection | ScriptAssignment | ScriptAssertion;

export const isSection = (item: ArrangedItem): item is ArrangedSection => "parts" in item;

export type GatheredItem = GatheredSection | ScriptAssignment | ScriptAssertion;

/** A section while its parts are gathered. */
export interface GatheredSection {
  readonly name: string;
  readonly stated: StatedSection | undefined;
  /** Buckets by the part of the statement that they match; orphans have part -1. */
  readonly buckets: Map<number, Bucket[]>;
  readonly own: OwnSection[];
  /** Of an orphan: what it goes behind, whose memory regions are its own. */
  readonly follows?: ArrangedSection | undefined;
}

/** A section with its parts in the order of the statement. */
export function arrangedSection(
  { name, stated, buckets, own, follows }: GatheredSection,
  sizes: ReadonlyMap<number, BucketSize>,
  sections: OwnSections,
): ArrangedSection {
  const all = [...buckets.values()].flat();
  const solid = all.filter(({ id }) => sizes.get(id)!.size > 0);
  const contents = stated?.parts.filter(({ kind }) => kind === "data" || kind === "text") ?? [];
  const isKept =
    contents.length > 0 ||
    (stated?.parts.some((part, i) => keepsSection(part) || (keepsInputs(part) && buckets.has(i))) ?? false);
  const isEmpty = own.length === 0 && solid.length === 0 && !isKept;
  const parts: ArrangedPart[] = [];
  const addBuckets = (part: number): void => {
    const found = buckets.get(part) ?? [];
    const sort = stated?.parts[part];
    for (const bucket of sort?.kind === "inputs" ? inStatedOrder(found, sort.sort, sizes) : found)
      parts.push({ bucket, own: undefined, alignment: sizes.get(bucket.id)!.alignment });
  };
  for (const [i, part] of (stated?.parts ?? []).entries())
    if (part.kind === "inputs" || part.kind === "commons") addBuckets(i);
    else if (part.kind === "own") {
      const section = sections.get(part.id);
      if (section !== undefined) parts.push({ bucket: undefined, own: part.id, alignment: section.alignment });
    } else parts.push({ bucket: undefined, own: undefined, alignment: 1, content: part });
  for (const section of own)
    if (!parts.some((part) => part.own === section.id))
      parts.push({ bucket: undefined, own: section.id, alignment: section.alignment });
  addBuckets(-1);
  const inOrder = parts.flatMap(({ bucket }) => bucket ?? []);
  return {
    name,
    ...attributesOf(name, own, inOrder, contents.length > 0, stated),
    alignment: parts.reduce((largest, { alignment }) => Math.max(largest, alignment), 1),
    load: undefined,
    parts,
    isEmpty,
    planned: isEmpty ? undefined : name,
    stated,
    regions: stated ?? follows?.regions,
  };
}

function attributesOf(
  name: string,
  own: readonly OwnSection[],
  buckets: readonly Bucket[],
  hasData: boolean,
  stated: StatedSection | undefined,
): { readonly type: number; readonly flags: number; readonly entsize: number } {
  const isAlone = own.length === 0 && buckets.length === 0;
  let type = own[0]?.type ?? (buckets.length > 0 ? typeOfStated(buckets) : SHT_NOBITS); // what `.` leaves free
  let flags = isAlone ? (hasData ? dataFlags(name, stated) : bareFlags(name)) : flagsOf(own, buckets);
  if (hasData) flags |= SHF_ALLOC;
  if (hasData && type === SHT_NOBITS) type = SHT_PROGBITS;
  const entsize = isAlone || hasData ? 0 : entsizeOf(own, buckets, type);
  if (stated?.type?.isNotLoaded) type = SHT_NOBITS;
  if (stated?.type?.isNotAllocated) flags &= ~SHF_ALLOC;
  if (stated?.type?.isReadOnly) flags &= ~SHF_WRITE;
  type = stated?.type?.type ?? type;
  return { type, flags, entsize };
}

/** As in GNU ld that of the first input section counts, unless it is zero-filled and another is not. */
function typeOfStated(buckets: readonly Bucket[]): number {
  const [{ type }] = buckets as [Bucket];
  const hasContents = buckets.some((bucket) => bucket.type !== SHT_NOBITS || bucket.isMixed);
  return type === SHT_NOBITS && hasContents ? SHT_PROGBITS : type;
}

/** What a section is that has only bytes of the script: as GNU ld, read only where these come first in it. */
function dataFlags(name: string, stated: StatedSection | undefined): number {
  const first = stated?.parts.find(({ kind }) => kind === "assignment" || kind === "data" || kind === "text");
  const isWritten = first?.kind === "assignment" || name === ".data" || name === ".bss";
  return SHF_ALLOC | (isWritten ? SHF_WRITE : 0);
}

/** What a section is that has nothing in it, by its name. */
function bareFlags(name: string): number {
  const isCode = /^\.(text(\..*)?|init|fini)$/.test(name);
  const isThreadLocal = /^\.t(data|bss)(\..*)?$/.test(name);
  return SHF_ALLOC | (name === ".text" ? 0 : SHF_WRITE) | (isCode ? SHF_EXECINSTR : 0) | (isThreadLocal ? SHF_TLS : 0);
}

/** Nothing but what `.` leaves free is in it: it has no contents, and, where that is nothing, no place in memory. */
export const isBare = ({ parts }: ArrangedSection): boolean =>
  parts.every(
    ({ bucket, own, content }) =>
      bucket === undefined && own === undefined && content?.kind !== "data" && content?.kind !== "text",
  );

/** As GNU ld: KEEP keeps the section, too, though what it finds is empty. */
const keepsInputs = (part: StatedPart): boolean => part.kind === "inputs" && part.description.isKept;

/** As GNU ld: `.` that may move keeps a section that has nothing else. */
function keepsSection(part: StatedPart): boolean {
  if (part.kind !== "assignment" || part.name !== ".") return false;
  return mayMove(part.value);
}

function mayMove(value: Expression): boolean {
  switch (value.kind) {
    case "number":
      return value.value !== 0n;
    case "symbol":
      return false;
    case "binary":
      return !(
        value.operator === "+" &&
        value.left.kind === "dot" &&
        value.right.kind === "number" &&
        value.right.value === 0n
      );
    case "conditional":
      // `. != 0 ? alignment : 1`, as ALIGN's value or alone.
      return false;
    case "call":
      return value.function !== "ALIGN" || value.operands.every((operand) => operand.kind !== "conditional");
    default:
      return true;
  }
}

/** Whether a section takes part in the addresses of the image. */
export const isAllocated = ({ flags }: { readonly flags: number }): boolean => (flags & SHF_ALLOC) !== 0;
/** Zero-filled, of threads: it takes no room in the image. */
export const isTbss = ({ flags, type }: { readonly flags: number; readonly type: number }): boolean =>
  (flags & SHF_TLS) !== 0 && type === SHT_NOBITS;
