/** More than a table, a field of the file format or a kernel has room for: an error of the link that names the limit. */
export class LimitExceeded extends Error {
  override readonly name = "LimitExceeded";
  /** What there is too much of, in the plural, and how much there may be: "symbols", "4294967295". */
  readonly what: string;
  readonly limit: string;

  constructor(what: string, limit: string) {
    super(`more ${what} than ${limit}`);
    this.what = what;
    this.limit = limit;
  }
}
