/** How the list of logs scrolls with 100,000 rows: `npm run scroll-logs -- --base http://… --otlp http://…`. Prints frames and long tasks. */

import { parseArgs } from "node:util";
import { launch } from "./browser";
import { attributes, ns } from "./otlp";

const SERVICE = "scroll-test";
const BATCH = 5000;
const WORDS = ["authorized", "pool exhausted", "timed out waiting for a connection", "order placed", "circuit open", "connection closed: idle timeout"];
const SEVERITIES: [number, string][] = [[9, "INFO"], [13, "WARN"], [17, "ERROR"]];

async function send(otlp: string, count: number): Promise<void> {
  const now = Date.now();
  for (let from = 0; from < count; from += BATCH) {
    const logRecords = Array.from({ length: Math.min(BATCH, count - from) }, (_, index) => {
      const i = from + index;
      const [severityNumber, severityText] = SEVERITIES[i % SEVERITIES.length] ?? [9, "INFO"];
      return {
        timeUnixNano: ns(now - 1_800_000 + (i * 1_700_000) / count), severityNumber, severityText, body: { stringValue: `${WORDS[i % WORDS.length] ?? ""} ${i} after ${(i * 7) % 3000} ms` },
        traceId: i.toString(16).padStart(32, "a"), spanId: i.toString(16).padStart(16, "b"), attributes: attributes({ "http.route": `/route/${i % 12}`, "order.id": i }),
      };
    });
    const body = JSON.stringify({ resourceLogs: [{ resource: { attributes: attributes({ "service.name": SERVICE, "service.version": "1" }) }, scopeLogs: [{ scope: { name: "scroll" }, logRecords }] }] });
    const answer = await fetch(`${otlp}/v1/logs`, { method: "POST", headers: { "Content-Type": "application/json" }, body });
    if (!answer.ok) throw new Error(`OTLP: ${answer.status} ${await answer.text()}`);
  }
}

/** In the page: scrolls by `step` px a frame for `seconds`; frames' lengths and long tasks. */
async function measure({ step, seconds }: { step: number; seconds: number }): Promise<{ frames: number[]; long: number[]; travelled: number }> {
  const list = document.querySelector<HTMLElement>('[role="table"]');
  if (!list) throw new Error("no list");
  const long: number[] = [];
  const observer = new PerformanceObserver((entries) => entries.getEntries().forEach((entry) => long.push(entry.duration)));
  observer.observe({ entryTypes: ["longtask"] });
  list.scrollTop = 0;
  const frames: number[] = [];
  await new Promise<void>((done) => {
    let before = performance.now();
    const until = before + seconds * 1000;
    const frame = (now: number) => {
      frames.push(now - before);
      before = now;
      list.scrollTop += step;
      if (now < until) requestAnimationFrame(frame);
      else done();
    };
    requestAnimationFrame(frame);
  });
  observer.disconnect();
  return { frames: frames.slice(1), long, travelled: list.scrollTop };
}

const quantile = (sorted: number[], share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;

export default async function scrollLogs(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { base: { type: "string", default: process.env.BASE ?? "http://127.0.0.1:5173" }, otlp: { type: "string" }, rows: { type: "string", default: "100000" }, seconds: { type: "string", default: "10" } },
  });
  const rows = Number(values.rows);
  if (values.otlp) await send(values.otlp, rows);
  const browser = await launch();
  const page = await browser.newPage({ viewport: { width: 1440, height: 1000 } });
  await page.goto(new URL(`/logs?q=service:${SERVICE}&from=now-1h&paused=1`, values.base).href);
  await page.waitForSelector('[role="table"] [role="row"][data-index="0"]', { timeout: 60_000 });
  const count = () => page.getAttribute('[role="table"]', "aria-rowcount").then((text) => Number(text) - 1);
  const began = Date.now();
  while ((await count()) < rows && Date.now() - began < 180_000) {
    await page.evaluate(() => {
      const list = document.querySelector('[role="table"]');
      if (list) list.scrollTop = list.scrollHeight;
    });
    await page.waitForTimeout(150);
  }
  console.log(`${await count()} rows read in ${((Date.now() - began) / 1000).toFixed(1)} s`);
  const memory = await page.evaluate(() => (performance as unknown as { memory?: { usedJSHeapSize: number } }).memory?.usedJSHeapSize ?? 0);
  console.log(`JavaScript heap ${(memory / 1e6).toFixed(0)} MB`);
  // The page's own thread, so that what else the machine does is not measured.
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
  const busy = async () => Object.fromEntries((await devtools.send("Performance.getMetrics")).metrics.map(({ name, value }) => [name, value * 1000]));
  for (const [name, step] of [["reading, 60 px a frame", 60], ["flinging, 2,000 px a frame", 2000]] as const) {
    const before = await busy();
    const { frames, long, travelled } = await page.evaluate(measure, { step, seconds: Number(values.seconds) });
    const after = await busy();
    const perFrame = (of: string) => (((after[of] ?? 0) - (before[of] ?? 0)) / Math.max(1, frames.length)).toFixed(1);
    const sorted = [...frames].sort((a, b) => a - b);
    console.log(
      `${name}: ${perFrame("TaskDuration")} ms of the page's thread a frame (script ${perFrame("ScriptDuration")}, style ${perFrame("RecalcStyleDuration")}, layout ${perFrame("LayoutDuration")}); ${frames.length} frames over ${Math.round(travelled / 24)} rows; p50 ${quantile(sorted, 0.5).toFixed(1)} ms, p95 ${quantile(sorted, 0.95).toFixed(1)} ms, p99 ${quantile(sorted, 0.99).toFixed(1)} ms, ` +
        `worst ${(sorted.at(-1) ?? 0).toFixed(1)} ms; ${long.length} long tasks${long.length > 0 ? `: ${long.map((ms) => Math.round(ms)).join(", ")} ms` : ""}`,
    );
  }
  await browser.close();
}
