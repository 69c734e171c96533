/** Sections of the output with their places, which do not change any more. */
import type { OwnSectionId } from "../tables/schema.ts";
import type { BucketRow } from "../tables/views.ts";
import type { Bucket, LoadSegment } from "./plan.ts";

/** A bucket of input sections, or a section of the linker's own, within a section of the output. */
export interface PlacedPart {
  readonly bucket: Bucket | undefined;
  readonly own: OwnSectionId | undefined;
  /** In memory; of what is not loaded, in the section. */
  readonly address: number;
  /** In the output file, unless the section is compressed. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
  /** Four bytes that fill gaps in it, the first one lowest, where a script says which. */
  readonly fill?: number | undefined;
}

export interface PlacedSection {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  /** Bytes. */
  readonly alignment: number;
  readonly entsize: number;
  /** Undefined for what is not loaded. */
  readonly load: LoadSegment | undefined;
  readonly parts: readonly PlacedPart[];
  /** Header index. */
  readonly index: number;
  readonly address: number;
  /** Where it is loaded from, where a script says another one than its address. */
  readonly loadAddress?: number;
  /** In the output file. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

/** A part of the linker's own, and the section that it is in. */
export interface OwnPlace extends PlacedPart {
  readonly section: PlacedSection;
}

/** Input sections without contents that are in no section of the output: labels in them have an address. */
export interface LeftOut {
  readonly bucket: Bucket;
  readonly address: number;
  /** Header index of the section before it. */
  readonly index: number;
}

export class Placed {
  /** In order; the null section is not among them. */
  readonly sections: readonly PlacedSection[];
  readonly leftOut: readonly LeftOut[];
  readonly #own = new Map<OwnSectionId, OwnPlace>();
  readonly #planned: ReadonlyMap<string, PlacedSection>;
  /** Header indices by bucket, once somebody asks. */
  #bucketIndices: ReadonlyMap<BucketRow, number> | undefined;

  /** @param planned sections that statements of the plan name, by these names */
  constructor(
    sections: readonly PlacedSection[],
    planned: ReadonlyMap<string, PlacedSection>,
    leftOut: readonly LeftOut[] = [],
  ) {
    this.sections = sections;
    this.leftOut = leftOut;
    this.#planned = planned;
    for (const section of sections)
      for (const part of section.parts) if (part.own !== undefined) this.#own.set(part.own, { ...part, section });
  }

  /** A section of the linker's own, where the output has it. */
  own(id: OwnSectionId): OwnPlace | undefined {
    return this.#own.get(id);
  }

  /** The section that a statement of the plan names, where the output has it. */
  planned(name: string): PlacedSection | undefined {
    return this.#planned.get(name);
  }

  /** Header index of the section that holds a bucket; 0 where there is none. */
  indexOfBucket(id: BucketRow): number {
    this.#bucketIndices ??= new Map(
      this.sections.flatMap(({ parts, index }) =>
        parts.flatMap(({ bucket }) => (bucket === undefined ? [] : [[bucket.id, index] as const])),
      ),
    );
    return this.#bucketIndices.get(id) ?? 0;
  }

  /** Header index of the section that holds an own one; 0 where there is none. */
  indexOf(id: OwnSectionId): number {
    return this.#own.get(id)?.section.index ?? 0;
  }
}

/** Address of the first byte after a section. */
export function endOf({ address, size }: { readonly address: number; readonly size: number }): number {
  return address + size;
}
