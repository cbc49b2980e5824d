/** What works on every page: palette, keys, time, trail, share. */

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launch } from "../browser";
import { base, failedTrace, findings, open, PATIENCE_MS, settled } from "../harness";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

it("goes to a service and to a trace by the palette", async () => {
  const { page, close } = await open(browser, "/sql");
  await page.keyboard.press("Control+k");
  await page.keyboard.type("payme");
  await page.getByRole("option", { name: "payments", exact: true }).waitFor();
  expect(await findings(page)).toEqual([]);
  await page.keyboard.press("Enter");
  await page.waitForURL("**/services/payments");
  const trace = await failedTrace();
  await page.keyboard.press("Control+k");
  await page.keyboard.type(trace);
  await page.getByRole("option", { name: new RegExp(trace.slice(0, 8)) }).first().waitFor();
  await page.keyboard.press("Enter");
  await page.waitForURL(`**/traces/${trace}*`);
  await close();
});

it("has keys, and lists them", async () => {
  const { page, close } = await open(browser, "/");
  await page.keyboard.press("g");
  await page.keyboard.press("l");
  await page.waitForURL("**/logs");
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).getByText("Go to Traces").waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Shift+ArrowLeft");
  await page.waitForURL(/from=20\d\d-/);
  await page.goBack();
  await expect.poll(() => new URL(page.url()).searchParams.get("from")).toBeNull();
  await close();
});

it("keeps the time from page to page, and in a shared link", async () => {
  const { page, close } = await open(browser, "/");
  await page.getByRole("button", { name: /Last 1 h/ }).click();
  await page.getByLabel("Type or paste a time").fill("90m");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/\?from=now-90m$/);
  await page.getByRole("link", { name: "Traces", exact: true }).click();
  await page.waitForURL(/\/traces\?from=now-90m$/);
  await page.getByRole("button", { name: "Share", exact: true }).click();
  await page.getByText("Share: Copied").waitFor();
  const link = new URL(await page.evaluate(() => navigator.clipboard.readText()));
  expect(link.searchParams.get("from")).toMatch(/^20\d\d-.*Z$/);
  expect(link.searchParams.get("paused")).toBe("1");
  await close();
});

it("shows the telemetry of another tenant, and says so", async () => {
  const { page, complaints, close } = await open(browser, "/services");
  await page.getByText("payments", { exact: true }).first().waitFor();
  await page.getByRole("button", { name: "Tenant, now default" }).click();
  expect(await findings(page)).toEqual([]);
  const name = page.getByLabel("Name of another tenant");
  await name.fill("no name");
  await page.getByText(/make a name/).waitFor();
  await name.fill("nobody");
  await page.keyboard.press("Enter");
  await page.getByText("payments", { exact: true }).first().waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Tenant, now nobody" }).click();
  await page.getByRole("button", { name: /^default/ }).click();
  await page.getByText("payments", { exact: true }).first().waitFor();
  expect(complaints).toEqual([]);
  await close();
});

it("shows an earlier time behind this one, from page to page and in the link", async () => {
  const { page, complaints, close } = await open(browser, "/services/payments");
  await settled(page);
  await page.getByRole("button", { name: /Last 1 h/ }).click();
  await page.getByRole("button", { name: "Previous period" }).click();
  await page.waitForURL(/against=previous/);
  await page.getByRole("button", { name: "p99, previous period" }).waitFor();
  await page.getByRole("button", { name: /Last 1 h.*with the previous period/ }).waitFor();
  expect(await findings(page)).toEqual([]);
  await page.getByRole("link", { name: "Metrics", exact: true }).click();
  await page.waitForURL(/metrics-explorer\?.*against=previous/);
  expect(complaints).toEqual([]);
  await close();
});

