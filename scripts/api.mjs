// docs/api.md: the API of the npm package as its types and their comments have it, for people to read. `npm run docs` writes it, and a
// test compares it (tests/js/docs.test.ts).

import { readFileSync } from "node:fs";
import path from "node:path";
import { dist } from "./lib.mjs";

/** The entries, and what they are imported as. */
const ENTRIES = [
  ["clip-vision", "index.d.ts"],
  ["clip-vision/search", "search/index.d.ts"],
  ["clip-vision/search/in-place", "search/in_place.d.ts"],
  ["clip-vision/search/remote", "search/remote.d.ts"],
];
/** In this order; types after what one calls. */
const KINDS = ["class", "const", "function", "interface", "type"];

const read = (file) => readFileSync(path.join(dist, "types", file), "utf8");

/** What an entry exports: each name, and the file that declares it. */
function exportsOf(entry) {
  const found = [];
  for (const [, names, from] of read(entry).matchAll(/^export (?:type )?\{([^}]*)\} from "([^"]+)\.js";/gm)) {
    const file = path.posix.join(path.posix.dirname(entry), `${from}.d.ts`);
    for (const name of names.split(",")) if (name.trim()) found.push({ name: name.trim(), file });
  }
  for (const [, name] of read(entry).matchAll(/^export (?:declare )?(?:class|function|const|interface|type) (\w+)/gm)) found.push({ name, file: entry });
  return found;
}

/** A declaration with its comment, as the compiler wrote it. */
function declarationOf({ name, file }) {
  const text = read(file);
  const start = new RegExp(`^export (?:declare )?(?:abstract )?(class|interface|type|function|const) ${name}\\b`, "m");
  const found = start.exec(text);
  if (!found) throw new Error(`${file} declares no ${name}`);
  const kind = found[1];
  // Overloads, and an interface that belongs to a class, follow their first declaration.
  let code = "";
  const all = new RegExp(start.source, "gm");
  for (let one; (one = all.exec(text)); ) code += `${statementAt(text, one.index)}\n`;
  const comment = /\/\*\*(?:(?!\*\/)[^])*\*\/\s*$/.exec(text.slice(0, found.index))?.[0];
  if (!comment) throw new Error(`${name} of ${file} has no comment`);
  return { name, kind, about: proseOf(comment), code: code.trim() };
}

/** A statement up to its end: a semicolon, or a brace that closes what it opened. */
function statementAt(text, start) {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    if (text.startsWith("/*", at)) at = text.indexOf("*/", at) + 1;
    else if ("{([".includes(text[at])) depth += 1;
    else if ("})]".includes(text[at])) depth -= 1;
    const ends = depth === 0 && (text[at] === ";" || (text[at] === "}" && text[at + 1] === "\n"));
    if (ends) return text.slice(start, at + 1);
  }
  return text.slice(start);
}

/** A comment as text: without its stars, and with links that are names. */
const proseOf = (comment) =>
  comment
    .replace(/^\/\*\*\s?|\s*\*\/\s*$/g, "")
    .replace(/^ *\* ?/gm, "")
    .replace(/\{@link ([\w.]+)\}/g, "`$1`")
    .replace(/^@(param|throws|returns)\b ?/gm, (_, tag) => `\n*${tag}* `)
    .trim();

/** Code as a reader sees it: nothing that is private, no marks of the build. */
const shown = (code) =>
  code
    .replace(/^export (declare )?/gm, "")
    .replace(/^ *(private|#).*\n/gm, "")
    .replace(/ReturnType<(\w+)Constructor\["of"\]>/g, "$1")
    .replace(/^ {4}/gm, "  ")
    .replace(/\{@link ([\w.]+)\}/g, "$1");

/** The whole page. */
export function apiPage() {
  const lines = ["# The API", "", "Made of the package's types by `npm run docs`. What calls reject with: [troubleshooting](troubleshooting.md).", ""];
  const seen = new Set();
  for (const [module, entry] of ENTRIES) {
    const all = exportsOf(entry).filter(({ name }) => !seen.has(name)).map(declarationOf);
    all.sort((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind));
    lines.push(`## \`${module}\``, "", all.map(({ name }) => `[${name}](#${name.toLowerCase()})`).join(" · "), "");
    for (const { name, about, code } of all) {
      seen.add(name);
      lines.push(`### ${name}`, "", about, "", "```typescript", shown(code).trim(), "```", "");
    }
  }
  return lines.join("\n");
}
