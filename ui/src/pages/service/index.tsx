/** All of one service: how it does, on what it depends, what it says. */

import { useParams } from "@tanstack/react-router";
import { X } from "lucide-react";
import { useMemo } from "react";
import { operationsSql, useErrorTypes, useOperations, useSlow } from "@/api/service";
import { useSlos } from "@/api/slos";
import { TimeSeries } from "@/charts/TimeSeries";
import { CopyAs } from "@/components/CopyAs";
import { Empty, ErrorFace, FiveFaces } from "@/components/FiveFaces";
import { useKeys } from "@/components/keys/keys";
import { Go } from "@/components/location/Go";
import { path } from "@/components/location/path";
import { useGo } from "@/components/location/useGo";
import { useTime } from "@/components/location/time";
import { useView } from "@/components/location/useView";
import { Page } from "@/components/Page";
import { Panel } from "@/components/Panel";
import { useServices } from "@/components/services/useServices";
import { StateChip } from "@/components/StateChip";
import { Tabs } from "@/components/Tabs";
import { useStep } from "@/components/trail/useStep";
import { backBy, withEarlier } from "@/model/against";
import { earlierGrid } from "@/model/traffic";
import { budget, durationMs } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import { Calls } from "./Calls";
import { Failures, Instances, LogPatterns, Metrics, Resource, Slow } from "./Evidence";
import { Operations } from "./Operations";
import { errorLines, linesOf, operationsOf } from "./rows";
import { sentenceOf } from "./sentence";
import styles from "./service.module.css";
import { codec, type ServiceTab, TABS } from "./url";
import { Versions } from "./Versions";

const LABELS: Record<ServiceTab, string> = { errors: "Errors", slow: "Slow traces", logs: "Log patterns", instances: "Instances", metrics: "Metrics", resource: "Resource" };
const VIEWS = { errors: Failures, slow: Slow, logs: LogPatterns, instances: Instances, metrics: Metrics, resource: Resource };
/** Traces marked on the chart of latency. */
const EXEMPLARS = 12;
const QUANTILES = ["p50", "p95", "p99"] as const;

