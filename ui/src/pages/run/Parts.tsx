/** Stages and thresholds of one run. */

import type { Run } from "@/api/runs";
import { Empty } from "@/components/FiveFaces";
import { Panel } from "@/components/Panel";
import { StateChip } from "@/components/StateChip";
import { Table, type TableColumn } from "@/components/Table";
import { percentile } from "@/model/run/latency";
import { errorRatio } from "@/model/run/run";
import { hms, subtract } from "@/model/time";
import { count, duration, durationMs, NO_DATA, NOT_APPLICABLE, rate, ratio } from "@/model/units";
import { useZone } from "@/preferences/preferences";

type Stage = Run["stages"][number];
type Threshold = Run["thresholds"][number];

export function Stages({ run }: { run: Run }) {
  const zone = useZone();
  const at = (row: Stage, p: number) => {
    const value = row.latency ? percentile(row.latency, p) : null;
    return value === null ? <span className="faint">{NO_DATA}</span> : durationMs(value / 1e6);
  };
  const columns: TableColumn<Stage>[] = [
    { id: "name", head: "Stage", cell: (row) => <b>{row.name}</b> },
    { id: "start", head: "From", numeric: true, width: 84, cell: (row) => (row.started_at ? hms(row.started_at, zone) : NOT_APPLICABLE) },
    { id: "lasted", head: "Lasted", numeric: true, width: 84, cell: (row) => (row.started_at && row.ended_at ? duration(subtract(row.ended_at, row.started_at)) : NOT_APPLICABLE) },
    { id: "intended", head: "Intended/s", numeric: true, width: 84, cell: (row) => (row.intended_rate === null || row.intended_rate === undefined ? NOT_APPLICABLE : rate(row.intended_rate)) },
    { id: "achieved", head: "Achieved/s", numeric: true, width: 84, cell: (row) => (row.achieved_rate === null || row.achieved_rate === undefined ? NO_DATA : <span className={row.intended_rate && row.achieved_rate < row.intended_rate * 0.95 ? "warn" : undefined}>{rate(row.achieved_rate)}</span>) },
    { id: "requests", head: "Requests", numeric: true, width: 84, cell: (row) => count(row.requests) },
    { id: "errors", head: "Errors", numeric: true, width: 72, cell: (row) => ratio(errorRatio(row)) },
    { id: "p50", head: "p50", numeric: true, width: 76, cell: (row) => at(row, 50) },
    { id: "p99", head: "p99", numeric: true, width: 76, cell: (row) => at(row, 99) },
  ];
  return (
    <Panel title="Stages" flush>
      {run.stages.length === 0 ? <Empty>It had one stage, or its tool names none.</Empty> : <Table label="Stages" columns={columns} rows={run.stages} rowKey={(row) => `${row.name}${String(row.started_at ?? "")}`} />}
    </Panel>
  );
}

export function Thresholds({ run }: { run: Run }) {
  const columns: TableColumn<Threshold>[] = [
    { id: "expression", head: "Threshold", cell: (row) => <span className="mono">{row.expression}</span> },
    { id: "actual", head: "Actual", numeric: true, width: 110, cell: (row) => row.actual ?? NOT_APPLICABLE },
    { id: "passed", head: "", label: "Whether it was kept", width: 96, cell: (row) => <StateChip tone={row.passed ? "good" : "bad"}>{row.passed ? "kept" : "missed"}</StateChip> },
  ];
  return (
    <Panel title="Thresholds" flush>
      {run.thresholds.length === 0 ? <Empty>Nothing was promised of this run. Give its generator thresholds, such as <code>p99&lt;250ms</code>, and it has a verdict.</Empty> : <Table label="Thresholds" columns={columns} rows={run.thresholds} rowKey={(row) => row.expression} tone={(row) => (row.passed ? undefined : "bad")} />}
    </Panel>
  );
}
