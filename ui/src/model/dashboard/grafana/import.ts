/** Grafana's JSON as a dashboard. What is not understood is told, one sentence each; nothing is dropped in silence. */

import type { Unit } from "../../units";
import { COLUMNS, type Dashboard, freeId, type Language, type Panel, type PanelQuery, QUERIES_MAX, readDashboard, type Threshold, type Variable } from "../document";
import { compact } from "../layout";

export type Imported = { ok: true; dashboard: Dashboard; notes: string[] } | { ok: false; problems: string[] };

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);
const object = (value: unknown): Json => (isObject(value) ? value : {});
const array = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const number = (value: unknown, fallback: number): number => (typeof value === "number" && Number.isFinite(value) ? value : fallback);
const filled = (value: unknown): boolean => (Array.isArray(value) ? value.length > 0 : isObject(value) ? Object.keys(value).length > 0 : value !== undefined && value !== null && value !== "" && value !== false);

/** Whether a document is Grafana's, not ours: its panels have a type where ours have a kind. */
export function isGrafana(value: unknown): boolean {
  const document = unwrapped(value);
  return "schemaVersion" in document || "templating" in document || array(document.panels).some((panel) => "type" in object(panel) && !("kind" in object(panel)));
}

/** Its API wraps the document. */
const unwrapped = (value: unknown): Json => (isObject(object(value).dashboard) ? object(object(value).dashboard) : object(value));

const KINDS: Record<string, Panel["kind"]> = {
  timeseries: "time_series", graph: "time_series", trend: "time_series", barchart: "time_series", "state-timeline": "time_series", stat: "stat", singlestat: "stat", gauge: "stat", bargauge: "stat", piechart: "stat", table: "table",
  "table-old": "table", heatmap: "heat_map", logs: "logs", text: "text", row: "text",
};
const OTHER_LOOK = new Set(["barchart", "state-timeline", "gauge", "bargauge", "piechart", "trend"]);
const UNITS: Record<string, Unit> = {
  short: "count", cps: "rate", reqps: "rate", ops: "rate", rps: "rate", wps: "rate", iops: "rate", percentunit: "ratio", s: "seconds", ns: "nanos", decbytes: "bytes", bytes: "memory", none: "none", "": "none",
};
const REDUCTIONS: Record<string, NonNullable<Panel["reduce"]>> = { lastNotNull: "last", last: "last", mean: "mean", max: "max", min: "min", sum: "sum" };
const TONES: Record<string, Threshold["tone"]> = { red: "bad", "dark-red": "bad", "semi-dark-red": "bad", orange: "warn", yellow: "warn", "dark-orange": "warn", "dark-yellow": "warn", green: "good", "dark-green": "good" };

export function fromGrafana(value: unknown): Imported {
  const source = unwrapped(value);
  const notes: string[] = [];
  const title = text(source.title).trim().slice(0, 200) || "Imported dashboard";
  const variables = importVariables(array(object(source.templating).list), notes);
  const panels: Panel[] = [];
  const flat = array(source.panels).flatMap((panel) => [panel, ...(object(panel).type === "row" ? array(object(panel).panels) : [])]);
  for (const one of flat) {
    const panel = importPanel(object(one), panels, notes);
    if (panel) panels.push(panel);
  }
  if (array(source.rows).length > 0) notes.push("Rows of dashboards before Grafana 5 are not read: open and save it there once.");
  for (const annotation of array(object(source.annotations).list)) if (object(annotation).builtIn !== 1) notes.push(`The annotation “${text(object(annotation).name)}” is left out.`);
  if (filled(source.links)) notes.push("Links of the dashboard are left out.");
  const read = readDashboard({
    schema: 1, title, description: text(source.description), tags: array(source.tags).filter((tag) => typeof tag === "string"),
    ...(text(source.uid) === "" ? {} : { id: text(source.uid) }), ...(/^now-/.test(text(object(source.time).from)) ? { from: text(object(source.time).from) } : {}), variables, panels: compact(panels),
  });
  return read.ok ? { ok: true, dashboard: read.dashboard, notes } : { ok: false, problems: read.problems };
}

