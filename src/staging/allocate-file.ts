/** Blocks for a file that is about to be written whole. */
import { addon } from "../addon/load.ts";
import { ioError } from "./io-error.ts";

/**
 * Gives an open file its size, and the blocks for it where the file system gains from knowing.
 * @param fd a descriptor that is open for writing
 * @param bytes the size
 * @param path for the error
 * @throws IoError naming the path: `ENOSPC`, `EFBIG`, …
 */
export function allocateFile(fd: number, bytes: number, path: string): void {
  const failure = addon().allocateFile(fd, bytes);
  if (failure) throw ioError(failure, path);
}
