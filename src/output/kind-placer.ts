/** Places sections that a plan of kinds has arranged, with as many program headers as they need. */
import type { ElfSegment } from "../elf/elf-file.ts";
import type { LinkOptions } from "../options/link-options.ts";
import type { ArrangedPart, ArrangedSection } from "./arrange.ts";
import { headerSize } from "./elf-header.ts";
import { place } from "./place.ts";
import type { Placed } from "./placed-section.ts";
import type { KindPlan } from "./plan.ts";
import { kindLoads, segmentsOf } from "./program-headers.ts";

/** Sections with their places, and what maps them. */
export interface Placement {
  readonly placed: Placed;
  /** Where the last section ends in the file. */
  readonly fileEnd: number;
  readonly segments: readonly ElfSegment[];
  /** Address of the ELF header; undefined where it is not loaded. */
  readonly headerAddress: number | undefined;
}

/** Places sections; it can be asked again with what has changed. */
export interface Placer {
  readonly sections: readonly ArrangedSection[];
  /** @param sections in place of those that it has, in the same order */
  again(sections: readonly ArrangedSection[]): Placement;
}

/** As many as most programs have. Where it is another number, sections are placed once more. */
const EXPECTED_SEGMENTS = 13;

export class KindPlacer implements Placer {
  readonly sections: readonly ArrangedSection[];
  readonly #plan: KindPlan;
  readonly #options: LinkOptions;
  readonly #isStackExecutable: boolean | undefined;
  readonly #sizeOf: (part: ArrangedPart) => number;
  #headerSize = headerSize(EXPECTED_SEGMENTS);

  constructor(
    plan: KindPlan,
    sections: readonly ArrangedSection[],
    options: LinkOptions,
    isStackExecutable: boolean | undefined,
    sizeOf: (part: ArrangedPart) => number,
  ) {
    this.sections = sections;
    this.#plan = plan;
    this.#options = options;
    this.#isStackExecutable = isStackExecutable;
    this.#sizeOf = sizeOf;
  }

  place(): Placement {
    return this.again(this.sections);
  }

  again(sections: readonly ArrangedSection[]): Placement {
    const { z } = this.#options;
    const { base } = this.#plan;
    for (;;) {
      const size = this.#headerSize;
      const { placed, fileEnd } = place(sections, {
        base,
        headerSize: size,
        pageSize: z.maxPageSize,
        isPacked: z.separate === undefined || z.separate === "none",
        sizeOf: this.#sizeOf,
      });
      const segments = segmentsOf(this.#plan.segments, placed, {
        options: this.#options,
        headerSize: size,
        headerAddress: base,
        ...kindLoads(this.#plan, placed, size, this.#options),
        isStackExecutable: this.#isStackExecutable,
      });
      this.#headerSize = headerSize(segments.length);
      if (this.#headerSize === size) return { placed, fileEnd, segments, headerAddress: base };
    }
  }
}
