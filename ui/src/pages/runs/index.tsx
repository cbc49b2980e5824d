/** Load tests: did they hold, and what each was against the one before it. */

import { GitCompareArrows } from "lucide-react";
import { useMemo, useRef } from "react";
import { RUNS_LISTED, useRuns } from "@/api/runs";
import { curl } from "@/api/sql";
import { CopyAs } from "@/components/CopyAs";
import { Empty, FiveFaces, Partial } from "@/components/FiveFaces";
import { useKeys } from "@/components/keys/keys";
import { Go } from "@/components/location/Go";
import { path } from "@/components/location/path";
import { useTime } from "@/components/location/time";
import { useGo } from "@/components/location/useGo";
import { useView } from "@/components/location/useView";
import { Page } from "@/components/Page";
import { Panel } from "@/components/Panel";
import { Verdict } from "@/components/runs/Verdict";
import { Table, type TableColumn } from "@/components/Table";
import { percentChange } from "@/model/run/compare";
import { errorRatio } from "@/model/run/run";
import { exact, subtract, when } from "@/model/time";
import { count, duration, durationMs, group, NO_DATA, NOT_APPLICABLE, rate, ratio } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import { NoRuns } from "./NoRuns";
import { found, headline, type Row, rowsOf } from "./rows";
import styles from "./runs.module.css";
import { codec, COMPARED_MAX } from "./url";

const ms = (ns: number | null) => (ns === null ? <span className="faint">{NO_DATA}</span> : durationMs(ns / 1e6));

