/** The budget over its period: own drawing, since gaps, projection and marks say as much as the line. */

import { type PointerEvent, useId, useMemo, useRef, useState } from "react";
import type { Objective } from "@/api/slos";
import { useWidth } from "@/charts/frame";
import { FiveFaces } from "@/components/FiveFaces";
import { Panel } from "@/components/Panel";
import { Choice } from "@/components/Tabs";
import type { Range } from "@/model/range";
import { type Nanos, nanos, NS_PER_S, when } from "@/model/time";
import { budget, count, durationSeconds, ratio } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import { Plot, type PlotMark } from "./Plot";
import { budgetShare, exhaustionOf } from "@/components/slo/standing";
import { type Bucket, burnDown, fallsOf, silences } from "./rows";
import styles from "./BurnDown.module.css";
import type { View } from "./url";
import type { Buckets } from "./useSloView";
import { windowWords } from "@/components/slo/words";

const HEIGHT = 234;

export interface BurnDownProps {
  objective: Objective;
  buckets: Buckets;
  show: View["show"];
  onShow: (show: View["show"]) => void;
  marks: readonly PlotMark[];
  selected: Range | null;
  onSelect: (range: Range) => void;
  now: Nanos;
}

export function BurnDown({ objective, buckets, show, onShow, marks, selected, onSelect, now }: BurnDownProps) {
  const note = { budget: `percent of the budget of ${windowWords(objective)}`, events: `events, bad ones in red`, ratio: "share of events that are bad" }[show];
  return (
    <Panel
      title="Budget burn-down" note={note} flush
      tools={<Choice label="What is drawn" value={show} onChange={onShow} options={[{ id: "budget", label: "Budget" }, { id: "events", label: "Events" }, { id: "ratio", label: "Bad ratio" }]} />}
    >
      <FiveFaces query={buckets.query} height={HEIGHT} isEmpty={(data) => data.rows.length === 0} empty={<p className={styles.none}>No event was counted in this period.</p>}>
        {(data) => <Drawn rows={data.rows} objective={objective} buckets={buckets} show={show} marks={marks} selected={selected} onSelect={onSelect} now={now} />}
      </FiveFaces>
    </Panel>
  );
}

function Drawn({ rows, objective, buckets, show, marks, selected, onSelect, now }: Omit<BurnDownProps, "onShow"> & { rows: Bucket[] }) {
  const zone = useZone();
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const [drag, setDrag] = useState<{ from: Nanos; to: Nanos } | null>(null);
  const [at, setAt] = useState<number | null>(null);
  const status = objective.status;
  const shape = useMemo(() => {
    if (!status) return null;
    const points = burnDown(rows, buckets.step, Number(status.counted.total), budgetShare(objective), status.until);
    const last = points.at(-1);
    // The evaluator's figure is the last word: what is excluded, or counted as time, is in it.
    if (last && status.budget.remaining !== null && status.budget.remaining !== undefined) last.left = status.budget.remaining;
    const gone = exhaustionOf(status);
    const zeroAt = gone && gone.seconds > 0 && (last?.left ?? 0) > 0 ? nanos(status.until + BigInt(Math.round(gone.seconds)) * NS_PER_S) : null;
    const within = Math.max(2, Math.round(points.length / 60));
    return {
      points, zeroAt,
      falls: fallsOf(points, within, 0.08),
      gaps: silences(rows, buckets.step, nanos(buckets.step / 2n)),
      from: buckets.from, to: buckets.to,
    };
  }, [rows, buckets.step, buckets.from, buckets.to, objective, status]);
  if (!status || !shape) return null;
  const left = shape.points.at(-1)?.left ?? null;
  const words = show === "budget"
    ? `Error budget left from ${when(shape.from, now, zone)} to ${when(shape.to, now, zone)}, now ${left === null ? "no data" : budget(left)}${shape.zeroAt ? `; at the present burn none at ${when(shape.zeroAt, now, zone)}` : ""}.`
    : `${show === "events" ? "Events" : "Share of bad events"} in steps of ${durationSeconds(Number(buckets.step) / 1e9)}, ${rows.length} steps.`;
  const shown = drag ?? selected;
  const handlers = {
    onDown: (event: PointerEvent, time: Nanos) => {
      event.currentTarget.setPointerCapture(event.pointerId);
      setDrag({ from: time, to: time });
    },
    onMove: (time: Nanos) => {
      if (drag) setDrag({ from: drag.from, to: time });
      const index = rows.findLastIndex((row) => row.at <= time);
      setAt(index < 0 ? null : index);
    },
    onUp: () => {
      if (drag && drag.from !== drag.to) {
        const [from, to] = drag.from < drag.to ? [drag.from, drag.to] : [drag.to, drag.from];
        if (to - from >= 60n * NS_PER_S) onSelect({ from, to });
      }
      setDrag(null);
    },
    onLeave: () => setAt(null),
  };
  const here = at === null ? undefined : rows[at];
  return (
    <div ref={box} className={styles.box} style={{ minHeight: HEIGHT }}>
      {width > 0 && <Plot width={width} height={HEIGHT} show={show} rows={rows} step={buckets.step} shape={shape} marks={marks} selected={shown} label={words} labelId={id} now={now} at={at} {...handlers} />}
      {here && (
        <p className={`${styles.here} small`}>
          {when(here.at, now, zone)} · {count(here.total)} events, {count(here.total - here.good)} bad ({ratio(here.total > 0 ? (here.total - here.good) / here.total : 0)}){at !== null && shape.points[at + 1] ? ` · ${budget(shape.points[at + 1]?.left ?? 0)} left` : ""}
        </p>
      )}
    </div>
  );
}
