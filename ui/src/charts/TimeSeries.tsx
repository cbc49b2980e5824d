/** A chart over the page's time: uPlot with our tokens, gaps, marks, a shared crosshair, and drag to zoom. */

import "uplot/dist/uPlot.min.css";
import { type ReactNode, useCallback, useEffect, useId, useMemo, useRef, useState } from "react";
import uPlot from "uplot";
import { useTime, useTimeActions } from "@/components/location/time";
import type { Range } from "@/model/range";
import { fromSeconds, hms, type Nanos, toSeconds } from "@/model/time";
import { format, type Unit } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import { Legend, type LegendSort } from "./Legend";
import { type Looks, optionsOf } from "./options";
import { exemplarAt } from "./marks";
import { summaryOf } from "./summary";
import styles from "./TimeSeries.module.css";
import { lineToken, useTokens } from "./tokens";

export interface Line {
  name: string;
  /** One per time of the chart; null where nothing was measured: a gap. */
  values: readonly (number | null)[];
  /** A token such as `--bad` or `serviceToken(name)`; left out, the next of the palette. */
  token?: string;
  dashed?: boolean;
  /** Of an earlier time: drawn behind the others, and never what fills a gap of theirs. */
  faint?: boolean;
  /** 8 % under the line. By default when it is the only one. */
  area?: boolean;
}

/** A vertical: deploys are brass, alerts red. */
export interface Mark {
  at: Nanos;
  kind: "deploy" | "alert";
  label: string;
}

/** A point with a trace behind it. */
export interface ExemplarPoint {
  at: Nanos;
  value: number;
  label: string;
  open: () => void;
}

export interface TimeSeriesProps {
  /** What it shows, in words: for the text summary and the table. */
  label: string;
  /** Starts of the buckets, ns, oldest first. */
  times: readonly Nanos[];
  lines: readonly Line[];
  unit: Unit;
  height?: number;
  /** A horizontal line: an objective, a threshold. */
  threshold?: { value: number; label: string; token?: string };
  marks?: readonly Mark[];
  exemplars?: readonly ExemplarPoint[];
  legend?: boolean;
  /** Left out: the page's range. */
  range?: Range;
  /** Left out: the page's range becomes what was dragged. */
  onZoom?: (range: Range) => void;
  /** Charts of one page share a crosshair; another name makes another group. */
  sync?: string;
  /** The last bucket is not complete yet: drawn at 40 %. */
  openEnded?: boolean;
  /** Shown when there is no line. */
  empty?: ReactNode;
}

const EMPTY: never[] = [];

