/** What names mean with GNU ld's --wrap: a reference to `NAME` means `__wrap_NAME`, one to `__real_NAME` means `NAME`. */
import type { LinkOptions } from "../options/link-options.ts";
import type { Workers } from "./workers.ts";

const WRAP = "__wrap_";
const REAL = "__real_";

/** The name of the symbol that an undefined symbol called `name` stands for. */
export function nameMeantBy(name: string, { wrappedSymbols }: LinkOptions): string {
  if (wrappedSymbols.includes(name)) return WRAP + name;
  const real = name.startsWith(REAL) ? name.slice(REAL.length) : "";
  return wrappedSymbols.includes(real) ? real : name;
}

/** How the linker's own object refers to a symbol of this name: GNU ld takes what -u and -e name as it is. */
export function nameAsItIs(name: string, { wrappedSymbols }: LinkOptions): string {
  return wrappedSymbols.includes(name) ? REAL + name : name;
}

/** Fills the table in which the kernel that reads symbols looks names up: by length, then by bytes. */
export function fillWrapped({ tables }: Workers, { wrappedSymbols }: LinkOptions): void {
  const names = [...new Set(wrappedSymbols)]
    .map((name) => Buffer.from(`${WRAP}${name}\0`))
    .sort((a, b) => a.length - b.length || Buffer.compare(a, b));
  tables.allocate("wrapped", names.length);
  for (const [i, bytes] of names.entries()) {
    const offset = tables.arena.allocate(bytes.length);
    tables.arena.u8view(offset, bytes.length).set(bytes);
    tables.column("wrapped", "text").set(i, tables.arena.baseAddress + offset);
    tables.column("wrapped", "length")[i] = bytes.length - 1;
  }
}
