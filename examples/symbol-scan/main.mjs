/**
 * What objects and archives define and need, by the first passes of the linker, in forked workers:
 * node examples/symbol-scan/main.mjs FILE...
 */
import { Diagnostics, LinkFailed, formatDiagnostic, parseOptions, scanFiles } from "spore-ld";

const paths = process.argv.slice(2);
if (paths.length === 0) throw new Error("which objects? node examples/symbol-scan/main.mjs FILE...");

const diagnostics = new Diagnostics();
// As a link that has every archive member in it.
const options = parseOptions(["--whole-archive", "-shared", ...paths], diagnostics);
try {
  const { files, duplicates } = await scanFiles(options, diagnostics);
  for (const { file, defined, referenced } of files) {
    for (const symbol of defined) console.log(`${file}: defines ${symbol}`);
    for (const symbol of referenced) console.log(`${file}: needs ${symbol}`);
  }
  for (const { symbol, files: places } of duplicates) console.log(`${symbol} is in ${places.join(" and ")}`);
} catch (error) {
  if (!(error instanceof LinkFailed)) throw error;
  for (const line of diagnostics.list().flatMap(formatDiagnostic)) console.error(line);
  process.exitCode = 1;
}
