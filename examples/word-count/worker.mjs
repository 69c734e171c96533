const isSpace = new Uint8Array(256);
for (const byte of Buffer.from(" \t\n\v\f\r")) isSpace[byte] = 1;

/** Counts a piece of a file. A word belongs to the piece that it begins in: the byte before may be another piece's. */
export default (task, { files, range: { file, begin, end } }) => {
  const bytes = files[file].bytes();
  let lines = 0;
  let words = 0;
  let wasSpace = begin === 0 ? 1 : isSpace[bytes[begin - 1]];
  for (let at = begin; at < end; at++) {
    const byte = bytes[at];
    const space = isSpace[byte];
    if (byte === 10) lines++;
    if (wasSpace && !space) words++;
    wasSpace = space;
  }
  return { lines, words, bytes: end - begin };
};
