/** What links fill in, and ranges chosen by days. */

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launch } from "../browser";
import { findings, firingPage, open, settled } from "../harness";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

it("opens a silence with the labels of its link’s alert, once", async () => {
  const alert = await firingPage();
  const { page, complaints, close } = await open(browser, `/alerts/silences?alert=${alert.fingerprint}`);
  const dialog = page.getByRole("dialog", { name: "Silence" });
  await dialog.waitFor();
  await expect.poll(() => dialog.getByLabel("Value of slo").inputValue()).toBe(alert.labels.slo);
  await page.keyboard.press("Escape");
  await page.waitForURL((url) => !url.searchParams.has("alert"));
  expect(await dialog.count()).toBe(0);
  expect(complaints).toEqual([]);
  await close();
});

it("says when a link’s alert is none", async () => {
  const { page, close } = await open(browser, "/alerts/silences?alert=0000000000000000");
  await page.getByText("The alert of this link is none of those there are now").waitFor();
  await close();
});

it("fills in matchers, as the palette says them", async () => {
  const { page, close } = await open(browser, `/alerts/silences?new=${encodeURIComponent('service="checkout"')}`);
  await expect.poll(() => page.getByRole("dialog", { name: "Silence" }).getByLabel("Value of service").inputValue()).toBe("checkout");
  await close();
});

it("chooses whole days by keyboard", async () => {
  const { page, complaints, close } = await open(browser, "/sql");
  await settled(page);
  await page.getByRole("button", { name: /^Last 1 h/ }).click();
  const days = page.getByRole("table", { name: "Days" });
  await days.locator('[aria-current="date"]').focus();
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Enter");
  await page.getByText(/^From \d+ \w+ \d{4}; now the last day/).waitFor();
  expect(await findings(page)).toEqual([]);
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => url.searchParams.has("to"));
  const [from, to] = ["from", "to"].map((name) => new URL(page.url()).searchParams.get(name) ?? "");
  expect(from).toMatch(/T00:00:00\.000Z$/);
  expect((Date.parse(to ?? "") - Date.parse(from ?? "")) / 86_400_000).toBe(8);
  expect(complaints).toEqual([]);
  await close();
});