function importPanel(source: Json, others: readonly Panel[], notes: string[]): Panel | null {
  const type = text(source.type);
  const title = text(source.title);
  const name = title || `panel ${number(source.id, others.length + 1)}`;
  const grid = object(source.gridPos);
  const w = Math.min(COLUMNS, Math.max(2, Math.round(number(grid.w, 12) / 2)));
  const place = { x: Math.min(COLUMNS - w, Math.max(0, Math.round(number(grid.x, 0) / 2))), y: Math.max(0, Math.round(number(grid.y, 0))), w, h: Math.min(40, Math.max(2, Math.round(number(grid.h, 8)))) };
  const common = { id: freeId(others, title || type || "panel"), title, description: text(source.description), ...place, queries: [] };
  if (type === "row") return { ...common, kind: "text", title: title || "Section", w: COLUMNS, x: 0, h: 2, text: "" };
  const kind = tableKind(source, KINDS[type]);
  if (!kind) {
    notes.push(`“${name}” is of the type ${type || "none"}, which is not known here: a text stands in its place.`);
    return { ...common, kind: "text", text: `In Grafana this panel is of the type ${type || "none"}, which has no equal here.` };
  }
  if (OTHER_LOOK.has(type)) notes.push(`“${name}” is a ${type} in Grafana: it is drawn as ${kind === "stat" ? "numbers" : "lines"} here.`);
  if (kind === "text") return { ...common, kind, text: text(object(source.options).content) || text(source.content) };
  const said = notes.length;
  const queries = array(source.targets).flatMap((target) => importQuery(object(target), object(source.datasource), name, notes));
  if (queries.length > QUERIES_MAX) notes.push(`“${name}”: the first ${QUERIES_MAX} of ${queries.length} queries are kept.`);
  if (queries.length === 0 && kind !== "slo" && notes.length === said) notes.push(`“${name}” has no query.`);
  if (kind === "slo") return { ...common, kind };
  const defaults = object(object(source.fieldConfig).defaults);
  for (const field of ["transformations", "links", "repeat", "alert", "libraryPanel", "timeFrom", "timeShift"]) if (filled(source[field])) notes.push(`“${name}”: its ${field} are left out.`);
  if (filled(object(source.fieldConfig).overrides)) notes.push(`“${name}”: overrides of single fields are left out.`);
  for (const field of ["mappings", "decimals", "max"]) if (filled(defaults[field])) notes.push(`“${name}”: its ${field} are left out.`);
  const unit = UNITS[text(defaults.unit)];
  if (!unit) notes.push(`“${name}”: the unit ${text(defaults.unit)} is not known; numbers are shown plain.`);
  const thresholds = importThresholds(object(defaults.thresholds), name, notes);
  const reduce = REDUCTIONS[text(array(object(object(source.options).reduceOptions).calcs)[0])];
  const limit = array(source.targets).map((target) => number(object(target).limit ?? object(target).maxLines, 0)).find((one) => one > 0);
  return {
    ...common, kind, queries: queries.slice(0, QUERIES_MAX), ...(unit && unit !== "none" ? { unit } : {}), ...(thresholds.length > 0 ? { thresholds } : {}),
    ...(kind === "stat" && reduce ? { reduce } : {}), ...((kind === "logs" || kind === "traces") && limit ? { limit: Math.min(1000, limit) } : {}),
  };
}

/** Tables of a trace search are a kind of their own here, and so are those of SLOs. */
function tableKind(source: Json, kind: Panel["kind"] | undefined): Panel["kind"] | undefined {
  if (kind !== "table") return kind;
  const [first] = array(source.targets).map(object);
  if (text(object(first?.datasource ?? source.datasource).type) === "tempo") return "traces";
  return /\/api\/v1\/slos$/.test(text(first?.url)) ? "slo" : kind;
}

function importThresholds(source: Json, name: string, notes: string[]): Threshold[] {
  if (text(source.mode) === "percentage") {
    notes.push(`“${name}”: thresholds in percent are left out.`);
    return [];
  }
  return array(source.steps).flatMap((step): Threshold[] => {
    const { value, color } = object(step);
    // The first stands for everything below the others.
    if (typeof value !== "number") return [];
    const tone = TONES[text(color)];
    if (!tone) notes.push(`“${name}”: the colour ${text(color)} of the threshold ${value} has no meaning here; it counts as near the limit.`);
    return [{ value, tone: tone ?? "warn" }];
  });
}

