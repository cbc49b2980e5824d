/** A dashboard as Grafana's JSON: the same views through its Prometheus, Loki, Tempo and Infinity data sources. */

import type { Unit } from "../../units";
import type { Dashboard, Panel, PanelQuery, Variable } from "../document";
import { toLogQl } from "../logql";

export interface Exported {
  json: Record<string, unknown>;
  /** What Grafana shows otherwise, or not at all: one sentence each. */
  notes: string[];
}

/** Data sources as inputs: Grafana asks for them when the file is imported. */
const INPUTS = {
  promql: { name: "DS_PROMETHEUS", label: "Binnacle, Prometheus API (/prometheus)", pluginId: "prometheus", pluginName: "Prometheus" },
  logql: { name: "DS_LOKI", label: "Binnacle, Loki API", pluginId: "loki", pluginName: "Loki" },
  traceql: { name: "DS_TEMPO", label: "Binnacle, Tempo API (/tempo)", pluginId: "tempo", pluginName: "Tempo" },
  sql: { name: "DS_INFINITY", label: "Infinity, for SQL and SLOs over HTTP", pluginId: "yesoreyeram-infinity-datasource", pluginName: "Infinity" },
} as const;
type Source = keyof typeof INPUTS;

const UNITS: Record<Unit, string> = { none: "none", count: "short", rate: "cps", ratio: "percentunit", seconds: "s", nanos: "ns", bytes: "decbytes", memory: "bytes", burn: "none" };
const CALCS = { last: "lastNotNull", mean: "mean", max: "max", min: "min", sum: "sum" } as const;
const TYPES: Record<string, string> = { time_series: "timeseries", stat: "stat", table: "table", heat_map: "heatmap", logs: "logs", traces: "table", slo: "table", text: "text" };
/** Grafana has 24 columns, and rows of 30 px and a gap of 8; ours are 12, and 28 and 12. */
const COLUMNS = 2;

export const sourceOf = (source: Source) => ({ type: INPUTS[source].pluginId, uid: `\${${INPUTS[source].name}}` });

export function toGrafana(dashboard: Dashboard): Exported {
  const notes: string[] = [];
  const used = new Set<Source>();
  const panels = dashboard.panels.flatMap((panel, index) => exportPanel(panel, index + 1, used, notes));
  const variables = dashboard.variables.flatMap((variable) => exportVariable(variable, used, notes));
  if (used.has("sql")) notes.push("Panels asked in SQL, and those of SLOs, need the Infinity data source, allowed to reach the server’s URL, which the variable binnacle_url holds.");
  const url = used.has("sql") ? [{ type: "textbox", name: "binnacle_url", label: "Binnacle", query: "http://127.0.0.1:7070", current: { text: "http://127.0.0.1:7070", value: "http://127.0.0.1:7070" } }] : [];
  return {
    notes,
    json: {
      __inputs: [...used].sort().map((source) => ({ ...INPUTS[source], description: "", type: "datasource" })),
      __requires: [{ type: "grafana", id: "grafana", name: "Grafana", version: "11.0.0" }, ...[...used].sort().map((source) => ({ type: "datasource", id: INPUTS[source].pluginId, name: INPUTS[source].pluginName, version: "1.0.0" }))],
      title: dashboard.title, description: dashboard.description, tags: dashboard.tags, uid: dashboard.id ?? null, editable: true, graphTooltip: 1, schemaVersion: 39, version: 1, refresh: "10s",
      time: { from: dashboard.from ?? "now-1h", to: "now" }, timezone: "utc",
      templating: { list: [...url, ...variables] }, annotations: { list: [] }, links: [], panels,
    },
  };
}

