/**
 * Place as a script states it: walks statements and sections with `.`, as GNU ld does (ld manual, "SECTIONS"). It can
 * walk again, with what it found and with symbols that are known by then, until nothing moves.
 */
import { SHF_EXECINSTR, SHT_NOBITS } from "../../elf/constants.ts";
import type { Fill, ScriptAssertion, ScriptAssignment, ScriptPlace } from "../../script/commands.ts";
import { addressOf, assigned, type Environment, evaluate, type Value } from "../../script/evaluate.ts";
import { type Expression, ExpressionError } from "../../script/expressions.ts";
import type { ArrangedPart, ArrangedSection } from "../arrange.ts";
import { DataSegment } from "./data-segment.ts";
import { alignAddress, type Located, type LocatedPart, SectionCounter, type StatedError } from "./located-section.ts";
import { MemoryRegions, type MemoryUsage } from "./memory-regions.ts";
import type { LeftOut } from "../placed-section.ts";
import type { StatedContent, StatedPlan } from "../plan.ts";
import { type ArrangedItem, isAllocated, isBare, isSection, isTbss } from "./stated-section.ts";

/** Where symbols are that no statement defines. */
export interface SymbolSource {
  /** Undefined: not known yet. @throws ExpressionError for what is not defined */
  value(name: string): { readonly address: bigint; readonly sectionIndex: number | undefined } | undefined;
  isDefined(name: string): boolean;
  /** Whether PROVIDE defines a name: something refers to it, and no input defines it. */
  isProvided(name: string): boolean;
}

export interface StatedOptions {
  readonly maxPageSize: number;
  readonly isRelro: boolean;
  /** A byte that is an instruction which does nothing. */
  readonly codeFiller: number;
  readonly sizeOf: (part: ArrangedPart) => number;
  readonly symbols: SymbolSource;
  /** What options say of a section's address. */
  readonly sectionStart: (name: string) => number | undefined;
  /** SEGMENT_START: what options say of a segment. */
  readonly segmentStart: (name: string) => bigint | undefined;
}

/** What one walk comes to. */
export interface Walked {
  readonly located: readonly Located[];
  readonly leftOut: readonly LeftOut[];
  readonly values: ReadonlyMap<string, Value>;
  readonly errors: StatedError[];
  /** Something had no value yet: another walk may come to something else. */
  readonly isProvisional: boolean;
  readonly relro: { readonly begin: number; readonly end: number } | undefined;
  /** SIZEOF_HEADERS was asked for. */
  readonly usesHeaders: boolean;
  /** Symbols were asked for that no statement defines: another walk may find other addresses of them. */
  readonly usesSymbols: boolean;
  readonly memoryUsage: readonly MemoryUsage[];
}

/** An address with its sign: what is at the upper end of the address space is negative. */
function toAddress(value: bigint): number {
  const address = Number(BigInt.asIntN(64, value));
  if (!Number.isSafeInteger(address)) throw new ExpressionError(`no address: 0x${value.toString(16)}`);
  return address;
}

/** Of a process; no section is larger. */
const ADDRESS_SPACE = 2 ** 47;

const hex = (address: number): string => `0x${BigInt.asUintN(64, BigInt(address)).toString(16)}`;

export class StatedLayout {
  readonly #plan: StatedPlan;
  readonly #items: readonly ArrangedItem[];
  readonly #options: StatedOptions;
  readonly #counters = new Map<ArrangedSection, SectionCounter>();
  readonly #byName = new Map<string, SectionCounter>();
  readonly #byIndex: SectionCounter[] = [];
  readonly #dataSegment: DataSegment;
  #values: ReadonlyMap<string, Value> = new Map();