export function TimeSeries(props: TimeSeriesProps) {
  const { lines, times, unit, height = 160, marks = EMPTY, exemplars = EMPTY, threshold, sync = "page", openEnded = false } = props;
  const time = useTime();
  const { setRange } = useTimeActions();
  const zone = useZone();
  const tokens = useTokens();
  const range = props.range ?? time.range;
  const summaryId = useId();
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [solo, setSolo] = useState<ReadonlySet<string>>(new Set());
  const [asTable, setAsTable] = useState(false);
  const [pointer, setPointer] = useState<number | null>(null);

  const zoomTo = useRef<(range: Range) => void>(() => undefined);
  const marksNow = useRef({ marks, exemplars, threshold });
  useEffect(() => {
    zoomTo.current = props.onZoom ?? setRange;
    marksNow.current = { marks, exemplars, threshold };
  });

  const shown = useMemo(() => lines.map((line, index) => ({ ...line, token: line.token ?? lineToken(index) })), [lines]);
  const data = useMemo<uPlot.AlignedData>(
    () => [times.map(toSeconds), ...shown.map((line) => [...line.values])] as uPlot.AlignedData,
    [times, shown],
  );
  // A new plot only when its looks change; new numbers go into the plot that is there.
  const looks = JSON.stringify([shown.map(({ name, token, dashed, area, faint }) => [name, token, dashed, area, faint]), unit, height, zone, sync, openEnded]);
  const dataNow = useRef(data);
  const rangeNow = useRef(range);
  useEffect(() => {
    dataNow.current = data;
    rangeNow.current = range;
  });

  useEffect(() => {
    const parent = box.current;
    if (!parent) return;
    const options = optionsOf({
      width: parent.clientWidth, height, lines: (JSON.parse(looks) as [Looks["lines"]])[0], unit, zone, tokens, sync, openEnded,
      range: () => rangeNow.current, drawn: () => marksNow.current,
      onZoom: (from, to) => zoomTo.current({ from: fromSeconds(from), to: fromSeconds(to) }),
      onPointer: setPointer,
    });
    const created = new uPlot(options, dataNow.current, parent);
    plot.current = created;
    // A canvas does not draw again by itself when its font has come.
    void document.fonts.load('11px "Inter Variable"').then(() => plot.current === created && created.redraw(false, true));
    const near = (event: MouseEvent) => exemplarAt(created, marksNow.current.exemplars, event.offsetX, event.offsetY);
    created.over.addEventListener("click", (event) => near(event)?.open());
    created.over.addEventListener("mousemove", (event) => {
      const found = near(event);
      created.over.style.cursor = found ? "pointer" : "";
      created.over.title = found?.label ?? "";
    });
    const observer = new ResizeObserver(() => created.setSize({ width: parent.clientWidth, height }));
    observer.observe(parent);
    return () => {
      observer.disconnect();
      created.destroy();
      plot.current = null;
    };
  }, [looks, unit, height, zone, tokens, sync, openEnded]);

  useEffect(() => {
    plot.current?.batch(() => {
      plot.current?.setData(data, false);
      plot.current?.setScale("x", { min: toSeconds(range.from), max: toSeconds(range.to) });
    });
    plot.current?.redraw();
  }, [data, range, looks, tokens, marks, exemplars, threshold]);

  useEffect(() => {
    shown.forEach((line, index) => plot.current?.setSeries(index + 1, { show: solo.size === 0 || solo.has(line.name) }));
  }, [solo, shown, looks, tokens]);

  const onLegend = useCallback((name: string, adding: boolean) => {
    setSolo((before) => {
      if (!adding) return before.size === 1 && before.has(name) ? new Set() : new Set([name]);
      const next = new Set(before);
      if (!next.delete(name)) next.add(name);
      return next;
    });
  }, []);

  if (lines.length === 0) return <>{props.empty ?? <p className={`faint ${styles.none}`} style={{ height }}>no data</p>}</>;
  return (
    <figure className={styles.chart}>
      <div ref={box} className={styles.plot} style={{ height }} role="img" aria-label={props.label} aria-describedby={summaryId} />
      <figcaption id={summaryId} className="visually-hidden">{summaryOf(props.label, shown, times, unit, marks, zone)}</figcaption>
      {(props.legend ?? lines.length > 1) && <Legend lines={shown} unit={unit} solo={solo} onPick={onLegend} pointer={pointer} sort={LEGEND_SORT} />}
      <button type="button" className={styles.asTable} onClick={() => setAsTable(!asTable)} aria-expanded={asTable}>{asTable ? "Hide table" : "View as table"}</button>
      {asTable && <AsTable {...props} />}
    </figure>
  );
}

const LEGEND_SORT: LegendSort = "given";

function AsTable({ label, times, lines, unit }: TimeSeriesProps) {
  const zone = useZone();
  return (
    <div className={styles.table}>
      <table aria-label={label}>
        <thead><tr><th scope="col">Time</th>{lines.map((line) => <th key={line.name} scope="col" className="num">{line.name}</th>)}</tr></thead>
        <tbody>
          {times.map((at, index) => (
            <tr key={String(at)}><td>{hms(at, zone)}</td>{lines.map((line) => <td key={line.name} className="num">{format(line.values[index], unit)}</td>)}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
