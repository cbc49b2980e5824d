import type { Lag, SignalName } from "@/api/ingest";
import { type Line, TimeSeries } from "@/charts/TimeSeries";
import type { Grid } from "@/model/traffic";

const HEIGHT = 150;

/** Records per second by signal, by the time they arrived. */
export function AcceptedChart({ rates, grid }: { rates: ReadonlyMap<SignalName, number[]>; grid: Grid }) {
  const lines: Line[] = [...rates].map(([name, values]) => ({ name, values }));
  return <TimeSeries label="Records accepted per second, by signal" times={grid.times} range={grid.range} lines={lines} unit="rate" height={HEIGHT} empty={<p className="faint">Nothing arrived in this range.</p>} />;
}

/** How long after it happened a record was stored. */
export function LagChart({ lags, grid }: { lags: readonly Lag[]; grid: Grid }) {
  const byTime = new Map(lags.flatMap((one) => (one.at === null ? [] : [[one.at, one] as const])));
  const line = (name: string, of: (lag: Lag) => number | null, token: string): Line => ({ name, token, values: grid.times.map((at) => { const lag = byTime.get(at); return lag ? of(lag) : null; }) });
  const lines = byTime.size === 0 ? [] : [line("p99", (lag) => lag.p99, "--c1"), line("p50", (lag) => lag.p50, "--c0")];
  return <TimeSeries label="Lag from a record’s own time to its being stored" times={grid.times} range={grid.range} lines={lines} unit="nanos" height={HEIGHT} empty={<p className="faint">Nothing arrived in this range.</p>} />;
}
