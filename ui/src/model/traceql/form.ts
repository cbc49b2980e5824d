/** TraceQL's simplest shape, conditions joined by `&&` on one span, as fields of a form; both ways. */

export interface Condition {
  field: string;
  op: string;
  /** As written: texts keep their quotes. */
  value: string;
}

export interface Form {
  service: string;
  name: string;
  /** `error`, `ok`, `unset`, or any. */
  status: string;
  min: string;
  max: string;
  /** Only spans without a parent. */
  root: boolean;
  /** All other conditions. */
  others: Condition[];
}

export const EMPTY: Form = { service: "", name: "", status: "", min: "", max: "", root: false, others: [] };
/** What is asked when the box is empty: every trace by its root. */
export const ROOTS = "{ span:parentID = nil }";

export const textOf = (value: string): string => `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
const unquoted = (value: string): string | null => (/^"(?:[^"\\]|\\.)*"$/.test(value) ? value.slice(1, -1).replaceAll(/\\(.)/g, "$1") : /^`[^`]*`$/.test(value) ? value.slice(1, -1) : null);

const TOKEN = /\s*("(?:[^"\\]|\\.)*"|`[^`]*`|&&|\|\||!=|>=|<=|=~|!~|[=<>{}()|!]|[^\s"`=<>{}()|&!]+(?:"(?:[^"\\]|\\.)*")?)/gy;

function tokens(text: string): string[] | null {
  const out: string[] = [];
  TOKEN.lastIndex = 0;
  let at = 0;
  for (let found = TOKEN.exec(text); found; found = TOKEN.exec(text)) {
    out.push(found[1] ?? "");
    at = TOKEN.lastIndex;
  }
  return text.slice(at).trim() === "" ? out : null;
}

/** The conditions of `{ a && b }`; null when the text says more than that. */
export function conditionsOf(text: string): Condition[] | null {
  if (text.trim() === "") return [];
  const all = tokens(text);
  if (!all || all[0] !== "{" || all.at(-1) !== "}") return null;
  const inner = all.slice(1, -1);
  const out: Condition[] = [];
  for (let i = 0; i < inner.length; i += 4) {
    const [field, op, value, and] = inner.slice(i, i + 4);
    if (field === undefined || op === undefined || value === undefined || !/^[\w.:]/.test(field) || !/^([<>]=?|!?=|[=!]~)$/.test(op) || /^[{}()|&=<>!]/.test(value)) return null;
    if (and === undefined ? i + 3 !== inner.length : and !== "&&" || i + 4 === inner.length) return null;
    out.push({ field, op, value });
  }
  return out;
}

/** Null when a form cannot say it. */
export function formOf(text: string): Form | null {
  const conditions = conditionsOf(text);
  if (!conditions) return null;
  const form: Form = { ...EMPTY, others: [] };
  for (const condition of conditions) {
    const { field, op, value } = condition;
    const quoted = op === "=" ? unquoted(value) : null;
    if (field === "resource.service.name" && quoted !== null && form.service === "") form.service = quoted;
    else if (field === "name" && quoted !== null && form.name === "") form.name = quoted;
    else if (field === "status" && op === "=" && /^(error|ok|unset)$/.test(value) && form.status === "") form.status = value;
    else if (field === "duration" && op === ">=" && form.min === "") form.min = value;
    else if (field === "duration" && op === "<=" && form.max === "") form.max = value;
    else if (field === "span:parentID" && op === "=" && value === "nil" && !form.root) form.root = true;
    else form.others.push(condition);
  }
  return form;
}

export const written = ({ field, op, value }: Condition): string => `${field} ${op} ${value}`;
export const braces = (conditions: readonly Condition[]): string => (conditions.length === 0 ? "" : `{ ${conditions.map(written).join(" && ")} }`);

export function queryOf(form: Form): string {
  const conditions: Condition[] = [];
  const add = (field: string, op: string, value: string) => conditions.push({ field, op, value });
  if (form.root) add("span:parentID", "=", "nil");
  if (form.service !== "") add("resource.service.name", "=", textOf(form.service));
  if (form.name !== "") add("name", "=", textOf(form.name));
  if (form.status !== "") add("status", "=", form.status);
  if (form.min !== "") add("duration", ">=", form.min);
  if (form.max !== "") add("duration", "<=", form.max);
  return braces([...conditions, ...form.others]);
}

/** What a condition compares with, from a value of an answer. */
export function literal(field: string, value: unknown): string {
  if (typeof value === "string") return ["status", "kind"].includes(field) ? value : textOf(value);
  return typeof value === "number" || typeof value === "boolean" ? String(value) : value === null || value === undefined ? "nil" : textOf(JSON.stringify(value));
}

/** The query with one more condition on its spans, which replaces one that says the same of the field. */
export function narrowed(text: string, condition: Condition): string {
  const conditions = conditionsOf(text);
  if (!conditions) return `${text.trim()} | { ${written(condition)} }`;
  return braces([...conditions.filter((one) => one.field !== condition.field || one.op !== condition.op), condition]);
}

/** The text among `known` that differs least; null when none is near. */
export function nearest(text: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let least = Math.max(2, Math.floor(text.length / 3)) + 1;
  for (const one of known) {
    const far = distance(text.toLowerCase(), one.toLowerCase(), least);
    if (far < least && one !== text) {
      least = far;
      best = one;
    }
  }
  return best;
}

/** Letters to change, put in or take out; at most `limit`. */
function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let before = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) row.push(Math.min((row[j - 1] ?? 0) + 1, (before[j] ?? 0) + 1, (before[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)));
    before = row;
  }
  return Math.min(limit, before[b.length] ?? limit);
}