  constructor(plan: StatedPlan, items: readonly ArrangedItem[], options: StatedOptions) {
    this.#plan = plan;
    this.#items = items;
    this.#options = options;
    this.#dataSegment = new DataSegment(options.isRelro);
    let index = 0;
    for (const section of items.filter(isSection)) {
      const counter = new SectionCounter();
      this.#counters.set(section, counter);
      if (!section.isEmpty) {
        counter.index = ++index;
        this.#byIndex[index] = counter;
      }
      const there = this.#byName.get(section.name);
      if (there === undefined || (there.index === 0 && counter.index > 0)) this.#byName.set(section.name, counter);
    }
  }

  /** @param headerSize bytes of the ELF header and the program headers */
  walk(headerSize: number): Walked {
    this.#dataSegment.reset();
    const walked = this.#walkOnce(headerSize);
    // DATA_SEGMENT_ALIGN knows where to begin once it is known where the protected part ends.
    return this.#dataSegment.mayMove(walked.located) ? this.#walkOnce(headerSize) : walked;
  }

  #walkOnce(headerSize: number): Walked {
    for (const counter of this.#counters.values()) counter.isReached = false;
    const walk = new Walk(this.#plan, this.#options, this.#values, {
      byName: this.#byName,
      byIndex: this.#byIndex,
      dataSegment: this.#dataSegment,
      headerSize,
    });
    for (const item of this.#items)
      if (isSection(item)) walk.section(item, this.#counters.get(item)!);
      else if (item.kind === "assignment") walk.assign(item, undefined);
      else walk.assert(item, undefined);
    const walked = walk.end();
    this.#values = walked.values;
    return walked;
  }
}

interface WalkState {
  readonly byName: ReadonlyMap<string, SectionCounter>;
  readonly byIndex: readonly SectionCounter[];
  readonly dataSegment: DataSegment;
  readonly headerSize: number;
}

class Walk {
  #dot = 0;
  readonly #options: StatedOptions;
  readonly #before: ReadonlyMap<string, Value>;
  readonly #state: WalkState;
  readonly #regions: MemoryRegions;
  readonly #codeFill: FillBytes;
  readonly #values = new Map<string, Value>();
  readonly #located: Located[] = [];
  readonly #leftOut: LeftOut[] = [];
  readonly #errors: StatedError[] = [];
  #isProvisional = false;
  /** What this walk took from the one before: whether it has come to the same. */
  readonly #expected: (() => boolean)[] = [];
  #usesHeaders = false;
  #usesSymbols = false;
  /** The last section, and whether `.` was moved after it: then symbols belong to the next one. */
  #last: SectionCounter | undefined;
  #isDotMoved = false;
  /** Symbols that belong to the next section. */
  #waiting: string[] = [];

  constructor(plan: StatedPlan, options: StatedOptions, before: ReadonlyMap<string, Value>, state: WalkState) {
    this.#options = options;
    this.#codeFill = { bytes: [options.codeFiller], word: options.codeFiller * 0x01010101 };
    this.#before = before;
    this.#state = state;
    state.dataSegment.begin();
    this.#regions = new MemoryRegions(plan.memory, (expression, place, otherwise) => {
      try {
        return toAddress(addressOf(this.#evaluate(expression, undefined)));
      } catch (error) {
        this.#fail(error, place);
        return otherwise;
      }
    });
  }

