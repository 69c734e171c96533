/** A monotonic clock, in ms since some time. `performance` is ten modules of Node, which take 1 ms to load. */
export function milliseconds(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}
