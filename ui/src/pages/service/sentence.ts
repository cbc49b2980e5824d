/** The page's first line. */

import { type Nanos, when, type Zone } from "@/model/time";
import type { Since, Worsened } from "@/model/worsened";
import { durationMs, rate, ratio } from "@/model/units";

export interface Doing {
  service: string;
  perSecond: number;
  errorRatio: number;
  p99: number | null;
  silentSince: Nanos | null;
  worsened: Worsened;
}

const latency = ({ step, at }: Since, now: Nanos, zone: Zone): string => `p99 rose from ${durationMs(step.before / 1e6)} to ${durationMs(step.after / 1e6)} at ${when(at, now, zone)}`;

export function sentenceOf({ service, perSecond, errorRatio, p99, silentSince, worsened }: Doing, now: Nanos, zone: Zone): string {
  if (silentSince !== null) return `${service} has sent no spans since ${when(silentSince, now, zone)}`;
  if (worsened.errors?.until) return `${service} failed ${ratio(worsened.errors.step.after)} of its requests from ${when(worsened.errors.at, now, zone)} to ${when(worsened.errors.until, now, zone)}`;
  if (worsened.errors) return `${service} fails ${ratio(worsened.errors.step.after)} of its requests since ${when(worsened.errors.at, now, zone)}`;
  if (worsened.p99) return `${service}: ${latency(worsened.p99, now, zone)}`;
  const errors = errorRatio === 0 ? "none fails" : `${ratio(errorRatio)} fail`;
  return `${service}: ${rate(perSecond)} requests per second, ${errors}${p99 === null ? "" : `, p99 ${durationMs(p99 / 1e6)}`}`;
}
