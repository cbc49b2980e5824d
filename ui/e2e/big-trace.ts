/**
 * Scrolls through a trace of 50,000 spans and prints frames and long tasks:
 * `BASE=http://127.0.0.1:5173 OTLP=http://127.0.0.1:4318 npm run big-trace -- [--spans 50000]`.
 */

import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { launch } from "./browser";
import { attributes } from "./otlp";

const SERVICES = ["gateway", "checkout", "cart", "catalog", "payments", "inventory", "orders", "search"];
const hex = (bytes: number): string => randomBytes(bytes).toString("hex");

/** A tree six deep in which every tenth span has ten children; one in 500 failed. */
async function send(otlp: string, traceId: string, count: number): Promise<void> {
  const ids = Array.from({ length: count }, () => hex(8));
  const begin = BigInt(Date.now() - 60_000) * 1_000_000n;
  const spans = ids.map((spanId, i) => ({
    service: SERVICES[(i * 7) % SERVICES.length] ?? "gateway",
    span: {
      traceId, spanId, ...(i === 0 ? {} : { parentSpanId: ids[Math.floor((i - 1) / 10)] }), name: `${i % 3 === 0 ? "GET" : "load"} /part/${i % 17}`, kind: 1,
      startTimeUnixNano: String(begin + BigInt(i) * 100_000n), endTimeUnixNano: String(begin + BigInt(i === 0 ? count : i + 40) * 100_000n),
      attributes: attributes({ "part.number": i, "part.kind": `kind-${i % 5}` }), status: i % 500 === 499 ? { code: 2, message: "not found" } : {},
    },
  }));
  for (let from = 0; from < count; from += 5000) {
    const part = spans.slice(from, from + 5000);
    const resourceSpans = SERVICES.map((service) => ({
      resource: { attributes: attributes({ "service.name": service, "host.name": "node-1" }) },
      scopeSpans: [{ scope: { name: "big-trace" }, spans: part.filter((one) => one.service === service).map((one) => one.span) }],
    }));
    const answer = await fetch(`${otlp}/v1/traces`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ resourceSpans }) });
    if (!answer.ok) throw new Error(`OTLP: ${answer.status} ${await answer.text()}`);
  }
}

interface Measured {
  frames: number[];
  tasks: number[];
  /** ms of the main thread's processor, which a busy machine does not change. */
  cpu?: Record<string, number>;
}

export default async function bigTrace(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args, options: {
      spans: { type: "string", default: "50000" }, base: { type: "string", default: process.env.BASE ?? "http://127.0.0.1:5173" },
      otlp: { type: "string", default: process.env.OTLP ?? "http://127.0.0.1:4318" }, trace: { type: "string" }, out: { type: "string" },
    },
  });
  const traceId = values.trace ?? hex(16);
  if (values.trace === undefined) await send(values.otlp, traceId, Number(values.spans));
  console.log(`trace ${traceId}`);
  const browser = await launch();
  const page = await browser.newPage({ viewport: { width: 1440, height: 1000 } });
  page.on("pageerror", (error) => console.error("page:", error.message));
  await page.addInitScript(() => {
    const kept = { tasks: [] as { at: number; ms: number }[] };
    Object.assign(window, { kept });
    new PerformanceObserver((list) => list.getEntries().forEach((entry) => kept.tasks.push({ at: entry.startTime, ms: entry.duration }))).observe({ type: "longtask", buffered: true });
  });
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
  const cpu = async () => Object.fromEntries((await devtools.send("Performance.getMetrics")).metrics.map(({ name, value }) => [name, value * 1000]));
  const opened = Date.now();
  await page.goto(`${values.base}/traces/${traceId}`);
  const waterfall = page.getByTestId("waterfall");
  await waterfall.waitFor({ timeout: 120_000 });
  console.log(`waterfall after ${Date.now() - opened} ms`);
  print("opening", { frames: [], tasks: await page.evaluate(() => (window as unknown as { kept: { tasks: { ms: number }[] } }).kept.tasks.map((task) => task.ms)) });
  await waterfall.focus();
  await page.keyboard.press("Shift+ArrowRight");
  await page.waitForTimeout(3000);
  console.log(`rows ${await waterfall.getAttribute("aria-rowcount")}`);
  for (const [name, step] of [["wheel, 120 px a frame", 120], ["fling, 1 000 px a frame", 1000], ["jumps, 60 000 px a frame", 60_000]] as const) {
    // Settles first, so that one measurement's work does not count for the next.
    await page.waitForTimeout(1000);
    const before = await cpu();
    const measured = await page.evaluate(scroll, step);
    const after = await cpu();
    const spent = Object.fromEntries(["TaskDuration", "ScriptDuration", "LayoutDuration", "RecalcStyleDuration"].map((of) => [of, (after[of] ?? 0) - (before[of] ?? 0)]));
    print(name, { ...measured, cpu: spent });
  }
  if (values.out) await page.screenshot({ path: values.out });
  await browser.close();
}

/** Runs in the page: 120 frames of scrolling. */
async function scroll(step: number): Promise<Measured> {
  const box = document.querySelector<HTMLElement>('[data-testid="waterfall"]');
  if (!box) throw new Error("no waterfall");
  const { kept } = window as unknown as { kept: { tasks: { at: number; ms: number }[] } };
  const frame = () => new Promise<number>((done) => requestAnimationFrame(done));
  const begin = performance.now();
  const frames: number[] = [];
  let before = await frame();
  for (let i = 0; i < 120; i++) {
    box.scrollTop = (box.scrollTop + step) % Math.max(1, box.scrollHeight - box.clientHeight);
    const now = await frame();
    frames.push(now - before);
    before = now;
  }
  return { frames, tasks: kept.tasks.filter((task) => task.at >= begin).map((task) => task.ms) };
}

function print(name: string, { frames, tasks, cpu }: Measured): void {
  const sorted = [...frames].sort((a, b) => a - b);
  const share = (p: number) => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? 0).toFixed(1);
  const framesText = frames.length === 0 ? "" : `frames p50 ${share(0.5)} ms, p95 ${share(0.95)} ms, longest ${share(1)} ms; `;
  const each = (of: string) => ((cpu?.[of] ?? 0) / Math.max(1, frames.length)).toFixed(1);
  const cpuText = cpu ? `main thread a frame ${each("TaskDuration")} ms (script ${each("ScriptDuration")}, style ${each("RecalcStyleDuration")}, layout ${each("LayoutDuration")}); ` : "";
  console.log(`${name}: ${framesText}${cpuText}${tasks.length} long tasks${tasks.length > 0 ? ` (${tasks.map((ms) => `${Math.round(ms)} ms`).join(", ")})` : ""}`);
}
