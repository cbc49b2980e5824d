/** An SLO: made from three choices, tried on the history, saved, seen to burn. */

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { budget, group, sli } from "../../src/model/units";
import { launch } from "../browser";
import { api, base, eventually, sql } from "../harness";
import { atNs, counted, walk } from "../journey";

interface Standing {
  until: string;
  period: { start: string };
  counted: { good: number; total: number; bad: number };
  budget: { remaining: number };
}
interface Tried {
  slos: { objectives: { status: Standing }[] }[];
}
interface Slo {
  objectives: { status: Standing | null; alerts: { kind: string; severity: string; level: string }[] }[];
}

const NAME = "payments-post-authorize-availability";
const TITLE = "payments POST /authorize availability";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(async () => {
  await fetch(`${base()}/api/v1/slos/${NAME}`, { method: "DELETE" });
  await browser.close();
});

const OF = "service = 'payments' AND kind = 2 AND name = 'POST /authorize'";
const SLICE = 10_000_000_000n;
const SLICES = 12n;

const events = (standing: Standing, bad = "") =>
  counted(`SELECT count(*) FROM spans WHERE ${OF} AND start_time >= ${atNs(standing.period.start)} AND start_time < ${atNs(standing.until)}${bad}`);

/** Good and total events at each of the last slices' ends: the page shows one of them, the newest that it has asked for. */
async function standings(standing: Standing): Promise<[number, number][]> {
  let [total, bad] = [await events(standing), await events(standing, " AND status_code = 2")];
  const until = BigInt(standing.until);
  const recent = (await sql(`SELECT start_time, status_code FROM spans WHERE ${OF} AND start_time >= ${atNs(until - SLICES * SLICE)} AND start_time < ${atNs(until)}`)) as [string, number][];
  return Array.from({ length: Number(SLICES) + 1 }, (_, back) => {
    const end = until - BigInt(back) * SLICE;
    const later = recent.filter(([at]) => BigInt(at) >= end && BigInt(at) < end + SLICE);
    if (back > 0) [total, bad] = [total - later.length, bad - later.filter(([, status]) => status === 2).length];
    return [total - bad, total];
  });
}

it("makes an SLO with a preview, saves it, and sees it burn", async () => {
  await walk(browser, "/", async ({ page, text, stop }) => {
    await page.getByRole("link", { name: "SLOs", exact: true }).click();
    await page.getByRole("link", { name: "New SLO" }).first().click();
    await page.waitForURL("**/slos/new*");
    await page.getByLabel("Service").selectOption("payments");
    await page.getByLabel("Operation").selectOption("POST /authorize");
    await page.getByLabel("Owner").fill("payments-team");
    const answer = page.waitForResponse((response) => response.url().includes("backtest") && response.ok() && (response.request().postData() ?? "").includes("0.999"));
    await page.getByRole("button", { name: /^99\.9\s%$/ }).click();

    // What it would have been, of the events that are stored.
    const tried = ((await (await answer).json()) as Tried).slos[0]?.objectives[0]?.status;
    if (!tried) throw new Error("no outcome");
    const { good, total, bad } = tried.counted;
    // Events of the last seconds were still arriving when it was asked: no fewer than those before them, no more than there are now.
    const settled = ` AND start_time < ${atNs(BigInt(tried.until) - 30_000_000_000n)}`;
    expect([total >= (await events(tried, settled)), total <= (await events(tried)), good + bad]).toEqual([true, true, total]);
    expect([bad >= (await events(tried, ` AND status_code = 2${settled}`)), bad <= (await events(tried, " AND status_code = 2")), bad > 10]).toEqual([true, true, true]);
    const outcome = page.getByRole("main");
    await outcome.getByText(`Would have been ${sli(BigInt(good), BigInt(total), 0.999)}`).waitFor();
    expect(await text()).toContain(`Budget left at the end: ${budget(tried.budget.remaining)}`);
    await page.getByRole("table", { name: "What would have fired" }).getByText("paged").first().waitFor();
    await stop();

    await page.getByRole("button", { name: "Save" }).click();
    await page.waitForURL(`**/slos/${NAME}*`);
    await page.getByRole("heading", { level: 1, name: TITLE }).waitFor();

    // It is counted from the history, and burns: the page shows the integers of the stored events.
    await eventually("the SLO counts and fires", async () => {
      const { status, alerts } = (await api<Slo>(`/api/v1/slos/${NAME}`)).objectives[0] ?? {};
      if (!status || !alerts?.some((alert) => alert.kind === "burn_rate" && alert.severity === "page" && alert.level === "firing")) return false;
      const tiles = await text("[aria-label='State now']");
      return (await standings(status)).some(([good, total]) => tiles.includes(`${group(good)} good of ${group(total)}`));
    });
    await page.getByText("page firing").first().waitFor();
    expect(await text("[aria-label='State now']")).toMatch(/Burn, last hour\s*[\d.]+\s?×/);
    await page.locator("#explain").getByText("pool.acquire").first().waitFor();
    await stop();

    // Those who look at alerts see it too.
    await page.getByRole("link", { name: /^Alerts/ }).first().click();
    await page.getByRole("link", { name: new RegExp(`${TITLE} burns`) }).first().waitFor();
    await page.getByRole("link", { name: "SLOs", exact: true }).click();
    await page.getByRole("link", { name: TITLE }).click();
    await page.waitForURL(`**/slos/${NAME}*`);
    // Evidence of a page that fires this very moment is not there yet.
  }, { expected: /status of 404/ });
});
