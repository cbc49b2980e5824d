/** The text of a log query: its search and pipes, what a click adds to it, which words it looks for. */

import { quoted } from "@/model/quoted";

export interface Parts {
  search: string;
  /** From the first pipe on, without it; empty when there is none. */
  pipes: string;
}

/** Splits at the first `|` that stands by itself, outside of quotes. */
export function split(query: string): Parts {
  let quoted = false;
  for (let i = 0; i < query.length; i++) {
    const char = query[i];
    if (char === "\\" && quoted) i++;
    else if (char === '"') quoted = !quoted;
    else if (char === "|" && !quoted && /^\s?$/.test(query[i - 1] ?? "") && /^\s?$/.test(query[i + 1] ?? "")) {
      return { search: query.slice(0, i).trim(), pipes: query.slice(i + 1).trim() };
    }
  }
  return { search: query.trim(), pipes: "" };
}

const PLAIN_KEY = /^[\p{L}_@$][\p{L}\p{N}_.@$/-]*$/u;
const PLAIN_VALUE = /^[\p{L}\p{N}_./@$-]*[\p{L}\p{N}_]$/u;

/** `key:value` as the language writes it: texts that would read as something else are quoted. */
export function term(key: string, value: unknown): string {
  const name = PLAIN_KEY.test(key) ? key : quoted(key);
  if (value === null || value === undefined) return `NOT ${name}:*`;
  if (typeof value === "number" || typeof value === "boolean") return `${name}:${value}`;
  if (typeof value !== "string") return `${name}:*`;
  const plain = PLAIN_VALUE.test(value) && !/^(AND|OR|NOT|TO|true|false)$/.test(value) && !/^[-.\d]/.test(value) && !value.includes("..");
  return `${name}:${plain ? value : quoted(value)}`;
}

/** Whether an OR stands outside of quotes and parentheses. */
function hasTopOr(search: string): boolean {
  const bare = search.replaceAll(/"(\\.|[^"\\])*"/g, '""');
  let depth = 0;
  for (const [part] of bare.matchAll(/[()]|\bOR\b/g)) {
    if (part === "(") depth++;
    else if (part === ")") depth--;
    else if (depth === 0) return true;
  }
  return false;
}

/** The query with one condition more; one that is there already is taken out again, so that a second click undoes the first. */
export function narrow(query: string, condition: string, exclude = false): string {
  const { search } = split(query);
  const added = exclude ? (condition.startsWith("NOT ") ? condition.slice(4) : `NOT ${condition}`) : condition;
  if (search === "") return added;
  const without = remove(search, added);
  if (without !== null) return without;
  return `${hasTopOr(search) ? `(${search})` : search} AND ${added}`;
}

/** `search` without `condition`, or null when it is no part of the top-level AND. */
export function remove(search: string, condition: string): string | null {
  const parts = conjuncts(search);
  if (!parts.includes(condition)) return null;
  return parts.filter((part) => part !== condition).join(" AND ");
}

/** The parts of a top-level AND, written or not (`a b`); one part when there is an OR. */
export function conjuncts(search: string): string[] {
  if (hasTopOr(search)) return [search];
  const parts: string[] = [];
  let open = "";
  for (const piece of pieces(search)) {
    if (piece === "AND" && open === "") continue;
    const part = open === "" ? piece : `${open} ${piece}`;
    // What it applies to, or the value, is yet to come.
    if (piece === "NOT" || /:[<>]?=?$/.test(piece)) open = part;
    else {
      parts.push(part);
      open = "";
    }
  }
  return open === "" ? parts : [...parts, open];
}

/** What white space separates, outside of quotes, parentheses and ranges. */
function pieces(search: string): string[] {
  const out: string[] = [];
  let depth = 0;
  let quoted = false;
  let start = 0;
  for (let i = 0; i < search.length; i++) {
    const char = search[i] ?? "";
    if (char === "\\" && quoted) i++;
    else if (char === '"') quoted = !quoted;
    else if (quoted) continue;
    else if ("([{".includes(char)) depth++;
    else if (")]}".includes(char)) depth--;
    else if (depth === 0 && /\s/.test(char)) {
      out.push(search.slice(start, i));
      start = i + 1;
    }
  }
  return [...out, search.slice(start)].filter((piece) => piece !== "");
}

export const has = (query: string, condition: string): boolean => conjuncts(split(query).search).includes(condition);

/** Words and phrases the search looks for in bodies, to be marked in the rows. Excluded ones are none. */
export function wordsOf(query: string): string[] {
  const words: string[] = [];
  const tokens = split(query).search.matchAll(/(NOT\s+|-)?(?:([\p{L}_@$][\p{L}\p{N}_.@$/-]*):)?("(?:\\.|[^"\\])*"|[^\s()":]+)?/gu);
  for (const [, excluded, key, value] of tokens) {
    if (excluded || (key !== undefined && key !== "body") || value === undefined) continue;
    const text = value.startsWith('"') ? value.slice(1, -1).replaceAll(/\\(.)/g, "$1") : value.replace(/\*$/, "");
    if (/[\p{L}\p{N}]/u.test(text) && !/^(AND|OR|NOT|TO)$/.test(text)) words.push(text);
  }
  return words;
}

/** The pieces of `body`, every second one to be marked. */
export function marked(body: string, words: readonly string[]): string[] {
  if (words.length === 0) return [body];
  const escaped = words.map((word) => word.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return body.split(new RegExp(`(${escaped.join("|")})`, "gi"));
}

/** A search for lines of a pattern: the phrases between what varies. Null when nothing is fixed. */
export function patternTerm(template: string): string | null {
  const phrases = template
    .split("<_>")
    .map((piece, index, all) => {
      // A letter that touches what varies belongs to a word that varies with it.
      const left = index > 0 ? piece.replace(/^[\p{L}\p{N}]+/u, "") : piece;
      return (index < all.length - 1 ? left.replace(/[\p{L}\p{N}]+$/u, "") : left).trim();
    })
    .filter((piece) => /[\p{L}\p{N}]{2,}/u.test(piece));
  return phrases.length === 0 ? null : phrases.map(quoted).join(" AND ");
}

/** Adds the phrases of a pattern, or takes them out when they are all there. */
export function togglePattern(query: string, template: string, exclude = false): string {
  const condition = patternTerm(template);
  if (condition === null) return query;
  if (exclude) return narrow(query, condition.includes(" AND ") ? `(${condition})` : condition, true);
  const search = split(query).search;
  const parts = conjuncts(condition);
  const there = conjuncts(search);
  if (parts.every((part) => there.includes(part))) return there.filter((part) => !parts.includes(part)).join(" AND ");
  return parts.filter((part) => !there.includes(part)).reduce((text, part) => narrow(text, part), search);
}

/** Services the search is bound to; none when it is bound to no one. */
export const servicesIn = (query: string): string[] =>
  conjuncts(split(query).search).flatMap((part) => {
    const [, value] = /^service:("(?:\\.|[^"\\])*"|[^\s()"*?<>[\]{}]+)$/.exec(part) ?? [];
    return value === undefined ? [] : [value.startsWith('"') ? value.slice(1, -1).replaceAll(/\\(.)/g, "$1") : value];
  });

/** The trace the search is bound to, if it is. */
export const traceOf = (query: string): string | null => /(?:^|\s|\()trace_id:([0-9a-f]{32})\b/.exec(query)?.[1] ?? null;