export default function ServicePage() {
  const params: Record<string, string | undefined> = useParams({ strict: false });
  const service = params.service ?? "";
  const { view, setView, ignored } = useView(codec);
  const zone = useZone();
  const go = useGo();
  const { grid, rows, query: traffic, failures } = useServices(service);
  const row = rows[0];
  const subject = useMemo(() => ({ service, operation: view.operation }), [service, view.operation]);
  const query = useOperations(service, grid);
  const types = useErrorTypes(subject, grid);
  const slow = useSlow(subject, grid.range);
  const slos = useSlos();
  const owner = slos.data?.slos.find((slo) => slo.service === service && slo.labels.owner !== undefined)?.labels.owner;
  const operations = useMemo(() => operationsOf(query.data?.rows ?? [], grid), [query.data, grid]);
  const lines = useMemo(() => linesOf(query.data?.rows ?? [], grid, view.operation), [query.data, grid, view.operation]);
  const { against, now } = useTime();
  const by = backBy(grid.range, against);
  const gridBefore = useMemo(() => (by === null ? grid : earlierGrid(grid, by)), [grid, by]);
  const then = useOperations(service, gridBefore, { enabled: by !== null });
  const before = useMemo(() => (by === null || !then.data ? null : linesOf(then.data.rows, gridBefore, view.operation)), [by, then.data, gridBefore, view.operation]);
  const errors = useMemo(() => errorLines(types.data?.rows ?? [], grid, lines.counts), [types.data, grid, lines.counts]);
  useStep(row ? `Service ${service}` : null, "service", "follow");
  const toggleVersions = () => setView({ versions: view.versions === "off" ? "compare" : "off" });
  useKeys([
    ...TABS.map((tab, index) => ({ keys: String(index + 1), does: `Tab ${LABELS[tab]}`, run: () => setView({ tab }, "replace") })),
    { keys: "v", does: "Compare versions", run: toggleVersions },
  ]);
  const marks = useMemo(() => (row?.deploys ?? []).map((deploy) => ({ at: deploy.at, kind: "deploy" as const, label: deploy.to })), [row]);
  const exemplars = useMemo(
    () => (slow.data?.rows ?? []).slice(0, EXEMPLARS).map((one) => ({ at: one.start_time, value: Number(one.duration), label: one.trace_id, open: () => go(path("traces", one.trace_id), { span: one.span_id, paused: "1" }) })),
    [slow.data, go],
  );
  const current = row?.versions?.current;
  const View = VIEWS[view.tab];

  return (
    <Page
      title={row ? sentenceOf({ ...row.traffic, worsened: row.worsened }, now, zone) : service} name={`Service ${service}`} ignored={ignored}
      note={
        <>
          {current && <span className="chip">version {current.version}{row.versions && current.instances < row.versions.instances ? ` on ${current.instances} of ${row.versions.instances}` : ""}</span>}
          {owner && <span className="dim">{owner}</span>}
          {row?.standings.map((one) => (
            <Go key={`${one.slo} ${one.objective}`} to={path("slos", one.slo)} title={one.title}><StateChip tone={one.tone}>{one.title} {one.held ? "held" : one.left === null ? "" : `${budget(one.left)} left`}</StateChip></Go>
          ))}
        </>
      }
      actions={
        <>
          <button type="button" className="btn" aria-pressed={view.versions === "compare"} onClick={toggleVersions}>Compare versions</button>
          <CopyAs sources={{ sql: operationsSql(service, grid) }} />
        </>
      }
    >
      {failures.map((error) => <Panel key={error.what} flush><ErrorFace error={error} /></Panel>)}
      {view.operation !== "" && (
        <p className="row"><span className="chip">Only {view.operation}<button type="button" className="btn quiet icon" style={{ width: 18, height: 18 }} aria-label="Show all operations again" onClick={() => setView({ operation: "" })}><X size={12} aria-hidden /></button></span></p>
      )}
      {traffic.data && rows.length === 0 ? (
        <Panel flush><Empty title={`${service} sent no span in this range.`} actions={<><Go className="btn" to="/services">All services</Go><Go className="btn" to="/ingest">Ingest health</Go></>}>Choose a longer range above; what it sent before may have gone with retention.</Empty></Panel>
      ) : (
        <>
          <div className={styles.charts}>
            <Panel title="Requests per second"><FiveFaces query={query} height={190}>{() => <TimeSeries label={`Requests per second of ${service}`} times={grid.times} unit="rate" lines={withEarlier([{ name: "requests/s", values: lines.rates, token: "--accent" }], before && [{ name: "requests/s", values: before.rates }], against)} marks={marks} height={170} legend />}</FiveFaces></Panel>
            <Panel title="Share of requests that fail" note="by type">
              <FiveFaces query={types} height={190}>
                {() => <TimeSeries label={`Errors of ${service} by type`} times={grid.times} unit="ratio" lines={[...(errors.length > 0 ? errors.map((line, index) => ({ ...line, ...(index === 0 ? { token: "--bad" } : {}) })) : []), ...withEarlier([{ name: "errors", values: lines.ratios, token: "--accent" }], before && [{ name: "errors", values: before.ratios }], against).slice(errors.length > 0 ? 1 : 0)]} marks={marks} height={170} legend />}
              </FiveFaces>
            </Panel>
            <Panel title="Latency" note={`p50, p95, p99${exemplars[0] ? ` · slowest ${durationMs(exemplars[0].value / 1e6)}` : ""}`}>
              <FiveFaces query={query} height={190}>
                {() => <TimeSeries label={`Latency of ${service}`} times={grid.times} unit="nanos" lines={withEarlier([{ name: "p50", values: lines.p50, token: "--c5" }, { name: "p95", values: lines.p95, token: "--c1" }, { name: "p99", values: lines.p99, token: "--c3" }], before && QUANTILES.map((name) => ({ name, values: before[name] })), against)} marks={marks} exemplars={exemplars} height={170} legend />}
              </FiveFaces>
            </Panel>
          </div>
          {view.versions === "compare" && <Versions subject={subject} grid={grid} />}
          <div className={styles.middle}>
            <Panel title="Operations" note="choose one to see it alone" flush>
              <FiveFaces query={query} rows={5} height={200} isEmpty={() => operations.length === 0}>{() => <Operations operations={operations} selected={view.operation} onSelect={(operation) => setView({ operation })} />}</FiveFaces>
            </Panel>
            <Calls service={service} range={grid.range} />
          </div>
          <Panel flush>
            <Tabs label="What it says" tabs={TABS.map((id) => ({ id, label: LABELS[id] }))} value={view.tab} onChange={(tab) => setView({ tab }, "replace")}>
              <View subject={subject} grid={grid} />
            </Tabs>
          </Panel>
        </>
      )}
    </Page>
  );
}
