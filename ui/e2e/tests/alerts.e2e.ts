/** Pages about alerts besides the one of an alert: who was told, by which attempts. */

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launch } from "../browser";
import { api, eventually, firingPage } from "../harness";
import { walk } from "../journey";

interface Delivery {
  id: string;
  receiver: string;
  state: string;
  body: string;
  idempotency_key: string;
}

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

it("names the alert of each message, and opens its attempts", async () => {
  const { fingerprint } = await firingPage();
  const deliveries = async () => (await api<{ deliveries: Delivery[] }>("/api/v1/deliveries")).deliveries;
  await eventually("the page is told", async () => (await deliveries()).find((one) => one.state === "delivered" && one.receiver === "duty" && one.body.includes(fingerprint)));
  await walk(browser, "/alerts/receivers", async ({ page, stop }) => {
    const messages = page.getByRole("table", { name: "Messages" });
    const row = messages.getByRole("row").filter({ hasText: "duty" }).filter({ has: page.locator(`a[href^="/alerts/${fingerprint}"]`) }).last();
    await row.getByRole("button", { name: /attempts to tell duty/ }).click();
    await page.waitForURL(/open=\d+/);
    const attempts = messages.getByRole("list", { name: "Attempts to tell duty" });
    await expect.poll(() => attempts.innerText()).toMatch(/1\s+\d\d:\d\d:\d\d\.\d{3}\s+200\s+[\d.]+\s(ms|µs|s)\s+accepted/);
    // More than one message may be of this alert, and another may have come meanwhile.
    const open = new URL(page.url()).searchParams.get("open");
    const told = (await deliveries()).find((one) => one.id === open);
    expect(told?.body).toContain(fingerprint);
    await messages.getByText(told?.idempotency_key ?? "").waitFor();
    await stop();
    await row.locator(`a[href^="/alerts/${fingerprint}"]`).click();
    await page.waitForURL(`**/alerts/${fingerprint}*`);
    await page.getByRole("list", { name: "Attempts to tell duty" }).first().waitFor();
  });
});

it("has targets for fingers on a phone, and a form that takes the focus and gives it back", async () => {
  const { fingerprint } = await firingPage();
  for (const path of ["/alerts", `/alerts/${fingerprint}`]) {
    await walk(browser, path, async ({ page, stop }) => {
      await page.getByRole("button", { name: "Silence…" }).first().waitFor();
      await stop();
      const small = await page.evaluate(() => [...document.querySelectorAll<HTMLElement>("main :is(a, button, input, select)")].filter((one) => one.getClientRects().length > 0 && one.getBoundingClientRect().height < 24).map((one) => one.outerHTML.slice(0, 160)));
      expect(small).toEqual([]);
      const silence = page.getByRole("button", { name: "Silence…" }).first();
      await silence.focus();
      await page.keyboard.press("Enter");
      const dialog = page.getByRole("dialog", { name: "Silence" });
      await dialog.waitFor();
      await expect.poll(() => dialog.locator("input").first().evaluate((one) => one === document.activeElement)).toBe(true);
      await page.keyboard.press("Escape");
      await dialog.waitFor({ state: "hidden" });
      await expect.poll(() => silence.evaluate((one) => one === document.activeElement)).toBe(true);
    }, { width: 390, height: 844 });
  }
});
