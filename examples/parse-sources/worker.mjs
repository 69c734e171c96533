// Where a directive could begin, and all that may hide one. Raw strings are left out.
const token =
  /\/\/(?:\\\r?\n|[^\n])*|\/\*[^]*?\*\/|"(?:\\[^]|[^"\\\n])*"|'(?:\\[^]|[^'\\\n])*'|^[ \t]*#[ \t]*include[ \t]*(<[^>\n]+>|"[^"\n]+")/gm;

/** What the files of the chunk include, comments and strings left out. */
export default (task, { files, range }) =>
  files.slice(range.begin, range.end).flatMap((file) => {
    const text = Buffer.from(file.bytes()).toString("latin1");
    return [...text.matchAll(token)].flatMap(([, include]) => include ?? []);
  });
