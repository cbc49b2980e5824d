/** Intended against achieved rate, and latency, over the run's time. */

import { useState } from "react";
import type { Run } from "@/api/runs";
import { type Line, type Mark, TimeSeries } from "@/charts/TimeSeries";
import { Empty } from "@/components/FiveFaces";
import { Panel } from "@/components/Panel";
import { behindOf } from "@/model/run/run";
import type { Range } from "@/model/range";
import { hms } from "@/model/time";
import { count, durationSeconds } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import styles from "./run.module.css";

const HEIGHT = 150;

export function Load({ run, window }: { run: Run; window: Range }) {
  const zone = useZone();
  const [zoomed, setZoomed] = useState<Range | null>(null);
  const { timeline } = run;
  const behind = behindOf(timeline);
  const marks: Mark[] = behind.map((one) => ({ at: one.from, kind: "alert", label: "fell behind" }));
  const times = timeline.map((one) => one.at);
  const perSecond = (n: number | null | undefined, seconds: number) => (n === null || n === undefined || seconds <= 0 ? null : n / seconds);
  const rates: Line[] = [
    { name: "intended", token: "--text-3", dashed: true, values: timeline.map((one) => one.intended ?? null) },
    { name: "achieved", token: "--accent", values: timeline.map((one) => perSecond(one.requests, one.seconds)) },
    ...(timeline.some((one) => one.errors > 0) ? [{ name: "errors", token: "--bad", values: timeline.map((one) => perSecond(one.errors, one.seconds)) }] : []),
  ];
  const latencies: Line[] = [{ name: "p99", token: "--c1", values: timeline.map((one) => one.p99_ns ?? null) }, { name: "p50", token: "--c0", values: timeline.map((one) => one.p50_ns ?? null) }];
  const missing = Math.round(behind.reduce((sum, one) => sum + one.missing, 0));
  const shared = { times, range: zoomed ?? window, onZoom: setZoomed, height: HEIGHT, marks, sync: "run" };
  const reset = zoomed && <button type="button" className="btn quiet" onClick={() => setZoomed(null)}>Whole run</button>;
  const late = behind.length === 0 ? "requests per second" : `behind ${behind.length === 1 ? "once" : `${behind.length} times`}, first at ${hms(behind[0]?.from ?? window.from, zone)}, ${count(missing)} requests not sent, ${durationSeconds(behind.reduce((sum, one) => sum + Number(one.to - one.from) / 1e9, 0))} in all`;
  if (timeline.length === 0) return <Panel title="Rate over time"><Empty>Its tool sent no timeline, only totals.</Empty></Panel>;
  return (
    <div className={styles.two}>
      <Panel title="Intended and achieved rate" note={late} tools={reset}>
        <TimeSeries {...shared} label="Requests per second intended, achieved and failed" unit="rate" lines={rates} />
      </Panel>
      <Panel title="Latency over time" note="as the generator measured it" tools={reset}>
        <TimeSeries {...shared} label="Latency over the run’s time" unit="nanos" lines={latencies.filter((line) => line.values.some((value) => value !== null))} />
      </Panel>
    </div>
  );
}
