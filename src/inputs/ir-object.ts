/**
 * What takes the place of a file that a linker plugin has claimed: an object that has nothing but the symbols that the
 * plugin tells of. It goes through scan and resolve as any other; none of it is laid out.
 */
import {
  GRP_COMDAT,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_GROUP,
  SHN_COMMON,
  STB_GLOBAL,
  STB_LOCAL,
  STB_WEAK,
  STT_FUNC,
  STT_NOTYPE,
  STT_OBJECT,
  STV_DEFAULT,
  STV_HIDDEN,
  STV_INTERNAL,
  STV_PROTECTED,
} from "../elf/constants.ts";
import type { Arena } from "../staging/index.ts";
import { type ArenaObject, type ObjectSection, type ObjectSymbol, writeObject } from "./arena-object.ts";

/** How a file of intermediate language has a symbol: the numbers of the plugin interface, LDPK_DEF and so on. */
export const IrKind = { DEF: 0, WEAKDEF: 1, UNDEF: 2, WEAKUNDEF: 3, COMMON: 4 } as const;

export interface IrSymbol {
  readonly name: string;
  /** IrKind. */
  readonly kind: number;
  /** LDST_UNKNOWN, LDST_FUNCTION, LDST_VARIABLE. */
  readonly type: number;
  /** LDPV_DEFAULT, LDPV_PROTECTED, LDPV_INTERNAL, LDPV_HIDDEN. */
  readonly visibility: number;
  readonly size: number;
  /** Empty for none. */
  readonly version: string;
  /** The COMDAT group that its definition is in; empty for none. */
  readonly comdatKey: string;
}

/** By LDST_ and LDPV_. */
const types = [STT_NOTYPE, STT_FUNC, STT_OBJECT];
const visibilities = [STV_DEFAULT, STV_PROTECTED, STV_INTERNAL, STV_HIDDEN];

/** More groups than this have no room in 16-bit section indices. What is left is weak, which comes to the same. */
const MAX_GROUPS = 30_000;

/** Where definitions are that are in no group. */
const PLAIN_SECTION = 1;

/** The COMDAT groups that the object of these symbols has, in order, and their numbers. */
export function groupsOf(symbols: readonly IrSymbol[]): ReadonlyMap<string, number> {
  const keys = new Map<string, number>();
  for (const { comdatKey } of symbols)
    if (comdatKey !== "" && keys.size < MAX_GROUPS && !keys.has(comdatKey)) keys.set(comdatKey, keys.size);
  return keys;
}

/** Writes the object. Its global symbols are those of the plugin, in that order. */
export function irObject(arena: Arena, symbols: readonly IrSymbol[]): ArenaObject {
  return objectOf(arena, groupsOf(symbols), symbols);
}

/** An object that has these COMDAT groups and nothing else. */
export function groupsObject(arena: Arena, keys: Iterable<string>): ArenaObject {
  return objectOf(
    arena,
    new Map(
      Array.from(keys)
        .slice(0, MAX_GROUPS)
        .map((key, i) => [key, i] as const),
    ),
    [],
  );
}

function objectOf(arena: Arena, keys: ReadonlyMap<string, number>, symbols: readonly IrSymbol[]): ArenaObject {
  const sections: ObjectSection[] = [section(".text", 0)];
  const signatures: ObjectSymbol[] = [];
  for (const [name, index] of keys) {
    const member = memberSection(index);
    sections.push(groupOf(member, 1 + index), section(".text.group", SHF_GROUP));
    signatures.push({ name, binding: STB_LOCAL, section: member });
  }
  const globals = symbols.map((symbol) => objectSymbol(symbol, keys.get(symbol.comdatKey)));
  return writeObject(arena, sections, [...signatures, ...globals]);
}

function objectSymbol(symbol: IrSymbol, group: number | undefined): ObjectSymbol {
  const { kind, type, visibility, size, version, name, comdatKey } = symbol;
  const isWeak = kind === IrKind.WEAKDEF || kind === IrKind.WEAKUNDEF || (comdatKey !== "" && group === undefined);
  const isDefined = kind === IrKind.DEF || kind === IrKind.WEAKDEF;
  const definedIn = group === undefined ? PLAIN_SECTION : memberSection(group);
  return {
    name: version === "" ? name : `${name}@${version}`,
    binding: isWeak ? STB_WEAK : STB_GLOBAL,
    type: kind === IrKind.COMMON ? STT_OBJECT : (types[type] ?? STT_NOTYPE),
    section: kind === IrKind.COMMON ? SHN_COMMON : isDefined ? definedIn : 0,
    value: kind === IrKind.COMMON ? 1 : 0, // the alignment: nobody tells it
    size,
    visibility: visibilities[visibility] ?? STV_DEFAULT,
  };
}

/** Each group has two sections: the group and its only member. */
const memberSection = (group: number): number => PLAIN_SECTION + 2 * group + 2;

const section = (name: string, flags: number): ObjectSection => ({
  name,
  flags: SHF_ALLOC | SHF_EXECINSTR | flags,
  contents: new Uint8Array(),
});

function groupOf(member: number, signature: number): ObjectSection {
  const contents = new Uint8Array(8);
  const view = new DataView(contents.buffer);
  view.setUint32(0, GRP_COMDAT, true);
  view.setUint32(4, member, true);
  return { name: ".group", flags: 0, contents, signature };
}
