/** What bin/spore loads, by way of bin/load-command.cjs. */
import { linkWith, scanFiles } from "../link.ts";
import { runSpore, type WatchedLink } from "./spore.ts";
import { start } from "./start.ts";
import { testHooksOf } from "./test-hooks.ts";

const watched: WatchedLink = async (options, diagnostics, onTables) => {
  await linkWith(options, diagnostics, { ...testHooksOf(process.env), onTables });
};

void start((argv, version, linkAndReport, terminal) =>
  runSpore(argv, version, { link: linkAndReport, watched, scan: scanFiles }, terminal),
);
