/** What bin/ld loads, by way of bin/load-command.cjs. */
import { runLinker } from "./main.ts";
import { start } from "./start.ts";

void start(runLinker);
