/** Ingest health: who sends, what was refused and what to do about it. */

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launch } from "../browser";
import { eventually, findings, open, otlp, settled, sql } from "../harness";

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
