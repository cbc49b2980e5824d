/**
 * How long each page takes from its address to its content: `npm run page-speed -- --base http://…`. Prints p50, p75 and
 * the worst of `--times` visits, each in a browser that has seen the server before, as a reader's has.
 */

import { parseArgs } from "node:util";
import type { BrowserContext } from "playwright-core";
import { launch } from "./browser";

/** Pages that need no name in their path; `$trace`, `$alert` and `$slo` are looked up. */
const PAGES = ["/", "/services", "/services/$service", "/service-map", "/slos", "/slos/$slo", "/alerts", "/alerts/$alert", "/traces", "/traces/$trace", "/logs", "/metrics-explorer", "/sql", "/dashboards", "/dashboards/services", "/runs", "/ingest"];
/** Longer than any page may take. */
const PATIENCE_MS = 60_000;

async function values(base: string): Promise<Record<string, string>> {
  const json = async (path: string, body?: unknown): Promise<unknown> => (await fetch(base + path, body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) })).json();
  const slos = (await json("/api/v1/slos")) as { slos: { name: string; service: string }[] };
  const alerts = (await json("/alertmanager/api/v2/alerts")) as { fingerprint: string; labels: Record<string, string> }[];
  const { rows } = (await json("/api/v1/sql", { query: "SELECT trace_id FROM spans WHERE parent_span_id IS NULL ORDER BY start_time DESC LIMIT 1" })) as { rows: string[][] };
  const found = { $slo: slos.slos[0]?.name, $service: slos.slos[0]?.service, $alert: alerts.find((one) => one.labels.slo !== undefined)?.fingerprint, $trace: rows[0]?.[0] };
  return Object.fromEntries(Object.entries(found).filter((pair): pair is [string, string] => pair[1] !== undefined));
}

/** In the page: ms from navigation until its heading stands and nothing that is in sight says that it is busy. */
function untilContent(patience: number): Promise<number> {
  return new Promise((done) => {
    const look = () => {
      const loading = [...document.querySelectorAll('main [aria-busy="true"]')].some((one) => one.getBoundingClientRect().top < window.innerHeight);
      if (document.querySelector("main h1") && !loading && document.querySelector("main")?.textContent !== "") requestAnimationFrame(() => done(performance.now()));
      else if (performance.now() > patience) done(patience);
      else requestAnimationFrame(look);
    };
    look();
  });
}

async function visit(context: BrowserContext, url: string): Promise<number> {
  const page = await context.newPage();
  await page.goto(url, { waitUntil: "commit" });
  await page.waitForSelector("main h1", { timeout: PATIENCE_MS });
  const took = await page.evaluate(untilContent, PATIENCE_MS);
  await page.close();
  return took;
}

const quantile = (sorted: number[], share: number): number => sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? 0;

export default async function pageSpeed(args: string[]): Promise<void> {
  const { values: options } = parseArgs({ args, options: { base: { type: "string", default: process.env.BASE ?? "http://127.0.0.1:7070" }, times: { type: "string", default: "8" } } });
  const known = await values(options.base);
  const browser = await launch();
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 } });
  await visit(context, `${options.base}/`);
  console.log("page to content, ms".padEnd(26), "p50".padStart(7), "p75".padStart(7), "worst".padStart(7));
  let slowest = 0;
  for (const path of PAGES) {
    const real = path.replace(/\$\w+/, (name) => known[name] ?? name);
    if (real.includes("$")) {
      console.log(path.padEnd(26), "nothing of it here".padStart(23));
      continue;
    }
    const times: number[] = [];
    for (let i = 0; i < Number(options.times); i++) times.push(await visit(context, options.base + real));
    times.sort((a, b) => a - b);
    const p75 = quantile(times, 0.75);
    slowest = Math.max(slowest, p75);
    console.log(path.padEnd(26), ...[quantile(times, 0.5), p75, times.at(-1) ?? 0].map((ms) => ms.toFixed(0).padStart(7)));
  }
  console.log(`the slowest p75 is ${slowest.toFixed(0)} ms`);
  await browser.close();
}
