/** The few edits of a definition's text that the page makes itself; everything else is for its author's hands. */

/** The documents of a file, without the lines between them. */
export const documentsOf = (text: string): string[] => text.split(/^---.*(?:\r?\n|$)/m).filter((one) => /^\s*[^\s#]/m.test(one));

/** The document of the SLO with this name; null when the text holds none that says so plainly. */
export function ownDocument(text: string, name: string): string | null {
  const found = documentsOf(text).filter((one) => /^kind:\s*["']?SLO["']?\s*$/m.test(one) && nameIn(one) === name);
  return found.length === 1 ? `${(found[0] ?? "").trimEnd()}\n` : null;
}

/** `metadata.name`, in block or flow style. */
function nameIn(document: string): string | undefined {
  const metadata = /^metadata:[ \t]*(?:\{([^}]*)\}|\r?\n((?:[ \t]+.*(?:\r?\n|$)|[ \t]*\r?\n)*))/m.exec(document);
  if (!metadata) return undefined;
  const [, flow, block = ""] = metadata;
  const found = flow !== undefined ? /(?:^|,)\s*name:\s*([^,\s]+)/.exec(flow) : new RegExp(`^${/^[ \t]+/.exec(block)?.[0] ?? " +"}name:[ \\t]*(.+?)[ \\t\\r]*$`, "m").exec(block);
  return found?.[1]?.replace(/^(["'])(.*)\1$/, "$2").replace(/\s+#.*$/, "");
}

const KEY = "binnacle/exclusions";

/** A line more in the annotation of excluded times, which is made when it is not there. Null when the text has no `metadata:` to put it in. */
export function withExclusion(text: string, line: string): string | null {
  const lines = text.split("\n");
  const kind = lines.findIndex((one) => /^kind:\s*SLO\s*$/.test(one));
  const start = Math.max(0, lines.findLastIndex((one, index) => index <= Math.max(0, kind) && one.startsWith("---")));
  const existing = lines.findIndex((one, index) => index >= start && one.trim().startsWith(`${KEY}:`));
  if (existing >= 0) {
    const head = lines[existing] ?? "";
    if (!/\|-?\s*$/.test(head)) return null;
    const indent = /^\s*/.exec(lines[existing + 1] ?? "")?.[0] ?? "";
    lines.splice(existing + 1, 0, `${indent}${line}`);
    return lines.join("\n");
  }
  const metadata = lines.findIndex((one, index) => index >= start && /^metadata:\s*$/.test(one));
  if (metadata < 0) return null;
  const end = lines.findIndex((one, index) => index > metadata && /^\S/.test(one));
  const annotations = lines.findIndex((one, index) => index > metadata && (end < 0 || index < end) && /^\s+annotations:\s*$/.test(one));
  if (annotations >= 0) {
    const indent = /^\s*/.exec(lines[annotations + 1] ?? "    ")?.[0] ?? "    ";
    lines.splice(annotations + 1, 0, `${indent}${KEY}: |`, `${indent}  ${line}`);
  } else {
    const indent = /^\s*/.exec(lines[metadata + 1] ?? "  ")?.[0] ?? "  ";
    lines.splice(metadata + 1, 0, `${indent}annotations:`, `${indent}  ${KEY}: |`, `${indent}    ${line}`);
  }
  return lines.join("\n");
}

/** `2024-05-01T10:00:00Z/2024-05-01T12:00:00Z reason (who)`. */
export const exclusionLine = (from: string, to: string, reason: string, who: string): string =>
  `${from}/${to} ${reason.replaceAll(/\s+/g, " ").trim()}${who.trim() === "" ? "" : ` (${who.trim()})`}`;
