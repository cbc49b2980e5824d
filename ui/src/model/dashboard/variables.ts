/** Variables of a dashboard: what is chosen, and how it comes into a query: quoted for its language, never as code. */

import type { Search } from "../url";
import type { Language, Variable } from "./document";

/** What is chosen of one variable. `all` stands for every value. */
export type Chosen = { all: true } | { all: false; values: string[] };
export type Choices = ReadonlyMap<string, Chosen>;

const PREFIX = "var-";
const ALL = "*";

/** In a link: values with commas between; `*` is All. */
export function writeChosen(chosen: Chosen): string {
  if (chosen.all) return ALL;
  return chosen.values.map((value) => (value === ALL ? "\\*" : value.replaceAll("\\", "\\\\").replaceAll(",", "\\,"))).join(",");
}

export function readChosen(text: string): Chosen {
  if (text === ALL) return { all: true };
  const values: string[] = [];
  let value = "";
  for (let i = 0; i < text.length; i++) {
    const char = text[i] ?? "";
    if (char === "\\") value += text[++i] ?? "";
    else if (char === ",") {
      values.push(value);
      value = "";
    } else value += char;
  }
  return { all: false, values: [...values, value] };
}

/** What is chosen where the link says nothing. */
export function defaultOf(variable: Variable, known: readonly string[] = []): Chosen {
  if (variable.default.length > 0) return { all: false, values: variable.default };
  if (variable.all) return { all: true };
  const first = variable.kind === "list" ? variable.values[0] : known[0];
  return { all: false, values: first === undefined ? (variable.kind === "text" ? [""] : []) : [first] };
}

export function choicesOf(variables: readonly Variable[], search: Search, known: ReadonlyMap<string, readonly string[]> = new Map()): Map<string, Chosen> {
  return new Map(variables.map((variable) => {
    const given = search[PREFIX + variable.name];
    const read = given === undefined ? null : readChosen(given);
    if (!read || (read.all && !variable.all)) return [variable.name, defaultOf(variable, known.get(variable.name))];
    return [variable.name, !read.all && !variable.multi ? { all: false, values: read.values.slice(0, 1) } : read];
  }));
}

/** The link's parameters with another choice. */
export function choose(search: Search, variable: Variable, chosen: Chosen): Search {
  const rest = Object.fromEntries(Object.entries(search).filter(([name]) => name !== PREFIX + variable.name));
  const written = writeChosen(chosen);
  return written === writeChosen(defaultOf(variable)) && (variable.default.length > 0 || variable.all || variable.kind !== "sql") ? rest : { ...rest, [PREFIX + variable.name]: written };
}

/** The page's own: `$from`, `$to` (SQL: instants; else Unix seconds), `$step`, `$window` (for rates), `$range` (`3600s`). */
export interface OwnValues {
  /** As SQL writes an instant. */
  from: string;
  to: string;
  fromSeconds: number;
  toSeconds: number;
  stepSeconds: number;
  windowSeconds: number;
}

export type Substituted = { ok: true; text: string } | { ok: false; problem: string };

const PLACE = /\$(?:\{(\w+)(?::(\w+))?\}|(\w+))/y;

interface Scan {
  /** The quote the place stands in; empty outside. */
  quote: string;
  /** The operator before that quote. */
  operator: string;
}

/** `text` with every `$name` and `${name}` in its place. Names nobody knows stay as they are. */
export function substitute(text: string, language: Language, choices: Choices, own: OwnValues): Substituted {
  let out = "";
  const scan: Scan = { quote: "", operator: "" };
  for (let i = 0; i < text.length; ) {
    const comment = scan.quote === "" && commentAt(text, i, language);
    if (comment) {
      out += comment;
      i += comment.length;
      continue;
    }
    PLACE.lastIndex = i;
    const place = PLACE.exec(text);
    const name = place?.[1] ?? place?.[3];
    const chosen = name === undefined ? undefined : choices.get(name);
    const ownValue = name === undefined || chosen ? null : ownText(name, language, own);
    if (place && name !== undefined && (chosen || ownValue !== null)) {
      if (chosen) {
        const written = write(name, place[2] ?? "", chosen, language, scan, out);
        if (!written.ok) return written;
        out = written.replaces === undefined ? out + written.text : out.slice(0, written.replaces) + written.text;
        i = PLACE.lastIndex;
        if (written.skip && text[i] === written.skip) i++;
      } else {
        out += ownValue ?? "";
        i = PLACE.lastIndex;
      }
      continue;
    }
    const char = text[i] ?? "";
    if (scan.quote !== "") {
      // SQL doubles a quote within quotes; the others put a backslash before it, but for backticks.
      if (char === "\\" && language !== "sql" && scan.quote !== "`") {
        out += char + (text[i + 1] ?? "");
        i += 2;
        continue;
      }
      if (char === scan.quote) scan.quote = "";
    } else if (char === '"' || (char === "'" && language !== "logs") || (char === "`" && language !== "sql")) {
      scan.quote = char;
      scan.operator = /(=~|!~|!=|\|=|\|~|=)\s*$/.exec(out)?.[1] ?? "";
    }
    out += char;
    i++;
  }
  return { ok: true, text: out };
}

const commentAt = (text: string, at: number, language: Language): string => {
  const mark = language === "sql" ? "--" : language === "promql" || language === "logql" ? "#" : null;
  return mark !== null && text.startsWith(mark, at) ? (/^[^\n]*/.exec(text.slice(at))?.[0] ?? "") : "";
};