/** Grafana's own variables as ours; `${name:format}` and `[[name]]` as `$name`. */
function importText(query: string, where: string, notes: string[]): string {
  let out = query
    .replaceAll(/\$\{?__rate_interval\}?/g, "$window").replaceAll(/\$\{?__interval\}?(?!_)/g, "$step").replaceAll(/\$\{?__auto\}?(?!\w)/g, "$window").replaceAll(/\$\{?__range\}?(?!_)/g, "$range")
    .replaceAll(/\[\[(\w+)(?::\w+)?\]\]/g, "$$$1");
  out = out.replaceAll(/\$\{(?!__)(\w+)(?::\w+)?\}/g, "$${$1}");
  for (const [own] of new Set([...out.matchAll(/\$\{?__\w+[^}\s"]*\}?/g)].map((match) => match))) notes.push(`${where}: ${own} is Grafana’s own, and stays in the text as it is.`);
  return out;
}

const LANGUAGES: Record<string, Language> = { prometheus: "promql", loki: "logql", tempo: "traceql" };

function importQuery(target: Json, ofPanel: Json, name: string, notes: string[]): PanelQuery[] {
  const type = text(object(target.datasource).type) || text(ofPanel.type);
  const where = `“${name}”, query ${text(target.refId) || "A"}`;
  if (target.hide === true) notes.push(`${where} is hidden in Grafana; it is shown here.`);
  const language = LANGUAGES[type];
  const legend = text(target.legendFormat);
  const named = legend !== "" && legend !== "__auto" ? { name: legend } : {};
  if (type === "yesoreyeram-infinity-datasource") {
    if (/\/api\/v1\/slos$/.test(text(target.url))) return [];
    const own = text(target.binnacle_sql);
    if (own !== "") return [{ language: "sql", query: own }];
    notes.push(`${where} asks ${text(target.url) || "another server"}: left out.`);
    return [];
  }
  if (language === undefined) {
    const expr = text(target.expr);
    if (expr !== "" && type === "") return [{ language: "promql", query: importText(expr, where, notes), ...named }];
    notes.push(`${where} asks a data source of the type ${type || "unknown"}: left out.`);
    return [];
  }
  const query = language === "traceql" ? text(target.query) : text(target.expr);
  if (query === "") {
    notes.push(`${where} has no text${language === "traceql" ? " in TraceQL (it was made by a form)" : ""}: left out.`);
    return [];
  }
  const spans = language === "traceql" ? query.replace(/\s*\|\s*histogram_over_time\(duration\)\s*$/, "") : query;
  return [{ language, query: importText(spans, where, notes), ...named }];
}

function importVariables(sources: readonly unknown[], notes: string[]): Variable[] {
  return sources.flatMap((one): Variable[] => {
    const source = object(one);
    const name = text(source.name);
    const where = `The variable ${name}`;
    if (name === "binnacle_url") return [];
    const chosen = object(source.current).value;
    const defaults = (Array.isArray(chosen) ? chosen : [chosen]).filter((value): value is string => typeof value === "string" && value !== "" && value !== "$__all");
    const common = { name, label: text(source.label), multi: source.multi === true, all: source.includeAll === true, default: defaults, values: [] as string[], query: "" };
    if (filled(source.regex)) notes.push(`${where}: its regular expression is left out.`);
    if (filled(source.allValue) && source.allValue !== ".*" && source.allValue !== ".+") notes.push(`${where}: All stands for every value here, not for ${text(source.allValue)}.`);
    const query = text(source.query) || text(object(source.query).query) || text(source.definition);
    switch (text(source.type)) {
      case "textbox": return [{ ...common, kind: "text", multi: false, all: false }];
      case "constant": return [{ ...common, kind: "list", values: [query], default: [query] }];
      case "interval": case "custom": return [{ ...common, kind: "list", values: query.split(/(?<!\\),/).map((value) => value.trim().replace(/^.*\s:\s/, "").replaceAll("\\,", ",")).filter((value) => value !== "" && value !== "auto") }];
      case "query": return importQuestion(source, common, query, where, notes);
      case "datasource": notes.push(`${where} chooses a data source: there is only one here.`); return [];
      default: notes.push(`${where} is of the type ${text(source.type)}: left out.`); return [];
    }
  });
}

type Named = Pick<Variable, "name" | "label" | "multi" | "all" | "default" | "values" | "query">;

function importQuestion(source: Json, common: Named, query: string, where: string, notes: string[]): Variable[] {
  const type = text(object(source.datasource).type);
  const question = object(source.query);
  const own = text(object(question.infinityQuery).binnacle_sql);
  if (own !== "") return [{ ...common, kind: "sql", query: own }];
  if (type === "tempo" && text(question.label) !== "") return [{ ...common, kind: "attribute", query: text(question.label) }];
  if ((type === "prometheus" || type === "") && /^\s*label_values\(/.test(query)) return [{ ...common, kind: "promql", query: importText(query, where, notes) }];
  notes.push(`${where} asks ${query || "its data source"}, which is not understood: what is typed takes its place.`);
  return [{ ...common, kind: "text", multi: false, all: false }];
}
