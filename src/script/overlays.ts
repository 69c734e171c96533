/** OVERLAY as the sections and assignments that it stands for (ld manual, "Overlay Description"). */
import type { NoCrossReferences, OutputSectionDescription, OverlayDescription, SectionsStatement } from "./commands.ts";
import type { Expression } from "./expressions.ts";

/** An overlay is sections at one address that are loaded one behind the other, and `.` behind the longest. */
export function withoutOverlay(overlay: OverlayDescription): (SectionsStatement | NoCrossReferences)[] {
  const { place } = overlay;
  const [first] = overlay.sections;
  if (first === undefined) return [];
  const of = (asked: "ADDR" | "SIZEOF" | "LOADADDR", name: string): Expression => ({
    kind: "section",
    function: asked,
    name,
  });
  const sum = (left: Expression, right: Expression): Expression => ({ kind: "binary", operator: "+", left, right });
  const sections = overlay.sections.map((section, i): OutputSectionDescription => {
    if (i === 0) return { ...section, address: overlay.address, loadAddress: overlay.loadAddress };
    const before = overlay.sections[i - 1]!.name;
    return {
      ...section,
      address: of("ADDR", first.name),
      loadAddress: sum(of("LOADADDR", before), of("SIZEOF", before)),
    };
  });
  const longest = overlay.sections
    .map(({ name }) => of("SIZEOF", name))
    .reduce((left, right) => ({ kind: "call", function: "MAX", operands: [left, right] }));
  const assign = (name: string, value: Expression, isProvided: boolean) =>
    ({ kind: "assignment", name, value, isProvided, isHidden: false, place }) as const;
  const bounds = overlay.sections.flatMap(({ name }) => {
    const symbol = name.replaceAll(/[^A-Za-z0-9_]/g, "");
    return [
      assign(`__load_start_${symbol}`, of("LOADADDR", name), true),
      assign(`__load_stop_${symbol}`, sum(of("LOADADDR", name), of("SIZEOF", name)), true),
    ];
  });
  const end = { ...assign(".", sum(of("ADDR", first.name), longest), false), endsOverlay: true };
  const names = overlay.sections.map(({ name }) => name);
  const apart = { kind: "noCrossReferences", sections: names, isToFirst: false } as const;
  return [...sections, end, ...bounds, ...(overlay.hasNoCrossReferences ? [apart] : [])];
}
