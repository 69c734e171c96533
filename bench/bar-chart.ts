/** Draws horizontal bars as SVG: the same text for the same numbers, legible on light and on dark pages. */

export interface Bar {
  /** Bars of one series have one colour, in all groups. */
  readonly series: string;
  readonly value: number;
}

export interface BarGroup {
  readonly label: string;
  readonly bars: readonly Bar[];
  /** A dashed line across the group. */
  readonly mark?: number | undefined;
}

export interface Panel {
  readonly title: string;
  readonly groups: readonly BarGroup[];
}

export interface Chart {
  readonly title: string;
  readonly subtitle: string;
  /** A line across all panels. */
  readonly reference?: number;
  /** Below each other, with one scale. */
  readonly panels: readonly Panel[];
}

const WIDTH = 760;
const MARGIN = 16;
const NAME_WIDTH = 226;
const VALUE_WIDTH = 44;
const BAR_HEIGHT = 12;
const BAR_STEP = 15;
const LINE = 20;

/** Okabe and Ito's, which most who are colour-blind tell apart. */
const colours = ["#999999", "#56b4e9", "#0072b2", "#cc79a7", "#e69f00", "#009e73", "#d55e00", "#f0e442"];

const style = `
  text { font: 12px system-ui, sans-serif; fill: #1f2328; }
  .title { font-size: 16px; font-weight: 600; }
  .panel { font-size: 13px; font-weight: 600; }
  .quiet { fill: #59636e; font-size: 11px; }
  .reference { stroke: #59636e; }
  .mark { stroke: #1f2328; stroke-dasharray: 3 3; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .quiet { fill: #9198a1; }
    .reference { stroke: #9198a1; }
    .mark { stroke: #f0f6fc; }
  }
`;

/** Text as XML has it. */
export function escapeXml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  // Control characters are none in XML 1.0.
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\0-\x08\x0b\x0c\x0e-\x1f]/g, "").replace(/[&<>"']/g, (character) => entities[character]);
}

const text = (x: number, y: number, content: string, className = ""): string =>
  `<text x="${x}" y="${y}"${className === "" ? "" : ` class="${className}"`}>${escapeXml(content)}</text>`;

const verticalLine = (x: number, top: number, bottom: number, className: string): string =>
  `<line x1="${x}" x2="${x}" y1="${top}" y2="${bottom}" class="${className}"/>`;

/** A complete SVG document that ends in a newline. Values that are no numbers have no bar. */
export function drawBars({ title, subtitle, reference, panels }: Chart): string {
  const groups = panels.flatMap((panel) => panel.groups);
  const series = [...new Set(groups.flatMap(({ bars }) => bars.map((bar) => bar.series)))];
  const values = groups.flatMap(({ bars, mark }) => [...bars.map(({ value }) => value), mark ?? 0]);
  const largest = Math.max(...values.filter(Number.isFinite), reference ?? 0, 1e-9);
  const scale = (WIDTH - 2 * MARGIN - NAME_WIDTH - VALUE_WIDTH) / largest;
  const left = MARGIN + NAME_WIDTH;
  const widthOf = (value: number): number => Math.round(value * scale * 10) / 10;

  const parts: string[] = [];
  let y = MARGIN + LINE;
  parts.push(text(MARGIN, y, title, "title"));
  y += LINE;
  parts.push(text(MARGIN, y, subtitle, "quiet"));
  for (const panel of panels) {
    y += LINE + BAR_STEP;
    parts.push(text(MARGIN, y, panel.title, "panel"));
    for (const { label, bars, mark } of panel.groups) {
      y += LINE;
      parts.push(text(MARGIN, y, label));
      y += 6;
      const top = y;
      for (const bar of bars) {
        const isNumber = Number.isFinite(bar.value);
        const width = isNumber ? widthOf(bar.value) : 0;
        const colour = colours[series.indexOf(bar.series) % colours.length];
        parts.push(
          text(MARGIN + 12, y + BAR_HEIGHT - 2, bar.series, "quiet"),
          `<rect x="${left}" y="${y}" width="${width}" height="${BAR_HEIGHT}" fill="${colour}"/>`,
          text(left + width + 4, y + BAR_HEIGHT - 2, isNumber ? bar.value.toFixed(2) : "-", "quiet"),
        );
        y += BAR_STEP;
      }
      if (reference !== undefined) parts.push(verticalLine(left + widthOf(reference), top, y, "reference"));
      if (mark !== undefined) parts.push(verticalLine(left + widthOf(mark), top, y, "mark"));
    }
  }
  const height = y + MARGIN;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">`,
    `<title>${escapeXml(title)}</title>`,
    `<style>${style}</style>`,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}
