/** What a policy would have done: a sentence, and every page and ticket. */

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { type Backtest, cancelBacktests, useBacktest } from "@/api/slos";
import { Empty, FiveFaces } from "@/components/FiveFaces";
import { Table, type TableColumn } from "@/components/Table";
import { type Nanos, nanos, when } from "@/model/time";
import { budget, duration, group, NO_DATA, sli } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import { Going } from "./Going";
import { countOf, type Firing, firingsOf } from "./rows";

export function useOutcome(text: string, days: number, enabled: boolean) {
  return useBacktest(text, { start: `-${days}d`, end: "now" }, { enabled });
}

type Objective = Backtest["slos"][number]["objectives"][number];

export function sentenceOf(objective: Objective, days: number): string {
  const firings = firingsOf(objective.transitions);
  const some = (n: number, word: string) => `${n === 0 ? "no" : group(n)} ${word}${n === 1 ? "" : "s"}`;
  const status = objective.status;
  const target = Number.parseFloat(objective.target) / 100;
  const was = status && status.counted.total > 0n ? `Would have been ${sli(status.counted.good, status.counted.total, target)}, by ${group(status.events.total)} events` : "Nothing was measured";
  return `${was}, with ${some(countOf(firings, "page"), "page")} and ${some(countOf(firings, "ticket"), "ticket")} in ${days} days.`;
}

export function Outcome({ query, days, now }: { query: ReturnType<typeof useOutcome>; days: number; now: Nanos }) {
  const zone = useZone();
  const columns: TableColumn<Firing>[] = [
    { id: "severity", head: "Would have", width: 110, cell: (row) => (row.severity === "page" ? "paged" : "opened a ticket"), sort: (row) => row.severity },
    { id: "tier", head: "By tier", width: 130, cell: (row) => row.tier, sort: (row) => row.tier },
    { id: "from", head: "From", cell: (row) => when(row.from, now, zone), sort: (row) => row.from },
    { id: "to", head: "Lasted", numeric: true, width: 130, cell: (row) => (row.to === null ? "fires at the end" : duration(nanos(row.to - row.from))), sort: (row) => (row.to === null ? null : row.to - row.from) },
  ];
  // What another definition would have done is not shown for this one.
  const [wasStopped, setStopped] = useState(false);
  const client = useQueryClient();
  const shown = { ...query, data: query.isPlaceholderData ? undefined : query.data };
  const isStopped = wasStopped && !query.isFetching && shown.data === undefined && !query.error;
  return (
    <div className="stack">
      {query.isFetching && <Going days={days} onCancel={() => { setStopped(true); void cancelBacktests(client); }} />}
      {isStopped ? <Empty title="Stopped." actions={<button type="button" className="btn" onClick={() => { setStopped(false); void query.refetch(); }}>Run again</button>}>Nothing is known of this definition's past; it can be saved all the same.</Empty> : <FiveFaces query={shown} height={180} rows={5} isEmpty={(data) => data.slos.length === 0} empty={<Empty title="The text holds no SLO." />}>
      {(data) => data.slos.flatMap((slo) => slo.objectives.map((objective, index) => {
        const firings = firingsOf(objective.transitions);
        const left = objective.status?.budget.remaining;
        return (
          <div key={`${slo.name} ${index}`} className="stack">
            <p><strong>{sentenceOf(objective, days)}</strong> <span className="dim">Budget left at the end: {left === null || left === undefined ? NO_DATA : budget(left)}. The same evaluator goes through the history; events count where they lie by now.</span></p>
            {firings.length > 0 && <Table label="What would have fired" columns={columns} rows={[...firings].reverse()} rowKey={(row) => `${row.severity} ${row.tier} ${String(row.from)}`} tone={(row) => (row.severity === "page" ? "bad" : "warn")} height="320px" />}
          </div>
        );
      }))}
      </FiveFaces>}
    </div>
  );
}
