/** The query boxes: what is typed before the editor has come stays, and each completes from what is stored. */

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launch } from "../browser";
import { base, PATIENCE_MS } from "../harness";
import { editor, walk } from "../journey";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

it("goes on where one typed when the editor takes over from the plain box", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  let release: () => void = () => undefined;
  const held = new Promise<void>((done) => {
    release = done;
  });
  await page.route(/QueryEditor/, async (route) => {
    await held;
    await route.continue();
  });
  await page.goto(`${base()}/traces`);
  const plain = page.locator("textarea[aria-label='TraceQL']");
  await plain.click();
  await page.keyboard.type("{ name = ");
  release();
  await editor(page, "TraceQL").waitFor();
  await page.keyboard.type("`x` }");
  await expect.poll(() => editor(page, "TraceQL").innerText()).toBe("{ name = `x` }");
  // The keys went to the box, not to the page, where "s" and "x" are shortcuts.
  expect(new URL(page.url()).searchParams.get("chart")).toBeNull();
  await context.close();
});

it.each([
  ["/traces", "TraceQL", "{ resource.service.n", "resource.service.name"],
  ["/logs", "Log query", "service:pay", "payments"],
  ["/sql", "SQL", "SELECT * FROM slo_sl", "slo_slices"],
  ["/metrics-explorer", "PromQL query A", "shop_req", "shop_requests_total"],
])("completes on %s", async (path, label, typed, offered) => {
  await walk(browser, path, async ({ page }) => {
    await editor(page, label).click();
    await page.keyboard.type(typed, { delay: 15 });
    const list = page.locator(".cm-tooltip-autocomplete");
    await list.locator("li[aria-selected=true]").getByText(offered).first().waitFor();
    // Enter takes what is offered, and does not run it; a list that has just come takes no key for a moment.
    await page.waitForTimeout(500);
    await page.keyboard.press("Enter");
    await expect.poll(() => editor(page, label).innerText()).toContain(offered);
    expect(new URL(page.url()).searchParams.get("q")).toBeNull();
  });
});
