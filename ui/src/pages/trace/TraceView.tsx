/** A trace that is there: its head, its waterfall, flame graph or table, and the span chosen. */

import { Copy, OctagonAlert } from "lucide-react";
import { type ReactNode, useMemo, useState } from "react";
import { curl } from "@/api/sql";
import { useSpan, type Trace } from "@/api/trace";
import { copy, CopyAs } from "@/components/CopyAs";
import { Empty, Partial } from "@/components/FiveFaces";
import { Page } from "@/components/Page";
import { Go } from "@/components/location/Go";
import type { ViewState } from "@/components/location/useView";
import { type Clock, clocksOf, correctedExtent, errorsOf, operationsOf, type Window } from "@/model/trace/facts";
import { holdsTrace, logsIn } from "@/model/trace/holds";
import type { Expected } from "@/model/trace/rows";
import { at, nameOf, serviceOf } from "@/model/trace/tree";
import { hmsMs, zoneName } from "@/model/time";
import { serviceColour } from "@/model/service";
import { count, shortId } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import { Aside } from "./Aside";
import { Compare } from "./Compare";
import styles from "./Fall.module.css";
import { Flame } from "./Flame";
import { Operations } from "./Operations";
import { Picker } from "./Picker";
import { took } from "./Row";
import { Status } from "./Status";
import { Toolbar } from "./Toolbar";
import type { View } from "./url";
import { useFall } from "./useFall";
import { Waterfall } from "./Waterfall";

const NONE: Expected[] = [];

export function TraceView({ trace, state }: { trace: Trace; state: ViewState<View> }) {
  const { tree } = trace;
  const { view, setView, ignored } = state;
  const fall = useFall(trace, view, setView, NONE);
  const clocks = useMemo(
    () => (view.raw || trace.clock_skew.length === 0 ? null : clocksOf(tree, trace.clock_skew)),
    [view.raw, tree, trace.clock_skew],
  );
  const [picking, setPicking] = useState(false);
  const open = (span: number) => {
    fall.choose(span);
    setView({ view: "waterfall", span: tree.ids[span] ?? "" });
  };
  const openOperation = (service: string, name: string) => {
    const example = operationsOf(tree).find((one) => one.service === service && one.name === name);
    if (example) open(example.example);
  };
  return (
    <Page
      edge ignored={ignored} name={`Trace ${shortId(trace.trace_id)}`} title={<Subject trace={trace} />} note={<Facts trace={trace} clocks={clocks} onCorrected={fall.zoomTo} />} status={<Status trace={trace} raw={view.raw} />}
      actions={
        <>
          <CopyAs sources={sourcesOf(trace.trace_id)} trigger={<button type="button" className="btn"><Copy className="ico" aria-hidden />curl · SQL</button>} />
          <button type="button" className="btn" onClick={() => setPicking(true)}>Compare with…</button>
        </>
      }
    >
      {trace.truncated && <Partial>Not all of this trace is shown: {trace.stats.warnings.join("; ") || "it is larger than an answer may be"}.</Partial>}
      <Picker trace={trace} open={picking} onOpenChange={setPicking} onPick={(id) => {
        setPicking(false);
        setView({ compare: id });
      }} />
      {tree.ids.length === 0 ? <NoSpans trace={trace} /> : (
        <div className={styles.grid}>
          <Toolbar view={view} setView={setView} fall={fall} skewed={trace.clock_skew.length > 0} onCompare={() => setPicking(true)} />
          {view.compare !== "" ? (
            <div className={styles.main} data-plain>
              <Compare a={trace.trace_id} b={view.compare} onClose={() => setView({ compare: "" })} onOpen={(id) => setView({ span: id }, "replace")} />
            </div>
          ) : view.view === "waterfall" ? <Waterfall fall={fall} path={view.path} clocks={clocks} /> : (
            <div className={styles.main} data-plain>
              {view.view === "flame" ? <Flame id={trace.trace_id} path={view.path} find={view.find} onOpen={openOperation} /> : <Operations tree={tree} find={view.find} onOpen={open} />}
            </div>
          )}
          <Aside trace={trace} selected={fall.selected} />
        </div>
      )}
    </Page>
  );
}

