/** Latency by percentile, up to four runs with their confidence bands. */

import { type PointerEvent, useId, useMemo, useRef, useState } from "react";
import { type Frame, useWidth } from "@/charts/frame";
import { curve, type CurvePoint, percentOf } from "@/model/run/latency";
import { durationMs, NOT_APPLICABLE, THIN } from "@/model/units";
import styles from "./Curve.module.css";
import { bandOf, latencyTicks, linesOf, percentTicks, scaleOf } from "./curveScale";
import type { Compared } from "./runs";

const HEIGHT = 300;
/** Each with a dash of its own, so that colour is not all that tells them apart. */
const DASHES = ["", "7 3", "2 3", "9 3 2 3"];

const valueWords = (point: CurvePoint | null | undefined): string => (point ? durationMs(point.value / 1e6) : NOT_APPLICABLE);

export function Curve({ runs, kind }: { runs: readonly Compared[]; kind: "linear" | "log" }) {
  const box = useRef<HTMLDivElement>(null);
  const id = useId();
  const width = useWidth(box);
  const [at, setAt] = useState<number | null>(null);
  const curves = useMemo(() => runs.map((one) => ({ ...one, points: one.run.total.latency ? curve(one.run.total.latency) : [] })), [runs]);
  const frame: Frame = { width, height: HEIGHT, left: 62, right: 16, top: 10, bottom: 26 };
  const scale = scaleOf(frame, curves.map((one) => one.points), kind);
  const oddsMost = Math.max(10, ...curves.flatMap((one) => one.points.map((point) => point.odds)));
  const label = `Latency by percentile of ${curves.map((one) => one.label).join(", ")}`;
  const onMove = (event: PointerEvent<SVGSVGElement>) => setAt(scale.odds(event.clientX - event.currentTarget.getBoundingClientRect().left));
  const here = at === null ? null : curves.map((one) => one.points.findLast((point) => point.odds <= at * 1.0001) ?? null);
  return (
    <div ref={box} className={styles.box} style={{ minHeight: HEIGHT }}>
      {width > 0 && (
        <svg className={styles.plot} width={width} height={HEIGHT} role="img" aria-labelledby={id} onPointerMove={onMove} onPointerLeave={() => setAt(null)}>
          <title id={id}>{label}</title>
          {latencyTicks(scale.low, scale.high, kind).map((tick) => (
            <g key={tick.at}><path className={styles.grid} d={`M${frame.left} ${scale.y(tick.at)}H${width - frame.right}`} /><text x={frame.left - 6} y={scale.y(tick.at) + 4} textAnchor="end">{tick.label}</text></g>
          ))}
          {percentTicks(oddsMost).map((tick) => (
            <g key={tick.at}><path className={styles.grid} d={`M${scale.x(tick.at)} ${HEIGHT - frame.bottom}v4`} /><text x={scale.x(tick.at)} y={HEIGHT - 8} textAnchor="middle">{tick.label}</text></g>
          ))}
          {curves.map((one) => <path key={one.run.id} className={styles.band} style={{ fill: `var(${one.token})` }} d={bandOf(one.points, scale)} />)}
          {curves.map((one, index) => {
            const { sure, unsure } = linesOf(one.points, scale);
            return (
              <g key={one.run.id} style={{ stroke: `var(${one.token})` }}>
                <path className={styles.line} strokeDasharray={DASHES[index]} d={sure} />
                <path className={styles.unsure} d={unsure} />
                {one.points.length > 0 && one.points.length < 12 && one.points.map((point) => <circle key={point.odds} cx={scale.x(point.odds)} cy={scale.y(point.value)} r="3" style={{ fill: `var(${one.token})` }} />)}
              </g>
            );
          })}
          {at !== null && <path className={styles.cursor} d={`M${scale.x(at)} ${frame.top}V${HEIGHT - frame.bottom}`} />}
        </svg>
      )}
      <p className={styles.readout} aria-hidden>
        {at === null || here === null
          ? <span className="faint">Bands hold the true curve with 95{THIN}% confidence; where a line is thin, too few requests bound it from above.</span>
          : <><b>p{Number(percentOf(at).toPrecision(at > 100 ? 6 : 4))}</b>{curves.map((one, index) => <span key={one.run.id}><span className={styles.key} style={{ background: `var(${one.token})` }} /> {one.label} {valueWords(here[index])}</span>)}</>}
      </p>
    </div>
  );
}
