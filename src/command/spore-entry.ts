/** What bin/spore loads, by way of bin/load-command.cjs. */
import { link, scanFiles } from "../link.ts";
import { runSpore, type WatchedLink } from "./spore.ts";
import { start } from "./start.ts";
import { testHooksOf } from "./test-hooks.ts";

const watched: WatchedLink = async (options, diagnostics, onPassEnded) => {
  await link(options, diagnostics, { ...testHooksOf(process.env), onPassEnded });
};

void start((argv, version, linkAndReport, terminal) =>
  runSpore(argv, version, { link: linkAndReport, watched, scan: scanFiles }, terminal),
);
