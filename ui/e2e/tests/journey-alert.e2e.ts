/** From the alert to its cause: alert, Explain, trace, log record. */

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launch } from "../browser";
import { api, firingPage } from "../harness";
import { atNs, counted, walk, written } from "../journey";

interface Evidence {
  window: { start: number; end: number; bad: number };
  examples: { trace_id: string; culprit: { span_id: string } }[];
  versions: { service: string; value: string; bad: number }[];
}

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

it("goes from an alert by Explain to a trace and its log record", async () => {
  const { fingerprint } = await firingPage();
  await walk(browser, "/", async ({ page, text, stop }) => {
    await page.getByRole("link", { name: /^Alerts/ }).first().click();
    await page.waitForURL("**/alerts");
    await page.getByRole("heading", { level: 1, name: /pages? .*fire/ }).waitFor();
    await stop();
    await page.locator(`a[href^="/alerts/${fingerprint}"]`).click();

    // What fires: the sentence, and the evidence as it was.
    await page.getByRole("heading", { level: 1, name: "checkout availability burns its error budget" }).waitFor();
    await page.getByText("pinned as evidence").waitFor();
    const evidence = await api<Evidence>(`/api/v1/alerts/${fingerprint}/explain`);
    const { start, end, bad } = evidence.window;
    const where = `service = 'checkout' AND kind = 2 AND start_time >= ${atNs(start)} AND start_time < ${atNs(end)}`;
    expect(await counted(`SELECT count(*) FROM spans WHERE ${where} AND status_code = 2`)).toBe(bad);
    expect(await text("table[aria-label='Evidence then and now']")).toContain(`${written(bad)} of `);
    await stop();

    // Why: all of the bad events, by the deepest cause.
    await page.getByRole("button", { name: "Explain" }).click();
    const explain = await text("#explain");
    expect(explain).toContain(`what spent ${written(bad)} bad events`);
    expect(explain).toMatch(/checkout\s*→\s*payments\s*100\.0/);
    expect(explain).toContain("pool.acquire: pool payments-rw: timed out after 3000 ms");
    expect(explain).toContain("service.version = 2.14.1");
    const versions = await counted(`SELECT count(DISTINCT p.trace_id) FROM spans p JOIN (SELECT trace_id FROM spans WHERE ${where} AND status_code = 2) c ON p.trace_id = c.trace_id WHERE p.service = 'payments' AND p.resource['service.version'] = '2.14.1'`);
    // One may have failed before the release, as one in some thousand does.
    expect(versions).toBe(evidence.versions.find((one) => one.service === "payments" && one.value === "2.14.1")?.bad);
    expect(versions).toBeGreaterThan(0.9 * bad);

    // One of them: opens at the span that failed.
    const example = evidence.examples[0];
    const first = page.locator("#explain").getByRole("link", { name: example?.trace_id.slice(0, 8), exact: true }).first();
    await first.click();
    await page.waitForURL(`**/traces/${example?.trace_id ?? ""}?*span=${example?.culprit.span_id ?? ""}*`);
    await page.getByTestId("waterfall").waitFor();
    const trace = `trace_id = '${example?.trace_id ?? ""}'`;
    const spans = await counted(`SELECT count(*) FROM spans WHERE ${trace}`);
    const failed = await counted(`SELECT count(*) FROM spans WHERE ${trace} AND status_code = 2`);
    const records = await counted(`SELECT count(*) FROM logs WHERE ${trace}`);
    expect(await page.getByTestId("waterfall").locator("[role=row][data-span]:not([data-tone])").count()).toBe(spans);
    expect(await text()).toMatch(new RegExp(`${failed} errors[^]*${spans} spans[^]*${records} logs`));
    expect(await page.locator("[role=row][aria-selected=true]").innerText()).toContain("pool.acquire");
    await page.getByRole("complementary", { name: "Selected span" }).getByText("service.version").waitFor();
    await stop();

    // What was said about it.
    await page.getByRole("complementary", { name: "Selected span" }).getByRole("link", { name: "1 in Logs" }).click();
    await page.waitForURL("**/logs?*span_id*");
    await page.getByText("1 record", { exact: true }).waitFor();
    const row = page.locator("[role=row][data-index='0']");
    await expect.poll(() => row.innerText()).toContain("pool payments-rw: timed out after 3000 ms (8/8 busy)");
    await row.click();
    await page.getByLabel("Record", { exact: true }).getByText("payments-rw").waitFor();
    await stop();

    // The way back is on the screen all the time.
    const trail = page.getByRole("navigation", { name: "Trail" });
    expect(await trail.innerText()).toMatch(/Page: checkout-availability[^]*Trace/);
    await trail.getByRole("link", { name: /Page: checkout-availability/ }).click();
    await page.waitForURL(`**/alerts/${fingerprint}*`);
  });
});