function exportPanel(panel: Panel, id: number, used: Set<Source>, notes: string[]): Record<string, unknown>[] {
  const type = TYPES[panel.kind];
  const name = panel.title || panel.id;
  if (!type) {
    notes.push(`“${name}” is left out: panels of the kind ${panel.kind} are unknown.`);
    return [];
  }
  const common = {
    id, type, title: panel.title, description: panel.description,
    gridPos: { x: panel.x * COLUMNS, y: panel.y, w: panel.w * COLUMNS, h: panel.h },
  };
  if (panel.kind === "text") return [{ ...common, options: { mode: "markdown", content: panel.text ?? "" } }];
  if (panel.kind === "slo") {
    used.add("sql");
    if (panel.slo) notes.push(`“${name}” lists all SLOs in Grafana: the choice “${panel.slo}” has no equal there.`);
    return [{ ...common, datasource: sourceOf("sql"), targets: [sloTarget()], options: {}, fieldConfig: { defaults: {}, overrides: [] } }];
  }
  const targets = panel.queries.flatMap((query, index) => exportQuery(panel, query, "ABCDEF"[index] ?? "A", used, notes));
  if (panel.kind === "traces" || panel.kind === "logs") return [{ ...common, datasource: targets[0]?.datasource ?? null, targets, options: panel.kind === "logs" ? { showTime: true, sortOrder: "Descending" } : {}, fieldConfig: { defaults: {}, overrides: [] } }];
  if (panel.units && Object.keys(panel.units).length > 0) notes.push(`“${name}”: the units of single columns are not in Grafana’s JSON.`);
  return [{ ...common, datasource: targets[0]?.datasource ?? null, targets, ...lookOf(panel) }];
}

const TONES = { good: "green", warn: "orange", bad: "red" } as const;

function lookOf(panel: Panel): Record<string, unknown> {
  const steps = [{ color: "text", value: null }, ...(panel.thresholds ?? []).map((one) => ({ color: TONES[one.tone], value: one.value }))];
  const defaults: Record<string, unknown> = {
    unit: UNITS[panel.unit ?? "none"], thresholds: { mode: "absolute", steps },
    ...(panel.kind === "time_series" ? { min: panel.unit ? 0 : undefined, custom: { lineWidth: 1.5, fillOpacity: panel.queries.length === 1 ? 8 : 0, spanNulls: false, thresholdsStyle: { mode: panel.thresholds ? "dashed" : "off" } } } : {}),
  };
  const fieldConfig = { defaults, overrides: [] };
  switch (panel.kind) {
    case "stat": return { fieldConfig, options: { reduceOptions: { calcs: [CALCS[panel.reduce ?? "last"]], fields: "", values: false }, graphMode: "area", colorMode: "value", textMode: "auto" } };
    case "heat_map": return { fieldConfig, options: { calculate: false, yAxis: { unit: UNITS[panel.unit ?? "seconds"] }, color: { mode: "scheme", scheme: "Blues", scale: "exponential", exponent: 0.5, steps: 8 } } };
    case "time_series": return { fieldConfig, options: { legend: { displayMode: "table", placement: "bottom", calcs: ["lastNotNull", "max"] }, tooltip: { mode: "multi" } } };
    default: return { fieldConfig, options: {} };
  }
}

const OWN: Record<"promql" | "logql" | "traceql", Record<string, string>> = {
  promql: { window: "$__rate_interval", step: "$__interval", range: "$__range" },
  logql: { window: "$__interval", step: "$__interval", range: "$__range" },
  traceql: { window: "$__interval", step: "$__interval", range: "$__range" },
};

const withOwn = (text: string, language: keyof typeof OWN): string =>
  text.replaceAll(/\$\{?(window|step|range)\}?(?!\w)/g, (_all, name: string) => OWN[language][name] ?? "");

function exportQuery(panel: Panel, query: PanelQuery, refId: string, used: Set<Source>, notes: string[]): Record<string, unknown>[] {
  const name = panel.title || panel.id;
  const legend = query.name ?? "";
  switch (query.language) {
    case "promql":
      used.add("promql");
      return [{ refId, datasource: sourceOf("promql"), expr: withOwn(query.query, "promql"), legendFormat: legend === "" ? "__auto" : legend, range: panel.kind !== "table", instant: panel.kind === "table", format: panel.kind === "table" ? "table" : panel.kind === "heat_map" ? "heatmap" : "time_series" }];
    case "traceql":
      used.add("traceql");
      return [{ refId, datasource: sourceOf("traceql"), queryType: "traceql", query: withOwn(panel.kind === "heat_map" && !query.query.includes("_over_time") ? `${query.query} | histogram_over_time(duration)` : query.query, "traceql"), limit: panel.limit ?? 20, tableType: "traces" }];
    case "logql":
      used.add("logql");
      return [{ refId, datasource: sourceOf("logql"), expr: withOwn(query.query, "logql"), legendFormat: legend, queryType: "range", maxLines: panel.limit ?? 200 }];
    case "logs": {
      const counts = /\s*\|\s*count\s*$/.test(query.query);
      const expr = toLogQl(query.query.replace(/\s*\|\s*count\s*$/, ""));
      if (expr === null) {
        notes.push(`“${name}”: the log search ${query.query} says more than LogQL can here, and is left out.`);
        return [];
      }
      used.add("logql");
      const counted = panel.kind === "logs" ? expr : counts ? `sum(count_over_time(${expr} [$__range]))` : `sum by (detected_level) (count_over_time(${expr} [$__interval]))`;
      return [{ refId, datasource: sourceOf("logql"), expr: counted, legendFormat: legend, queryType: counts ? "instant" : "range", maxLines: panel.limit ?? 200 }];
    }
    case "sql":
      used.add("sql");
      return [sqlTarget(query.query, refId, panel)];
  }
}

