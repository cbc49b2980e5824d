/** What one drags over a chart. */

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launch } from "../browser";
import { settled } from "../harness";
import { at, atNs, counted, drag, editor, pastMinutes, walk, written } from "../journey";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

const timesOf = (url: string): number[] => ["from", "to"].map((name) => Date.parse(new URL(url).searchParams.get(name) ?? ""));

it("selects slow spans, compares them with the rest, and narrows the search by what differs", async () => {
  await walk(browser, "/traces", async ({ page, stop, range }) => {
    await range(pastMinutes());
    await editor(page, "TraceQL").click();
    await page.keyboard.insertText(`{ resource.service.name = "payments" && name = "pool.acquire" }`);
    // The heading of all traces looks the same: it is this answer that is waited for.
    const answer = page.waitForResponse((one) => one.url().includes("/api/v1/traces?") && decodeURIComponent(one.url()).includes("pool.acquire"));
    await page.keyboard.press("Enter");
    await answer;
    await settled(page);
    await page.getByRole("heading", { level: 1, name: /traces \d+ have failed/ }).waitFor();
    // The failed ones lie at 3 s, along the top.
    await drag(page, "[aria-label^='Durations over time']", [0.01, 0.02], [0.99, 0.2]);
    await page.waitForURL(/brush=/);
    const version = page.getByRole("button", { name: /2\.14\.1/ }).first();
    await version.waitFor();
    await page.getByText(/Selection \d[^a]* against the other \d/).waitFor();
    // The rows are those of the selection, and say so.
    const [from, to, least, most] = (new URL(page.url()).searchParams.get("brush") ?? "").split("-");
    const under = await counted(`SELECT count(DISTINCT trace_id) FROM spans WHERE service = 'payments' AND name = 'pool.acquire' AND start_time >= ${atNs(from ?? 0)} AND start_time < ${atNs(to ?? 0)} AND duration >= ${least} AND duration <= ${most}`);
    expect(under).toBeGreaterThan(0);
    await page.getByRole("heading", { level: 1, name: new RegExp(`^Of ${written(under)} selected traces`) }).waitFor();
    await page.getByText(`${written(under)} selected traces`, { exact: true }).waitFor();
    await stop();
    await page.getByRole("button", { name: "Show all rows again" }).click();
    await page.getByRole("heading", { level: 1, name: /^Of (the newest )?[\d\u202f]+ traces/ }).waitFor();
    expect(new URL(page.url()).searchParams.get("brush")).toBeNull();
    await page.goBack();
    await page.waitForURL(/brush=/);
    await version.click();
    await page.waitForURL(/service\.version/);
    expect(new URL(page.url()).searchParams.get("brush")).toBeNull();
    await page.goBack();
    await page.waitForURL(/brush=/);
  });
});

it("says of how many spans the scatter shows the newest", async () => {
  const past = pastMinutes();
  await walk(browser, "/traces?chart=scatter", async ({ page, range }) => {
    await range(past);
    const roots = await counted(`SELECT count(*) FROM spans WHERE parent_span_id IS NULL AND start_time >= ${at(past.from)} AND start_time < ${at(past.to)}`);
    expect(roots).toBeGreaterThan(500);
    await page.getByText(`only the newest 500 of ${written(roots)} spans that match`).waitFor();
  });
});

it("zooms the log records by a drag, and compares two times by a Shift-drag", async () => {
  const past = pastMinutes();
  await walk(browser, "/logs", async ({ page, stop, range }) => {
    await range(past);
    await page.getByText(/records$/).first().waitFor();
    await drag(page, "figure svg", [0.25, 0.5], [0.5, 0.5]);
    await expect.poll(() => timesOf(page.url())[0]).toBeGreaterThan(past.from);
    const [from = 0, to = 0] = timesOf(page.url());
    const quarter = (past.to - past.from) / 4;
    expect(Math.abs(from - past.from - quarter)).toBeLessThan(quarter / 20);
    expect(Math.abs(to - from - quarter)).toBeLessThan(quarter / 20);
    const inside = await counted(`SELECT count(*) FROM logs WHERE time >= ${at(from)} AND time < ${at(to)}`);
    await page.getByText(`${written(inside)} records`, { exact: true }).waitFor();
    await drag(page, "figure svg", [0.1, 0.5], [0.3, 0.5], "Shift");
    await page.waitForURL(/tab=compare/);
    await stop();
  });
});

it("marks deploys over log records where the other charts do, whatever is searched for", async () => {
  const version = "service = 'payments' AND resource['service.version'] = '2.14.1'";
  const deployed = await counted(`SELECT min(at) FROM (SELECT min(start_time) AS at FROM spans WHERE ${version} UNION ALL SELECT min(time) AS at FROM series WHERE ${version})`);
  const since = new Date(Math.floor(deployed / 1e6)).toISOString().slice(11, 19);
  // Records of the version before alone: by them there was no deploy, or another one.
  await walk(browser, `/logs?from=now-2h&q=${encodeURIComponent("service:payments AND service.version:2.13.4")}`, async ({ page }) => {
    await expect.poll(() => page.locator("figure svg path title").allTextContents()).toEqual([`2.14.1 since ${since}`]);
  });
});

it("zooms every chart of a page, and goes back", async () => {
  await walk(browser, "/services/payments", async ({ page }) => {
    await page.locator(".u-over").first().waitFor();
    await drag(page, ".u-over", [0.3, 0.5], [0.6, 0.5]);
    await page.waitForURL(/from=20/);
    const [from = 0, to = 0] = timesOf(page.url());
    expect(Math.abs(to - from - 0.3 * 3_600_000)).toBeLessThan(120_000);
    await page.goBack();
    await expect.poll(() => new URL(page.url()).searchParams.get("from")).toBeNull();
  });
});

it("explains what is dragged over a burn-down", async () => {
  await walk(browser, "/slos/checkout-availability", async ({ page, stop, text }) => {
    await page.locator("#explain").getByText("pool.acquire").first().waitFor();
    const plot = "svg[aria-labelledby]:has(title)";
    await page.getByRole("button", { name: "Bad ratio" }).click();
    await drag(page, plot, [0.5, 0.5], [0.995, 0.5]);
    await page.waitForURL(/since=20/);
    await page.getByRole("button", { name: "Since onset" }).waitFor();
    await page.locator("#explain").getByText("pool.acquire").first().waitFor();
    await expect.poll(() => text("#explain")).toMatch(/what spent \d+ bad events/);
    await stop();
    await page.getByRole("button", { name: "Since onset" }).click();
    await expect.poll(() => new URL(page.url()).searchParams.get("since")).toBeNull();
  });
});
