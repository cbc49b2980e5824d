/** Dashboards: a built-in is looked at, narrowed, copied, edited, saved, and is there again; who comes second is told. */

import { readdirSync, readFileSync } from "node:fs";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launch } from "../browser";
import { base, eventually, findings, firingPage, open, PATIENCE_MS, settled } from "../harness";

let browser: Browser;
const made: string[] = [];
beforeAll(async () => {
  browser = await launch();
  await firingPage();
});
afterAll(async () => {
  for (const id of made) await fetch(`${base()}/api/v1/dashboards/${id}`, { method: "DELETE" });
  await browser.close();
});

const panel = (page: Page, title: string) => page.locator("[data-panel]", { has: page.getByRole("heading", { name: title, exact: true }) });
const idIn = (page: Page): string => decodeURIComponent(new URL(page.url()).pathname.split("/").at(-1) ?? "");

const FOLDER = new URL("../../../dashboards/", import.meta.url);
const builtIns = readdirSync(FOLDER).filter((name) => name.endsWith(".json")).map((name) => [name.replace(/\.json$/, "")]);

describe.each(builtIns)("the built-in %s", (id) => {
  const { panels } = JSON.parse(readFileSync(new URL(`${id}.json`, FOLDER), "utf8")) as { panels: { id: string }[] };
  it("asks nothing that fails, and every panel comes to an end", async () => {
    const { page, complaints, close } = await open(browser, `/dashboards/${id}?refresh=off`, { height: 2600 });
    await settled(page);
    expect(await page.locator("[data-panel]").count()).toBe(panels.length);
    expect(await page.locator('[data-panel] [role="alert"]').allInnerTexts()).toEqual([]);
    expect(await page.getByText("has no value yet").count()).toBe(0);
    expect(complaints).toEqual([]);
    await close();
  });
});

it("lists what there is, by words and tags", async () => {
  const { page, close } = await open(browser, "/dashboards");
  await settled(page);
  for (const title of ["Binnacle itself", "Load test", "Request path", "Services", "Stack overview"]) expect(await page.getByRole("main").getByRole("link", { name: title, exact: true }).count()).toBe(1);
  await page.getByRole("searchbox", { name: "Only dashboards that hold these words" }).fill("calls whom");
  await page.getByRole("link", { name: "Stack overview", exact: true }).waitFor({ state: "detached" });
  expect(await page.getByRole("link", { name: "Request path", exact: true }).count()).toBe(1);
  await close();
});

it("asks of what is off the screen only once it is seen", async () => {
  const context = await browser.newContext({ viewport: { width: 1440, height: 500 } });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const asked: string[] = [];
  page.on("request", (request) => asked.push(`${decodeURIComponent(request.url())} ${request.postData() ?? ""}`));
  await page.goto(`${base()}/dashboards/load-test?refresh=off`);
  await settled(page);
  const memory = () => asked.some((one) => one.includes("process_memory_usage_bytes"));
  expect(memory()).toBe(false);
  await panel(page, "Memory of all services").scrollIntoViewIfNeeded();
  await eventually("its question", () => Promise.resolve(memory()));
  await context.close();
});

