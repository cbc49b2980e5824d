/** Pages of the running product, and what every one of them must keep. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults } from "axe-core";
import type { Browser, Page } from "playwright-core";
import { inject } from "vitest";
import { ROUTES } from "../src/app/routes";

export const base = (): string => inject("base");

/** How long a page may take for what the server works out: other work may have the machine for itself for a while. */
export const PATIENCE_MS = 60_000;

/** Answers of the API, for what a page needs in its path. */
export async function api<T>(path: string, body?: unknown): Promise<T> {
  const answer = await fetch(base() + path, body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

export const sql = async (query: string): Promise<unknown[][]> => (await api<{ rows: unknown[][] }>("/api/v1/sql", { query })).rows;

/** The OTLP listener of the server under test. */
export async function otlp(): Promise<string> {
  const status = await api<{ listeners: { name: string; address: string }[] }>("/api/v1/status");
  const address = status.listeners.find((one) => one.name === "OTLP/HTTP")?.address;
  if (address === undefined) throw new Error("no OTLP/HTTP listener");
  return `http://${address}`;
}

/** Asks again until it is there. */
export async function eventually<T>(what: string, ask: () => Promise<T | null | undefined | false>, seconds = 240): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  while (Date.now() < deadline) {
    const found = await ask();
    if (found !== null && found !== undefined && found !== false) return found;
    await new Promise((done) => setTimeout(done, 500));
  }
  throw new Error(`not there after ${seconds} s: ${what}`);
}

interface Alert {
  fingerprint: string;
  labels: Record<string, string>;
}

/** The page that fires for checkout. */
export const firingPage = (): Promise<Alert> =>
  eventually("a page of checkout", async () =>
    (await api<Alert[]>("/alertmanager/api/v2/alerts")).find((alert) => alert.labels.slo === "checkout-availability" && alert.labels.severity === "page"));

/** A failed checkout of the incident. */
export const failedTrace = (): Promise<string> =>
  eventually("a failed trace", async () => (await sql("SELECT trace_id FROM spans WHERE name = 'pool.acquire' AND status_code = 2 ORDER BY start_time DESC LIMIT 1"))[0]?.[0] as string | undefined);

/** Registers a load test whose latencies are spread evenly from 1 ms to `slowest` ms; returns its id. */
export async function registerRun(over: Record<string, unknown> = {}, slowest = 200, requests = 6000): Promise<string> {
  const startedAt = Date.now() - 120_000;
  const iso = (seconds: number) => new Date(startedAt + seconds * 1000).toISOString();
  const buckets = Array.from({ length: slowest }, (_, i) => [(i + 1) * 1_000_000, Math.round(requests / slowest)] as const);
  const latency = { min_ns: 1_000_000, max_ns: slowest * 1_000_000, mean_ns: slowest * 500_000, buckets };
  const timeline = Array.from({ length: 60 }, (_, i) => ({ at: iso(i), seconds: 1, intended: requests / 60, requests: i >= 30 && i < 40 ? requests / 120 : requests / 60, errors: 0, p50_ns: slowest * 500_000, p99_ns: slowest * 990_000 }));
  const run = {
    name: "e2e checkout", tool: "e2e", version: "1.0.0", state: "finished", started_at: iso(0), ended_at: iso(60), corrected: true, behind_seconds_max: 5.5, services: ["gateway"],
    total: { requests, errors: 3, intended_rate: requests / 60, achieved_rate: requests / 60.5, latency },
    stages: [{ name: "steady", started_at: iso(0), ended_at: iso(60), intended_rate: requests / 60, requests, errors: 3, achieved_rate: requests / 60.5, latency }],
    operations: [{ name: "buy", service: "gateway", span_name: "POST /checkout", requests, errors: 3, latency }],
    timeline, thresholds: [{ expression: "p99<250ms", actual: `${slowest * 0.99}ms`, passed: slowest < 250 }], passed: slowest < 250, ...over,
  };
  return (await api<{ id: string }>("/api/v1/runs", run)).id;
}

/** A real path for every route. */
export async function paths(): Promise<string[]> {
  const values: Record<string, string> = {
    $service: "payments", $traceId: await failedTrace(), $slo: "checkout-availability", $fingerprint: (await firingPage()).fingerprint, $dashboard: "services", $run: await registerRun(),
  };
  return ROUTES.map(({ path }) => path.replace(/\$\w+/, (name) => values[name] ?? name));
}

export interface Opened {
  page: Page;
  /** What the browser's console and the page's scripts complained of so far. */
  complaints: string[];
  close: () => Promise<void>;
}

export async function open(browser: Browser, path: string, options: { theme?: "light" | "dark"; width?: number; height?: number } = {}): Promise<Opened> {
  const { theme = "light", width = 1440, height = 1000 } = options;
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, permissions: ["clipboard-read", "clipboard-write"], reducedMotion: "reduce" });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const complaints: string[] = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(base() + path);
  await page.waitForSelector("h1");
  return { page, complaints, close: () => context.close() };
}

/** Until nothing loads any more; streams go on for ever, so not longer than a while. */
export async function settled(page: Page): Promise<void> {
  await atRest(page);
  await page.waitForLoadState("networkidle", { timeout: 3000 }).catch(() => undefined);
  // What came may have asked for more.
  await atRest(page);
}

/** Nothing says that it is busy, a few looks in a row: between a part and the parts inside of it there is a moment when none does. */
async function atRest(page: Page): Promise<void> {
  let quiet = 0;
  for (const deadline = Date.now() + 2 * PATIENCE_MS; quiet < 3; ) {
    const busy = await page.evaluate(() => [...document.querySelectorAll('[aria-busy="true"]')].filter((one) => !one.closest("[data-example]")).map((one) => one.outerHTML.slice(0, 120)));
    quiet = busy.length === 0 ? quiet + 1 : 0;
    if (Date.now() > deadline) throw new Error(`still loading: ${busy.join(" | ")}`);
    await page.waitForTimeout(100);
  }
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Findings of axe-core that are serious or critical, one line each. */
export async function findings(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const results = await page.evaluate(() => (window as unknown as { axe: { run: (options: object) => Promise<AxeResults> } }).axe.run({ resultTypes: ["violations"] }));
  const bad = results.violations.filter((one) => one.impact === "serious" || one.impact === "critical");
  return bad.map((one) => `${one.id}: ${one.help}: ${one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")}`);
}
