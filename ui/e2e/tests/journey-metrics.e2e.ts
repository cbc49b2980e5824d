/** From a question to the trace behind a point: PromQL, graph, exemplar, trace. */

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { format } from "../../src/model/units";
import { launch } from "../browser";
import { api, base, eventually } from "../harness";
import { counted, editor, pastMinutes, walk } from "../journey";

interface Matrix {
  data: { result: { metric: Record<string, string>; values: [number, string][] }[] };
}
interface Exemplars {
  data: { exemplars: { labels: { trace_id: string } }[] }[];
}

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

/** Where over the chart an exemplar is, the highest first: as the pointer finds it. */
const exemplarSpot = (page: Page) => page.evaluate(() => {
  const over = document.querySelector<HTMLElement>(".u-over");
  if (!over) return null;
  const box = over.getBoundingClientRect();
  for (let y = 4; y < box.height; y += 6) {
    for (let x = 4; x < box.width; x += 6) {
      over.dispatchEvent(new MouseEvent("mousemove", { clientX: box.left + x, clientY: box.top + y, bubbles: true }));
      if (over.title !== "") return { x: box.left + x, y: box.top + y, title: over.title };
    }
  }
  return null;
});

it("goes from PromQL to a graph, an exemplar and its trace", async () => {
  const past = pastMinutes();
  const query = `histogram_quantile(0.99, sum by (http_route, le) (rate(http_server_request_duration_seconds_bucket{job="payments"}[5m])))`;
  await walk(browser, "/", async ({ page, text, stop, range }) => {
    await page.getByRole("link", { name: "Metrics", exact: true }).click();
    await page.waitForURL("**/metrics-explorer*");
    await range(past);
    await editor(page, "PromQL query A").click();
    // Completion knows the names that are stored.
    await page.keyboard.type("http_server_request_dur");
    await page.locator(".cm-tooltip-autocomplete").getByText("http_server_request_duration_seconds_bucket", { exact: true }).waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+a");
    await page.keyboard.insertText(query);
    const asked = page.waitForRequest(/query_range/);
    await page.keyboard.press("Control+Enter");
    const url = new URL((await asked).url());

    // The legend's last value is the last of the answer.
    const { data } = await api<Matrix>(url.pathname + url.search);
    expect(data.result).toHaveLength(1);
    const series = data.result[0];
    const legend = page.getByRole("table", { name: "Series" });
    await legend.getByText(series?.metric.http_route ?? "?").waitFor();
    expect(await legend.innerText()).toContain(format(Number(series?.values.at(-1)?.[1]), "seconds"));
    const most = Math.max(...(series?.values ?? []).map(([, value]) => Number(value)));
    expect(await legend.innerText()).toContain(format(most, "seconds"));
    await page.getByText("exemplars, the largest:").waitFor();
    await stop();

    // A diamond on the graph is the trace behind it.
    const params = new URLSearchParams({ query, start: String(past.from / 1000), end: String(past.to / 1000) });
    const known = (await api<Exemplars>(`/prometheus/api/v1/query_exemplars?${params.toString()}`)).data.flatMap((one) => one.exemplars.map((exemplar) => exemplar.labels.trace_id));
    await page.locator(".u-over").scrollIntoViewIfNeeded();
    const spot = await eventually("an exemplar under the pointer", () => exemplarSpot(page));
    expect(spot.title).toMatch(/^3\.0\d\s?s · trace [0-9a-f]{8}$/);
    await page.mouse.click(spot.x, spot.y);
    await page.waitForURL("**/traces/**");
    const trace = /traces\/([0-9a-f]{32})/.exec(page.url())?.[1] ?? "";
    expect(known).toContain(trace);
    expect(spot.title).toContain(trace.slice(0, 8));
    await page.getByTestId("waterfall").waitFor();
    expect(await text()).toContain(`${await counted(`SELECT count(*) FROM spans WHERE trace_id = '${trace}'`)} spans`);
    // The span that was measured.
    expect(await page.locator("[role=row][aria-selected=true]").innerText()).toContain("POST /authorize");
    await stop();
    await page.goBack();
    await page.waitForURL(new RegExp(`^${base()}/metrics-explorer`));
    await legend.waitFor();
  });
});

it("says where a query is wrong, and what is nearest to what is not there", async () => {
  await walk(browser, "/metrics-explorer", async ({ page, stop }) => {
    await editor(page, "PromQL query A").click();
    await page.keyboard.insertText("sum(rate(shop_requests_total[5m])");
    await page.keyboard.press("Control+Enter");
    await page.getByRole("alert").getByText(/line 1, column/).waitFor();
    await page.keyboard.press("Control+a");
    await page.keyboard.insertText(`shop_requests_total{job="payment"}`);
    await page.keyboard.press("Control+Enter");
    await page.getByText(/matches none. Values of job: .*payments/).waitFor();
    await stop();
    // The browser itself tells of every answer that is no success.
  }, { expected: /status of 400/ });
});
