/** The dashboards that come with the product: whole, well placed, askable, and the same in Grafana's JSON. */

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { dashboardText, isKind, LANGUAGES_OF, parseDashboard } from "./document";
import { toGrafana } from "./grafana/export";
import { fromGrafana } from "./grafana/import";
import { compact } from "./layout";
import { choicesOf, substitute } from "./variables";

const FOLDER = new URL("../../../../dashboards/", import.meta.url);
const files = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));
const own = { from: "TIMESTAMP 'a'", to: "TIMESTAMP 'b'", fromSeconds: 0, toSeconds: 3600, stepSeconds: 15, windowSeconds: 120 };

it("there are those that the manual names", () => expect(files.sort()).toEqual(["binnacle-process.json", "binnacle.json", "load-test.json", "request-path.json", "services.json", "stack-overview.json"]));

describe.each(files)("%s", (file) => {
  const text = readFileSync(new URL(file, FOLDER), "utf8");
  const read = parseDashboard(text);
  if (!read.ok) throw new Error(`${file}: ${read.problems.join("; ")}`);
  const { dashboard } = read;

  it("is written as the product writes it", () => expect(dashboardText(dashboard)).toBe(text));
  it("has its panels where they fall", () => expect(compact(dashboard.panels)).toEqual(dashboard.panels));
  it("asks in languages that its panels know", () => {
    for (const panel of dashboard.panels) for (const query of panel.queries) expect(isKind(panel.kind) && LANGUAGES_OF[panel.kind]).toContain(query.language);
  });
  it.each(["one value", "All, or the first"])("can be asked with %s", (which) => {
    const known = new Map(dashboard.variables.map((one) => [one.name, ["a", "b"]]));
    const search = which === "one value" ? Object.fromEntries(dashboard.variables.filter((one) => one.kind !== "list").map((one) => [`var-${one.name}`, "a'\"b"])) : {};
    const choices = choicesOf(dashboard.variables, search, known);
    for (const panel of dashboard.panels) for (const query of panel.queries) expect(substitute(query.query, query.language, choices, own)).toMatchObject({ ok: true });
  });
  it("is the same in Grafana’s JSON: else run npm run grafana", () => {
    const { json } = toGrafana({ ...dashboard, id: file.replace(/\.json$/, "") });
    expect(readFileSync(new URL(`grafana/${file}`, FOLDER), "utf8")).toBe(`${JSON.stringify(json, null, 2)}\n`);
  });
  it("comes back from there with every panel", () => {
    const back = fromGrafana(toGrafana(dashboard).json);
    expect(back.ok && back.dashboard.panels.map((one) => one.kind)).toEqual(dashboard.panels.map((one) => one.kind));
  });
});
