/** Load tests: the list, one run, and two of them compared, from what was posted to the API. */

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launch } from "../browser";
import { findings, open, registerRun, settled } from "../harness";

let browser: Browser;
let slower: string;
let before: string;
/** Of this file's runs only, however many others there are. */
const name = `shop ${Date.now()}`;

beforeAll(async () => {
  browser = await launch();
  before = await registerRun({ name, version: "3.9.1", started_at: new Date(Date.now() - 400_000).toISOString(), ended_at: new Date(Date.now() - 340_000).toISOString(), behind_seconds_max: 0 }, 200);
  slower = await registerRun({ name, version: "3.10.0" }, 300);
});
afterAll(() => browser.close());

const plain = (text: string) => text.replaceAll("\u202f", " ");

it("lists runs with their figures and verdicts, and compares those that are ticked", async () => {
  const { page, complaints, close } = await open(browser, `/runs?q=${encodeURIComponent(name)}`);
  await settled(page);
  const table = page.getByRole("table", { name: "Load tests" });
  const rows = table.locator("tbody tr");
  await expect.poll(() => rows.count()).toBe(2);
  const newest = plain(await rows.nth(0).innerText());
  for (const part of ["3.10.0", "297 ms", "+50 %", "0.05 %", "failed"]) expect(newest).toContain(part);
  expect(plain(await rows.nth(1).innerText())).toContain("passed");
  expect(await findings(page)).toEqual([]);
  for (const box of await table.getByRole("checkbox").all()) await box.check();
  await page.getByRole("button", { name: "Compare 2" }).click();
  await page.waitForURL((url) => url.pathname === `/runs/${slower}` && url.searchParams.get("with") === before);
  await page.getByText("Latency of 2 runs").waitFor();
  expect(complaints).toEqual([]);
  await close();
});

it("shows one run: curve, rates, both ends, stages, thresholds, and that its generator fell behind", async () => {
  const { page, complaints, close } = await open(browser, `/runs/${slower}`, { theme: "dark" });
  await settled(page);
  expect(plain(await page.locator("h1").innerText())).toBe(`${name} failed: p99 297 ms, errors 0.05 %`);
  const main = plain(await page.locator("main").innerText());
  expect(main).toContain("The generator fell up to 5.50 s behind its schedule; latency counts from when each request was due.");
  expect(main).toMatch(/behind once, first at \d\d:\d\d:\d\d, 500 requests not sent, 10\.0 s in all/);
  expect(await page.getByRole("img", { name: /^Latency by percentile of/ }).count()).toBe(1);
  const sides = page.getByRole("table", { name: "Client and server" });
  await sides.waitFor();
  expect(plain(await sides.innerText())).toContain("297 ms");
  await page.getByText("The query of the server’s side").click();
  expect(await page.getByLabel("SQL of the server’s side").innerText()).toContain("name = 'POST /checkout'");
  expect(await page.getByRole("table", { name: "Thresholds" }).innerText()).toContain("missed");
  expect(await page.getByRole("table", { name: "Stages" }).innerText()).toContain("steady");
  expect(await findings(page)).toEqual([]);
  expect(complaints).toEqual([]);
  await close();
});

it("says in one sentence how two runs differ, and how sure that is", async () => {
  const { page, complaints, close } = await open(browser, `/runs/${slower}?with=${before}&scale=log`);
  await page.getByText("Latency of 2 runs").waitFor();
  await settled(page);
  const sentence = plain(await page.locator("main li").filter({ hasText: "Against" }).first().innerText());
  expect(sentence).toMatch(/Against 3\.9\.1: p99 \+50 % \(198 → 297 ms, 95 % interval 4[89]–5[012] %\); error ratio no different \(0\.05 %\)\./);
  const percentiles = page.getByRole("table", { name: "Percentiles of latency" });
  expect(await percentiles.locator("tbody tr").count()).toBe(2);
  await percentiles.getByRole("button", { name: "Leave out 3.9.1" }).click();
  await page.waitForURL((url) => !url.searchParams.has("with"));
  await page.keyboard.press("c");
  await page.getByRole("checkbox", { name: new RegExp(`${name} 3\\.9\\.1`) }).check();
  await page.waitForURL((url) => url.searchParams.get("with") === before);
  expect(complaints).toEqual([]);
  await close();
});

it("deletes a run, and says that there is none any more", async () => {
  const id = await registerRun({ name: `${name} to go` });
  const { page, close } = await open(browser, `/runs/${id}`);
  await settled(page);
  await page.getByRole("button", { name: "Delete this load test" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
  await page.waitForURL((url) => url.pathname === "/runs");
  await page.goto(new URL(`/runs/${id}`, page.url()).href);
  await page.getByText("There is no such load test.").waitFor();
  await close();
});