function ownText(name: string, language: Language, own: OwnValues): string | null {
  switch (name) {
    case "from": return language === "sql" ? own.from : String(own.fromSeconds);
    case "to": return language === "sql" ? own.to : String(own.toSeconds);
    case "step": return language === "sql" ? `INTERVAL '${own.stepSeconds} seconds'` : `${own.stepSeconds}s`;
    case "window": return language === "sql" ? `INTERVAL '${own.windowSeconds} seconds'` : `${own.windowSeconds}s`;
    case "range": return language === "sql" ? String(own.toSeconds - own.fromSeconds) : `${own.toSeconds - own.fromSeconds}s`;
    default: return null;
  }
}

type Written = { ok: true; text: string; replaces?: number; skip?: string } | { ok: false; problem: string };
const fails = (problem: string): Written => ({ ok: false, problem });

const escapeRegex = (value: string): string => value.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
const isNumber = (value: string): boolean => /^-?\d+(\.\d+)?$/.test(value);

function write(name: string, format: string, chosen: Chosen, language: Language, scan: Scan, before: string): Written {
  if (!chosen.all && chosen.values.length === 0) return fails(`$${name} has no value yet`);
  if (format === "number") return chosen.all || chosen.values.length !== 1 || !isNumber(chosen.values[0] ?? "") ? fails(`$${name} must be one number here`) : { ok: true, text: chosen.values[0] ?? "" };
  if (format !== "") return fails(`$\{${name}:${format}} is not a way to write a value; there is :number`);
  if (language === "sql") return scan.quote === "" ? inSql(name, chosen, before) : inSqlText(name, chosen, scan.quote);
  if (language === "logs") return inLogSearch(name, chosen, scan.quote, before);
  return scan.quote === "" ? bare(name, chosen) : inText(name, chosen, scan);
}

/** Outside of quotes only what is plainly one word or number may stand. */
function bare(name: string, chosen: Chosen): Written {
  const value = chosen.all ? undefined : chosen.values[0];
  if (chosen.all || chosen.values.length !== 1 || value === undefined) return fails(`$${name} stands for several values: write it in quotes, after =~`);
  return /^(-?\d+(\.\d+)?(ns|us|µs|ms|s|m|h|d|w)?|[A-Za-z_][\w:.]*)$/.test(value) ? { ok: true, text: value } : fails(`“${value}” of $${name} needs quotes around it here`);
}

/** Within quotes of PromQL, LogQL and TraceQL. */
function inText(name: string, chosen: Chosen, { quote, operator }: Scan): Written {
  const regex = operator === "=~" || operator === "!~" || operator === "|~";
  if (!regex && (chosen.all || chosen.values.length !== 1)) return fails(`$${name} stands for several values: write =~ in place of ${operator || "="}`);
  const text = chosen.all ? ".*" : regex ? chosen.values.map(escapeRegex).join("|") : (chosen.values[0] ?? "");
  const grouped = regex && !chosen.all && chosen.values.length > 1 ? `(${text})` : text;
  if (quote === "`") return grouped.includes("`") ? fails(`a value of $${name} has a backtick: write it in double quotes`) : { ok: true, text: grouped };
  return { ok: true, text: grouped.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll(quote, `\\${quote}`) };
}

const sqlText = (value: string): string => `'${value.replaceAll("'", "''")}'`;

/** A text of its own, or a list of them after IN; `column IN ($name)` of All is TRUE. */
function inSql(name: string, chosen: Chosen, before: string): Written {
  if (!chosen.all) return { ok: true, text: chosen.values.map(sqlText).join(", ") };
  const condition = /(?:[\w.]+|"[^"]+")(?:\['(?:[^']|'')*'\])?\s+(?:NOT\s+)?IN\s*\(\s*$/i.exec(before);
  if (!condition) return fails(`$${name} stands for all values: write column IN ($${name})`);
  return { ok: true, text: /\sNOT\s+IN/i.test(condition[0]) ? "FALSE" : "TRUE", replaces: condition.index, skip: ")" };
}

function inSqlText(name: string, chosen: Chosen, quote: string): Written {
  if (chosen.all || chosen.values.length !== 1) return fails(`$${name} stands for several values: write column IN ($${name}), without quotes`);
  return { ok: true, text: (chosen.values[0] ?? "").replaceAll(quote, quote + quote) };
}

/** `key:$name`: a phrase, several as `(a OR b)`, All as anything. */
function inLogSearch(name: string, chosen: Chosen, quote: string, before: string): Written {
  const phrase = (value: string) => value.replaceAll(/["\\]/g, "\\$&");
  if (quote !== "") return chosen.all || chosen.values.length !== 1 ? fails(`$${name} stands for several values: write it without quotes`) : { ok: true, text: phrase(chosen.values[0] ?? "") };
  if (chosen.all) {
    const key = /(?:[\p{L}_@$][\p{L}\p{N}_.@$/-]*|"[^"]*"):$/u.exec(before);
    return { ok: true, text: "*", ...(key ? { replaces: key.index } : {}) };
  }
  const [only, ...rest] = chosen.values;
  if (only === "" && rest.length === 0) return { ok: true, text: "*" };
  return { ok: true, text: rest.length === 0 ? `"${phrase(only ?? "")}"` : `(${chosen.values.map((value) => `"${phrase(value)}"`).join(" OR ")})` };
}

/** Names of the variables a text names. */
export const namesIn = (text: string): string[] => [...new Set([...text.matchAll(/\$(?:\{(\w+)(?::\w+)?\}|(\w+))/g)].map(([, braced, plain]) => braced ?? plain ?? ""))];
