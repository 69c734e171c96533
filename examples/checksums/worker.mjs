import { createHash } from "node:crypto";

/** The digest of the chunk's one file. */
export default (algorithm, { files, range }) => createHash(algorithm).update(files[range.begin].bytes()).digest("hex");
