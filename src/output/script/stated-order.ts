/** The order of input sections within SORT_BY_NAME and its like (ld manual, "Input Section Wildcards"). */
import type { SortOrder } from "../../script/commands.ts";
import type { BucketSize } from "../arrange.ts";
import type { Bucket, StatedSort } from "../plan.ts";

/** Buckets that are in the order of inputs, put in the order that a pattern asks for. */
export function inStatedOrder(
  buckets: readonly Bucket[],
  { orders, isReversed }: StatedSort,
  sizes: ReadonlyMap<number, BucketSize>,
): readonly Bucket[] {
  if (orders.length === 0 || buckets.length < 2) return buckets;
  const compare = (a: Bucket, b: Bucket): number => {
    for (const order of orders) {
      const difference = comparisons[order](a, b, sizes);
      if (difference !== 0) return difference;
    }
    return 0;
  };
  return buckets.toSorted(isReversed ? (a, b) => compare(b, a) : compare);
}

const byName = (a: Bucket, b: Bucket): number => (a.name === b.name ? 0 : a.name < b.name ? -1 : 1);

const comparisons: Readonly<
  Record<SortOrder, (a: Bucket, b: Bucket, sizes: ReadonlyMap<number, BucketSize>) => number>
> = {
  name: byName,
  // The strictest first: so little is lost between them.
  alignment: (a, b, sizes) => sizes.get(b.id)!.alignment - sizes.get(a.id)!.alignment,
  initPriority: (a, b) => {
    const [first, second] = [priorityOf(a.name), priorityOf(b.name)];
    return first === undefined || second === undefined || first === second ? byName(a, b) : first - second;
  },
  none: () => 0,
};

/** `.init_array.00100` is 100; .ctors and .dtors, which run the other way round, count from 65535. */
function priorityOf(name: string): number | undefined {
  const [, digits] = /\.([0-9]+)$/.exec(name) ?? [];
  if (digits === undefined) return undefined;
  return /^\.[cd]tors\./.test(name) ? 65535 - Number(digits) : Number(digits);
}
