/** A service whose clock is off: bars stay as they were sent, the overlay says where they would be, and how sure that is. */

import { randomBytes } from "node:crypto";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launch } from "../browser";
import { eventually, otlp, sql } from "../harness";
import { walk } from "../journey";
import { attributes } from "../otlp";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

/** A call of 100 ms, and what serves it in 80 ms, three seconds later by its own clock. */
async function sendSkewed(): Promise<string> {
  const traceId = randomBytes(16).toString("hex");
  const begin = BigInt(Date.now() - 60_000) * 1_000_000n;
  const ms = (after: number) => String(begin + BigInt(after) * 1_000_000n);
  const span = (service: string, more: object) => ({ resource: { attributes: attributes({ "service.name": service }) }, scopeSpans: [{ spans: [{ traceId, ...more }] }] });
  const resourceSpans = [
    span("till", { spanId: "00000000000000a1", name: "pay", kind: 3, startTimeUnixNano: ms(0), endTimeUnixNano: ms(100) }),
    span("terminal", { spanId: "00000000000000b2", parentSpanId: "00000000000000a1", name: "charge", kind: 2, startTimeUnixNano: ms(3010), endTimeUnixNano: ms(3090) }),
  ];
  const answer = await fetch(`${await otlp()}/v1/traces`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ resourceSpans }) });
  expect(answer.status).toBe(200);
  await eventually("the skewed trace", async () => (await sql(`SELECT 1 FROM spans WHERE trace_id = '${traceId}'`)).length === 2);
  return traceId;
}

it("shows the corrected extent of a trace with its bound, zooms to it, and hides it again", async () => {
  const id = await sendSkewed();
  const spaced = (text: string) => text.replaceAll("\u202f", " ");
  await walk(browser, `/traces/${id}`, async ({ page, stop, text }) => {
    const corrected = page.getByRole("button", { name: /with clocks corrected/ });
    await corrected.waitFor();
    expect(spaced(await text())).toMatch(/3\.09 s\s+as sent, 100 ms with clocks corrected/);
    const lane = page.locator("[role=gridcell]", { hasText: "clock off by" });
    expect(spaced((await lane.textContent()) ?? "")).toContain("80.0 ms, clock off by −3.00 s ± 10.0 ms");
    await page.locator("footer").getByText(/terminal −3\.00.s ± 10\.0.ms/).waitFor();
    await stop();
    await corrected.click();
    await expect.poll(() => new URL(page.url()).searchParams.get("zoom")).toBe("0-100000000");
    await page.getByRole("button", { name: "Raw clocks" }).click();
    await corrected.waitFor({ state: "detached" });
    expect(await lane.count()).toBe(0);
  });
});
