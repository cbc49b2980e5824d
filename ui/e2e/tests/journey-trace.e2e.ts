/** From a search to what was said: traces, waterfall, span, log records. */

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launch } from "../browser";
import { at, counted, editor, pastMinutes, walk, written } from "../journey";
import { sql } from "../harness";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

const QUERY = `{ resource.service.name = "payments" && name = "pool.acquire" && status = error }`;

it("goes from a search to a waterfall, a span and its log records", async () => {
  const past = pastMinutes();
  const where = `service = 'payments' AND name = 'pool.acquire' AND status_code = 2 AND start_time >= ${at(past.from)} AND start_time < ${at(past.to)}`;
  await walk(browser, "/", async ({ page, text, stop, range }) => {
    await range(past);
    await page.keyboard.press("g");
    await page.keyboard.press("t");
    await page.waitForURL("**/traces?*");
    const box = editor(page, "TraceQL");
    await box.click();
    await page.keyboard.type("{ resource.service.na");
    await page.locator(".cm-tooltip-autocomplete").getByText("resource.service.name", { exact: true }).waitFor();
    await page.keyboard.press("Control+a");
    await page.keyboard.insertText(QUERY);
    await page.keyboard.press("Enter");

    const traces = await counted(`SELECT count(DISTINCT trace_id) FROM spans WHERE ${where}`);
    expect(traces).toBeGreaterThan(10);
    await page.getByRole("heading", { level: 1, name: `Of ${written(traces)} traces ${written(traces)} have failed spans` }).waitFor();
    expect(await page.getByRole("row").filter({ hasText: "POST /checkout" }).count()).toBe(Math.min(traces, await page.getByRole("table", { name: "Traces" }).locator("tbody tr[data-index]").count()));
    await stop();

    // The newest of them, by where it began: its span that matched may be older than another's.
    const first = page.getByRole("table", { name: "Traces" }).locator("tbody tr[data-index='0']");
    const trace = await first.locator("a[title]").first().getAttribute("title");
    const [found] = await sql(`SELECT span_id FROM spans WHERE ${where} AND trace_id = '${trace ?? ""}' ORDER BY start_time LIMIT 1`);
    const [span] = (found ?? []) as string[];
    await first.getByText("POST /checkout").click();
    await page.waitForURL(`**/traces/${trace ?? ""}?*span=${span ?? ""}*`);
    const rows = page.getByTestId("waterfall").locator("[role=row][data-span]:not([data-tone])");
    await rows.first().waitFor();
    expect(await rows.count()).toBe(await counted(`SELECT count(*) FROM spans WHERE trace_id = '${trace ?? ""}'`));
    await stop();

    // A span of it: its attributes as they are stored.
    await rows.filter({ hasText: "POST /authorize" }).click();
    const aside = page.getByRole("complementary", { name: "Selected span" });
    await aside.getByRole("heading", { name: "POST /authorize" }).waitFor();
    await aside.getByText("http.response.status_code").first().waitFor();
    expect(await aside.innerText()).toContain("503");
    // What is too long for its line ends in an ellipsis, and is whole in its title.
    expect(await aside.locator("dd > button").first().evaluate((value) => [getComputedStyle(value).display, getComputedStyle(value).textOverflow, value.parentElement?.title === value.textContent])).toEqual(["block", "ellipsis", true]);
    // By the keys: folded, open again, the next error, then all of it.
    await page.keyboard.press("ArrowLeft");
    await rows.filter({ hasText: "1 below" }).waitFor();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("n");
    await aside.getByRole("heading", { name: "pool.acquire" }).waitFor();

    // Log records in place, and off.
    const records = page.getByTestId("waterfall").locator("[role=row][data-tone]");
    expect(await records.count()).toBe(await counted(`SELECT count(*) FROM logs WHERE trace_id = '${trace ?? ""}'`));
    await page.keyboard.press("l");
    await expect.poll(() => records.count()).toBe(0);
    await page.keyboard.press("l");

    // Flame graph and table say the same.
    await page.keyboard.press("f");
    await page.waitForURL("**view=flame**");
    await stop();
    await page.getByRole("button", { name: "Table", exact: true }).click();
    await page.getByRole("table").getByText("pool.acquire").first().waitFor();
    await page.getByRole("button", { name: "Waterfall", exact: true }).click();

    await aside.getByRole("link", { name: /in Logs/ }).click();
    await page.waitForURL("**/logs?*");
    await page.getByText("1 record", { exact: true }).waitFor();
    await expect.poll(() => text("[role=table]")).toContain("pool payments-rw: timed out");
    await stop();
  });
});

it("compares a trace with a good one", async () => {
  await walk(browser, "/traces", async ({ page, stop, range }) => {
    await range(pastMinutes());
    await editor(page, "TraceQL").click();
    await page.keyboard.insertText(QUERY);
    await page.keyboard.press("Enter");
    await page.getByRole("table", { name: "Traces" }).locator("tbody tr[data-index='0']").getByText("POST /checkout").click();
    await page.getByTestId("waterfall").waitFor();
    await page.getByRole("button", { name: "Compare with…" }).first().click();
    const dialog = page.getByRole("dialog", { name: "Compare with…" });
    await dialog.getByRole("button", { name: /no error/ }).first().waitFor();
    await stop();
    await dialog.getByRole("button", { name: /no error/ }).first().click();
    await page.waitForURL("**compare=**");
    await page.getByText("pool.acquire").first().waitFor();
    await stop();
  });
});