it("is narrowed by a variable, copied, edited, saved, and there after a reload", async () => {
  const { page, complaints, close } = await open(browser, "/dashboards/stack-overview?refresh=off");
  await settled(page);
  // A variable goes into the link, and into the queries.
  await page.getByRole("button", { name: "Service All" }).click();
  await page.getByRole("checkbox", { name: "payments" }).click();
  await page.keyboard.press("Escape");
  await page.waitForURL(/var-service=payments/);
  await panel(page, "Requests per second").getByRole("button", { name: /What can be done/ }).click();
  await page.getByRole("menuitem", { name: "Query" }).click();
  await expect.poll(() => page.getByRole("dialog").innerText()).toContain('service=~"payments"');
  await page.keyboard.press("Escape");
  await settled(page);
  await expect.poll(() => panel(page, "SLOs, those in danger first").innerText()).not.toContain("cart availability");

  // A copy is one's own.
  await page.getByRole("button", { name: "Copy to edit" }).click();
  await page.waitForURL(/\/dashboards\/stack-overview-copy[^?]*\?.*edit=1/);
  const id = idIn(page);
  made.push(id);
  await panel(page, "Failed requests").getByRole("button", { name: /What can be done/ }).click();
  await page.getByRole("menuitem", { name: "Edit" }).click();
  await page.getByLabel("Title, as a sentence").fill("Orders a second");
  const query = page.getByRole("textbox", { name: "PromQL of query 1" });
  // The editor loads on demand; until then a plain box stands in its place.
  await page.locator(".cm-content").waitFor();
  await query.click();
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText('sum(rate(traces_spanmetrics_calls_total{service="orders"}[5m]))');
  await page.getByRole("button", { name: /^Undo: change the query/ }).waitFor();
  await settled(page);

  // What is typed can be undone, and done again.
  await page.getByRole("button", { name: /^Undo: change the query/ }).click();
  await expect.poll(() => query.innerText()).toContain("STATUS_CODE_ERROR");
  await page.getByRole("button", { name: /^Redo: change the query/ }).click();
  await page.getByRole("button", { name: "Close" }).click();

  // Moved by keys, the others give way.
  const before = await panel(page, "Orders a second").boundingBox();
  await page.getByRole("button", { name: /^Move Orders a second/ }).focus();
  await page.keyboard.press("Shift+ArrowRight");
  await page.keyboard.press("Shift+ArrowRight");
  await expect.poll(async () => (await panel(page, "Orders a second").boundingBox())?.width).toBeGreaterThan((before?.width ?? 0) * 1.4);

  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("editing", { exact: true }).waitFor();
  await page.reload();
  await settled(page);
  expect(await panel(page, "Orders a second").count()).toBe(1);
  expect(await panel(page, "Failed requests").count()).toBe(0);
  const stored = (await (await fetch(`${base()}/api/v1/dashboards/${id}`)).json()) as { version: number; dashboard: { panels: { id: string; w: number; queries?: { query: string }[] }[] } };
  const edited = stored.dashboard.panels.find((one) => one.id === "failing");
  expect(edited?.queries?.[0]?.query).toContain('service="orders"');
  expect(edited?.w).toBe(5);
  expect(await findings(page)).toEqual([]);
  expect(complaints).toEqual([]);
  await close();
});

it("tells who was faster, and keeps both", async () => {
  const first = (await (await fetch(`${base()}/api/v1/dashboards`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ title: "Two editors", panels: [{ id: "words", kind: "text", title: "Words", x: 0, y: 0, w: 6, h: 4, text: "first" }] }),
  })).json()) as { id: string; version: number; dashboard: object };
  made.push(first.id);
  const { page, close } = await open(browser, `/dashboards/${first.id}?edit=1&panel=words&refresh=off`);
  await page.getByRole("textbox", { name: "Text" }).fill("mine");
  const theirs = { ...first.dashboard, title: "Two editors, theirs" };
  await fetch(`${base()}/api/v1/dashboards/${first.id}?version=${first.version}`, { method: "PUT", headers: { "Content-Type": "application/json" }, body: JSON.stringify(theirs) });
  await page.getByRole("button", { name: "Save", exact: true }).click();
  const alert = page.getByRole("alert").filter({ hasText: "Somebody else saved" });
  await alert.waitFor();
  await alert.getByRole("button", { name: "Overwrite with mine" }).click();
  await page.getByText("editing", { exact: true }).waitFor();
  const now = (await (await fetch(`${base()}/api/v1/dashboards/${first.id}`)).json()) as { dashboard: { title: string; panels: { text: string }[] } };
  expect([now.dashboard.title, now.dashboard.panels[0]?.text]).toEqual(["Two editors", "mine"]);
  await close();
});

it("takes Grafana's JSON, and tells what it does not understand", async () => {
  const { page, complaints, close } = await open(browser, "/dashboards");
  await page.getByRole("button", { name: "Import…" }).click();
  await page.getByLabel("or its text").fill(JSON.stringify({
    title: "From Grafana", schemaVersion: 39, templating: { list: [] },
    panels: [
      { type: "timeseries", title: "Rate", gridPos: { x: 0, y: 0, w: 24, h: 8 }, datasource: { type: "prometheus" }, targets: [{ refId: "A", expr: "sum(rate(traces_spanmetrics_calls_total[$__rate_interval]))" }] },
      { type: "nodeGraph", title: "Nodes", gridPos: { x: 0, y: 8, w: 24, h: 8 } },
    ],
  }));
  const said = page.getByRole("status", { name: "What is imported" });
  await expect.poll(() => said.innerText()).toContain("“Nodes” is of the type nodeGraph");
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await page.waitForURL(/\/dashboards\/[^?]+\?/);
  made.push(idIn(page));
  await settled(page);
  await panel(page, "Rate").locator("canvas").waitFor();
  expect(complaints).toEqual([]);
  await close();
});
