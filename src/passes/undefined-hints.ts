/** Why a symbol may be undefined: what a linker can tell from names alone. Only asked when a link has failed. */
import { linkerSymbols } from "../output/default-plan.ts";

/** Libraries that programs forget, by what they define. glibc has the rest of POSIX since 2.34. */
const forgottenLibraries: readonly (readonly [RegExp, string])[] = [
  [
    /^(a?(sin|cos|tan)h?|atan2|pow|exp2?|expm1|log(2|10|1p)?|sqrt|cbrt|hypot|floor|ceil|round|trunc|fmod|lgamma|tgamma|erf)[fl]?$/,
    "-lm",
  ],
  [/^(in|de)flate(Init|End|$)|^(un)?compress$|^gz(open|read|write|close)$/, "-lz"],
  [/^_ZN?K?St|^_ZS[abdiost]|^_Zn[wa]m$|^_Zd[la]Pv|^__cxa_|^__gxx_personality_v0$/, "-lstdc++, or link with g++"],
  [/^_Unwind_/, "-lgcc_s or -lgcc_eh"],
  [/^__tls_get_addr$/, "the dynamic linker; it is not in a static link"],
];

/** More names than this are not searched for similar ones. */
const MAX_SEARCHED = 200_000;

/** Symbols that get a hint: about as many as are listed. */
const MAX_HINTS = 20;

/** What is defined, for comparison. Made when the first hint is asked for. */
export class UndefinedHints {
  readonly #definedNames: () => Iterable<string>;
  readonly #definedIndirectly: () => ReadonlyMap<string, string>;
  #defined: Set<string> | undefined;
  #indirect: ReadonlyMap<string, string> | undefined;
  readonly #hints = new Map<string, string | undefined>();

  /** `definedIndirectly`: names that libraries define which only shared objects need, and the library. */
  constructor(definedNames: () => Iterable<string>, definedIndirectly: () => ReadonlyMap<string, string>) {
    this.#definedNames = definedNames;
    this.#definedIndirectly = definedIndirectly;
  }

  /** A hint for one of the first undefined symbols. */
  hintFor(symbol: string): string | undefined {
    if (!this.#hints.has(symbol) && this.#hints.size < MAX_HINTS) this.#hints.set(symbol, this.#find(symbol));
    return this.#hints.get(symbol);
  }

  #find(symbol: string): string | undefined {
    this.#indirect ??= this.#definedIndirectly();
    const indirect = this.#indirect.get(symbol);
    if (indirect !== undefined) return `'${indirect}' defines it: name that on the command line`;
    const library = forgottenLibraries.find(([pattern]) => pattern.test(symbol));
    if (library !== undefined) return `did you forget ${library[1]}?`;
    if (symbol.startsWith("_ZTV"))
      return "the vtable is made where the class's first virtual function that is not inline is defined";
    this.#defined ??= new Set(this.#definedNames());
    return this.#otherLanguage(symbol) ?? this.#similar(symbol);
  }

  /** A C name that is defined as C++, or the other way round. */
  #otherLanguage(symbol: string): string | undefined {
    const mangled = /^_Z(\d+)/.exec(symbol);
    if (mangled !== null) {
      const begin = mangled[0].length;
      const plain = symbol.slice(begin, begin + Number(mangled[1]));
      return this.#defined!.has(plain) ? `'${plain}' is defined with C linkage; did you forget extern "C"?` : undefined;
    }
    const prefix = `_Z${symbol.length}${symbol}`;
    for (const name of this.#defined!)
      if (name.startsWith(prefix)) return `'${name}' is defined with C++ linkage; did you forget extern "C"?`;
    return undefined;
  }

  #similar(symbol: string): string | undefined {
    if (symbol.length < 3 || this.#defined!.size > MAX_SEARCHED) return undefined;
    for (const name of this.#defined!)
      if (!linkerSymbols.includes(name) && isOneEditAway(symbol, name)) return `did you mean '${name}'?`;
    return undefined;
  }
}

/** Whether one inserted, removed, changed or swapped character turns one text into the other. */
function isOneEditAway(a: string, b: string): boolean {
  if (a === b || Math.abs(a.length - b.length) > 1) return false;
  let begin = 0;
  while (begin < a.length && begin < b.length && a[begin] === b[begin]) begin++;
  let end = 0;
  while (end < a.length - begin && end < b.length - begin && a.at(-1 - end) === b.at(-1 - end)) end++;
  const restA = a.slice(begin, a.length - end);
  const restB = b.slice(begin, b.length - end);
  if (restA.length <= 1 && restB.length <= 1) return true;
  return restA.length === 2 && restB.length === 2 && restA[0] === restB[1] && restA[1] === restB[0];
}
