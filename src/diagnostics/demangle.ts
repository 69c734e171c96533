/**
 * Turns names of symbols into names of the source, for messages. The C++ runtime demangles Itanium names;
 * Rust's older names are Itanium names with more inside, undone here. Rust's newer names (`_R…`) are another
 * demangler's, which the caller brings.
 */

/** Demangles one Itanium name; undefined for what is none. */
export type ItaniumDemangler = (name: string) => string | undefined;

/** rustc's escapes in legacy names (rustc_symbol_mangling, legacy.rs). */
const rustEscapes: Readonly<Record<string, string>> = {
  SP: "@",
  BP: "*",
  RF: "&",
  LT: "<",
  GT: ">",
  LP: "(",
  RP: ")",
  C: ",",
};

/** A legacy Rust name ends in a component of `h` and 16 hexadecimal digits. */
const rustHash = /::h[0-9a-f]{16}$/;

/** Returns a function from a symbol's name to what users call it. A version, `f@@V1`, is kept. */
export function makeDemangler(
  demangleItanium: ItaniumDemangler,
  demangleNewRust: (name: string) => string | undefined = () => undefined,
): (name: string) => string {
  return (name) => {
    const isRust = name.startsWith("_R");
    if (!isRust && !name.startsWith("_Z")) return name;
    const at = name.indexOf("@");
    const symbol = at === -1 ? name : name.slice(0, at);
    if (isRust) return (demangleNewRust(symbol) ?? symbol) + name.slice(symbol.length);
    const text = demangleItanium(symbol);
    if (text === undefined) return name;
    return (rustHash.test(text) ? demangleRust(text) : text) + name.slice(symbol.length);
  };
}

/** From what the Itanium demangler made of a legacy Rust name. */
function demangleRust(text: string): string {
  return text
    .replace(rustHash, "")
    .replace(/(^|::)_\$/g, "$1$")
    .replace(/\$(?:u([0-9a-f]{1,6})|([A-Z]{1,2}))\$/g, (escape, code: string | undefined, name: string | undefined) => {
      if (code !== undefined) return String.fromCodePoint(Math.min(Number.parseInt(code, 16), 0x10ffff));
      return (name === undefined ? undefined : rustEscapes[name]) ?? escape;
    })
    .replaceAll("..", "::");
}
