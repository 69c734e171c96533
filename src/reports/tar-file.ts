/** Writes tar archives (POSIX.1-2001, pax): of files alone, all owned by nobody and from the beginning of time. */
import { Buffer } from "node:buffer";

const BLOCK = 512;
/** Bytes of a name that a header has room for. */
const NAME = 100;

/** The blocks of one file. Names of any length. */
export function* tarEntry(name: string, contents: Uint8Array): Generator<Uint8Array> {
  if (Buffer.byteLength(name) > NAME) {
    yield* entry("pax", "x", Buffer.from(paxRecord("path", name)));
    yield* entry(Buffer.from(name).subarray(0, NAME).toString("latin1"), "0", contents);
  } else yield* entry(name, "0", contents);
}

/** What an archive ends with. */
export const tarEnd = (): Uint8Array => new Uint8Array(2 * BLOCK);

function* entry(name: string, type: string, contents: Uint8Array): Generator<Uint8Array> {
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, size: number): void => {
    header.write(value.toString(8).padStart(size - 1, "0"), at, "latin1");
  };
  header.write(name, 0, NAME);
  octal(0o644, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(contents.length, 124, 12);
  octal(0, 136, 12);
  header.fill(" ", 148, 156); // the checksum is of blanks in its own place
  header.write(type, 156, "latin1");
  header.write("ustar\u000000", 257, "latin1");
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  yield header;
  yield contents;
  const rest = contents.length % BLOCK;
  if (rest > 0) yield new Uint8Array(BLOCK - rest);
}

/** `LENGTH KEY=VALUE\n`, where LENGTH counts itself. */
function paxRecord(key: string, value: string): string {
  const body = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(body);
  let length = bytes + 1;
  while (String(length).length + bytes !== length) length = String(length).length + bytes;
  return `${length}${body}`;
}
