/**
 * Every relocation against every kind of symbol in every kind of output, as GNU ld has it: whether it is refused, and if
 * not, what is at its place.
 *
 * An object for each pair, all of them in one link; what is refused is left out, and the link tried again.
 */
import { availableParallelism } from "node:os";

import { afterAll, beforeAll, expect, test } from "vitest";

import { LinkedImage } from "../harness/linked-image.ts";
import { bfd, type Linker, spore } from "../harness/oracles.ts";
import { type RelocationCase, relocationCases, sources } from "../harness/relocation-cases.ts";
import { scratch, type Scratch } from "../harness/scratch.ts";

interface OutputKind {
  readonly name: string;
  readonly flags: readonly string[];
  readonly isStatic?: boolean;
  /** Only what might be rewritten otherwise. */
  readonly isForCode?: boolean;
}

const dynamic = ["--dynamic-linker=/lib64/ld-linux-x86-64.so.2"];

const kinds: readonly OutputKind[] = [
  { name: "a static executable", flags: ["-static"], isStatic: true },
  { name: "a static PIE", flags: ["-static", "-pie", "--no-dynamic-linker"], isStatic: true },
  { name: "an executable", flags: ["-no-pie", ...dynamic] },
  { name: "an executable without relaxation", flags: ["-no-pie", "--no-relax", ...dynamic], isForCode: true },
  { name: "a PIE", flags: ["-pie", ...dynamic] },
  { name: "a PIE without relaxation", flags: ["-pie", "--no-relax", ...dynamic], isForCode: true },
  { name: "a shared object", flags: ["-shared"] },
  { name: "a shared object with -Bsymbolic", flags: ["-shared", "-Bsymbolic"] },
];

let dir: Scratch;
/** Cases that the assembler refuses. */
let unassembled: ReadonlySet<number>;

/** Objects of all cases, and what goes with them. */
beforeAll(async () => {
  dir = await scratch();
  const noStack = '\n.section .note.GNU-stack,"",@progbits\n';
  const texts = relocationCases.map(sources);
  await dir.write(
    "before.s",
    texts.map(({ before }) => before).join("") +
      ".text\n.globl _start, __tls_get_addr\n_start: lea _GLOBAL_OFFSET_TABLE_(%rip), %rax\n__tls_get_addr: ret\n" +
      noStack,
  );
  await dir.write("shared.s", texts.map(({ inShared }) => inShared).join("") + noStack);
  for (const [i, { object }] of texts.entries()) await dir.write(`${relocationCases[i].index}.s`, object);
  const names = ["before", "shared", ...relocationCases.map(({ index }) => String(index))];
  await dir.mustRun(
    "xargs",
    [
      "-P",
      String(availableParallelism()),
      "-n",
      "64",
      "sh",
      "-c",
      'for name; do as -mrelax-relocations=yes "$name.s" -o "$name.o" || echo "$name" >> refused; done',
      "sh",
    ],
    { input: names.join("\n") },
  );
  const refused = await dir.read("refused").catch(() => Buffer.of());
  unassembled = new Set(refused.toString().split("\n").map(Number));
  await dir.mustRun("ld.bfd", ["-shared", "-o", "libcases.so", "shared.o"]);
}, 120_000);

afterAll(() => dir[Symbol.asyncDispose]());

interface Outcome {
  /** Why it was refused. */
  readonly refused?: string;
  readonly image?: LinkedImage;
}

/** Half of the cases, because time counts; all of them when asked. */
const step = process.env["SPORE_TEST_RELOCATIONS"] === "all" ? 1 : 2;

/** Links these cases, without those that the linker complains of. */
async function linkAll(
  linker: Linker,
  kind: OutputKind,
  cases: readonly RelocationCase[],
  name: string,
): Promise<Map<number, Outcome>> {
  const outcomes = new Map<number, Outcome>();
  const output = `${name}.out`;
  for (;;) {
    const left = cases.filter(({ index }) => !outcomes.has(index));
    if (left.length === 0) return outcomes;
    await dir.write(`${name}.objects`, left.map(({ index }) => `${index}.o`).join("\n"));
    const shared = kind.isStatic === true ? [] : ["libcases.so"];
    const errors = linker === spore ? ["--error-limit=0"] : [];
    const words = [...kind.flags, ...errors, "-o", output, "before.o", `@${name}.objects`, ...shared];
    const ended = await dir.run(linker.path, words);
    if (ended.status === 0) {
      const image = new LinkedImage(await dir.read(output));
      for (const { index } of left) outcomes.set(index, { image });
      return outcomes;
    }
    const before = outcomes.size;
    let reason = "";
    for (const line of ended.stderr.split("\n")) {
      const isContinued = line.startsWith(">>>");
      if (!isContinued) reason = line.includes("warning") ? "" : line;
      if (reason === "") continue;
      for (const [, index] of line.matchAll(/(?:^|[^\w.])(\d+)\.o\b/g))
        if (left.some((one) => one.index === Number(index))) outcomes.set(Number(index), { refused: reason });
    }
    if (outcomes.size > before) continue;
    if (left.length === 1) outcomes.set(left[0].index, { refused: `crash: ${ended.stderr}` });
    else
      for (const one of left)
        for (const [index, outcome] of await linkAll(linker, kind, [one], name)) outcomes.set(index, outcome);
  }
}

