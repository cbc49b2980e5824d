/** A dashboard as a document: what it is made of, and how one from outside is read. `dashboards/README.md` describes it. */

import * as v from "valibot";
import type { Unit } from "../units";

export const LANGUAGES = ["promql", "sql", "traceql", "logql", "logs"] as const;
export type Language = (typeof LANGUAGES)[number];
export const LANGUAGE_NAMES: Record<Language, string> = { promql: "PromQL", sql: "SQL", traceql: "TraceQL", logql: "LogQL", logs: "Log search" };

export const KINDS = ["time_series", "stat", "table", "heat_map", "logs", "traces", "slo", "text"] as const;
export type Kind = (typeof KINDS)[number];
export const KIND_NAMES: Record<Kind, string> = {
  time_series: "Time series", stat: "Stat", table: "Table", heat_map: "Heat map", logs: "Logs", traces: "Traces", slo: "SLOs", text: "Text",
};

/** Which languages a kind of panel understands. */
export const LANGUAGES_OF: Record<Kind, readonly Language[]> = {
  time_series: LANGUAGES, stat: LANGUAGES, table: LANGUAGES, heat_map: ["promql", "sql", "traceql"], logs: ["logs", "logql"], traces: ["traceql"], slo: [], text: [],
};

export const UNITS = ["none", "count", "rate", "ratio", "seconds", "nanos", "bytes", "memory", "burn"] as const satisfies readonly Unit[];
export const UNIT_NAMES: Record<Unit, string> = {
  none: "plain", count: "count", rate: "per second", ratio: "percent", seconds: "seconds", nanos: "nanoseconds", bytes: "bytes", memory: "memory (MiB)", burn: "burn rate",
};
export const REDUCTIONS = ["last", "mean", "max", "min", "sum"] as const;
export type Reduction = (typeof REDUCTIONS)[number];

/** Queries of one panel. */
export const QUERIES_MAX = 6;
export const PANELS_MAX = 200;
export const COLUMNS = 12;
export const HEIGHT_MAX = 40;

const text = v.string();
const whole = (least: number, most: number) => v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));

const query = v.looseObject({
  language: v.picklist(LANGUAGES),
  query: text,
  /** What its lines are called; `{{label}}` stands for a label's value. */
  name: v.optional(text),
});
export type PanelQuery = v.InferOutput<typeof query>;

const threshold = v.looseObject({ value: v.number(), tone: v.picklist(["good", "warn", "bad"]), label: v.optional(text) });
export type Threshold = v.InferOutput<typeof threshold>;

const panel = v.looseObject({
  id: v.pipe(text, v.nonEmpty()),
  /** One of KINDS; others are kept, and said to be unknown. */
  kind: v.pipe(text, v.nonEmpty()),
  title: v.optional(text, ""),
  description: v.optional(text, ""),
  x: v.optional(whole(0, COLUMNS - 1), 0),
  y: v.optional(whole(0, 10_000), 0),
  w: v.optional(whole(1, COLUMNS), 6),
  h: v.optional(whole(1, HEIGHT_MAX), 8),
  queries: v.optional(v.pipe(v.array(query), v.maxLength(QUERIES_MAX)), []),
  unit: v.optional(v.picklist(UNITS)),
  reduce: v.optional(v.picklist(REDUCTIONS)),
  thresholds: v.optional(v.array(threshold)),
  /** Of a table: units by the name of the column. */
  units: v.optional(v.record(text, v.picklist(UNITS))),
  /** Rows of logs and traces; lines of a chart, the largest. */
  limit: v.optional(whole(1, 1000)),
  /** Of SLOs: their services or names, with variables; empty is all. */
  slo: v.optional(text),
  /** Of a text panel: paragraphs with an empty line between. */
  text: v.optional(text),
});
export type Panel = v.InferOutput<typeof panel>;

export const VARIABLE_KINDS = ["sql", "promql", "attribute", "list", "text"] as const;
export type VariableKind = (typeof VARIABLE_KINDS)[number];
export const VARIABLE_KIND_NAMES: Record<VariableKind, string> = {
  sql: "SQL, its first column", promql: "values of a label", attribute: "values of an attribute of spans", list: "a list", text: "what is typed",
};

