import { describe, expect, it } from "vitest";
import { readDashboard } from "../document";
import { fromLogQl, toLogQl } from "../logql";
import { toGrafana } from "./export";
import { fromGrafana, isGrafana } from "./import";

const board = (panels: object[], variables: object[] = []) => {
  const read = readDashboard({ title: "Shop", tags: ["a"], variables, panels: panels.map((panel, index) => ({ id: `p${index}`, ...panel })) });
  if (!read.ok) throw new Error(read.problems.join());
  return read.dashboard;
};
const imported = (value: unknown) => {
  const found = fromGrafana(value);
  if (!found.ok) throw new Error(found.problems.join());
  return found;
};

describe("a dashboard in Grafana and back", () => {
  const own = board([
    { kind: "time_series", title: "Rate", x: 0, y: 0, w: 6, h: 8, unit: "rate", queries: [{ language: "promql", query: 'sum(rate(x{service=~"$service"}[$window]))', name: "{{service}}" }], thresholds: [{ value: 5, tone: "bad" }] },
    { kind: "stat", title: "Rows", x: 6, y: 0, w: 6, h: 8, reduce: "max", queries: [{ language: "sql", query: "SELECT count(*) FROM spans WHERE start_time >= $from AND service IN ($service)" }] },
    { kind: "heat_map", title: "Heat", x: 0, y: 8, w: 6, h: 8, unit: "seconds", queries: [{ language: "traceql", query: "{ kind = server }" }] },
    { kind: "traces", title: "Slow", x: 6, y: 8, w: 6, h: 8, limit: 30, queries: [{ language: "traceql", query: "{ duration > 1s }" }] },
    { kind: "slo", title: "SLOs", x: 0, y: 16, w: 6, h: 4 },
    { kind: "text", title: "", x: 6, y: 16, w: 6, h: 4, text: "Words" },
  ], [
    { name: "service", kind: "attribute", query: "resource.service.name", multi: true, all: true }, { name: "q", kind: "list", values: ["0.5", "0.99"], default: ["0.99"] },
    { name: "db", kind: "sql", query: "SELECT 1" }, { name: "route", kind: "promql", query: "label_values(x, route)" }, { name: "free", kind: "text", default: ["x"] },
  ]);
  const { dashboard, notes } = imported(toGrafana(own).json);
  it("asks the same", () => expect(dashboard.panels.map((one) => [one.kind, one.queries])).toEqual(own.panels.map((one) => [one.kind, one.queries])));
  it("stands at the same places", () => expect(dashboard.panels.map(({ x, y, w, h }) => [x, y, w, h])).toEqual(own.panels.map(({ x, y, w, h }) => [x, y, w, h])));
  it("looks the same", () => expect(dashboard.panels.map((one) => [one.unit, one.reduce, one.limit, one.thresholds])).toEqual(own.panels.map((one) => [one.unit, one.reduce, one.limit, one.thresholds])));
  it("has the same variables", () => expect(dashboard.variables.map(({ name, kind, query, values, multi, all }) => [name, kind, query, values, multi, all])).toEqual(own.variables.map(({ name, kind, query, values, multi, all }) => [name, kind, query, values, multi, all])));
  it("has nothing to tell of", () => expect(notes).toEqual([]));
  it("is known as Grafana’s", () => expect([isGrafana(toGrafana(own).json), isGrafana({ dashboard: { schemaVersion: 1 } }), isGrafana(own)]).toEqual([true, true, false]));
});

describe("what goes to Grafana", () => {
  it("asks SQL over HTTP, values in quotes of SQL", () => {
    const { json, notes } = toGrafana(board([{ kind: "table", queries: [{ language: "sql", query: "SELECT * FROM logs WHERE time >= $from AND service IN ($service)" }] }]));
    const target = (json.panels as { targets: { url_options: { data: string } }[] }[])[0]?.targets[0];
    expect(JSON.parse(target?.url_options.data ?? "")).toEqual({ query: "SELECT * FROM logs WHERE time >= TIMESTAMP '${__from:date:iso}' AND service IN (${service:singlequote})", format: "csv" });
    expect(notes.join()).toContain("Infinity");
  });
  it("says what it leaves out", () => {
    const { json, notes } = toGrafana(board([{ kind: "globe", title: "World" }, { kind: "logs", title: "Odd", queries: [{ language: "logs", query: "code:[1 TO 2]" }] }]));
    expect(notes).toEqual(["“World” is left out: panels of the kind globe are unknown.", "“Odd”: the log search code:[1 TO 2] says more than LogQL can here, and is left out."]);
    expect((json.panels as unknown[]).length).toBe(1);
  });
});

