/** Where the bundled command begins: `node dist/command.cjs ld|spore ARGUMENT…`. */
import { link } from "../link.ts";
import { runLinker, type Terminal } from "./main.ts";

declare const SPORE_VERSION: string;

const terminal: Terminal = {
  writeOutput: (text) => void process.stdout.write(text),
  writeError: (text) => void process.stderr.write(text),
};
const [, , program, ...argv] = process.argv;
void program;
process.exitCode = await0();
function await0(): number {
  runLinker(argv, SPORE_VERSION, async (options, diagnostics) => {
    await link(options, diagnostics);
    return {};
  }, terminal).then((status) => (process.exitCode = status), (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
  return 0;
}
