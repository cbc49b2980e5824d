/** What a panel shows, by its kind. */

import { useMemo } from "react";
import { heatMap, timeSeries } from "@/charts/later";
import { Empty, ErrorFace, Loading, Partial } from "@/components/FiveFaces";
import { SERIES_SHOWN } from "@/components/series/series";
import { useDeployMarks } from "@/components/services/useDeployMarks";
import { Grid } from "@/components/sql/AnswerView";
import { isKind, type Panel } from "@/model/dashboard/document";
import { type Choices } from "@/model/dashboard/variables";
import type { Range } from "@/model/range";
import { group, type Unit } from "@/model/units";
import { heatOf, linesOf, isKnown, type NamedLine, servicesOf, statsOf, tableOf } from "./frames";
import styles from "./panel.module.css";
import { LogsBody, SloBody, TracesBody } from "./RowBodies";
import { Stats } from "./Stats";
import { unitsOf } from "./units";
import type { PanelState } from "./usePanel";

/** Loads the charts of these panels while their questions are asked, not after. */
export function loadCharts(panels: readonly Panel[]): void {
  if (panels.some((panel) => panel.kind === "time_series")) timeSeries.bring();
  if (panels.some((panel) => panel.kind === "heat_map")) heatMap.bring();
}

export interface BodyProps {
  panel: Panel;
  state: PanelState;
  range: Range;
  choices: Choices;
  /** In px, inside of the panel. */
  height: number;
  inSight: boolean;
}

export function Body(props: BodyProps) {
  const { panel, state, height } = props;
  if (!isKind(panel.kind)) return <Empty title="This page does not know this kind of panel.">It is called “{panel.kind}”. It is kept as it is; a newer Binnacle may show it.</Empty>;
  if (panel.kind === "text") return <TextBody text={panel.text ?? ""} />;
  if (panel.kind === "slo") return <SloBody {...props} />;
  if (state.asked.length === 0) return <Empty title="Nothing is asked yet.">Edit the panel and write its query.</Empty>;
  if (panel.kind === "traces") return state.error ? <ErrorFace error={state.error} /> : <TracesBody {...props} />;
  if (state.loading) return <Loading rows={Math.max(1, Math.floor(height / 32))} height={height} />;
  if (state.answered.length === 0 && state.error) return <ErrorFace error={state.error} retry={state.retry} />;
  return (
    <>
      {state.error && <ErrorFace error={state.error} retry={state.retry} />}
      {state.warnings.length > 0 && <Partial>{state.warnings.join(" ")}</Partial>}
      <Drawn {...props} />
    </>
  );
}

function Drawn(props: BodyProps) {
  switch (props.panel.kind) {
    case "time_series": return <SeriesBody {...props} />;
    case "stat": return <StatBody {...props} />;
    case "heat_map": return <HeatBody {...props} />;
    case "logs": return <LogsBody {...props} />;
    default: return <TableBody {...props} />;
  }
}

const largest = (line: NamedLine): number => line.values.reduce<number>((most, value) => (isKnown(value) && value > most ? value : most), -Infinity);
/** Rows of the legend in sight, the chart having the rest; it scrolls. */
const legendRows = (height: number): number => (height < 230 ? 2 : height < 330 ? 3 : 6);

function SeriesBody({ panel, state, range, choices, height }: BodyProps) {
  const services = useMemo(() => servicesOf(choices), [choices]);
  const marks = useDeployMarks(range, services);
  const all = useMemo(() => linesOf(state.answered), [state.answered]);
  const limit = panel.limit ?? SERIES_SHOWN;
  const lines = useMemo(() => (all.lines.length <= limit ? all.lines : [...all.lines].sort((a, b) => largest(b) - largest(a)).slice(0, limit)), [all, limit]);
  if (lines.length === 0) return <NothingFound height={height} />;
  const threshold = panel.thresholds?.[0];
  const partial = lines.length < all.lines.length;
  const legend = lines.length > 1 ? Math.min(lines.length, legendRows(height)) * 24 + 28 : 0;
  return (
    <div className={styles.series} style={{ "--legend": `${legend}px` } as React.CSSProperties}>
      <timeSeries.Chart
        fallback={<Loading rows={3} height={height} />}
        label={panel.title || "Series"} times={all.times} lines={lines} unit={panel.unit ?? "none"} marks={marks} height={Math.max(72, height - legend - (partial ? 20 : 0))} range={range}
        {...(threshold ? { threshold: { value: threshold.value, label: threshold.label ?? "", token: `--${threshold.tone}` } } : {})}
      />
      {partial && <p className="small dim">The {limit} largest of {group(all.lines.length)} lines, by their maximum.</p>}
    </div>
  );
}

function StatBody({ panel, state, height }: BodyProps) {
  const values = useMemo(() => statsOf(state.answered, panel.reduce ?? "last"), [state.answered, panel.reduce]);
  if (values.length === 0) return <NothingFound height={height} />;
  return <Stats panel={panel} values={values} height={height} />;
}

function TableBody({ panel, state }: BodyProps) {
  const table = useMemo(() => tableOf(state.answered), [state.answered]);
  const units = useMemo((): Record<string, Unit> => unitsOf(panel, table), [panel, table]);
  if (!table || table.rows.length === 0) return <NothingFound />;
  return (
    <>
      {table.truncated && <Partial>The first {group(table.rows.length)} rows; the panel’s limit ends here.</Partial>}
      <div className={styles.table}><Grid table={table} units={units} label={panel.title || "Table"} brief /></div>
    </>
  );
}

function HeatBody({ panel, state, range, height }: BodyProps) {
  const cells = useMemo(() => heatOf(state.answered), [state.answered]);
  if (!cells) return <NothingFound height={height} />;
  return <heatMap.Chart fallback={<Loading rows={3} height={height} />} label={panel.title || "Heat map"} cells={cells} unit={panel.unit ?? "seconds"} range={range} height={height} />;
}

/** A panel of less height has no room for more than a line. */
const BRIEF = 160;

const NothingFound = ({ height = BRIEF }: { height?: number }) => height < BRIEF ? <Empty title="Nothing in this range." /> : <Empty title="Nothing in this range.">The question was answered, with no row. Widen the time, choose other values above, or look at the query in the panel’s menu.</Empty>;

/** Paragraphs, and lists of lines that begin with a dash. */
export function TextBody({ text }: { text: string }) {
  if (text.trim() === "") return <Empty title="No text yet." />;
  return (
    <div className={styles.text}>
      {text.trim().split(/\n{2,}/).map((part, index) => {
        const lines = part.split("\n");
        if (lines.every((line) => line.startsWith("- "))) return <ul key={index}>{lines.map((line, at) => <li key={at}>{line.slice(2)}</li>)}</ul>;
        return part.startsWith("# ") ? <h3 key={index}>{part.slice(2)}</h3> : <p key={index}>{part}</p>;
      })}
    </div>
  );
}