const fieldSizes = [4, 8, 2, 1] as const;

/** Hexadecimal digits without those of a field, and of the call's field where both still have the call. */
function around(one: RelocationCase, bytes: Buffer, at: number, size: number, hasCall: boolean): string {
  if (one.use.isRewritable === true) return "";
  const digits = [...bytes].map((byte) => byte.toString(16).padStart(2, "0"));
  const blank = (from: number, count: number): unknown => digits.fill("..", from, from + count);
  blank(at, size);
  if (hasCall && one.use.call !== undefined) blank(...one.use.call);
  return digits.join("");
}

/** What differs in meaning: bytes are to be equal but for one field, which is to stand for the same. */
function difference(one: RelocationCase, expected: LinkedImage, actual: LinkedImage): string | undefined {
  const { use, symbol, place } = one;
  const [there, here] = [expected, actual].map((image) => image.symbol(place)!.value);
  const [left, right] = [expected.bytesAt(there, use.size), actual.bytesAt(here, use.size)];
  const call = use.call?.[0] ?? 0;
  const hasCall = call > 0 && left[call - 1] === right[call - 1];
  const told: string[] = [];
  for (const size of fieldSizes)
    for (let at = 0; at + size <= use.size; at++) {
      if (around(one, left, at, size, hasCall) !== around(one, right, at, size, hasCall)) continue;
      const meant = expected.meanings(there + BigInt(at), size, symbol, BigInt(use.addend));
      const got = actual.meanings(here + BigInt(at), size, symbol, BigInt(use.addend));
      const [a, b] = [meant, got].map((meanings) => [...meanings].map((meaning) => simplified(one, meaning)));
      if (a.some((meaning) => b.includes(meaning))) return undefined;
      if (a.length + b.length > 0) told.push(`${at}/${size}: [${a.join("; ")}] but [${b.join("; ")}]`);
    }
  return told.length > 0 ? told.slice(0, 2).join(" | ") : `${left.toString("hex")} but ${right.toString("hex")}`;
}

/** Without what may be one way or another. */
function simplified({ use }: RelocationCase, meaning: string): string {
  // A slot of an ifunc has its PLT entry, or what that jumps to; so has data in a static executable.
  let text = meaning
    .replace("R_X86_64_RELATIVE PLT", "PLT")
    .replace(/PLT \((?:R_X86_64_IRELATIVE)[^)]*\)/, "R_X86_64_IRELATIVE");
  if (use.name.includes("TLSLD") || use.name.startsWith("Local Dynamic"))
    text = text.replace(/\(module .*\)/, "(module)");
  if (use.isRewritable === true)
    text = text
      .replace("from here to ", "")
      .replace(/slot \((.*)\)/, "$1")
      .replace(/ \+ -?\d+$/, "")
      .replace("constant", "null");
  return text;
}

function byUse(cases: readonly RelocationCase[]): Map<unknown, RelocationCase[]> {
  const groups = new Map<unknown, RelocationCase[]>();
  for (const one of cases) groups.set(one.use, [...(groups.get(one.use) ?? []), one]);
  return groups;
}

/** A difference from GNU ld that is meant; docs/compatibility.md has them, too. */
interface Accepted {
  readonly why: string;
  readonly isIt: (difference: Difference) => boolean;
}

interface Difference {
  readonly kind: string;
  readonly use: string;
  readonly referent: string;
  /** Why each refuses it; nothing when it does not. */
  readonly theirs?: string | undefined;
  readonly ours?: string | undefined;
  readonly text: string;
}

