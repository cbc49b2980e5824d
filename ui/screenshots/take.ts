/** `npm run screenshots -- [path part]`: every page, light and dark, into `screenshots/`, as small WebP. Starts the binary with the demo shop, or uses `$BASE`. */

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import type { Browser, Page } from "playwright-core";
import { launch } from "../e2e/browser";
import { seed } from "../e2e/seed";
import { binary, start } from "../e2e/server";
import { ROUTES } from "../src/app/routes";

interface Alert {
  fingerprint: string;
  labels: Record<string, string>;
}

const SKIPPED = ["/gallery"];
/** A service that a new SLO is tried on. */
const TRIED = process.env.BASE ? "payment" : "payments";
/** Where a page shows more than its beginning. */
const VIEWS: Record<string, string> = {
  "/dashboards/$dashboard": `?var-service=${TRIED}`,
  "/metrics-explorer": `?q=${encodeURIComponent("histogram_quantile(0.99\\, sum by (job\\, le) (rate(http_server_request_duration_seconds_bucket[5m])))")}`,
  "/sql": `?q=${encodeURIComponent("SELECT service, name, count(*) AS spans, sum(CASE WHEN status_code = 2 THEN 1 ELSE 0 END) AS failed, max(duration) / 1e6 AS longest_ms\nFROM spans WHERE start_time >= $from AND start_time < $to\nGROUP BY service, name ORDER BY failed DESC, spans DESC")}`,
};

export default async function take(args: string[]): Promise<void> {
  const server = process.env.BASE ? null : await start();
  const base = server?.url ?? process.env.BASE ?? "";
  if (server) {
    await seed({ otlp: server.otlp, days: 30 });
    server.addSlos();
    // Until the SLOs are counted and their page has fired.
    await new Promise((done) => setTimeout(done, 45_000));
  }
  if (args.length === 0 || args.some((part) => "/runs".includes(part))) registerRuns(base);
  const browser = await launch();
  const values = await realValues(base);
  for (const { path } of ROUTES.filter((route) => !SKIPPED.includes(route.path) && (args.length === 0 || args.some((part) => route.path.includes(part))))) {
    const name = path === "/" ? "overview" : path.slice(1).replaceAll("/$", "-").replaceAll("/", "-");
    const url = base + path.replace(/\$\w+/, (part) => values[part] ?? part) + (VIEWS[path] ?? "");
    await pictures(browser, url, { width: 1440, height: 1000 }, { light: `screenshots/${name}-light.webp`, dark: `screenshots/${name}-dark.webp` });
  }
  if (args.length === 0 || args.includes("alert-phone")) await pictures(browser, `${base}/alerts/${values.$fingerprint ?? ""}`, { width: 390, height: 844 }, { light: "screenshots/alert-phone.webp" });
  await browser.close();
  await server?.stop();
}

/** Two runs of one test, to compare. */
function registerRuns(base: string): void {
  for (const [version, stage] of [["1.0.0", "20s:40"], ["1.1.0", "20s:80"]] as const) {
    execFileSync(binary(), ["load", `${base}/api/v1/slos`, "--name", "list SLOs", "--stage", stage, "--version-tested", version, "--threshold", "p99<50ms", "--quiet", "--register", base], { stdio: "ignore" });
  }
}

async function realValues(base: string): Promise<Record<string, string>> {
  const alerts = (await (await fetch(`${base}/alertmanager/api/v2/alerts`)).json()) as Alert[];
  const page = alerts.find((alert) => alert.labels.severity === "page") ?? alerts[0];
  const query = "SELECT trace_id FROM spans WHERE name IN ('pool.acquire', 'shop.v1.Payment/Charge') AND status_code = 2 ORDER BY start_time DESC LIMIT 1";
  const answer = await fetch(`${base}/api/v1/sql`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ query }) });
  const { rows } = (await answer.json()) as { rows: string[][] };
  const { runs } = (await (await fetch(`${base}/api/v1/runs?limit=1`)).json()) as { runs: { id: string }[] };
  return { $service: TRIED, $slo: process.env.BASE ? "checkout" : "checkout-availability", $dashboard: "services", $fingerprint: page?.fingerprint ?? "", $traceId: rows[0]?.[0] ?? "", $run: runs[0]?.id ?? "" };
}

/** One page in one or both themes: its own look follows the browser's. */
async function pictures(browser: Browser, url: string, viewport: { width: number; height: number }, files: { light: string; dark?: string }): Promise<void> {
  const page = await browser.newPage({ viewport, colorScheme: "light", reducedMotion: "reduce" });
  await page.goto(url);
  await page.waitForSelector("h1");
  if (url.includes("/slos/new")) {
    await page.getByLabel("Service").selectOption({ label: TRIED });
    await page.getByText(/Would have been/).waitFor({ timeout: 120_000 });
  }
  await page.waitForFunction(() => document.querySelector('[aria-busy="true"]') === null, undefined, { timeout: 60_000 });
  await page.waitForTimeout(1500);
  const taken: [string, Buffer][] = [[files.light, await page.screenshot()]];
  if (files.dark) {
    await page.emulateMedia({ colorScheme: "dark" });
    await page.waitForTimeout(400);
    taken.push([files.dark, await page.screenshot()]);
  }
  for (const [file, png] of taken) writeFileSync(file, await webp(page, png));
  console.log(Object.values(files).join(" "));
  await page.close();
}

/** The browser writes WebP, on a page that has no policy against it. */
async function webp(page: Page, png: Buffer): Promise<Buffer> {
  await page.goto("about:blank");
  const url = await page.evaluate(async (data) => {
    const image = new Image();
    image.src = `data:image/png;base64,${data}`;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.width, image.height];
    canvas.getContext("2d")?.drawImage(image, 0, 0);
    return canvas.toDataURL("image/webp", 0.82);
  }, png.toString("base64"));
  return Buffer.from(url.split(",")[1] ?? "", "base64");
}
