/** Simple log searches as LogQL and back: services, severities, words and phrases. Null where one says more than that. */

import { quoted } from "../quoted";

const TOKEN = /\s*(?:(NOT\s+|-)?([\p{L}_@$][\p{L}\p{N}_.@$/-]*):(>=)?("(?:\\.|[^"\\])*"|\$\{?\w+\}?|\((?:[^()]*)\)|[^\s()":]+)|(NOT\s+|-)?("(?:\\.|[^"\\])*"|[^\s()":|]+))/uy;
const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"];
const LABELS: Record<string, string> = { service: "service_name", severity: "detected_level", trace_id: "trace_id", span_id: "span_id" };

const unquoted = (text: string): string => (text.startsWith('"') ? text.slice(1, -1).replaceAll(/\\(.)/g, "$1") : text);
const escapeRegex = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
const isVariable = (text: string): boolean => /^\$\{?\w+\}?$/.test(text);

/** `service:checkout severity:>=warn "timed out"` as LogQL. */
export function toLogQl(search: string): string | null {
  const text = search.trim() === "*" ? "" : search.trim();
  if (/(^|\s)\|(\s|$)|\bOR\b(?![^(]*\))/.test(text)) return null;
  const stream: string[] = [];
  const lines: string[] = [];
  const labels: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const before = TOKEN.lastIndex;
    const found = TOKEN.exec(text);
    if (!found || TOKEN.lastIndex === before) return null;
    const [, notKey, key, least, value, notWord, word] = found;
    if (word !== undefined) {
      if (word === "AND") continue;
      if (word === "OR" || word === "NOT" || word === "*") return null;
      lines.push(`${notWord ? "!~" : "|~"} ${quoted(`(?i)${escapeRegex(unquoted(word))}`)}`);
      continue;
    }
    if (key === undefined || value === undefined) return null;
    const label = LABELS[key];
    if (!label) return null;
    const not = notKey !== undefined;
    if (value === "*") continue;
    if (least) {
      const at = LEVELS.indexOf(value);
      if (key !== "severity" || at < 0) return null;
      labels.push(`| ${label}${not ? "!~" : "=~"}${quoted(LEVELS.slice(at).join("|"))}`);
      continue;
    }
    const values = value.startsWith("(") ? value.slice(1, -1).split(/\s+OR\s+/).map((one) => unquoted(one.trim())) : [unquoted(value)];
    const one = values.length === 1 && !isVariable(values[0] ?? "");
    const matcher = one ? `${label}${not ? "!=" : "="}${quoted(values[0] ?? "")}` : `${label}${not ? "!~" : "=~"}${quoted(values.map((part) => (isVariable(part) ? part : escapeRegex(part))).join("|"))}`;
    if (label === "service_name") stream.push(matcher);
    else labels.push(`| ${matcher}`);
  }
  if (!stream.some((matcher) => /[^!]=~?"/.test(matcher))) stream.unshift('service_name=~".+"');
  return [`{${stream.join(", ")}}`, ...lines, ...labels].join(" ");
}

/** What `toLogQl` writes, and its like, as a log search. */
export function fromLogQl(query: string): string | null {
  const selector = /^\s*\{([^}]*)\}(.*)$/s.exec(query);
  if (!selector) return null;
  const parts: string[] = [];
  const key = (label: string) => Object.keys(LABELS).find((one) => LABELS[one] === label) ?? null;
  const matcher = (label: string, operator: string, value: string): boolean => {
    const name = key(label);
    if (name === null) return false;
    const regex = operator.endsWith("~");
    if (regex && (value === ".+" || value === ".*")) return true;
    const not = operator.startsWith("!") ? "NOT " : "";
    const values = regex ? value.split("|") : [value];
    if (regex && values.some((one) => !isVariable(one) && /[.*+?^${}()[\]]/.test(one.replaceAll(/\\./g, "")))) return false;
    const written = values.map((one) => (isVariable(one) ? one : /^[\w./-]+$/.test(one) ? one : quoted(regex ? one.replaceAll(/\\(.)/g, "$1") : one)));
    const levels = name === "severity" && values.length > 1 && values.join() === LEVELS.slice(LEVELS.indexOf(values[0] ?? "")).join();
    parts.push(levels ? `${not}severity:>=${values[0] ?? ""}` : written.length === 1 ? `${not}${name}:${written[0] ?? ""}` : `${not}${name}:(${written.join(" OR ")})`);
    return true;
  };
  for (const one of (selector[1] ?? "").matchAll(/\s*,?\s*([\w.]+)\s*(=~|!~|!=|=)\s*("(?:\\.|[^"\\])*")/g)) if (!matcher(one[1] ?? "", one[2] ?? "", unquoted(one[3] ?? '""'))) return null;
  let rest = (selector[2] ?? "").trim();
  while (rest !== "") {
    const line = /^(\|=|!=|\|~|!~)\s*("(?:\\.|[^"\\])*")\s*/.exec(rest);
    const label = /^\|\s*([\w.]+)\s*(=~|!~|!=|=)\s*("(?:\\.|[^"\\])*")\s*/.exec(rest);
    if (line) {
      const value = unquoted(line[2] ?? "");
      const plain = value.replace(/^\(\?i\)/, "");
      if (line[1]?.endsWith("~") && /[.*+?^${}()|[\]]/.test(plain.replaceAll(/\\./g, ""))) return null;
      const phrase = line[1]?.endsWith("~") ? plain.replaceAll(/\\(.)/g, "$1") : plain;
      parts.push(`${line[1]?.startsWith("!") ? "NOT " : ""}${quoted(phrase)}`);
      rest = rest.slice(line[0].length);
    } else if (label) {
      if (!matcher(label[1] ?? "", label[2] ?? "", unquoted(label[3] ?? '""'))) return null;
      rest = rest.slice(label[0].length);
    } else return null;
  }
  return parts.length === 0 ? "*" : parts.join(" ");
}
