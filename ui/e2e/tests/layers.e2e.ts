/** What opens over a page and changes something: silences, and an SLO's backtest, excluded times and definition. */

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launch } from "../browser";
import { api, base, eventually, firingPage } from "../harness";
import { walk } from "../journey";

interface Silence {
  id: string;
  comment: string;
  status: { state: string };
  matchers: { name: string; value: string }[];
}

// Versions of a name are kept when it is deleted: a server that is used again knows it.
const NAME = `cart-under-test-${Date.now().toString(36)}`;
const SLO = `apiVersion: openslo/v1
kind: SLO
metadata:
  name: ${NAME}
  displayName: 'cart under test'
spec:
  service: 'cart'
  indicator:
    metadata: {name: ${NAME}-sli}
    spec:
      ratioMetric:
        total: {metricSource: {type: spans, spec: {query: '{ resource.service.name = "cart" && kind = server }'}}}
        good: {metricSource: {type: spans, spec: {query: '{ status != error }'}}}
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.99}]
`;

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(async () => {
  await fetch(`${base()}/api/v1/slos/${NAME}`, { method: "DELETE" });
  await browser.close();
});

const silenceOf = async (why: string) => (await api<Silence[]>("/alertmanager/api/v2/silences")).find((one) => one.comment === why);

it("silences an alert from its page, and ends the silence", async () => {
  const { fingerprint } = await firingPage();
  await walk(browser, `/alerts/${fingerprint}`, async ({ page, stop }) => {
    await page.getByRole("button", { name: "Silence…" }).click();
    const dialog = page.getByRole("dialog", { name: "Silence" });
    // Which alerts it hides is said before it does.
    await dialog.getByText(/It hides \d+ of \d+:/).waitFor();
    await dialog.getByText("Say who you are.").waitFor();
    expect(await dialog.getByRole("button", { name: /^Silence until/ }).isDisabled()).toBe(true);
    await dialog.getByLabel("Why").fill("being rolled back");
    await dialog.getByLabel("Who").fill("ann");
    await dialog.getByRole("button", { name: "30 min" }).click();
    await stop();
    await dialog.getByRole("button", { name: /^Silence until/ }).click();
    await dialog.waitFor({ state: "hidden" });
    await page.getByText("silenced", { exact: true }).first().waitFor();
    const made = await silenceOf("being rolled back");
    expect(made?.status.state).toBe("active");
    expect(made?.matchers.map((one) => `${one.name}=${one.value}`)).toContain("slo=checkout-availability");

    await page.getByRole("link", { name: "silenced" }).first().click();
    await page.waitForURL("**/alerts/silences*");
    await page.getByRole("heading", { level: 1, name: "1 silence is in force" }).waitFor();
    await stop();
    await page.getByRole("row").filter({ hasText: "being rolled back" }).getByRole("button", { name: "End now" }).click();
    await page.getByRole("heading", { level: 1, name: "Nothing is silenced" }).waitFor();
    expect((await silenceOf("being rolled back"))?.status.state).toBe("expired");
  });
});

