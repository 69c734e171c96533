/** Sections as a walk over a script's statements has found their addresses; their places in the file come after it. */
import type { ScriptPlace } from "../../script/commands.ts";
import type { SectionValue } from "../../script/evaluate.ts";
import type { ArrangedPart, ArrangedSection } from "../arrange.ts";

/** A section with its addresses. */
export interface Located {
  readonly section: ArrangedSection;
  readonly value: SectionCounter;
  readonly parts: readonly LocatedPart[];
}

export interface LocatedPart {
  readonly part: ArrangedPart;
  /** Bytes, from the start of the section. */
  readonly offset: number;
  readonly size: number;
  /** Four bytes that fill gaps in it, the first one lowest, where the script says which. */
  readonly fill?: number | undefined;
  /** What is in it, of the script's own, over and over. */
  readonly bytes: Uint8Array | undefined;
}

export interface StatedError {
  readonly place: ScriptPlace | undefined;
  readonly detail: string;
}

/** A section as expressions see it; the same object in all walks. */
export class SectionCounter implements SectionValue {
  address = 0;
  loadAddress = 0;
  size = 0;
  alignment = 1;
  index = 0;
  /** Of one that is not in the output: the section before it, which its symbols belong to. */
  near: SectionCounter | undefined;
  /** This walk has come to it. */
  isReached = false;
}

export function alignAddress(address: number, alignment: number): number {
  const rest = address % alignment;
  if (rest === 0) return address;
  return rest < 0 ? address - rest : address + alignment - rest;
}