export default function RunsPage() {
  const { view, setView, ignored } = useView(codec);
  const { now } = useTime();
  const zone = useZone();
  const go = useGo();
  const query = useRuns();
  const all = useMemo(() => rowsOf(query.data?.runs ?? []), [query.data]);
  const rows = found(all, view.q);
  const ticked = view.ticked.filter((id) => all.some((row) => row.run.id === id));
  const input = useRef<HTMLInputElement>(null);
  const tick = (id: string) => setView({ ticked: ticked.includes(id) ? ticked.filter((one) => one !== id) : [...ticked, id].slice(-COMPARED_MAX) }, "replace");
  const [newest, ...others] = [...all.filter((row) => ticked.includes(row.run.id)).map((row) => row.run.id)];
  const compare = () => newest !== undefined && others.length > 0 && go(path("runs", newest), { with: others.join(",") });
  useKeys([{ keys: "/", does: "Find a load test", run: () => input.current?.focus() }, { keys: "c", does: "Compare the ticked", run: compare }]);
  const columns: TableColumn<Row>[] = [
    {
      id: "tick", head: "", label: "Compare", width: 36,
      cell: ({ run }) => <input type="checkbox" aria-label={`Compare ${run.name} of ${when(run.started_at, now, zone)}`} checked={ticked.includes(run.id)} onChange={() => tick(run.id)} />,
    },
    { id: "time", head: "Started", width: 120, cell: ({ run }) => <span title={exact(run.started_at, zone)}>{when(run.started_at, now, zone)}</span>, sort: ({ run }) => run.started_at },
    { id: "name", head: "Name", cell: ({ run }) => <Go className={styles.name} to={path("runs", run.id)}>{run.name}</Go>, sort: ({ run }) => run.name },
    { id: "version", head: "Version", width: 130, cell: ({ run }) => (run.version ? <span className="mono">{run.version}</span> : <span className="faint">{NOT_APPLICABLE}</span>), sort: ({ run }) => run.version },
    { id: "tool", head: "Tool", width: 110, cell: ({ run }) => <span className="dim">{run.tool ?? NOT_APPLICABLE}</span>, sort: ({ run }) => run.tool },
    { id: "lasted", head: "Lasted", numeric: true, width: 96, cell: ({ run }) => (run.ended_at ? duration(subtract(run.ended_at, run.started_at)) : NOT_APPLICABLE), sort: ({ run }) => (run.ended_at ? run.ended_at - run.started_at : null) },
    { id: "rate", head: "Requests/s", numeric: true, width: 96, cell: (row) => <Rate row={row} />, sort: ({ run }) => run.total.achieved_rate },
    { id: "p50", head: "p50", numeric: true, width: 84, cell: (row) => ms(row.p50), sort: (row) => row.p50 },
    { id: "p99", head: "p99", numeric: true, width: 84, cell: (row) => ms(row.p99), sort: (row) => row.p99 },
    { id: "change", head: "vs. before", label: "p99 against the run of this name before it", numeric: true, width: 84, cell: (row) => <Change row={row} rows={all} />, sort: (row) => changeOf(row, all) },
    { id: "p999", head: "p99.9", numeric: true, width: 84, cell: (row) => ms(row.p999), sort: (row) => row.p999 },
    { id: "errors", head: "Errors", numeric: true, width: 84, cell: ({ run }) => <span title={`${group(run.total.errors)} of ${group(run.total.requests)}`}>{ratio(errorRatio(run.total))}</span>, sort: ({ run }) => errorRatio(run.total) },
    { id: "verdict", head: "Verdict", width: 124, cell: ({ run }) => <Verdict run={run} />, sort: ({ run }) => String(run.passed) },
  ];
  return (
    <Page
      title={query.data ? headline(all) : "Load tests"} name="Load tests" ignored={ignored} note={<span className="small">of all time, newest first</span>}
      actions={
        <>
          <input ref={input} className="input" type="search" aria-label="Find a load test by name, version or label" placeholder="Find" value={view.q} onChange={(event) => setView({ q: event.target.value }, "replace")} />
          <CopyAs sources={{ curl: curl("/api/v1/runs") }} />
          <button type="button" className={others.length === 0 ? "btn" : "btn primary"} aria-disabled={others.length === 0} onClick={compare} title={others.length === 0 ? `Tick two to ${COMPARED_MAX} runs` : undefined}><GitCompareArrows className="ico" aria-hidden /> Compare{ticked.length > 0 && ` ${ticked.length}`}</button>
        </>
      }
    >
      <Panel flush>
        <FiveFaces
          query={query} rows={8} height={300} isEmpty={() => rows.length === 0}
          empty={all.length === 0 ? <NoRuns /> : <Empty actions={<button type="button" className="btn" onClick={() => setView({ q: "" })}>Show all {all.length}</button>}>None of {all.length} load tests is like “{view.q}”.</Empty>}
          partial={(data) => data.runs.length >= RUNS_LISTED && <Partial>The newest {RUNS_LISTED} load tests; older ones are reached by the API, <code>/api/v1/runs?to=…</code>.</Partial>}
        >
          {() => <Table label="Load tests" columns={columns} rows={rows} rowKey={(row) => row.run.id} onOpen={(row) => go(path("runs", row.run.id))} tone={({ run }) => (run.passed === false ? "bad" : undefined)} />}
        </FiveFaces>
      </Panel>
      {all.length > 0 && <details><summary className="dim">How to register a run</summary><Panel flush><NoRuns isFirst={false} /></Panel></details>}
    </Page>
  );
}

function Rate({ row: { run: { total, behind_seconds_max } } }: { row: Row }) {
  const [intended, achieved] = [total.intended_rate ?? null, total.achieved_rate ?? null];
  if (achieved === null) return <span className="faint">{NO_DATA}</span>;
  const short = intended !== null && achieved < intended * 0.95;
  return <span className={short || (behind_seconds_max ?? 0) > 1 ? "warn" : undefined} title={intended === null ? `${count(total.requests)} requests` : `of ${rate(intended)} intended${short ? ": the generator fell behind" : ""}`}>{rate(achieved)}</span>;
}

const changeOf = (row: Row, rows: readonly Row[]): number | null => {
  const before = rows.find((one) => one.run.id === row.before?.id)?.p99 ?? null;
  return before === null || row.p99 === null || before <= 0 ? null : row.p99 / before;
};

/** Grey: whether a change is more than chance is said by the comparison, which has the histograms. */
function Change({ row, rows }: { row: Row; rows: readonly Row[] }) {
  const factor = changeOf(row, rows);
  if (factor === null || row.before === null) return <span className="faint">{NOT_APPLICABLE}</span>;
  return <Go className="dim" to={path("runs", row.run.id)} search={{ with: row.before.id }} title={`Compare with the run before it, ${row.before.version ?? "without a version"}`}>{percentChange(factor)}</Go>;
}