const accepted: readonly Accepted[] = [
  {
    why: "Spore takes TLS relocations outside the sequences that may be rewritten for what they are",
    isIt: ({ theirs }) => /TLS transition from/.test(theirs ?? ""),
  },
  {
    why: "an ifunc may be referred to in any way: by its PLT entry",
    isIt: ({ referent, theirs, ours }) => referent.endsWith(" ifunc") && ours === undefined && theirs !== undefined,
  },
  {
    why: "fields of 8 and 16 bits are in reach or not as sections lie",
    isIt: ({ use }) => /_(?:PC)?(?:8|16) in/.test(use),
  },
  {
    why: "--no-relax leaves TLS sequences as they are written, too",
    isIt: ({ kind, use }) => /without relaxation/.test(kind) && /Dynamic|Exec|TLS descriptor|TLSDESC/.test(use),
  },
  {
    why: "where the image moves, absolute addresses are refused where they would be wrong, and only there",
    isIt: ({ kind, referent }) => /PIE|shared/.test(kind) && referent.endsWith("absolute"),
  },
  {
    why: "undefined weak symbols are null in an executable, and in reach of any code",
    isIt: ({ kind, referent }) =>
      /undefined weak/.test(referent) && (/executable|PIE/.test(kind) || /hidden/.test(referent)),
  },
  {
    why: "null can be written where its field is written",
    isIt: ({ referent, ours, theirs }) =>
      /undefined weak/.test(referent) && ours === undefined && /can not be used/.test(theirs ?? ""),
  },
  {
    why: "an executable takes over a symbol wherever it is referred to: in data that may be written, and by PC32 in a PIE",
    isIt: ({ kind, referent, ours, theirs }) =>
      /executable|PIE/.test(kind) &&
      /import/.test(referent) &&
      !/protected/.test(referent) &&
      ours === undefined &&
      (theirs === undefined || /can not be used when making a P[DI]E object|error 6/.test(theirs)),
  },
  {
    why: "the loader is not asked for distances",
    isIt: ({ use, ours }) => /_PC(?:32|64) in/.test(use) && /can not be used|is protected/.test(ours ?? ""),
  },
  {
    why: "a protected symbol is the shared object's own, also where a pointer to it is stored",
    isIt: ({ kind, use, referent, ours }) =>
      /shared|PIE/.test(kind) && referent.startsWith("protected") && /_64 in|movabs/.test(use) && ours === undefined,
  },
  {
    why: "where code or constants are relocated by the loader, it knows a protected symbol's address and size",
    isIt: ({ kind, use, referent, ours }) =>
      /executable|PIE/.test(kind) &&
      /imported protected/.test(referent) &&
      /_64 in|_SIZE|movabs/.test(use) &&
      ours === undefined,
  },
  {
    why: "-Bsymbolic binds thread-local symbols and ifuncs, too",
    isIt: ({ kind, referent, ours }) =>
      /Bsymbolic/.test(kind) && /^global (?:TLS|ifunc)$/.test(referent) && ours === undefined,
  },
  {
    why: "an ifunc that may be interposed has no address of its own in a shared object",
    isIt: ({ kind, referent, ours }) => kind === "a shared object" && referent === "global ifunc" && ours !== undefined,
  },
];

test("every relocation against every kind of symbol comes to what GNU ld makes of it", async () => {
  const differences: Difference[] = [];
  for (const kind of kinds) differences.push(...(await differencesOf(kind)));
  const unexpected = differences.filter((one) => !accepted.some(({ isIt }) => isIt(one)));
  expect(accepted.filter(({ isIt }) => !differences.some(isIt)).map(({ why }) => why)).toEqual([]);
  expect(unexpected).toEqual([]);
}, 300_000);

async function differencesOf(kind: OutputKind): Promise<Difference[]> {
  const cases = relocationCases.filter(
    ({ index, use, referent }) =>
      index % step === 0 &&
      !unassembled.has(index) &&
      (kind.isStatic !== true || referent.inShared === undefined) &&
      (kind.isForCode !== true || use.isTls || use.isRewritable === true),
  );
  const expected = await askGnuLd(kind, cases);
  const actual = await linkAll(spore, kind, cases, "spore");
  return cases.flatMap((one) => {
    const [theirs, ours] = [expected.get(one.index)!, actual.get(one.index)!];
    // Some combinations crash GNU ld 2.40.
    if (theirs.refused?.startsWith("crash") === true) return [];
    const isRefusedByBoth = theirs.refused !== undefined && ours.refused !== undefined;
    const text = isRefusedByBoth
      ? undefined
      : theirs.refused !== undefined
        ? `ACCEPTED, but: ${theirs.refused}`
        : ours.refused !== undefined
          ? `REFUSED: ${ours.refused}`
          : difference(one, theirs.image!, ours.image!);
    if (text === undefined) return [];
    return [
      {
        kind: kind.name,
        use: one.use.name,
        referent: one.referent.name,
        theirs: theirs.refused,
        ours: ours.refused,
        text,
      },
    ];
  });
}

/** One use after the other, because GNU ld tells of one error at a time. */
async function askGnuLd(kind: OutputKind, cases: readonly RelocationCase[]): Promise<Map<number, Outcome>> {
  const outcomes = new Map<number, Outcome>();
  const next = byUse(cases).values();
  await Promise.all(
    Array.from({ length: availableParallelism() }, async (_, worker) => {
      for (const group of next)
        for (const [index, outcome] of await linkAll(bfd, kind, group, `bfd${worker}`)) outcomes.set(index, outcome);
    }),
  );
  return outcomes;
}
