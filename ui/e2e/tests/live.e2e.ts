/** While the time moves on with the clock: what waits, and what is not asked again. */

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launch } from "../browser";
import { settled } from "../harness";
import { walk } from "../journey";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

it("asks a query that cannot be read once, until it changes", async () => {
  for (const [path, text] of [["/logs", "(a"], ["/traces", "{ a"], ["/metrics-explorer", "sum("]] as const) {
    await walk(browser, path, async ({ page }) => {
      const asked: string[] = [];
      page.on("request", (request) => new URL(request.url()).search.includes(encodeURIComponent(text).replaceAll("%20", "+")) && asked.push(request.url()));
      await page.goto(`${new URL(page.url()).origin}${path}?q=${encodeURIComponent(text)}`);
      await page.getByRole("alert").filter({ hasText: "It is asked again when it changes." }).first().waitFor();
      await settled(page);
      const once = asked.length;
      expect(once).toBeGreaterThan(0);
      for (let i = 0; i < 3; i++) {
        await page.keyboard.press("r");
        await settled(page);
      }
      expect(asked.slice(once)).toEqual([]);
      await page.getByRole("alert").filter({ hasText: "It is asked again when it changes." }).first().waitFor();
    }, { expected: /400/ });
  }
});

it("holds a live tail while one reads, says how many are new, and goes on", async () => {
  await walk(browser, "/logs?tail=1", async ({ page, stop }) => {
    const line = page.getByRole("status").filter({ hasText: "kept of the newest" });
    const pill = page.getByRole("button", { name: /^\d+ new$/ });
    await page.locator("[role=row][data-index]").first().waitFor();
    await page.keyboard.press("j");
    await line.filter({ hasText: "Held while a record is selected" }).waitFor();
    await pill.waitFor();
    await stop();
    await page.keyboard.press("Space");
    await line.filter({ hasText: /^Live/ }).waitFor();
    expect(await pill.count()).toBe(0);
    await page.keyboard.press("Space");
    await line.filter({ hasText: "Held by Space" }).waitFor();
    await pill.click();
    await page.locator("h1, header").first().hover();
    await line.filter({ hasText: /^Live/ }).waitFor();
  });
});

it("says that there is nothing to compare, and how to choose what is", async () => {
  await walk(browser, "/logs?tab=compare&from=now-4h", async ({ page, stop }) => {
    await page.getByText("There is nothing to compare.").waitFor();
    await page.getByText(/Hold Shift and drag over the bars/).waitFor();
    await stop();
  });
});
