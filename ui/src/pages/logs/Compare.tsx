/** The range against another: whose share of which value changed. Shift-drag on the histogram chooses the other. */

import { useMemo } from "react";
import { useLogFacets, useLogRecords } from "@/api/logs";
import { Empty, FiveFaces } from "@/components/FiveFaces";
import { Table, type TableColumn } from "@/components/Table";
import type { Range } from "@/model/range";
import { hms } from "@/model/time";
import { group, ratio } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import { type Difference, differences, nothingIn } from "./differences";
import { fieldsOf } from "@/components/logs/fieldList";
import styles from "./logs.module.css";
import { term } from "@/components/logs/query";

const FIELDS = 16;
const VALUES = 50;

export function Compare({ search, range, other, onPick }: { search: string; range: Range; other: Range; onPick: (condition: string, exclude: boolean) => void }) {
  const zone = useZone();
  const sample = useLogRecords(search, range, 200);
  const fields = useMemo(() => ["severity", "service", ...fieldsOf(sample.data?.logs ?? []).map((field) => field.key)].slice(0, FIELDS), [sample.data]);
  const here = useLogFacets(search, range, fields, VALUES, { enabled: sample.data !== undefined });
  const there = useLogFacets(search, other, fields, VALUES, { enabled: sample.data !== undefined });
  const found = useMemo(() => (here.data && there.data ? differences(here.data, there.data) : undefined), [here.data, there.data]);
  const nothing = here.data && there.data ? nothingIn(here.data, there.data) : null;
  const [from, to] = nothing === "here" ? [range.from, range.to] : [other.from, other.to];
  const columns: TableColumn<Difference>[] = [
    { id: "field", head: "Field", width: 200, cell: (row) => row.field, sort: (row) => row.field },
    { id: "value", head: "Value", cell: (row) => <span className="mono">{typeof row.value === "string" ? row.value : JSON.stringify(row.value)}</span> },
    { id: "here", head: "This range", numeric: true, width: 110, cell: (row) => <span title={`${group(row.hereCount)} records`}>{ratio(row.here)}</span>, sort: (row) => row.here },
    { id: "there", head: "Other", numeric: true, width: 110, cell: (row) => <span title={`${group(row.thereCount)} records`}>{ratio(row.there)}</span>, sort: (row) => row.there },
    { id: "bars", head: "", label: "Shares as bars", width: 220, cell: (row) => <Bars here={row.here} there={row.there} /> },
  ];
  return (
    <div className={styles.pane}>
      {nothing === null && (
        <p className="small dim" style={{ padding: "8px 12px" }}>
          {hms(range.from, zone)}–{hms(range.to, zone)} ({group(here.data?.total ?? 0)} records) against {hms(other.from, zone)}–{hms(other.to, zone)} ({group(there.data?.total ?? 0)} records). Shift-drag on the histogram chooses another time. A click filters.
        </p>
      )}
      <FiveFaces
        query={{ data: found, error: sample.error ?? here.error ?? there.error, isFetching: here.isFetching, dataUpdatedAt: here.dataUpdatedAt, refetch: here.refetch }} rows={8}
        isEmpty={(rows) => rows.length === 0} empty={nothing === null ? <Empty title="No different.">No value’s share differs by more than chance would explain.</Empty> : (
          <Empty title="There is nothing to compare.">
            {nothing === "both" ? `No record matches in ${hms(range.from, zone)}–${hms(range.to, zone)}, nor in ${hms(from, zone)}–${hms(to, zone)}` : `No record matches in ${hms(from, zone)}–${hms(to, zone)}${nothing === "there" ? ", the time to compare with" : ""}`}.
            {" "}Hold Shift and drag over the bars of the histogram to choose the time to compare with, or choose a longer range above.
          </Empty>
        )}
      >
        {(rows) => <Table label="What differs" columns={columns} rows={rows} rowKey={(row) => `${row.field}=${JSON.stringify(row.value)}`} onOpen={(row) => onPick(term(row.field, row.value), false)} />}
      </FiveFaces>
    </div>
  );
}

const bar = (share: number, colour: string) => <span style={{ display: "block", height: 6, borderRadius: 2, background: colour, width: `${Math.max(0.5, share * 100)}%` }} />;
const Bars = ({ here, there }: { here: number; there: number }) => <span aria-hidden style={{ display: "grid", gap: 2 }}>{bar(here, "var(--accent)")}{bar(there, "var(--line-strong)")}</span>;
