/** Shell globs as scripts use them (fnmatch without flags): `*`, `?`, `[a-z]`, `[!a-z]`, and `\` before any. */

/** Whether a pattern has wildcards, so that it may match other texts than itself. */
export function isGlob(pattern: string): boolean {
  return /[*?[\\]/.test(pattern);
}

/** A test for one glob. An unclosed `[` is an ordinary character. */
export function globToRegExp(pattern: string): RegExp {
  let source = "";
  for (let at = 0; at < pattern.length; at += 1) {
    const character = pattern.charAt(at);
    if (character === "*") source += "[^]*";
    else if (character === "?") source += "[^]";
    else if (character === "\\" && at + 1 < pattern.length) {
      at += 1;
      source += escapeForRegExp(pattern.charAt(at));
    } else if (character === "[") {
      const close = closingBracket(pattern, at);
      if (close === -1) source += "\\[";
      else {
        source += bracketToClass(pattern.slice(at + 1, close));
        at = close;
      }
    } else source += escapeForRegExp(character);
  }
  try {
    return new RegExp(`^${source}$`, "u");
  } catch {
    return /(?!)/; // an empty range such as [z-a] matches nothing
  }
}

/** The index of the bracket that closes the one at `open`; a `]` in first place is a member. */
function closingBracket(pattern: string, open: number): number {
  const isNegated = /^[!^]/.test(pattern.slice(open + 1));
  return pattern.indexOf("]", open + (isNegated ? 3 : 2));
}

function bracketToClass(body: string): string {
  const isNegated = /^[!^]/.test(body);
  const members = (isNegated ? body.slice(1) : body).replace(/[\\[\]^]/g, "\\$&");
  return `[${isNegated ? "^" : ""}${members}]`;
}

function escapeForRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
