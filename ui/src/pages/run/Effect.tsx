/** What the run did to SLOs: bad events and burn while it ran, and in as long a time before. */

import { type Effect, effectSql, type Run, useEffectOnSlos, windowOf } from "@/api/runs";
import { type Slo, useSlos } from "@/api/slos";
import { CopyAs } from "@/components/CopyAs";
import { Empty, FiveFaces } from "@/components/FiveFaces";
import { Go } from "@/components/location/Go";
import { path } from "@/components/location/path";
import { Panel } from "@/components/Panel";
import { StateChip } from "@/components/StateChip";
import { targetOf, targetWords, titleOf } from "@/components/slo/words";
import { Table, type TableColumn } from "@/components/Table";
import { type Nanos, toIso } from "@/model/time";
import { burn, count, group, NO_DATA } from "@/model/units";

interface Row extends Effect {
  slo: string;
  title: string;
  target: string;
  /** Share of bad events ÷ share allowed; null without events. */
  during: number | null;
  before: number | null;
}

function rowsOf(effects: readonly Effect[], slos: readonly Slo[]): Row[] {
  const rows = effects.map((one): Row => {
    const slo = slos.find((each) => each.name === one.slo);
    const objective = slo?.objectives[one.objective];
    const allowed = objective ? 1 - targetOf(objective) : null;
    const rateOf = (bad: number, total: number) => (allowed === null || allowed <= 0 || total === 0 ? null : bad / total / allowed);
    return { ...one, title: slo ? titleOf(slo) : one.slo, target: objective ? targetWords(objective) : NO_DATA, during: rateOf(one.during_bad, one.during_total), before: rateOf(one.before_bad, one.before_total) };
  });
  return rows.filter((row) => row.during_total > 0).sort((a, b) => (b.during ?? 0) - (a.during ?? 0));
}

/** Faster than allowed, and faster than before. */
const tone = (row: Row) => (row.during !== null && row.during > 1 ? (row.during > Math.max(1, row.before ?? 0) * 1.5 ? "bad" : "warn") : undefined);

export function EffectOnSlos({ run, now }: { run: Run; now: Nanos }) {
  const window = windowOf(run, now);
  const [query, slos] = [useEffectOnSlos(window), useSlos()];
  const rows = rowsOf(query.data?.rows ?? [], slos.data?.slos ?? []);
  const columns: TableColumn<Row>[] = [
    { id: "slo", head: "SLO", cell: (row) => <Go to={path("slos", row.slo)} search={{ from: toIso(window.from), to: toIso(window.to) }}>{row.title}</Go>, sort: (row) => row.title },
    { id: "target", head: "Objective", numeric: true, width: 90, cell: (row) => row.target },
    { id: "bad", head: "Bad events", numeric: true, width: 130, cell: (row) => <span title={`${group(row.during_bad)} of ${group(row.during_total)}`}>{count(row.during_bad)} <span className="dim">of {count(row.during_total)}</span></span>, sort: (row) => row.during_bad },
    { id: "during", head: "Burn", numeric: true, width: 84, cell: (row) => (row.during === null ? NO_DATA : <span className={tone(row)}>{burn(row.during)}</span>), sort: (row) => row.during },
    { id: "before", head: "Before", numeric: true, width: 84, cell: (row) => (row.before === null ? <span className="faint">{NO_DATA}</span> : burn(row.before)), sort: (row) => row.before },
    { id: "state", head: "", label: "Effect", width: 130, cell: (row) => (tone(row) === "bad" ? <StateChip tone="bad">burns faster</StateChip> : tone(row) === "warn" ? <StateChip tone="warn">burns, as before</StateChip> : <StateChip tone="good">within budget</StateChip>) },
  ];
  return (
    <Panel title="Effect on SLOs" note="while it ran, and as long before" tools={<CopyAs sources={{ sql: effectSql(window) }} />} flush>
      <FiveFaces query={query} rows={3} isEmpty={() => rows.length === 0} empty={<Empty title="No SLO counted an event meanwhile.">None is on what the run called, or its times lie before what is stored.</Empty>}>
        {() => <Table label="Effect on SLOs" columns={columns} rows={rows} rowKey={(row) => `${row.slo}/${row.objective}`} tone={tone} />}
      </FiveFaces>
    </Panel>
  );
}