  end(): Walked {
    this.#tellWaiting(this.#last);
    return {
      located: this.#located,
      leftOut: this.#leftOut,
      values: this.#values,
      errors: [...this.#errors, ...this.#regions.errors()],
      isProvisional: this.#isProvisional || !this.#expected.every((isSame) => isSame()),
      relro: this.#state.dataSegment.relro,
      usesHeaders: this.#usesHeaders,
      usesSymbols: this.#usesSymbols,
      memoryUsage: this.#regions.usage(),
    };
  }

  assign(assignment: ScriptAssignment, current: SectionCounter | undefined): void {
    const { name, value, isProvided, place } = assignment;
    if (isProvided && !this.#options.symbols.isProvided(name)) return;
    try {
      const found = assigned(this.#evaluate(value, current), current);
      if (current === undefined) this.#regions.moveDefault(this.#dot); // as GNU ld: whatever is assigned
      if (name !== ".") this.#define(name, found);
      else this.#moveDot(toAddress(addressOf(found)), current, assignment.endsOverlay === true);
    } catch (error) {
      this.#fail(error, place);
    }
  }

  #define(name: string, found: Value): void {
    const isBetween = found.section === "absolute" && found.isHere === true;
    const isNext = this.#isDotMoved || this.#last === undefined;
    this.#values.set(name, isBetween && !isNext ? { ...found, near: this.#last } : found);
    if (isBetween && isNext) this.#waiting.push(name);
  }

  #tellWaiting(near: SectionCounter | undefined): void {
    for (const name of this.#waiting) this.#values.set(name, { ...this.#values.get(name)!, near });
    this.#waiting = [];
  }

  assert({ condition, message, place }: ScriptAssertion, current: SectionCounter | undefined): void {
    try {
      if (this.#evaluate(condition, current).value === 0n) this.#errors.push({ place, detail: message });
    } catch (error) {
      this.#fail(error, place);
    }
  }

  section(section: ArrangedSection, counter: SectionCounter): void {
    const { stated } = section;
    // What is left out moves nothing, unless a symbol is in it; but labels in it are where it would be.
    const obeys = !section.isEmpty || (stated?.parts.some(definesSymbol) ?? false);
    const dotBefore = this.#dot;
    try {
      const begin = this.#startOf(section);
      counter.address = begin.address;
      counter.isReached = true;
      counter.alignment = this.#alignmentOf(section);
      const loadAddress = this.#loadAddressOf(section);
      this.#dot = begin.address;
      const fill = fillOf(stated?.fill, (value) => this.#evaluate(value, counter));
      const parts = this.#parts(section, counter, fill);
      counter.size = section.packedSize ?? this.#dot - counter.address;
      if (counter.size > ADDRESS_SPACE) throw new ExpressionError(`'${section.name}' has more than 2^47 bytes`);
      counter.loadAddress =
        loadAddress ?? this.#regions.loadAddress(section, counter, begin.padding, this.#statedAlignment(section));
      this.#endSection(section, counter, parts, obeys);
      if (!obeys) this.#dot = stated?.address === undefined ? dotBefore : begin.address - begin.padding;
    } catch (error) {
      this.#dot = Math.max(this.#dot, dotBefore);
      this.#fail(error, stated?.place);
    }
  }

  #endSection(section: ArrangedSection, counter: SectionCounter, parts: readonly LocatedPart[], obeys: boolean): void {
    if (section.isEmpty) {
      counter.near = this.#last;
      if (obeys && section.parts.some(({ bucket }) => bucket !== undefined)) this.#regions.moveTo(section, this.#dot);
      for (const { part, offset } of parts)
        if (part.bucket !== undefined)
          this.#leftOut.push({
            bucket: part.bucket,
            address: counter.address + offset,
            index: Math.max(1, this.#located.length),
          });
      return;
    }
    this.#located.push({ section, value: counter, parts });
    if (isAllocated(section)) {
      this.#tellWaiting(counter);
      this.#last = counter;
      this.#isDotMoved = false;
    }
    if (isTbss(section)) this.#dot = counter.address;
    if (isAllocated(section) && (counter.size > 0 || !isBare(section))) this.#regions.take(section, counter, this.#dot);
  }

  /** Where it begins, and how much it was moved for its alignment. */
  #startOf(section: ArrangedSection): { address: number; padding: number } {
    const { stated } = section;
    const told = this.#options.sectionStart(section.name);
    if (told !== undefined) this.#dot = told;
    else if (stated?.address !== undefined) this.#dot = toAddress(addressOf(this.#evaluate(stated.address, undefined)));
    else if (!isAllocated(section) && stated === undefined) return { address: 0, padding: 0 };
    else this.#dot = this.#regions.enter(section, this.#dot);
    // With an address of its own only the alignment counts that the script says.
    const alignment =
      told === undefined && stated?.address === undefined ? this.#alignmentOf(section) : this.#statedAlignment(section);
    const address = alignAddress(this.#dot, alignment);
    if (!Number.isSafeInteger(address)) throw new ExpressionError(`'${section.name}' is beyond all addresses`);
    return { address, padding: address - this.#dot };
  }

  #alignmentOf(section: ArrangedSection): number {
    const { subalignment } = section.stated ?? {};
    if (subalignment === undefined) return Math.max(section.alignment, this.#statedAlignment(section));
    const hasInputs = section.parts.some(({ bucket }) => bucket !== undefined);
    const forced = hasInputs ? Number(addressOf(this.#evaluate(subalignment, undefined))) : 1;
    return Math.max(section.alignment, this.#statedAlignment(section), forced);
  }

  #statedAlignment({ stated }: ArrangedSection): number {
    if (stated?.alignment === undefined) return 1;
    const alignment = Number(addressOf(this.#evaluate(stated.alignment, undefined)));
    return 2 ** Math.ceil(Math.log2(Math.max(alignment, 1))); // as GNU ld
  }

  /** What AT says. */
  #loadAddressOf({ stated }: ArrangedSection): number | undefined {
    if (stated?.loadAddress === undefined) return undefined;
    return toAddress(addressOf(this.#evaluate(stated.loadAddress, undefined)));
  }

  /** Lays the parts out one behind the other. */
  #parts(section: ArrangedSection, counter: SectionCounter, sectionFill: FillBytes): LocatedPart[] {
    const located: LocatedPart[] = [];
    const begin = counter.address;
    const isPadded = section.type !== SHT_NOBITS && isAllocated(section);
    let fill = sectionFill;
    if (fill.word === undefined && section.flags & SHF_EXECINSTR) fill = this.#codeFill; // it may run on through a gap
    const pad = (from: number): void => {
      if (isPadded && fill.word !== undefined && this.#dot > from)
        located.push(contentPart(from - begin, this.#dot - from, Uint8Array.from(fill.bytes)));
    };
    const { subalignment } = section.stated ?? {};
    const forced = subalignment && Number(addressOf(this.#evaluate(subalignment, undefined)));
    for (const part of section.parts) {
      const from = this.#dot;
      const { content } = part;
      if (content === undefined) {
        const size = this.#options.sizeOf(part);
        this.#dot = alignAddress(from, part.bucket !== undefined && forced ? forced : part.alignment);
        if (section.isEmpty) this.#dot = from;
        else pad(from);
        located.push({ part, offset: this.#dot - begin, size, fill: fill.word, bytes: undefined });
        this.#dot += size;
      } else if (content.kind === "fill") fill = fillOf(content.fill, (value) => this.#evaluate(value, counter));
      else if (content.kind === "assignment") {
        this.assign(content, counter);
        if (content.name === ".") pad(from);
      } else if (content.kind === "assertion") this.assert(content, counter);
      else {
        const bytes = this.#bytesOf(content);
        located.push(contentPart(from - begin, bytes.length, bytes));
        this.#dot += bytes.length;
      }
    }
    return located;
  }

  #bytesOf(content: Extract<StatedContent, { kind: "data" | "text" }>): Uint8Array {
    if (content.kind === "text") return Buffer.from(`${content.text}\0`, "latin1");
    const bytes = Buffer.alloc(8);
    try {
      bytes.writeBigUInt64LE(addressOf(this.#evaluate(content.value, undefined))); // as GNU ld: no number is relative
    } catch (error) {
      this.#fail(error, content.place);
    }
    return bytes.subarray(0, content.size);
  }

  #moveDot(address: number, current: SectionCounter | undefined, endsOverlay: boolean): void {
    if (current !== undefined && address < this.#dot)
      throw new ExpressionError(`cannot move location counter backwards (from ${hex(this.#dot)} to ${hex(address)})`);
    this.#dot = address;
    if (current !== undefined) return;
    this.#isDotMoved = !endsOverlay;
    this.#regions.moveDefault(address);
  }

  #evaluate(expression: Expression, current: SectionCounter | undefined): Value {
    return evaluate(expression, this.#environment(current));
  }

  #environment(current: SectionCounter | undefined): Environment {
    const { symbols } = this.#options;
    return {
      symbol: (name) => this.#symbol(name),
      isDefined: (name) => this.#values.has(name) || symbols.isDefined(name),
      section: (name) => {
        const counter = this.#state.byName.get(name);
        if (counter === undefined) return undefined;
        if (!counter.isReached) this.#expectSection(counter);
        return counter;
      },
      headerSize: this.#state.headerSize,
      maxPageSize: this.#options.maxPageSize,
      current,
      dot: this.#dot,
      memory: (name) => this.#regions.find(name),
      segmentStart: this.#options.segmentStart,
      dataSegment: (asked, operands) => this.#state.dataSegment.value(asked, operands, BigInt(this.#dot)),
      usesHeaders: () => (this.#usesHeaders = true),
      failed: (message) => this.#errors.push({ place: undefined, detail: message }),
    };
  }

  #symbol(name: string): Value {
    const known = this.#values.get(name);
    if (known !== undefined) return known;
    const before = this.#before.get(name);
    if (before !== undefined) {
      const address = addressOf(before);
      this.#expected.push(() => {
        const after = this.#values.get(name);
        return after !== undefined && addressOf(after) === address;
      });
      return before;
    }
    this.#usesSymbols = true;
    const found = this.#options.symbols.value(name);
    if (found === undefined) {
      this.#isProvisional = true;
      return { value: 0n, section: "absolute" };
    }
    const section = found.sectionIndex === undefined ? undefined : this.#state.byIndex[found.sectionIndex];
    if (section === undefined) return { value: found.address, section: "absolute" };
    return { value: BigInt.asUintN(64, found.address - BigInt(section.address)), section };
  }

  /** What is behind: as the walk before has left it, which must come to the same. */
  #expectSection(counter: SectionCounter): void {
    const { address, loadAddress, size, alignment } = counter;
    this.#expected.push(
      () =>
        counter.address === address &&
        counter.loadAddress === loadAddress &&
        counter.size === size &&
        counter.alignment === alignment,
    );
  }

  #fail(error: unknown, place: ScriptPlace | undefined): void {
    if (!(error instanceof ExpressionError)) throw error;
    this.#errors.push({ place, detail: error.message });
  }
}

/** Statements in a section that keep its address, though it is not in the output. */
function definesSymbol(part: { readonly kind: string; readonly name?: string }): boolean {
  return part.kind === "assignment" && part.name !== ".";
}

const contentPart = (offset: number, size: number, bytes: Uint8Array): LocatedPart => ({
  part: { bucket: undefined, own: undefined, alignment: 1 },
  offset,
  size,
  bytes,
});

interface FillBytes {
  readonly bytes: readonly number[];
  /** Four bytes, the first lowest; undefined where the script says nothing. */
  readonly word: number | undefined;
}

/** What gaps are filled with. */
function fillOf(fill: Fill | undefined, valueOf: (value: Expression) => Value): FillBytes {
  if (fill === undefined) return { bytes: [0], word: undefined };
  let bytes: readonly number[];
  if ("bytes" in fill) ({ bytes } = fill);
  else {
    const four = Buffer.alloc(4);
    four.writeUInt32BE(Number(BigInt.asUintN(32, addressOf(valueOf(fill.value)))));
    bytes = [...four];
  }
  const four = Array.from({ length: 4 }, (_, i) => bytes[i % bytes.length]!);
  const isRepeated =
    bytes.every((byte, i) => byte === four[i % 4]) && (bytes.length % 4 === 0 || 4 % bytes.length === 0);
  if (!isRepeated) throw new ExpressionError("a fill of other than 1, 2 or 4 bytes is not supported");
  return { bytes, word: Buffer.from(four).readUInt32LE() };
}
