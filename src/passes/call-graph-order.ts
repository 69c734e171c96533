/**
 * The order of functions by how often they call each other (call-chain clustering, Ottoni and Maher, "Optimizing
 * Function Placement for Large-Scale Data-Center Applications", CGO 2017): each function, the one that runs most first,
 * is put behind its most frequent caller, as long as what lies together stays small and is called often enough.
 */

/** A node is a section; numbers are its index. */
export interface CallGraph {
  /** Bytes of each section. */
  readonly sizes: readonly number[];
  readonly calls: readonly { readonly from: number; readonly to: number; readonly weight: number }[];
}

/** What is larger is no longer on few pages, which is what the order is for. */
const MAX_CLUSTER_BYTES = 2 ** 20;
/** A cluster is not put behind another that it makes so many times less dense. */
const MAX_DENSITY_LOSS = 8;

interface Cluster {
  members: number[];
  size: number;
  weight: number;
}

/** Returns the sections that something calls, in their order. */
export function orderByCalls({ sizes, calls }: CallGraph): number[] {
  const clusters = new Map<number, Cluster>();
  const ofNode = (node: number): Cluster => {
    let cluster = clusters.get(node);
    if (cluster === undefined)
      clusters.set(node, (cluster = { members: [node], size: Math.max(1, sizes[node] ?? 1), weight: 0 }));
    return cluster;
  };
  const callers = new Map<number, Map<number, number>>();
  for (const { from, to, weight } of calls) {
    ofNode(from);
    ofNode(to).weight += weight;
    if (from === to) continue;
    let known = callers.get(to);
    if (known === undefined) callers.set(to, (known = new Map()));
    known.set(from, (known.get(from) ?? 0) + weight);
  }
  const density = ({ weight, size }: Cluster): number => weight / size;
  const nodes = [...clusters.keys()].sort((a, b) => density(ofNode(b)) - density(ofNode(a)) || a - b);
  for (const node of nodes) {
    const own = ofNode(node);
    const [caller, weight] = heaviest(callers.get(node));
    // A caller that is one of many says little about where the function is to lie.
    if (caller === undefined || weight * 10 <= own.weight) continue;
    const other = ofNode(caller);
    if (other === own || own.size + other.size > MAX_CLUSTER_BYTES) continue;
    const joined = (own.weight + other.weight) / (own.size + other.size);
    if (density(other) > joined * MAX_DENSITY_LOSS) continue;
    other.members.push(...own.members);
    other.size += own.size;
    other.weight += own.weight;
    for (const member of own.members) clusters.set(member, other);
  }
  const found = [...new Set(clusters.values())];
  return found
    .sort((a, b) => density(b) - density(a) || a.members[0]! - b.members[0]!)
    .flatMap(({ members }) => members);
}

function heaviest(callers: ReadonlyMap<number, number> | undefined): readonly [number | undefined, number] {
  let best: readonly [number | undefined, number] = [undefined, 0];
  for (const [caller, weight] of callers ?? [])
    if (weight > best[1] || (weight === best[1] && best[0] !== undefined && caller < best[0])) best = [caller, weight];
  return best;
}