it("silences a service by the palette, in a form that is filled in", async () => {
  const { page, complaints, close } = await open(browser, "/sql");
  await page.keyboard.press("Control+k");
  await page.keyboard.type("silence payme");
  await page.getByRole("option", { name: /^Silence payments…/ }).waitFor();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Silence" });
  await dialog.waitFor();
  expect(await dialog.getByLabel("Value of service").inputValue()).toBe("payments");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+k");
  await page.keyboard.type("metric http_server_request_duration_seconds_count");
  await page.getByRole("option", { name: "http_server_request_duration_seconds_count", exact: true }).waitFor();
  await page.keyboard.press("Enter");
  await page.waitForURL("**/metrics-explorer?q=http_server_request_duration_seconds_count*");
  expect(complaints).toEqual([]);
  await close();
});

it("visits dashboards without a trail, until something is pinned", async () => {
  const { page, close } = await open(browser, "/dashboards/services");
  await settled(page);
  expect(await page.getByRole("navigation", { name: "Trail" }).count()).toBe(0);
  await page.keyboard.press("p");
  await page.getByRole("navigation", { name: "Trail" }).waitFor();
  await close();
});

it("goes to a dashboard by the palette, and offers no fault outside of the demo", async () => {
  const { page, complaints, close } = await open(browser, "/sql");
  await page.keyboard.press("Control+k");
  await page.keyboard.type("stack over");
  await page.getByRole("option", { name: "Stack overview" }).waitFor();
  await page.keyboard.press("Enter");
  await page.waitForURL("**/dashboards/stack-overview");
  await page.goto(`${base()}/`);
  await settled(page);
  expect(await page.getByRole("heading", { name: "Break the demo" }).count()).toBe(0);
  expect(complaints).toEqual([]);
  await close();
});

it("pins steps to a trail that goes along with the link", async () => {
  const { page, close } = await open(browser, "/sql");
  await page.keyboard.press("p");
  await page.getByRole("navigation", { name: "Trail" }).getByRole("link", { name: /SQL/ }).waitFor();
  await page.getByRole("button", { name: "Copy as notes" }).click();
  await page.getByText("Copy as notes: Copied").waitFor();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toContain(`](${base()}/sql)`);
  await page.getByRole("button", { name: "Share", exact: true }).click();
  await page.getByText("Share: Copied").waitFor();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  const other = await browser.newPage();
  other.setDefaultTimeout(PATIENCE_MS);
  await other.goto(link);
  await other.getByRole("navigation", { name: "Trail" }).getByRole("link", { name: /SQL/ }).waitFor();
  await other.close();
  await close();
});

it("fits the service map into its panel, and says what its numbers are", async () => {
  const { page, close } = await open(browser, "/service-map?show=all", { width: 1440 });
  const map = page.locator("svg[aria-label^='Service map']");
  await map.waitFor();
  await settled(page);
  const fits = await map.evaluate((svg) => {
    const canvas = svg.parentElement;
    return canvas !== null && canvas.scrollWidth <= canvas.clientWidth && [...svg.querySelectorAll<SVGTextElement>("[data-node] text")].every((text) => {
      const box = text.parentElement?.querySelector("rect")?.getBoundingClientRect();
      return box !== undefined && text.getBoundingClientRect().right <= box.right + 1;
    });
  });
  expect(fits).toBe(true);
  // Nothing of an edge is cut off at a rim.
  expect(await map.evaluate((svg) => {
    const rim = svg.getBoundingClientRect();
    return [...svg.querySelectorAll("path")].filter((path) => !path.closest("marker")).every((path) => path.getBoundingClientRect().top >= rim.top && path.getBoundingClientRect().bottom <= rim.bottom);
  })).toBe(true);
  await page.getByText("in a box: requests that come in per second").waitFor();
  await close();
});

it("says what is wrong with a link, and shows the rest", async () => {
  const { page, close } = await open(browser, "/?from=yesterdayish&refresh=often");
  await page.getByText(/“refresh”|“from”/).first().waitFor();
  await close();
});
