/** Reads the values of options: numbers, build ids, symbol definitions. */
import type { BuildId, Defsym } from "./link-options.ts";

/**
 * A number as ld reads it: `0x` is hexadecimal, suffix K or M is for KiB or MiB. With radix 16 the `0x` may
 * be left out, as for -Ttext. Undefined for what is no number or is not below 2^53.
 */
export function parseNumber(text: string, radix: 10 | 16 = 10): number | undefined {
  const match = /^(0x)?([0-9a-f]+)$/i.exec(text) ?? /^(0x)?([0-9a-f]+)([km])$/i.exec(text);
  if (match === null) return undefined;
  const [, prefix, digits = "", suffix] = match;
  const isHex = prefix !== undefined || radix === 16;
  if (!isHex && /[a-f]/i.test(digits)) return undefined;
  const unit = suffix === undefined ? 1 : suffix.toLowerCase() === "k" ? 1024 : 1024 * 1024;
  const value = Number.parseInt(digits, isHex ? 16 : 10) * unit;
  return Number.isSafeInteger(value) ? value : undefined;
}

const buildIdKinds = ["none", "fast", "md5", "sha1", "sha256", "uuid"] as const;

export function isKnownBuildIdKind(word: string): word is Exclude<BuildId["kind"], "hex"> {
  return buildIdKinds.some((kind) => kind === word);
}

/** The bytes of a build id in hexadecimal; dashes and colons between digits are skipped, as in GNU ld. */
export function parseBuildIdBytes(text: string): Uint8Array | undefined {
  const digits = text.replace(/[-:]/g, "");
  if (digits === "" || digits.length % 2 !== 0 || !/^[0-9a-f]+$/i.test(digits)) return undefined;
  return Uint8Array.from(Buffer.from(digits, "hex"));
}

/** `NAME=EXPRESSION` of --defsym; undefined for what has no name of a symbol before the `=`. */
export function parseDefsym(text: string): Defsym | undefined {
  const match = /^\s*([A-Za-z_.$\\][\w.$@\\]*)\s*=(?!=)(.*)$/s.exec(text);
  if (match === null) return undefined;
  const [, name = "", expression = ""] = match;
  return { name, expression };
}

/** An address in hexadecimal, with its sign: the upper half of the address space is negative. Undefined for what is none. */
export function parseAddress(text: string): number | undefined {
  const digits = /^(?:0x)?([0-9a-f]{1,16})$/i.exec(text)?.[1];
  if (digits === undefined) return undefined;
  const address = Number(BigInt.asIntN(64, BigInt(`0x${digits}`)));
  return Number.isSafeInteger(address) ? address : undefined;
}