it("edits an SLO, excludes a time from it, and tries another policy on its history", async () => {
  const answer = await fetch(`${base()}/api/v1/slos`, { method: "POST", headers: { "Content-Type": "application/yaml" }, body: SLO });
  expect(answer.status, await answer.text()).toBeLessThan(300);
  await eventually("it is counted", async () => (await api<{ objectives: { status: object | null }[] }>(`/api/v1/slos/${NAME}`)).objectives[0]?.status);
  const stored = async () => (await api<{ text: string; version: number }>(`/api/v1/slos/${NAME}`));
  await walk(browser, `/slos/${NAME}`, async ({ page, stop, text }) => {
    await page.getByRole("button", { name: "Edit", exact: true }).click();
    const edit = page.getByRole("dialog", { name: `Edit ${NAME}` });
    const definition = edit.getByLabel("OpenSLO");
    expect(await definition.inputValue()).toBe((await stored()).text);
    // What is no SLO is refused, with its reason, and nothing is lost.
    await definition.fill(SLO.replace("target: 0.99", "target: 1.99"));
    await edit.getByRole("button", { name: "Save" }).click();
    await edit.getByRole("alert").waitFor();
    await stop();
    await definition.fill(SLO.replace("target: 0.99", "target: 0.995"));
    await edit.getByRole("button", { name: "Save" }).click();
    await edit.waitFor({ state: "hidden" });
    await expect.poll(async () => (await stored()).version).toBe(2);
    await page.getByText(/goal 99\.5/).waitFor();

    await excludes(page);
    const { text: excluded, version } = await stored();
    expect(version).toBe(3);
    expect(excluded).toMatch(/binnacle\/exclusions: \|\n\s+\d{4}-\d\d-\d\dT\d\d:\d\d:00Z\/\d{4}-\d\d-\d\dT\d\d:\d\d:00Z outage of the provider \(ann\)/);

    // Another policy: what it would have done is said, nothing is stored.
    await page.getByRole("button", { name: "Backtest" }).click();
    const backtest = page.getByRole("dialog", { name: `Backtest of ${NAME}` });
    await backtest.getByText(/Would have been .* with no pages and no tickets in 30 days/).waitFor();
    await backtest.getByRole("button", { name: /^7\s?d$/ }).click();
    await backtest.getByText(/in 7 days/).waitFor();
    await backtest.getByLabel("Definition").fill(SLO.replace("{ status != error }", "{ duration < 1us }"));
    await backtest.getByRole("button", { name: "Run" }).click();
    await backtest.getByText("paged").first().waitFor();
    await stop();
    await page.keyboard.press("Escape");
    await backtest.waitFor({ state: "hidden" });
    expect((await stored()).version).toBe(3);
    await page.getByRole("tab", { name: /History/ }).click();
    await expect.poll(() => text("table[aria-label='What alerts and editors did']")).toMatch(/version 3[^]*version 2[^]*version 1/);
  // The refused definition.
  }, { expected: /status of 4\d\d/ });
});

async function excludes(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Exclude time…" }).click();
  const dialog = page.getByRole("dialog", { name: `Exclude time from ${NAME}` });
  // One now: between two a minute may end.
  const now = Date.now();
  const minute = (ago: number) => `${new Date(now - ago * 60_000).toISOString().slice(0, 16)}:00Z`;
  await dialog.getByLabel("From").fill(minute(20));
  await dialog.getByLabel("To", { exact: true }).fill(minute(10));
  await dialog.getByText(/10\s?min would be excluded\. Say why\./).waitFor();
  await dialog.getByLabel("Reason").fill("outage of the provider");
  await dialog.getByLabel("Who says so").fill("ann");
  await dialog.getByText("saving makes version 3").waitFor();
  await dialog.getByRole("button", { name: "Exclude" }).click();
  await dialog.waitFor({ state: "hidden" });
}

it("says what a preview is doing, and stops it", async () => {
  await walk(browser, "/slos/new", async ({ page, stop, text }) => {
    let held = true;
    const waiting: (() => void)[] = [];
    await page.route("**/api/v1/slos/backtest*", async (route) => {
      if (held) await new Promise<void>((go) => waiting.push(go));
      await route.continue().catch(() => undefined);
    });
    await page.getByLabel("Service").selectOption("payments");
    await page.getByRole("progressbar", { name: "Going through the history" }).waitFor();
    await page.getByText("Reading the events of 30 days as they are stored").waitFor();
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByText("Stopped.").waitFor();
    expect(await page.getByRole("progressbar").count()).toBe(0);
    await stop();
    held = false;
    for (const go of waiting) go();
    await page.getByRole("button", { name: "Run again" }).click();
    await expect.poll(() => text()).toMatch(/Would have been .* in 30 days/);
  });
});

it("leaves an SLO of a file to its file", async () => {
  await walk(browser, "/slos/checkout-availability", async ({ page, stop }) => {
    await page.getByRole("button", { name: "Exclude time…" }).click();
    await page.getByText(/This SLO is from the file .*checkout-availability\.yaml/).waitFor();
    await stop();
    await page.getByRole("button", { name: "Close" }).click();
    await page.keyboard.press("t");
    await page.getByRole("dialog", { name: "Backtest of checkout-availability" }).getByText("paged").first().waitFor();
  });
});
