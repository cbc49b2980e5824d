import { Play, X } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { urlOf } from "@/api/client";
import { curl } from "@/api/sql";
import { searchParams, useDurations, useSpanCount, useTraceSearch } from "@/api/traces";
import { CopyAs } from "@/components/CopyAs";
import { Empty, FiveFaces } from "@/components/FiveFaces";
import { useKeys } from "@/components/keys/keys";
import { path } from "@/components/location/path";
import { useGo } from "@/components/location/useGo";
import { useTime, useTimeActions } from "@/components/location/time";
import { useView } from "@/components/location/useView";
import { Page } from "@/components/Page";
import { Panel } from "@/components/Panel";
import { QueryBox } from "@/components/QueryBox";
import { Choice } from "@/components/Tabs";
import { TracesTable } from "@/components/traces/TracesTable";
import { stepFor } from "@/model/range";
import { hms } from "@/model/time";
import { narrowed, ROOTS } from "@/model/traceql/form";
import { bytes, duration, durationMs, group } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import { Chart } from "./Chart";
import { Form } from "./Form";
import { drawnText, headlineOf } from "./headline";
import { NoMatch } from "./NoMatch";
import { brushedQuery, brushOf, brushText, underBrush, within } from "./brush";
import { pointsOf } from "./points";
import { Groups, Spans } from "./Results";
import { Selected } from "./Selected";
import styles from "./traces.module.css";
import { codec } from "./url";
import { useCompletion } from "@/components/traces/useCompletion";

const TABS = [{ id: "traces", label: "Traces" }, { id: "spans", label: "Spans" }, { id: "groups", label: "Groups" }] as const;
/** A trace stands for its root: it has failed when anything below has. */
const FAILED_ROOTS = "({ status = error } << { span:parentID = nil }) || { span:parentID = nil && status = error }";
/** Above so many spans cells say more than points. */
const POINTS_MAX = 5000;

