/** Every route, in both themes: it comes up, nothing complains, axe-core finds nothing serious. */

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROUTES } from "../../src/app/routes";
import { launch } from "../browser";
import { base, findings, open, paths, settled } from "../harness";

let browser: Browser;
let real: string[];
beforeAll(async () => {
  [browser, real] = await Promise.all([launch(), paths()]);
});
afterAll(() => browser.close());

describe.each(["light", "dark"] as const)("in the %s theme", (theme) => {
  it.each(ROUTES.map(({ path }, index) => [path, index] as const))("%s", async (_path, index) => {
    const { page, complaints, close } = await open(browser, real[index] ?? "/", { theme });
    await settled(page);
    expect(await page.locator("h1").count()).toBe(1);
    expect(await page.locator("h1").innerText()).not.toBe("This page failed");
    expect(await page.title()).toMatch(/ · Binnacle$/);
    expect(await findings(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await close();
  });
});

it("says that nothing is on a small screen of a board without data, in full", async () => {
  // Nobody sends what the process says of itself here.
  const { page, complaints, close } = await open(browser, "/dashboards/binnacle-process", { width: 1280, height: 800 });
  await settled(page);
  expect(await findings(page)).toEqual([]);
  expect(complaints).toEqual([]);
  await close();
});

it("leads on from a path that there is not", async () => {
  const { page, close } = await open(browser, "/nothing/is/here");
  expect(await page.locator("h1").innerText()).toBe("No such page");
  expect((await fetch(`${base()}/nothing/is/here`, { headers: { Accept: "text/html" } })).status).toBe(404);
  expect((await fetch(`${base()}/nothing/is/here`)).headers.get("content-type")).toContain("json");
  await close();
});

it.each([["/alerts", 390], ["/alerts", 320], ["/", 1280], ["/", 3840]] as const)("%s is not wider than a screen of %i px", async (path, width) => {
  const { page, close } = await open(browser, path, { width });
  await settled(page);
  expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0);
  await close();
});

/** What stands already does not move when more comes; see the design's budget of layout shift. */
it.each([["/", 1280], ["/", 1440], ["/services", 1280], ["/alerts", 1280], ["/slos", 1280]] as const)("%s does not shift at %i px", async (path, width) => {
  const { page, close } = await open(browser, path, { width });
  await settled(page);
  const shift = await page.evaluate(() => new Promise<number>((done) => {
    let sum = 0;
    new PerformanceObserver((list) => { for (const entry of list.getEntries()) sum += (entry as PerformanceEntry & { value: number }).value; }).observe({ type: "layout-shift", buffered: true });
    requestAnimationFrame(() => requestAnimationFrame(() => done(sum)));
  }));
  expect(shift).toBeLessThanOrEqual(0.02);
  await close();
});
