/** From words to their trace: log search, pattern, context, trace. */

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launch } from "../browser";
import { base, PATIENCE_MS, sql } from "../harness";
import { at, atNs, counted, editor, pastMinutes, walk, written } from "../journey";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

it("goes from a search to a pattern, what lies around a record, and its trace", async () => {
  const past = pastMinutes();
  const during = `time >= ${at(past.from)} AND time < ${at(past.to)}`;
  await walk(browser, "/logs", async ({ page, text, stop, range }) => {
    await range(past);
    const box = editor(page, "Log query");
    await box.click();
    await page.keyboard.type("severity:>=err");
    await page.locator(".cm-tooltip-autocomplete").waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+a");
    await page.keyboard.insertText("severity:>=error");
    await page.getByRole("button", { name: "Run", exact: true }).click();
    const errors = await counted(`SELECT count(*) FROM logs WHERE ${during} AND severity_number >= 17`);
    expect(errors).toBeGreaterThan(20);
    await page.getByText(`${written(errors)} records`, { exact: true }).waitFor();
    const services = await sql(`SELECT service, count(*) FROM logs WHERE ${during} AND severity_number >= 17 GROUP BY service ORDER BY service`);
    for (const [service, count] of services) await page.getByLabel("Fields").getByRole("button", { name: new RegExp(`${String(service)}[^]*${written(Number(count))}`) }).first().waitFor();
    await stop();

    // The kind of line that changed most.
    const pattern = page.getByRole("group", { name: "Leading patterns" }).getByRole("button", { name: /pool payments-rw: timed out/ });
    await pattern.click();
    await page.waitForURL(/payments-rw/);
    const alike = await counted(`SELECT count(*) FROM logs WHERE ${during} AND severity_number >= 17 AND body LIKE 'pool payments-rw: timed out after % ms%'`);
    await page.getByText(`${written(alike)} records`, { exact: true }).waitFor();
    // Rows and counts are two answers.
    await expect.poll(() => page.locator("[role=row][data-index]").filter({ hasNotText: "pool payments-rw: timed out" }).count()).toBe(0);
    await stop();

    // A record and what was said within five seconds.
    const [newest] = await sql(`SELECT time, trace_id, span_id FROM logs WHERE ${during} AND body LIKE 'pool payments-rw: timed out%' ORDER BY time DESC LIMIT 1`);
    const [time, trace, span] = (newest ?? []) as string[];
    await page.locator("[role=row][data-index='0']").click();
    await page.getByRole("button", { name: /Around this/ }).click();
    const around = page.getByRole("region", { name: "Around this record" });
    await around.locator("li[aria-current]").waitFor();
    const ns = BigInt(time ?? 0);
    const near = await counted(`SELECT count(*) FROM logs WHERE time >= ${atNs(ns - 5_000_000_000n)} AND time <= ${atNs(ns + 5_000_000_000n)}`);
    expect(await around.locator("li").count()).toBe(near);
    expect(await around.innerText()).toContain("authorize: upstream deadline exceeded");
    await stop();

    // Its trace, at the span that said it.
    await page.locator("[role=row][data-index='0']").focus();
    await page.keyboard.press("t");
    await page.waitForURL(`**/traces/${trace ?? ""}?*span=${span ?? ""}*`);
    await page.getByTestId("waterfall").waitFor();
    expect(await text("[role=row][aria-selected=true]")).toContain("pool.acquire");
    expect(await text("aside[aria-label='Selected span']")).toContain("pool.acquire");
    await page.goBack();
    await page.waitForURL(/\/logs\?/);
    await page.getByText(`${written(alike)} records`, { exact: true }).waitFor();
  });
});

it("says once, in the text that was typed, why a query cannot be read", async () => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  let refused = 0;
  page.on("response", (response) => {
    if (response.status() === 400) refused++;
  });
  await page.goto(`${base()}/logs?q=${encodeURIComponent("service:(a OR")}`);
  const alert = page.getByRole("alert");
  await alert.waitFor();
  expect(await alert.innerText()).toContain("Line 1, column 14.");
  expect(await alert.innerText()).not.toContain("|");

  // What could be read goes on being answered while the next text cannot be.
  const box = editor(page, "Log query");
  const run = async (query: string) => {
    await box.click();
    await page.keyboard.press("Control+a");
    await page.keyboard.insertText(query);
    await page.getByRole("button", { name: "Run", exact: true }).click();
  };
  await run("severity:>=error");
  await page.locator("[role=row][data-index='0']").waitFor();
  expect(await alert.count()).toBe(0);
  await run("severity:>=error | cuont by service");
  await page.getByText("this is not a stage of a pipe").waitFor();
  await page.getByText("Shown below: what severity:>=error finds.").waitFor();
  expect(await page.locator("[role=row][data-index='0']").count()).toBe(1);
  expect(await alert.count()).toBe(1);
  expect(refused).toBe(2);
  await context.close();
});
