/** docs/errors.md: how errors read, as text and as data, and all of their codes. */
import { type CodeRow, codes } from "../diagnostics/codes.ts";

const introduction = `# Errors

Written by \`npm run generate\` from the table of messages (\`src/diagnostics/codes.ts\`).

A message says what is wrong, then where: up to three places, with the line of the source where there is debug
information, and how many more there are. Last comes what may be done about it.

\`\`\`text
spore: error: undefined reference to 'app::area(int, int)'
>>> referenced by main.cc:4
>>>               main.o:(function main)
>>> 'app::area(long, long)' is defined in area.o: the parameters are others
\`\`\`

The first 20 errors are listed (\`--error-limit=N\`, 0 for all), names are those of the source (\`--no-demangle\` for those
of the files), colours are for terminals (\`--color-diagnostics=WHEN\`, \`NO_COLOR\`). The exit status is 1 after an error; the
output is then what it was before.

## As data

\`--diagnostics=json\` (\`gcc -Wl,--diagnostics=json\`) prints a line of JSON for each message, on standard error:

| field | |
|---|---|
| \`code\` | one of the codes below, or \`errorLimit\` for the last line where not all errors are listed |
| \`severity\` | \`error\` or \`warning\` |
| \`message\` | as in the text, without the places |
| \`hint\` | what may be done; absent where nothing is known |
| \`places\` | up to three: \`file\` as users call it (\`libx.a(member.o)\`), \`section\`, \`offset\` in bytes, \`symbol\` for the function or datum around it, \`source\` with \`file\` and \`line\`. What is not known is absent |
| \`placeCount\` | how many places there are in all |

\`--diagnostics=sarif\` prints one SARIF 2.1.0 log, which code hosts and editors show beside the source. The first place is the
location of a result, the others are related locations; the codes are the rules.

A code keeps its name and its meaning; wordings change. A code that is not needed any more is named in CHANGELOG.md.

## Codes

What is in ‹ › differs from message to message.
`;

/** Stands for operands of which only the wording is wanted: every one is its own name. */
const placeholders: object = new Proxy({}, { get: (_, name) => `‹${String(name)}›` });

export function errorsPage(): string {
  const rows = Object.entries(codes).map(([code, row]) => {
    const { severity, text } = row as CodeRow<object>;
    return `| \`${code}\` | ${severity} | ${text(placeholders).replaceAll("|", "\\|")} |\n`;
  });
  return `${introduction}\n| code | | message |\n|---|---|---|\n${rows.join("")}`;
}
