/** Records over time by severity: drag to zoom, Shift-drag to compare, deploys as marks. */

import { type PointerEvent, useEffect, useMemo, useRef, useState } from "react";
import { useLogHistogram } from "@/api/logs";
import { FiveFaces } from "@/components/FiveFaces";
import { useTimeActions } from "@/components/location/time";
import { servicesIn } from "@/components/logs/query";
import { useDeployMarks } from "@/components/services/useDeployMarks";
import { timeLabels } from "@/charts/options";
import type { Range } from "@/model/range";
import { stepFor } from "@/model/range";
import { hm, hms, type Nanos, toSeconds } from "@/model/time";
import { group } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import { barsOf, stepWords, ticksOf } from "./bars";
import { headlineOf } from "./headline";
import styles from "./logs.module.css";
import { severityColour, severityWord } from "@/components/logs/severity";

const HEIGHT = 78;
const AXIS = 20;

interface Drag {
  from: number;
  to: number;
  compare: boolean;
}

export interface HistogramProps {
  search: string;
  range: Range;
  /** The other range of a comparison. */
  other: Range | null;
  onCompare: (other: Range) => void;
  onSeverity: (severity: string, exclude: boolean) => void;
  /** Of the answer: how many match. */
  chips: React.ReactNode;
}

export function Histogram({ search, range, other, onCompare, onSeverity, chips }: HistogramProps) {
  const step = stepFor(range, 130);
  const query = useLogHistogram(search, range, step);
  const services = useMemo(() => servicesIn(search), [search]);
  // Those of every chart: that a service logs something for the first time is no deploy.
  const deploys = useDeployMarks(range, services);
  const zone = useZone();
  const { setRange } = useTimeActions();
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(1200);
  const [drag, setDrag] = useState<Drag | null>(null);
  const [pointer, setPointer] = useState<number | null>(null);
  useEffect(() => {
    if (!box.current) return;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.max(200, Math.round(entry.contentRect.width))));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);

  const bars = useMemo(() => query.data && barsOf(query.data, range, width, HEIGHT - 4), [query.data, range, width]);
  const marks = useMemo(() => deploys.filter((mark) => mark.at >= range.from && mark.at < range.to).sort((a, b) => (a.at < b.at ? -1 : 1)), [deploys, range]);
  const headline = bars && headlineOf(bars.total, bars.counts);
  const ticks = useMemo(() => ticksOf(range, Math.max(2, Math.floor(width / 150))), [range, width]);
  const labels = timeLabels(ticks.map((tick) => toSeconds(tick.at)), zone);
  const at = (x: number): Nanos => (range.from + BigInt(Math.round((x / width) * Number(range.to - range.from)))) as Nanos;
  const xOf = (time: Nanos): number => (Number(time - range.from) / Number(range.to - range.from)) * width;
  const place = (event: PointerEvent<SVGSVGElement>): number => Math.max(0, Math.min(width, event.clientX - event.currentTarget.getBoundingClientRect().left));

  const finish = () => {
    if (drag && Math.abs(drag.to - drag.from) > 4) {
      const dragged = { from: at(Math.min(drag.from, drag.to)), to: at(Math.max(drag.from, drag.to)) };
      if (drag.compare) onCompare(dragged);
      else setRange(dragged);
    }
    setDrag(null);
  };
  const under = pointer === null || !query.data ? null : query.data.buckets.find((bucket) => at(pointer) >= bucket.time && at(pointer) < bucket.time + query.data.step);

  return (
    <figure className={styles.hist}>
      <header>
        <h1>{headline ? <><span>{headline.records}</span>{headline.said !== "" && `, ${headline.said}`}</> : query.error ? "No answer" : "Logs"}</h1>
        {chips}
        <span className="small dim clip">
          {under
            ? `${hms(under.time, zone)}: ${group(under.count)} · ${Object.entries(under.severities).map(([severity, count]) => `${severityWord(severity)} ${group(count)}`).join(" · ")}`
            : `${stepWords(step)} each · drag to zoom, Shift-drag to compare`}
        </span>
        <span className={styles.key}>
          {bars && [...bars.paths].reverse().map(({ severity }) => (
            <button key={severity} type="button" title="Filter by it; Alt-click excludes it" onClick={(event) => onSeverity(severity, event.altKey)}>
              <i className="dot" style={{ "--c": severityColour(severity) } as React.CSSProperties} aria-hidden />
              {severityWord(severity)} {group(bars.counts.get(severity) ?? 0)}
            </button>
          ))}
        </span>
      </header>
      <div ref={box}>
        <FiveFaces query={query} height={HEIGHT + AXIS} rows={3}>
          {() => bars && (
            <svg
              className={styles.plot} height={HEIGHT + AXIS} viewBox={`0 0 ${width} ${HEIGHT + AXIS}`} role="img" aria-label={summary(bars.total, bars.counts, range, zone)}
              onPointerDown={(event) => {
                if (event.button !== 0) return;
                event.currentTarget.setPointerCapture(event.pointerId);
                setDrag({ from: place(event), to: place(event), compare: event.shiftKey });
              }}
              onPointerMove={(event) => {
                setPointer(place(event));
                if (drag) setDrag({ ...drag, to: place(event) });
              }}
              onPointerUp={finish} onPointerLeave={() => setPointer(null)}
            >
              <path className={styles.axis} d={`M0 ${HEIGHT + 0.5}H${width}`} />
              {under && <rect className={styles.hover} x={xOf(under.time)} width={(Number(step) / Number(range.to - range.from)) * width} y={0} height={HEIGHT} />}
              <g transform="translate(0 4)">{bars.paths.map(({ severity, d }) => <path key={severity} d={d} style={{ fill: severityColour(severity) }} />)}</g>
              {marks.map((mark, index) => {
                const x = xOf(mark.at);
                const crowded = index > 0 && x - xOf(marks[index - 1]?.at ?? mark.at) < 140;
                return (
                  <g key={`${mark.label} ${mark.at}`}>
                    <path className={styles.deploy} d={`M${x.toFixed(1)} 0V${HEIGHT}`}><title>{`${mark.label} since ${hms(mark.at, zone)}`}</title></path>
                    {!crowded && <text className={styles.deployLabel} x={x < 160 ? x + 5 : x - 5} y={10} textAnchor={x < 160 ? "start" : "end"}>{hm(mark.at, zone)} {mark.label}</text>}
                  </g>
                );
              })}
              {other && <rect className={styles.brush} data-compare="" x={xOf(other.from)} width={Math.max(0, xOf(other.to) - xOf(other.from))} y={0.5} height={HEIGHT - 1} />}
              {drag && <rect className={styles.brush} data-compare={drag.compare || undefined} x={Math.min(drag.from, drag.to)} width={Math.abs(drag.to - drag.from)} y={0.5} height={HEIGHT - 1} />}
              {ticks.map((tick, index) => <text key={String(tick.at)} x={tick.place * width} y={HEIGHT + 16} textAnchor={tick.place > 0.97 ? "end" : tick.place < 0.03 ? "start" : "middle"}>{labels[index]}</text>)}
            </svg>
          )}
        </FiveFaces>
      </div>
    </figure>
  );
}

function summary(total: number, counts: ReadonlyMap<string, number>, range: Range, zone: "UTC" | "local"): string {
  const parts = [...counts].map(([severity, count]) => `${count} ${severity === "" ? "without severity" : severity}`);
  return `${total} records from ${hm(range.from, zone)} to ${hm(range.to, zone)}: ${parts.join(", ")}`;
}
