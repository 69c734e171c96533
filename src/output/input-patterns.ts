/**
 * A plan's patterns of input sections: as the kernel reads them that gives each section its bucket, and as layout
 * asks where a bucket goes.
 */
import type { Bucket, InputPattern, OutputPlan, SectionPlan, Slot } from "./plan.ts";

/** Bytes of one rule as the kernel reads it; `NameRule` in native/kernels/buckets.cc. */
const RULE_SIZE = 64;
const MAX_TEXT = 43;
/** After every number that sections can have. */
const UNNUMBERED = 65536;

/** The statement that a bucket belongs to. */
export interface Home {
  readonly slot: Slot;
  readonly statement: SectionPlan;
  /** Of the statement in its slot. */
  readonly index: number;
}

interface PlannedPattern extends Home {
  readonly pattern: InputPattern;
  /** Of the part in its statement. */
  readonly part: number;
}

export class InputPatterns {
  /** Those that the kernel knows, by its numbers; the first that matches decides. */
  readonly #rules: PlannedPattern[] = [];
  /** A section that the kernel has no rule for keeps its name: these are told apart here. */
  readonly #exact = new Map<string, PlannedPattern>();
  readonly #commons = new Map<string, Home>();

  constructor({ slots }: OutputPlan) {
    for (const slot of slots)
      for (const [index, statement] of slot.sections.entries())
        for (const [part, content] of statement.parts.entries()) {
          if ("commons" in content) this.#commons.set(content.commons, { slot, statement, index });
          if (!("inputs" in content)) continue;
          for (const pattern of content.inputs) {
            const planned = { slot, statement, index, pattern, part };
            if (pattern.matches === "exact" && pattern.reversedInto === undefined)
              this.#exact.set(pattern.name, planned);
            else this.#rules.push(planned);
          }
        }
  }

  /** The statement of the plan that a bucket's name belongs to; undefined for an orphan. */
  homeOf(bucket: Bucket): Home | undefined {
    return bucket.commons === undefined ? this.#patternOf(bucket) : this.#commons.get(bucket.commons);
  }

  /** Buckets of one section in the order of its statement's parts, which keep the order of inputs. */
  sorted(buckets: readonly Bucket[]): readonly Bucket[] {
    if (buckets.length < 2) return buckets;
    const keys = new Map(
      buckets.map((bucket) => {
        const planned = this.#patternOf(bucket);
        const part = planned?.part ?? Infinity; // commons come last
        return [
          bucket,
          { part, number: planned?.pattern.matches === "numbered" ? numberOf(planned.pattern, bucket.name) : -1 },
        ];
      }),
    );
    return buckets.toSorted((a, b) => {
      const [first, second] = [keys.get(a)!, keys.get(b)!];
      if (first.part !== second.part) return first.part - second.part;
      if (first.number !== second.number) return first.number - second.number;
      // GNU ld: equal numbers by name, `.ctors.65434` before `.init_array.00101`.
      return first.number < 0 ? 0 : a.name < b.name ? -1 : 1;
    });
  }

  /** The rules as the kernel reads them. */
  encode(): Uint8Array {
    const bytes = new Uint8Array(this.#rules.length * RULE_SIZE);
    for (const [i, { pattern }] of this.#rules.entries()) {
      const { name, matches, reversedInto = 0 } = pattern;
      const text = Buffer.from(name);
      if (text.length > MAX_TEXT) throw new RangeError(`rule '${name}' is longer than ${MAX_TEXT} bytes`);
      const at = i * RULE_SIZE;
      bytes.set(text.subarray(0, 8), at);
      bytes.fill(0xff, at + 8, at + 8 + Math.min(text.length, 8));
      bytes[at + 16] = text.length;
      bytes[at + 17] = matches === "numbered" ? 1 : 0;
      bytes[at + 18] = matches === "exact" ? 1 : 0;
      bytes[at + 19] = reversedInto;
      bytes.set(text, at + 20);
    }
    return bytes;
  }

  #patternOf({ rule, name, commons }: Bucket): PlannedPattern | undefined {
    if (commons !== undefined) return undefined;
    return rule >= 0 ? this.#rules[rule] : this.#exact.get(name);
  }
}

/** Where a numbered section comes among those of its part: by the number in its name, then without one. */
function numberOf(pattern: InputPattern, name: string): number {
  const number = Number.parseInt(name.slice(pattern.name.length), 10);
  if (Number.isNaN(number)) return UNNUMBERED;
  // GNU ld: what was .ctors.65535-N, and ran in reverse, is .init_array.N.
  return pattern.reversedInto === undefined ? number : 65535 - number;
}
