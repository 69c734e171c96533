/** The plan of a link: what a script states, or the default plan, also as the script that it is. */
import type { Diagnostics } from "../diagnostics/diagnostics.ts";
import { parseLinkerScript } from "../inputs/linker-script.ts";
import { tryToParse } from "../inputs/pattern-files.ts";
import { isStated } from "../inputs/script-layout.ts";
import type { LinkOptions } from "../options/link-options.ts";
import { defaultPlan, planOptions, unstated } from "../output/default-plan.ts";
import type { OutputPlan } from "../output/plan.ts";
import { statedPlan } from "../output/script/stated-plan.ts";
import { formatPlan } from "../reports/plan-script.ts";
import type { LayoutCommands } from "../script/commands.ts";
import type { Target } from "../targets/target.ts";
import type { Inputs } from "./find-inputs.ts";
import { hasDynamicSection } from "./loader.ts";

/** What --orphan-handling=discard stands for. */
const DISCARD_REST = "SECTIONS { /DISCARD/ : { *(*) } }";

export interface ChosenPlan {
  readonly plan: OutputPlan;
  /** What scripts say, that of the default plan among them where they add to it; and --defsym. */
  readonly layout: LayoutCommands;
}

export function choosePlan(inputs: Inputs, options: LinkOptions, target: Target, diagnostics: Diagnostics): ChosenPlan {
  const asked = planOptions(options, target.imageBase, hasDynamicSection(options, inputs));
  const plan = defaultPlan(asked);
  const { layout, replacesPlan } = inputs;
  const isTold =
    options.sectionStarts.size > 0 ||
    options.segmentStarts.size > 0 ||
    options.paged !== "segments" ||
    options.orphanHandling !== "place" ||
    options.sortSection !== undefined;
  if (!isStated(layout) && !isTold) return { plan, layout };
  const base = replacesPlan ? [] : parseLinkerScript("the default plan", formatPlan(plan)).statements;
  const rest =
    options.orphanHandling === "discard" ? parseLinkerScript("--orphan-handling", DISCARD_REST).statements : [];
  const commands = { ...layout, statements: [...base, ...layout.statements, ...rest] };
  const stated = tryToParse(diagnostics, () =>
    statedPlan(commands, unstated(asked), asked.isDynamic, options.sortSection),
  );
  return { plan: stated ?? plan, layout: commands };
}
