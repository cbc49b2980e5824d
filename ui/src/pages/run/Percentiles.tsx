/** Percentiles of each run with their intervals, and each against the page's own in one sentence. */

import { Table, type TableColumn } from "@/components/Table";
import { Verdict } from "@/components/runs/Verdict";
import { Go } from "@/components/location/Go";
import { path } from "@/components/location/path";
import { basis, comparison } from "@/model/run/compare";
import { type Interval, interval, percentile } from "@/model/run/latency";
import { errorRatio } from "@/model/run/run";
import { durationMs, group, NO_DATA, rate, ratio, THIN } from "@/model/units";
import { type Compared, measured } from "./runs";
import styles from "./run.module.css";

const SHOWN = [50, 90, 95, 99, 99.9, 100] as const;
const ms = (ns: number) => durationMs(ns / 1e6);

export function Percentiles({ runs, onRemove }: { runs: readonly Compared[]; onRemove: (id: string) => void }) {
  const columns: TableColumn<Compared>[] = [
    {
      id: "run", head: "Run",
      cell: ({ run, label, token }) => (
        <span className="row"><span className={styles.key} style={{ background: `var(${token})` }} aria-hidden />{run.id === runs[0]?.run.id ? <b className="clip">{label}</b> : <Go className="clip" to={path("runs", run.id)}>{label}</Go>}</span>
      ),
    },
    { id: "verdict", head: "Verdict", width: 110, cell: ({ run }) => <Verdict run={run} /> },
    { id: "rate", head: "Requests/s", numeric: true, width: 84, cell: ({ run }) => (run.total.achieved_rate === null || run.total.achieved_rate === undefined ? NO_DATA : rate(run.total.achieved_rate)) },
    { id: "errors", head: "Errors", numeric: true, width: 72, cell: ({ run }) => <span title={`${group(run.total.errors)} of ${group(run.total.requests)}`}>{ratio(errorRatio(run.total))}</span> },
    ...SHOWN.map((p): TableColumn<Compared> => ({ id: `p${p}`, head: p === 100 ? "Max" : `p${p}`, numeric: true, width: p === 100 ? 90 : 142, cell: ({ run }) => <Value run={run} p={p} /> })),
    ...(runs.length > 1 ? [{ id: "remove", head: "", label: "Leave out", width: 84, cell: ({ run, label }: Compared) => (run.id === runs[0]?.run.id ? null : <button type="button" className="btn quiet" aria-label={`Leave out ${label}`} onClick={() => onRemove(run.id)}>Leave out</button>) }] : []),
  ];
  return <Table label="Percentiles of latency" columns={columns} rows={[...runs]} rowKey={({ run }) => run.id} />;
}

function Value({ run, p }: { run: Compared["run"]; p: number }) {
  const latency = run.total.latency;
  const value = latency ? percentile(latency, p) : null;
  if (!latency || value === null) return <span className="faint">{NO_DATA}</span>;
  const sure = p === 100 ? null : interval(latency, p);
  return <span title={`${group(value)}${THIN}ns${sure === null ? "" : `, with 95${THIN}% confidence ${sureWords(sure)}`}`}>{ms(value)}{sure && <span className={styles.sure}> {sureWords(sure)}</span>}</span>;
}

/** `271–299`, the unit being said before; `over 271` when nothing bounds it from above. */
function sureWords({ low, high }: Interval): string {
  if (low === null && high === null) return "not bounded";
  if (high === null) return `over ${ms(low ?? 0)}`;
  if (low === null) return `under ${ms(high)}`;
  const [a, b] = [ms(low), ms(high)];
  const [unitA, unitB] = [a.split(THIN).at(-1), b.split(THIN).at(-1)];
  return unitA === unitB ? `${a.slice(0, a.lastIndexOf(THIN))}–${b.slice(0, b.lastIndexOf(THIN))}` : `${a}–${b}`;
}

/** One sentence for each other run: how the page's own differs from it. */
export function Sentences({ runs }: { runs: readonly Compared[] }) {
  const [own, ...others] = runs;
  const mine = own ? measured(own.run) : null;
  if (!own || !mine || others.length === 0) return null;
  return (
    <ul className={styles.sentences}>
      {others.map(({ run, label, token }) => {
        const theirs = measured(run);
        return (
          <li key={run.id}>
            <span className={styles.key} style={{ background: `var(${token})` }} aria-hidden /> <span>Against <b>{label}</b>: {theirs === null ? "it measured no latency" : comparison(theirs, mine)}.</span>
            {theirs && <span className="faint small"> {basis(theirs, mine)}</span>}
          </li>
        );
      })}
    </ul>
  );
}
