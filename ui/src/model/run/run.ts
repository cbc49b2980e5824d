/** What a load test's figures say: its verdict, and whether its generator kept up. */

import type { Tone } from "../state";
import { type Nanos, nanos } from "../time";
import { durationMs, durationSeconds, rate, ratio } from "../units";
import { type Latency, percentile } from "./latency";

export interface Part {
  requests: number;
  errors: number;
  intended_rate?: number | null | undefined;
  achieved_rate?: number | null | undefined;
  latency?: Latency | null | undefined;
}

export interface Second {
  at: Nanos;
  seconds: number;
  intended?: number | null | undefined;
  requests: number;
  errors: number;
  p50_ns?: number | null | undefined;
  p99_ns?: number | null | undefined;
}

export interface RunFacts {
  name: string;
  state: string;
  total: Part;
  corrected?: boolean | null | undefined;
  behind_seconds_max?: number | null | undefined;
  thresholds: readonly { expression: string; passed: boolean }[];
  passed?: boolean | null | undefined;
}

export interface RunVerdict {
  tone: Tone;
  word: string;
  /** In a sentence, about what decided. */
  why: string;
}

export function verdictOf(run: Pick<RunFacts, "state" | "thresholds" | "passed">): RunVerdict {
  const failed = run.thresholds.filter((one) => !one.passed);
  const passed = run.passed ?? (run.thresholds.length === 0 ? null : failed.length === 0);
  if (run.state === "running") return { tone: "none", word: "running", why: "It is still running; its figures so far." };
  if (run.state === "aborted") return { tone: "warn", word: "aborted", why: "It was stopped before its end." };
  if (passed === false) return { tone: "bad", word: "failed", why: failed.length === 0 ? "The tool says that it failed." : `Missed: ${failed.map((one) => one.expression).join(", ")}` };
  if (passed === true) return { tone: "good", word: "passed", why: run.thresholds.length === 0 ? "The tool says that it passed." : `All ${run.thresholds.length} thresholds were kept.` };
  return { tone: "none", word: "no thresholds", why: "Nothing was promised of it." };
}

/** An interval that got less than this of what was intended is behind. */
const KEPT_UP = 0.95;

/** Requests that an interval may lack without anybody being late. */
const NOISE = 3;

export interface Behind {
  from: Nanos;
  to: Nanos;
  /** Requests that were intended and not sent. */
  missing: number;
}

/** When the generator sent less than was intended; neighbours are one. */
export function behindOf(timeline: readonly Second[]): Behind[] {
  const behind: Behind[] = [];
  for (const one of timeline) {
    if (one.intended === null || one.intended === undefined || one.intended <= 0) continue;
    const wanted = one.intended * one.seconds;
    if (one.requests >= wanted * KEPT_UP - NOISE) continue;
    const to = nanos(one.at + BigInt(Math.round(one.seconds * 1e9)));
    const last = behind.at(-1);
    if (last && one.at <= last.to) {
      last.to = to;
      last.missing += wanted - one.requests;
    } else behind.push({ from: one.at, to, missing: wanted - one.requests });
  }
  return behind;
}

/** Whether latency counts the time that requests waited for a generator that was behind; the sentence that says so. */
export function correctedWords(run: Pick<RunFacts, "corrected" | "behind_seconds_max">): { words: string; tone: Tone } {
  const late = run.behind_seconds_max ?? 0;
  const behind = late > 0 ? `The generator fell up to ${durationSeconds(late)} behind its schedule` : "The generator kept its schedule";
  if (run.corrected === true) return { words: `${behind}; latency counts from when each request was due.`, tone: late > 1 ? "warn" : "none" };
  if (run.corrected === false) return { words: `${late > 0 ? behind : "Latency is not corrected"}${late > 0 ? "; latency is not corrected" : ""}: it counts from when a request was sent, so waiting behind a slow one is not seen.`, tone: "warn" };
  return { words: "Whether latency counts the time that requests waited to be sent is not said.", tone: "hold" };
}

export const errorRatio = (part: Part): number => (part.requests > 0 ? part.errors / part.requests : 0);

/** `checkout held 200 requests/s: p99 241 ms, errors 0.02 %`. */
export function sentence(run: RunFacts): string {
  const { total } = run;
  const p99 = total.latency ? percentile(total.latency, 99) : null;
  const figures = `${p99 === null ? "" : `p99 ${durationMs(p99 / 1e6)}, `}errors ${ratio(errorRatio(total))}`;
  const verdict = verdictOf(run);
  const [intended, achieved] = [total.intended_rate ?? null, total.achieved_rate ?? null];
  if (verdict.word === "running") return `${run.name} is running: ${figures} so far`;
  if (verdict.word === "aborted") return `${run.name} was aborted: ${figures}`;
  if (verdict.word === "failed") return `${run.name} failed: ${figures}`;
  if (intended !== null && achieved !== null && achieved < intended * KEPT_UP) return `${run.name} fell behind, ${rate(achieved)} of ${rate(intended)} requests/s: ${figures}`;
  return achieved === null ? `${run.name}: ${figures}` : `${run.name} held ${rate(achieved)} requests/s: ${figures}`;
}
