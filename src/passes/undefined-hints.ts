/** Why a symbol may be undefined: what a linker can tell from names alone. Only asked when a link has failed. */
import { addon } from "../addon/load.ts";
import type { NamedText } from "../diagnostics/codes.ts";
import { linkerSymbols } from "../output/default-plan.ts";
import type { FileRow } from "../tables/views.ts";

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

/** Who defines what, as far as hints ask. */
export interface Definitions {
  readonly definedNames: () => Iterable<readonly [name: string, file: FileRow]>;
  readonly localNames: () => Iterable<readonly [name: string, file: FileRow]>;
  /** Names that libraries define which only shared objects need, and the library. */
  readonly definedIndirectly: () => ReadonlyMap<string, string>;
  readonly fileName: (file: FileRow) => string;
}

/** What is defined, for comparison. Made when the first hint is asked for. */
export class UndefinedHints {
  readonly #definitions: Definitions;
  #defined: ReadonlyMap<string, FileRow> | undefined;
  #local: ReadonlyMap<string, FileRow> | undefined;
  #indirect: ReadonlyMap<string, string> | undefined;
  readonly #hints = new Map<string, NamedText | undefined>();

  constructor(definitions: Definitions) {
    this.#definitions = definitions;
  }

  /** A hint for one of the first undefined symbols. */
  hintFor(symbol: string): NamedText | undefined {
    if (!this.#hints.has(symbol) && this.#hints.size < MAX_HINTS) this.#hints.set(symbol, this.#find(symbol));
    return this.#hints.get(symbol);
  }

  #find(symbol: string): NamedText | undefined {
    this.#indirect ??= this.#definitions.definedIndirectly();
    const indirect = this.#indirect.get(symbol);
    if (indirect !== undefined) return [`'${indirect}' defines it: name that on the command line`];
    const library = forgottenLibraries.find(([pattern]) => pattern.test(symbol));
    if (library !== undefined) return [`did you forget ${library[1]}?`];
    if (symbol.startsWith("_ZTV"))
      return ["the vtable is made where the class's first virtual function that is not inline is defined"];
    this.#defined ??= firstOfEach(this.#definitions.definedNames());
    if (this.#defined.size > MAX_SEARCHED) return this.#otherLanguage(symbol);
    return (
      this.#localDefinition(symbol) ??
      this.#otherLanguage(symbol) ??
      this.#otherSignature(symbol) ??
      this.#similar(symbol)
    );
  }

  /** `' is defined in file.o'`, and what follows. */
  #definedIn(name: string, file: FileRow, rest: string): NamedText {
    return ["'", { symbol: name }, `' is defined in ${this.#definitions.fileName(file)}${rest}`];
  }

  /** The same name, which its file keeps for itself. */
  #localDefinition(symbol: string): NamedText | undefined {
    this.#local ??= firstOfEach(this.#definitions.localNames());
    // C++ mangles what is static, or in a namespace without name, with an L.
    const mangled = symbol.startsWith("_Z") ? symbol.replace(/^_Z(?=\d)/, "_ZL") : symbol;
    for (const name of [symbol, mangled]) {
      const file = this.#local.get(name);
      if (file !== undefined)
        return this.#definedIn(name, file, " for that file alone: it is static, or in a namespace without name");
    }
    return undefined;
  }

  /** A C name that is defined as C++, or the other way round. */
  #otherLanguage(symbol: string): NamedText | undefined {
    const mangled = /^_Z(\d+)/.exec(symbol);
    if (mangled !== null) {
      const begin = mangled[0].length;
      const plain = symbol.slice(begin, begin + Number(mangled[1]));
      const file = this.#defined!.get(plain);
      if (file === undefined) return undefined;
      return this.#definedIn(plain, file, ' with C linkage; did you forget extern "C"?');
    }
    const prefix = `_Z${symbol.length}${symbol}`;
    for (const [name, file] of this.#defined!)
      if (name.startsWith(prefix)) return this.#definedIn(name, file, ' with C++ linkage; did you forget extern "C"?');
    return undefined;
  }

  /** A C++ function of the same name, with other parameters or in another namespace or class. */
  #otherSignature(symbol: string): NamedText | undefined {
    const wanted = signatureOf(symbol);
    if (wanted === undefined) return undefined;
    const part = `${wanted.name.length}${wanted.name}`; // as it is mangled
    let elsewhere: NamedText | undefined;
    for (const [name, file] of this.#defined!) {
      if (!name.includes(part)) continue;
      const found = signatureOf(name);
      if (found?.name !== wanted.name) continue;
      if (found.scope === wanted.scope) return this.#definedIn(name, file, ": the parameters are others");
      if (found.parameters === wanted.parameters)
        elsewhere ??= this.#definedIn(name, file, ": the namespace or class is another");
    }
    return elsewhere;
  }

  #similar(symbol: string): NamedText | undefined {
    if (symbol.length < 3) return undefined;
    for (const [name, file] of this.#defined!)
      if (!linkerSymbols.includes(name) && isOneEditAway(symbol, name))
        return ["did you mean '", { symbol: name }, `', which ${this.#definitions.fileName(file)} defines?`];
    return undefined;
  }
}

/** The first file for each name. */
function firstOfEach(names: Iterable<readonly [string, FileRow]>): Map<string, FileRow> {
  const files = new Map<string, FileRow>();
  for (const [name, file] of names) if (!files.has(name)) files.set(name, file);
  return files;
}

interface Signature {
  /** Without namespace and class. */
  readonly name: string;
  readonly scope: string;
  /** With what follows them: const, &. */
  readonly parameters: string;
}

/** The parts of a C++ function's name; undefined for others, and for operators and templates. */
function signatureOf(symbol: string): Signature | undefined {
  if (!symbol.startsWith("_Z")) return undefined;
  const [, scope = "", name, parameters] = /^((?:\w+::)*)(\w+)(\(.*)$/.exec(addon().demangle(symbol) ?? "") ?? [];
  return name === undefined || parameters === undefined ? undefined : { scope, name, parameters };
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