export default function TracesPage() {
  const { view, setView, ignored } = useView(codec);
  const { range } = useTime();
  const zone = useZone();
  const go = useGo();
  const [draft, setDraft] = useState({ of: view.q, text: view.q });
  const text = draft.of === view.q ? draft.text : view.q;
  const [selected, setSelected] = useState<string | null>(null);
  const query = view.q.trim() === "" ? ROOTS : view.q;
  const found = useTraceSearch(query, range);
  const byRoot = query === ROOTS;
  const points = useMemo(() => pointsOf(found.data?.pages.flatMap((page) => page.traces) ?? [], byRoot), [found.data, byRoot]);
  const brush = useMemo(() => within(brushOf(view.brush), range), [view.brush, range]);
  // What is listed follows what is selected; without a selection both are one question.
  const selection = brush ? { query: brushedQuery(query, brush), range: brush.range } : { query: view.select === "" ? query : view.select, range };
  const listed = useTraceSearch(selection.query, selection.range);
  const pages = listed.data?.pages;
  const traces = useMemo(() => pages?.flatMap((page) => page.traces) ?? [], [pages]);
  const keep = useMemo(() => underBrush(brush), [brush]);
  const selectedPoints = useMemo(() => pointsOf(traces, byRoot).filter(keep), [traces, byRoot, keep]);
  // The newest page may hold only the end of the range: then cells, which count all of it, say more.
  const heat = view.chart === "heat" || (view.chart === "auto" && (points.length > POINTS_MAX || found.hasNextPage));
  const step = Math.max(1, Number(stepFor(range, 90)) / 1e9);
  const cells = useDurations(query, range, step, { enabled: heat });
  const failedCells = useDurations(byRoot ? FAILED_ROOTS : `${query} | { status = error }`, range, step, { enabled: heat });
  const counted = useSpanCount(query, range, { enabled: !heat && found.data !== undefined });
  const complete = useCompletion(range);

  const run = (next: string) => {
    setDraft({ of: next, text: next });
    setView({ q: next, brush: "", select: "", ticked: [] });
  };
  // Ticked rows may be none of those that are listed next.
  const unselect = () => setView({ brush: "", select: "", ticked: [] });
  const tick = (id: string) => setView({ ticked: view.ticked.includes(id) ? view.ticked.filter((one) => one !== id) : [...view.ticked, id].slice(-2) }, "replace");
  const [first, second] = view.ticked;
  const compare = () => first && second && go(path("traces", first), { compare: second });
  useKeys([
    { keys: "s", does: "Scatter or heat map", run: () => setView({ chart: heat ? "scatter" : "heat" }) },
    { keys: "c", does: "Compare the two ticked traces", run: () => void compare() },
    { keys: "x", does: "Tick the trace", run: () => {
      const id = document.activeElement?.closest("tr")?.querySelector("a[title]")?.getAttribute("title") ?? selected;
      if (id) tick(id);
    } },
    { keys: "Escape", does: "Close the comparison", run: unselect },
  ]);

  const failed = traces.filter((trace) => Object.values(trace.services).some((one) => one.errors > 0)).length;
  const stats = pages?.at(-1)?.stats;
  const isSelection = brush !== null || view.select !== "";
  const selectedText = brush ? `${duration(brush.durationMin)} to ${duration(brush.durationMax)}, ${hms(brush.range.from, zone)} to ${hms(brush.range.to, zone)}` : view.select;
  const comparison = brush ? { selection: selection.query, baseline: query, range, brush } : view.select !== "" ? { selection: view.select, baseline: query, range } : null;
  // What is compared stands still: a range that moves would begin the comparison anew.
  const { set } = useTimeActions();
  const comparing = comparison !== null;
  useEffect(() => {
    if (comparing) set({ paused: true }, "replace");
  }, [comparing, set]);
  const error = found.error?.position ? { message: found.error.reason, position: found.error.position } : null;
  return (
    <Page
      fill={comparison === null} ignored={ignored} name="Traces" title={listed.data === undefined ? "Traces" : headlineOf(traces.length, failed, listed.hasNextPage, isSelection)}
      actions={
        <>
          {view.ticked.length > 0 && <button type="button" className="btn primary" disabled={!second} onClick={() => void compare()}>{second ? "Compare the two" : "Tick another to compare"}</button>}
          <CopyAs label="curl · TraceQL" sources={{ traceql: selection.query, curl: curl(urlOf("/api/v1/traces", searchParams(selection.query, selection.range))) }} />
        </>
      }
      status={stats && (
        <>
          <span>{group(traces.length)} {isSelection ? "selected " : ""}traces{listed.hasNextPage ? ", newest first; older by Load older" : ""}</span>
          {stats.warnings.map((warning) => <span key={warning} className="warn clip">{warning}</span>)}
          <span style={{ marginLeft: "auto" }}>{stats.segments - stats.segments_pruned} of {stats.segments} segments read · {bytes(stats.bytes_read)} · {durationMs(stats.elapsed_ms)} · s scatter/heat · x tick · c compare</span>
        </>
      )}
    >
      <div className={styles.query}>
        <QueryBox
          language="traceql" label="TraceQL" placeholder={`TraceQL: { resource.service.name = "checkout" && status = error }. Empty is every trace, by its root.`} value={text}
          onChange={(next) => setDraft({ of: view.q, text: next })} onRun={() => run(text)} complete={complete} error={error}
        />
        <span className="row">
          <button type="button" className="btn" aria-pressed={view.form} onClick={() => setView({ form: !view.form })}>Form</button>
          <button type="button" className="btn primary" onClick={() => run(text)}><Play className="ico" aria-hidden /> Run</button>
        </span>
      </div>
      {view.form && <Form text={text} range={range} onChange={run} />}
      <Panel
        title="Duration over time" note={heat ? "all spans that match, by time and duration · red outline: some failed · drag selects" : `${found.data ? drawnText(points.length, counted.data ?? null, found.hasNextPage) : "a point for each span that matches"} · red squares failed · drag selects`} flush
        tools={<>{heat && <Scale />}<Choice label="Chart" options={[{ id: "scatter", label: "Scatter" }, { id: "heat", label: "Heat map" }]} value={heat ? "heat" : "scatter"} onChange={(chart) => setView({ chart })} /></>}
      >
        <Chart
          range={range} points={heat ? null : points} cells={heat ? (cells.data ?? null) : null} failedCells={heat ? (failedCells.data ?? null) : null} brush={brush}
          onBrush={(next) => setView({ brush: next ? brushText(next) : "", select: "", ticked: [] })} onOpen={(point) => go(path("traces", point.trace), { span: point.span })}
        />
      </Panel>
      {comparison && (
        <Selected
          what={comparison} note={selectedText}
          onPick={(condition) => run(narrowed(query, condition))} onClose={unselect}
        />
      )}
      <Panel
        className={comparison ? styles.tableBelow : styles.table} flush
        title={<Choice label="What to list" options={TABS} value={view.tab} onChange={(tab) => setView({ tab })} />}
        note={
          <>
            {isSelection && (
              <span className="chip">
                <span className="clip" style={{ maxWidth: 460 }} title={selectedText}>Only the selection: {selectedText}</span>
                <button type="button" className="btn quiet icon" style={{ width: 18, height: 18 }} aria-label="Show all rows again" onClick={unselect}><X size={12} aria-hidden /></button>
              </span>
            )}{" "}
            {view.tab === "spans" ? "the first 5 matching spans of each set" : view.tab === "groups" ? `of the ${group(selectedPoints.length)} spans read` : ""}
          </>
        }
        tools={listed.hasNextPage && <button type="button" className="btn" disabled={listed.isFetchingNextPage} onClick={() => void listed.fetchNextPage()}>{listed.isFetchingNextPage ? "Loading…" : "Load older"}</button>}
      >
        <FiveFaces
          query={listed} rows={10} isEmpty={() => traces.length === 0}
          empty={isSelection ? <Empty title="No trace lies in the selection." actions={<button type="button" className="btn" onClick={unselect}>Show all rows again</button>}>{selectedText}</Empty> : <NoMatch query={query} range={range} onQuery={run} />}
        >
          {() => view.tab === "traces" ? (
            <TracesTable traces={traces} ticked={view.ticked} onTick={tick} selected={selected} onOpen={(trace) => {
              setSelected(trace.trace_id);
              go(path("traces", trace.trace_id), view.q.trim() === "" && view.select === "" ? {} : { span: trace.sets.flatMap((set) => set.spans).find((span) => keep({ start: span.start_time, duration: Number(span.duration) }))?.span_id });
            }} />
          ) : view.tab === "spans" ? <Spans traces={traces} keep={keep} onOpen={(point) => go(path("traces", point.trace), { span: point.span })} />
            : <Groups points={selectedPoints} onOpen={(one) => run(narrowed(narrowed(view.q, { field: "resource.service.name", op: "=", value: JSON.stringify(one.service) }), { field: "name", op: "=", value: JSON.stringify(one.name) }))} />}
        </FiveFaces>
      </Panel>
    </Page>
  );
}

const Scale = () => (
  <span className={`small faint ${styles.scale}`} aria-hidden>few {Array.from({ length: 8 }, (_, i) => <i key={i} style={{ background: `var(--q${i + 1})` }} />)} many</span>
);