const sourcesOf = (id: string) => ({
  sql: `SELECT * FROM spans WHERE trace_id = '${id}' ORDER BY start_time`,
  curl: curl(`/api/v1/traces/${id}`),
  value: id,
});

function Subject({ trace: { tree } }: { trace: Trace }) {
  if (tree.ids.length === 0) return <>Only log records</>;
  return (
    <span className="row" style={{ whiteSpace: "nowrap" }}>
      <span className="dot" style={{ "--c": serviceColour(serviceOf(tree, 0)), width: 10, height: 10 } as React.CSSProperties} aria-hidden />
      <span className="clip">{serviceOf(tree, 0)} {nameOf(tree, 0) || "root not stored"}</span>
    </span>
  );
}

/** `504 · 3 errors`, then how long, how much, since when. */
function Facts({ trace, clocks, onCorrected }: { trace: Trace; clocks: ReadonlyMap<string, Clock> | null; onCorrected: (window: Window) => void }) {
  const { tree } = trace;
  const zone = useZone();
  const [copied, setCopied] = useState(false);
  const root = useSpan(trace, at(tree.source, 0));
  const code = root?.attributes["http.response.status_code"] ?? root?.attributes["http.status_code"] ?? root?.attributes["rpc.grpc.status_code"];
  const errors = useMemo(() => errorsOf(tree).length, [tree]);
  const spans = useMemo(() => tree.source.reduce((sum, source) => sum + (source >= 0 ? 1 : 0), 0), [tree]);
  const services = tree.services.filter((service) => service !== "").length;
  const corrected = useMemo(() => clocks && correctedExtent(tree, clocks), [tree, clocks]);
  const words = [typeof code === "number" || typeof code === "string" ? String(code) : "", errors > 0 ? `${count(errors)} ${errors === 1 ? "error" : "errors"}` : ""].filter((word) => word !== "");
  return (
    <>
      {words.length > 0 && <span className={`chip ${errors > 0 ? "bad" : ""}`}>{errors > 0 && <OctagonAlert size={12} aria-hidden />}{words.join(" · ")}</span>}
      <span className="small dim">
        <strong style={{ color: "var(--text)" }}>{took(tree.width)}</strong>{" "}
        {corrected && (
          <>
            as sent, <button type="button" className="hold" style={{ all: "unset", cursor: "pointer", color: "var(--hold)", textDecoration: "underline" }} title="Zoom to where the spans would be, were the clocks right. Bars stay as they were sent, durations are the same." onClick={() => onCorrected(corrected)}>
              {took(corrected.to - corrected.from)}{corrected.bound === null ? " or so" : corrected.bound > 0 ? ` ± ${took(corrected.bound)}` : ""} with clocks corrected
            </button>{" "}
          </>
        )}
        · {count(spans)} spans · {count(services)} services · {tree.logs.length > 0 ? <LogsOf trace={trace}>{count(tree.logs.length)} logs</LogsOf> : "0 logs"} · {hmsMs(tree.origin, zone)} {zoneName(zone)} ·{" "}
        <button type="button" className="mono" style={{ all: "unset", cursor: "pointer", color: "var(--accent)" }} title={`${trace.trace_id}, click to copy`} onClick={() => void copy(trace.trace_id).then(setCopied)}>
          <code>{copied ? "copied" : shortId(trace.trace_id)}</code>
        </button>
      </span>
    </>
  );
}

/** To its log records, in a time that holds them all. */
function LogsOf({ trace, children }: { trace: Trace; children: ReactNode }) {
  const search = useMemo(() => logsIn(`trace_id:${trace.trace_id}`, holdsTrace(trace.tree)), [trace]);
  return <Go to="/logs" search={search} style={{ textDecoration: "underline" }}>{children}</Go>;
}

function NoSpans({ trace }: { trace: Trace }) {
  return (
    <Empty title={`${count(trace.tree.logs.length)} log records carry this id, but no span does.`}>
      Its spans were dropped by retention, or their sender does not send traces. <code>{trace.trace_id}</code> <LogsOf trace={trace}>Read them in Logs</LogsOf>
    </Empty>
  );
}