describe("what comes from Grafana", () => {
  const found = imported({
    dashboard: {
      title: "Node", schemaVersion: 39, links: [{ title: "x" }], annotations: { list: [{ builtIn: 1 }, { name: "Deploys" }] },
      templating: { list: [{ type: "query", name: "job", datasource: { type: "prometheus" }, query: "label_values(up, job)", regex: "/a/" }, { type: "datasource", name: "ds" }, { type: "query", name: "odd", datasource: { type: "mysql" }, query: "SELECT 1" }, { type: "interval", name: "every", query: "1m,5m" }] },
      panels: [
        { type: "row", title: "Section", gridPos: { x: 0, y: 0, w: 24, h: 1 }, panels: [{ type: "graph", title: "CPU", gridPos: { x: 0, y: 1, w: 12, h: 8 }, datasource: { type: "prometheus" }, targets: [{ refId: "A", expr: 'rate(cpu{job="[[job]]", i="${inst:regex}"}[$__rate_interval])', legendFormat: "{{i}}" }] }] },
        { type: "gauge", title: "Load", gridPos: { x: 12, y: 1, w: 12, h: 8 }, targets: [{ refId: "A", datasource: { type: "mysql" }, rawSql: "SELECT 1" }], fieldConfig: { defaults: { unit: "celsius", thresholds: { mode: "absolute", steps: [{ color: "green", value: null }, { color: "purple", value: 3 }] } }, overrides: [{}] }, transformations: [{}] },
        { type: "geomap", title: "Map" },
      ],
    },
  });
  it("keeps what it understands", () => {
    expect(found.dashboard.panels.map((one) => [one.kind, one.title])).toEqual([["text", "Section"], ["time_series", "CPU"], ["stat", "Load"], ["text", "Map"]]);
    expect(found.dashboard.panels[1]?.queries).toEqual([{ language: "promql", query: 'rate(cpu{job="$job", i="${inst}"}[$window])', name: "{{i}}" }]);
    expect(found.dashboard.variables.map(({ name, kind, values }) => [name, kind, values])).toEqual([["job", "promql", []], ["odd", "text", []], ["every", "list", ["1m", "5m"]]]);
  });
  it("tells of everything else", () => {
    for (const said of ["regular expression", "chooses a data source", "“Deploys”", "Links", "gauge", "mysql", "celsius", "purple", "overrides", "transformations", "geomap", "The variable odd"]) expect(found.notes.join("\n")).toContain(said);
  });
});

describe("log searches as LogQL", () => {
  it.each([
    ["service:checkout severity:>=warn", '{service_name="checkout"} | detected_level=~"warn|error|fatal"'],
    ["service:$service", '{service_name=~"$service"}'],
    ["severity:error", '{service_name=~".+"} | detected_level="error"'],
    ['service:("a" OR "b.c") NOT severity:debug', '{service_name=~"a|b\\\\.c"} | detected_level!="debug"'],
  ])("%s", (search, logql) => expect(toLogQl(search)).toBe(logql));
  it("looks for words in either case", () => expect(toLogQl('service:a "timed out" -retry')).toBe('{service_name="a"} |~ "(?i)timed out" !~ "(?i)retry"'));
  it.each(["a OR b", "code:[1 TO 2]", "http.route:/x", "a | count"])("refuses %s", (search) => expect(toLogQl(search)).toBeNull());
  it.each(["service:checkout severity:>=warn", "service:$service", "severity:error", 'service:a "timed out" NOT "retry"'])("comes back: %s", (search) => expect(fromLogQl(toLogQl(search) ?? "")).toBe(search));
  it("reads no parsers", () => expect([fromLogQl('{a="b"}'), fromLogQl('{service_name="a"} | json'), fromLogQl("rate(x)")]).toEqual([null, null, null]));
});
