/** Ingest health: who sends, what was refused and what to do about it. */

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launch } from "../browser";
import { base, eventually, findings, open, otlp, PATIENCE_MS, settled, sql } from "../harness";
import { iso } from "../journey";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

async function sendBroken(): Promise<void> {
  const at = `${Date.now()}000000`;
  const span = (traceId: string) => ({ traceId, spanId: "1111111111111111", name: "nightly", startTimeUnixNano: at, endTimeUnixNano: at });
  const body = { resourceSpans: [{ resource: { attributes: [{ key: "service.name", value: { stringValue: "legacy-batch" } }] }, scopeSpans: [{ spans: [span("00".repeat(16)), span("ab".repeat(16))] }] }] };
  const answer = await fetch(`${await otlp()}/v1/traces`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  expect(answer.status).toBe(200);
  await eventually("the rejection", async () => (await sql("SELECT reason FROM ingest_rejections WHERE service = 'legacy-batch'")).length > 0);
}

it("names a rejection’s reason, its sender, and what to do", async () => {
  await sendBroken();
  const { page, complaints, close } = await open(browser, "/ingest");
  await settled(page);
  expect(await page.locator("h1").innerText()).toMatch(/rejected$/);
  expect(await page.getByText("accepting", { exact: true }).count()).toBeGreaterThan(0);
  const rejections = page.getByRole("table", { name: "Rejections" });
  const row = rejections.getByRole("row").filter({ hasText: "trace id is empty or all zero" });
  expect(await row.innerText()).toContain("legacy-batch");
  await row.getByRole("button").click();
  await expect.poll(() => rejections.innerText()).toContain("16 random bytes");
  await rejections.getByRole("button", { name: "Copy" }).click();
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toContain("traceId");
  for (const table of ["spans", "Senders"]) expect(await page.getByText(table, { exact: true }).count()).toBeGreaterThan(0);
  expect(await page.getByRole("table", { name: "Keys of series by values" }).innerText()).toContain("http.route");
  expect(await findings(page)).toEqual([]);
  expect(complaints).toEqual([]);
  await close();
});

it("says how long the disk lasts, where the server tells what is free of it", async () => {
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 } });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  await page.route("**/api/v1/status", async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, json: { ...((await answer.json()) as object), disk: { total_bytes: 500e9, free_bytes: 120e9 } } });
  });
  // One whole day of 2.1 GB, and what there is of today.
  await page.route("**/api/v1/sql", async (route) => {
    const answer = await route.fetch();
    const body = (await answer.json()) as { columns: { name: string }[]; rows: (string | number)[][] };
    const [day, size] = ["day", "bytes"].map((name) => body.columns.findIndex((column) => column.name === name));
    const [row] = body.rows;
    if (!(route.request().postData() ?? "").includes("FROM segments") || !row || day === undefined || size === undefined) return route.fulfill({ response: answer });
    await route.fulfill({ response: answer, json: { ...body, rows: [...body.rows.filter((one) => one[day] === new Date().toISOString().slice(0, 10)), row.with(day, "2026-01-01").with(size, 2.1e9)] } });
  });
  await page.goto(`${base()}/ingest`);
  await page.getByText(/120\sGB free of 500\sGB ÷ 2\.10\sGB a day/).waitFor();
  expect(await page.getByText(/^57 days left at 2\.10\sGB a day$/).count()).toBeGreaterThan(0);
  // What is asked again meanwhile has no answer to wait for.
  await page.unrouteAll({ behavior: "ignoreErrors" });
  await context.close();
});

it("counts the same senders as the overview", async () => {
  // A time that is over: both pages count the same.
  const now = Math.floor(Date.now() / 60_000) * 60_000;
  const range = `?from=${iso(now - 40 * 60_000)}&to=${iso(now - 2 * 60_000)}&paused=1`;
  const counted = async (path: string) => {
    const { page, close } = await open(browser, path + range);
    const words = await page.getByText(/\d+ of \d+ senders reporting/).first().innerText();
    await close();
    return /\d+ of \d+ senders reporting/.exec(words)?.[0];
  };
  const onIngest = await counted("/ingest");
  expect(onIngest).toMatch(/^\d/);
  expect(await counted("/")).toBe(onIngest);
  expect(await counted("/services")).toBe(onIngest);
});

it("shows the sender that a link names, and opens it by keyboard", async () => {
  await sendBroken();
  const { page, close } = await open(browser, "/ingest?q=legacy", { theme: "dark" });
  await settled(page);
  const senders = page.getByRole("table", { name: "Senders" });
  await expect.poll(() => senders.locator("tbody tr").count()).toBe(1);
  await senders.locator("tbody tr").first().focus();
  await page.keyboard.press("Enter");
  await page.waitForURL(/open=legacy-batch/);
  await expect.poll(() => senders.innerText()).toContain("16 random bytes");
  await page.getByRole("searchbox", { name: "Find a sender by name" }).fill("nobody");
  await page.getByRole("button", { name: /^Show all \d+$/ }).click();
  await expect.poll(() => senders.locator("tbody tr").count()).toBeGreaterThan(5);
  await close();
});
