/**
 * Inputs that were changed at random: a link of them ends in a program or in errors, never in a worker that
 * a signal ended, an internal error or a hang. The seed is printed with what fails; SPORE_TEST_SEED repeats it,
 * SPORE_TEST_MUTANTS asks for more.
 */
import { afterAll, beforeAll, expect, test } from "vitest";

import { ElfObject, type Field } from "../harness/elf-object.ts";
import { spore } from "../harness/oracles.ts";
import { type Scratch, scratch } from "../harness/scratch.ts";

const seed = Number(process.env["SPORE_TEST_SEED"] ?? 20231);
const perKind = Math.ceil(Number(process.env["SPORE_TEST_MUTANTS"] ?? 360) / 6);

/** Mulberry32: a small generator whose numbers a seed determines. */
function random(from: number): () => number {
  let state = from;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

let dir: Scratch;
const originals: Record<string, Buffer> = {};

beforeAll(async () => {
  dir = await scratch({
    "input.cc": `
      #include <stdexcept>
      extern "C" int other(int); extern int exported;
      inline __attribute__((noinline)) int shared_by_all(int x) { if (x > 5) throw std::runtime_error("too large"); return x; }
      thread_local int local = 1; static const char *texts[] = {"one", "two", "three"};
      double number(double x) { return x * 1.5; }
      extern "C" int start(int i) { try { return shared_by_all(other(1)) + local + texts[i][0] + exported; } catch (std::exception &) { return 3; } }`,
    "other.c":
      'int common; int other(int x) { return x + common; } static int (*choose(void))(int) { return other; } int indirect(int) __attribute__((ifunc("choose")));',
    "lib.c": "int exported = 4; int imported(void); int call(void) { return imported(); }",
  });
  await dir.compile("input.cc", ["-O1", "-g", "-fPIC"]);
  await dir.compile("other.c", ["-fcommon", "-fPIC"]);
  await dir.archive("lib.a", ["other.o"]);
  await dir.shared("lib.so", ["lib.o"]);
  for (const name of ["input.o", "lib.a", "lib.so"]) originals[name] = await dir.read(name);
});
afterAll(() => dir[Symbol.asyncDispose]());

/** Links with one file exchanged. Resolves to what is wrong with how the linker ended. */
async function faultOf(kept: string, name: string, contents: Buffer, index: number): Promise<string | undefined> {
  const mutant = `mutant-${index}${/\.\w+$/.exec(name)![0]}`;
  await dir.write(mutant, contents);
  const inputs = ["input.o", "lib.a", "lib.so"].map((input) => (input === name ? mutant : input));
  const args = [
    ...inputs,
    "-e",
    "start",
    "--unresolved-symbols=ignore-all",
    "--eh-frame-hdr",
    "--threads=2",
    "--stats",
    "-o",
    `out-${index}`,
    kept,
  ];
  const ended = await dir.linkDirectly(spore, args, { timeoutMs: 20_000 });
  if (ended.signal !== null) return `ended by ${ended.signal}`;
  if (ended.status > 1) return `status ${ended.status}`;
  if (/worker was ended|SIG[A-Z]{2}|internal error|ERR_/.test(ended.stderr)) return ended.stderr.slice(0, 500);
  if (ended.status === 0 && !/^total .* 0$/m.test(ended.stderr))
    return `a worker died and was replaced: ${ended.stderr}`;
  if (ended.status === 1 && !/error: /.test(ended.stderr)) return `no message: ${ended.stderr}`;
  return undefined;
}

const interesting = [
  0n,
  1n,
  2n,
  7n,
  0xffn,
  0xffffn,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  1n << 32n,
  1n << 62n,
  (1n << 63n) - 1n,
  1n << 63n,
  (1n << 64n) - 1n,
];

type Mutate = (bytes: Buffer, next: () => number) => Buffer;

const pick = <T>(from: readonly T[], next: () => number): T => from[Math.floor(next() * from.length)]!;

const truncate: Mutate = (bytes, next) => Buffer.from(bytes.subarray(0, Math.floor(next() * bytes.length)));

const flipBits: Mutate = (bytes, next) => {
  const copy = Buffer.from(bytes);
  for (let i = 1 + Math.floor(next() * 8); i > 0; i--) {
    const at = Math.floor(next() * copy.length);
    copy[at]! ^= 1 << Math.floor(next() * 8);
  }
  return copy;
};

/** Gives one to three fields of an ELF file another value: a bound, one beside the old one, or one of another field. */
const changeFields: Mutate = (bytes, next) => {
  const copy = Buffer.from(bytes);
  const begin = copy.indexOf("\x7fELF", 0, "latin1"); // that of an archive's first member
  const elf = new ElfObject(copy.subarray(begin));
  const fields: Field[] = elf.allFields();
  for (let i = 1 + Math.floor(next() * 3); i > 0; i--) {
    const field = pick(fields, next);
    const old = elf.read(field);
    const others = [
      old + 1n,
      old - 1n,
      old * 2n,
      old ^ 0x8000n,
      BigInt(elf.bytes.length),
      BigInt(elf.bytes.length) - 1n,
    ];
    elf.set(field, pick([...interesting, ...others, elf.read(pick(fields, next))], next));
  }
  return copy;
};

/** Overwrites a part with another part of the file. */
const splice: Mutate = (bytes, next) => {
  const copy = Buffer.from(bytes);
  const size = Math.floor(next() * 64) + 1;
  const from = Math.floor(next() * (copy.length - size));
  bytes.copy(copy, Math.floor(next() * (copy.length - size)), from, from + size);
  return copy;
};

const kinds: readonly [name: string, mutate: Mutate, weight: number][] = [
  ["cut off", truncate, 0.5],
  ["with flipped bits", flipBits, 1],
  ["with other values in fields", changeFields, 4],
  ["with parts exchanged", splice, 0.5],
];

for (const [kind, mutate, weight] of kinds)
  test(`inputs ${kind} end in a program or an error`, async () => {
    const next = random(seed + kind.length);
    const faults: string[] = [];
    const count = Math.ceil(perKind * weight);
    for (let begin = 0; begin < count; begin += 4) {
      const batch = Array.from({ length: Math.min(4, count - begin) }, async (_, i) => {
        const name = pick(["input.o", "input.o", "lib.a", "lib.so"], next);
        const option = pick(["-pie", "-no-pie", "-shared", "--gc-sections", "-s"], next);
        const contents = mutate(originals[name]!, next);
        const fault = await faultOf(option, name, contents, begin + i);
        if (fault !== undefined) faults.push(`seed ${seed}, mutant ${begin + i} of ${name}, ${option}: ${fault}`);
      });
      await Promise.all(batch);
    }
    expect(faults).toEqual([]);
  });