const variable = v.looseObject({
  name: v.pipe(text, v.regex(/^[a-z][a-z0-9_]*$/i)),
  label: v.optional(text, ""),
  kind: v.picklist(VARIABLE_KINDS),
  /** SQL; `label_values(metric, label)` or `label_values(label)`; a field of TraceQL. */
  query: v.optional(text, ""),
  values: v.optional(v.array(text), []),
  /** Several may be chosen. */
  multi: v.optional(v.boolean(), false),
  /** "All" may be chosen. */
  all: v.optional(v.boolean(), false),
  /** Chosen where the link says nothing; none is All where there is that, else the first. */
  default: v.optional(v.array(text), []),
});
export type Variable = v.InferOutput<typeof variable>;

const document = v.looseObject({
  schema: v.optional(v.number(), 1),
  id: v.optional(text),
  title: v.pipe(text, v.trim(), v.minLength(1), v.maxLength(200)),
  description: v.optional(text, ""),
  tags: v.optional(v.array(text), []),
  /** The page's time where the link says nothing: `now-6h`. */
  from: v.optional(text),
  variables: v.optional(v.array(variable), []),
  panels: v.pipe(v.array(panel), v.maxLength(PANELS_MAX)),
});
export type Dashboard = v.InferOutput<typeof document>;

export type Read = { ok: true; dashboard: Dashboard } | { ok: false; problems: string[] };

const BUILT_IN_NAMES = new Set(["from", "to", "step", "window", "range"]);

/** A document of unknown origin: checked, its gaps filled. */
export function readDashboard(value: unknown): Read {
  const checked = v.safeParse(document, value);
  if (!checked.success) {
    const problems = checked.issues.slice(0, 20).map((issue) => `${v.getDotPath(issue) ?? "the document"}: ${issue.message}`);
    return { ok: false, problems };
  }
  const dashboard = checked.output;
  const problems = [
    ...twice(dashboard.panels.map((one) => one.id)).map((id) => `panels: the id ${id} is there twice`),
    ...twice(dashboard.variables.map((one) => one.name)).map((name) => `variables: ${name} is there twice`),
    ...dashboard.variables.filter((one) => BUILT_IN_NAMES.has(one.name)).map((one) => `variables: $${one.name} is the dashboard’s own`),
    ...dashboard.panels.filter((one) => one.x + one.w > COLUMNS).map((one) => `panels: ${one.id} reaches beyond the twelve columns`),
  ];
  return problems.length > 0 ? { ok: false, problems } : { ok: true, dashboard };
}

/** The same from a text. */
export function parseDashboard(textOf: string): Read {
  let value: unknown;
  try {
    value = JSON.parse(textOf);
  } catch (error) {
    return { ok: false, problems: [`This is no JSON: ${error instanceof Error ? error.message : String(error)}`] };
  }
  return readDashboard(value);
}

const twice = (names: readonly string[]): string[] => [...new Set(names.filter((name, at) => names.indexOf(name) !== at))];

export const isKind = (kind: string): kind is Kind => (KINDS as readonly string[]).includes(kind);

/** An id that no panel has yet. */
export function freeId(panels: readonly Panel[], wish: string): string {
  const slug = wish.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-+|-+$/g, "").slice(0, 40) || "panel";
  const taken = new Set(panels.map((one) => one.id));
  let id = slug;
  for (let n = 2; taken.has(id); n++) id = `${slug}-${n}`;
  return id;
}

/** As files and requests have it: without what says nothing. */
export function writeDashboard(dashboard: Dashboard): unknown {
  const lean = (one: object, defaults: Record<string, unknown>): Record<string, unknown> =>
    Object.fromEntries(Object.entries(one).filter(([key, value]) => value !== undefined && !(key in defaults && JSON.stringify(value) === JSON.stringify(defaults[key]))));
  return {
    ...lean(dashboard, { description: "", tags: [], variables: [] }),
    ...(dashboard.variables.length === 0 ? {} : { variables: dashboard.variables.map((one) => lean(one, { label: "", query: "", values: [], multi: false, all: false, default: [] })) }),
    panels: dashboard.panels.map((one) => lean(one, { description: "", queries: [], thresholds: [], units: {} })),
  };
}

export const dashboardText = (dashboard: Dashboard): string => `${JSON.stringify(writeDashboard(dashboard), null, 2)}\n`;
