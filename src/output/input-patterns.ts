/**
 * A plan's patterns of input sections: those by which the kernel gives each section its bucket, and as layout asks where
 * a bucket goes.
 */
import type { Bucket, InputPattern, KindPlan, SectionPlan, Slot } from "./plan.ts";

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
  /** Those that the kernel knows, by their rows in nameRule; the first that matches decides. */
  readonly #rules: PlannedPattern[] = [];
  /** A section that the kernel has no rule for keeps its name: these are told apart here. */
  readonly #exact = new Map<string, PlannedPattern>();
  readonly #commons = new Map<string, Home>();

  constructor({ slots }: KindPlan) {
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

  /** What the kernel is to know, in the order of the rows of nameRule. */
  get rules(): readonly InputPattern[] {
    return this.#rules.map(({ pattern }) => pattern);
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
