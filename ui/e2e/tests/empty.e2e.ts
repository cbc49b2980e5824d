/** What a newcomer sees first: a server to which nobody has sent anything. */

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launch } from "../browser";
import { findings, settled } from "../harness";
import { type Binnacle, start } from "../server";

const PAGES = ["/", "/services", "/service-map", "/traces", "/logs", "/metrics-explorer", "/slos", "/slos/new", "/alerts", "/alerts/silences", "/alerts/rules", "/alerts/receivers", "/dashboards", "/dashboards/stack-overview", "/sql", "/runs", "/ingest"];

let browser: Browser;
let server: Binnacle;
beforeAll(async () => {
  [browser, server] = await Promise.all([launch(), start()]);
});
afterAll(async () => {
  await browser.close();
  await server.stop();
});

it.each(PAGES)("%s says so, with nothing that axe-core finds serious", async (path) => {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, reducedMotion: "reduce" });
  const complaints: string[] = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(server.url + path);
  await page.waitForSelector("h1");
  await settled(page);
  expect(await findings(page)).toEqual([]);
  expect(complaints).toEqual([]);
  await page.close();
});

it("says on the first page where to send, with the ports that it has", async () => {
  const page = await browser.newPage();
  await page.goto(server.url);
  const port = new URL(server.otlp).port;
  await page.getByText(`OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:${port}`).waitFor();
  await page.close();
});