/** SQL over HTTP, answered as CSV: its head names the columns. Variables are quoted by Grafana. */
function sqlTarget(query: string, refId: string, panel: Panel): Record<string, unknown> {
  const text = query
    .replaceAll(/\$\{?(from|to)\}?(?!\w)/g, (_all, end: string) => `TIMESTAMP '\${__${end}:date:iso}'`)
    .replaceAll(/\$\{?(step|window)\}?(?!\w)/g, (_all, own: string) => `INTERVAL '${own === "step" ? "60" : "300"} seconds'`)
    .replaceAll(/\$\{?range\}?(?!\w)/g, "3600")
    .replaceAll(/(?<![\w'{])\$([a-z]\w*)(?!\w)/gi, (_all, name: string) => `\${${name}:singlequote}`);
  return {
    refId, datasource: sourceOf("sql"), type: "csv", source: "url", format: panel.kind === "time_series" ? "timeseries" : "table", url: "${binnacle_url}/api/v1/sql", parser: "backend", root_selector: "", columns: [], filters: [],
    url_options: { method: "POST", body_type: "raw", body_content_type: "application/json", data: JSON.stringify({ query: text, format: "csv" }), headers: [], params: [] },
    // As Binnacle asks it, so that nothing is lost on the way back.
    binnacle_sql: query,
  };
}

const column = (selector: string, text: string, type: string) => ({ selector, text, type });
const sloTarget = (): Record<string, unknown> => ({
  refId: "A", datasource: sourceOf("sql"), type: "json", source: "url", format: "table", url: "${binnacle_url}/api/v1/slos", parser: "backend", root_selector: "slos", filters: [],
  columns: [column("name", "SLO", "string"), column("service", "Service", "string"), column("objectives.0.target", "Objective", "string"), column("objectives.0.status.sli", "SLI", "number"), column("objectives.0.status.budget.remaining", "Budget left", "number")],
  url_options: { method: "GET" },
});

function exportVariable(variable: Variable, used: Set<Source>, notes: string[]): Record<string, unknown>[] {
  const common = { name: variable.name, label: variable.label || null, multi: variable.multi, includeAll: variable.all, ...(variable.all ? { allValue: variable.kind === "sql" ? null : ".*" } : {}), hide: 0 };
  const [first] = variable.default;
  const current = first === undefined ? (variable.all ? { text: ["All"], value: ["$__all"] } : {}) : { text: variable.default, value: variable.default };
  switch (variable.kind) {
    case "text": return [{ type: "textbox", name: variable.name, label: variable.label || null, query: first ?? "", current: { text: first ?? "", value: first ?? "" } }];
    case "list": return [{ ...common, type: "custom", query: variable.values.join(","), options: variable.values.map((value) => ({ text: value, value, selected: value === first })), current }];
    case "promql":
      used.add("promql");
      return [{ ...common, type: "query", datasource: sourceOf("promql"), query: { query: variable.query, refId: "A" }, definition: variable.query, refresh: 2, sort: 1, current }];
    case "attribute": {
      used.add("traceql");
      return [{ ...common, type: "query", datasource: sourceOf("traceql"), query: { type: 1, label: variable.query.trim(), refId: "A" }, definition: variable.query, refresh: 2, sort: 1, current }];
    }
    case "sql":
      used.add("sql");
      notes.push(`The variable ${variable.name} is asked in SQL, through the Infinity data source.`);
      return [{ ...common, type: "query", datasource: sourceOf("sql"), query: { queryType: "infinity", infinityQuery: sqlTarget(variable.query, "A", { kind: "table" } as Panel) }, definition: variable.query, refresh: 2, sort: 1, current }];
  }
}
