/** Pages about alerts besides the one of an alert: who was told, by which attempts. */

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launch } from "../browser";
import { api, eventually, firingPage } from "../harness";
import { walk } from "../journey";

interface Delivery {
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
  const told = await eventually("the page is told", async () =>
    (await api<{ deliveries: Delivery[] }>("/api/v1/deliveries")).deliveries.find((one) => one.state === "delivered" && one.receiver === "duty" && one.body.includes(fingerprint)));
  await walk(browser, "/alerts/receivers", async ({ page, stop }) => {
    const messages = page.getByRole("table", { name: "Messages" });
    const row = messages.getByRole("row").filter({ hasText: "duty" }).filter({ has: page.locator(`a[href^="/alerts/${fingerprint}"]`) }).last();
    await row.getByRole("button", { name: /attempts to tell duty/ }).click();
    await page.waitForURL(/open=\d+/);
    const attempts = messages.getByRole("list", { name: "Attempts to tell duty" });
    await expect.poll(() => attempts.innerText()).toMatch(/1\s+\d\d:\d\d:\d\d\.\d{3}\s+200\s+[\d.]+\s(ms|µs|s)\s+accepted/);
    await messages.getByText(told.idempotency_key).waitFor();
    await stop();
    await row.locator(`a[href^="/alerts/${fingerprint}"]`).click();
    await page.waitForURL(`**/alerts/${fingerprint}*`);
    await page.getByRole("list", { name: "Attempts to tell duty" }).first().waitFor();
  });
});
