/** All metrics: name, type, unit, series, last seen; and what one most often wants of the one chosen. */

import { useMemo, useState } from "react";
import { useLabelNames, useLabelValues, useMetricFamilies, useSentMetrics } from "@/api/promql";
import { Empty, FiveFaces } from "@/components/FiveFaces";
import { Select } from "@/components/layers";
import { Table, type TableColumn } from "@/components/Table";
import type { Range } from "@/model/range";
import { type Nanos, subtract } from "@/model/time";
import { count, duration, group } from "@/model/units";
import { catalogue, type Metric, typeWords } from "./catalogue";
import { suggestions } from "@/components/series/expression";
import styles from "./metrics.module.css";

export interface ExplorerProps {
  range: Range;
  now: Nanos;
  find: string;
  onFind: (text: string) => void;
  onUse: (query: string) => void;
}

export function Explorer({ range, now, find, onFind, onUse }: ExplorerProps) {
  const sent = useSentMetrics();
  const families = useMetricFamilies();
  const names = useLabelValues("__name__", range);
  const [chosen, setChosen] = useState<string | null>(null);
  const metrics = useMemo(() => (sent.data && families.data ? catalogue(sent.data.rows, families.data, names.data ?? []) : undefined), [sent.data, families.data, names.data]);
  const words = find.toLowerCase().split(/\s+/).filter((word) => word !== "");
  const shown = metrics?.filter((metric) => words.every((word) => `${metric.name} ${metric.sentAs} ${metric.help} ${metric.type}`.toLowerCase().includes(word)));
  const columns: TableColumn<Metric>[] = [
    { id: "name", head: "Metric", cell: (metric) => <code title={metric.sentAs === "" ? metric.help : `sent as ${metric.sentAs}`}>{metric.name}</code>, sort: (metric) => metric.name },
    { id: "type", head: "Type", width: 150, cell: (metric) => <span className="dim">{typeWords(metric)}</span>, sort: (metric) => metric.type },
    { id: "unit", head: "Unit", width: 110, cell: (metric) => <span className="dim">{metric.unit === "" ? "–" : metric.unit}</span>, sort: (metric) => metric.unit },
    { id: "series", head: "Series", numeric: true, width: 90, cell: (metric) => (metric.series === null ? "–" : <span title={group(metric.series)}>{count(metric.series)}</span>), sort: (metric) => metric.series },
    { id: "seen", head: "Last seen", numeric: true, width: 120, cell: (metric) => <span className="dim">{metric.seen === null ? "–" : ago(later(now, metric.seen))}</span>, sort: (metric) => metric.seen },
  ];
  const metric = shown?.find((one) => one.name === chosen) ?? shown?.[0];
  return (
    <FiveFaces
      query={{ data: shown, error: sent.error ?? families.error, isFetching: sent.isFetching, dataUpdatedAt: sent.dataUpdatedAt, refetch: sent.refetch }} rows={8}
      isEmpty={() => metrics?.length === 0} empty={<Empty title="No metrics yet.">Send OTLP to :4317 or :4318, Prometheus remote write to /prometheus/api/v1/write, or set scrape targets. Spans make metrics of their own as they arrive.</Empty>}
    >
      {(rows) => (
        <div className={styles.explorer}>
          <div>
            <div style={{ padding: "8px 12px" }}><input className="input" style={{ width: "100%" }} value={find} onChange={(event) => onFind(event.target.value)} placeholder="Find a metric by name, type or description" aria-label="Find a metric" /></div>
            {rows.length === 0 ? <p className="dim" style={{ padding: "0 12px 12px" }}>No metric’s name, type or description has “{find}”.</p> : <Table label="Metrics" columns={columns} rows={rows} rowKey={(one) => one.name} selected={metric?.name ?? null} onOpen={(one) => setChosen(one.name)} height={420} />}
          </div>
          {metric && <Chosen key={metric.name} metric={metric} range={range} onUse={onUse} />}
        </div>
      )}
    </FiveFaces>
  );
}

const ago = (span: Nanos): string => (span < 60_000_000_000n ? `${span / 1_000_000_000n}\u202fs ago` : `${duration(span)} ago`);
const later = (now: Nanos, seen: Nanos): Nanos => (seen > now ? (0n as Nanos) : (((subtract(now, seen) / 1_000_000_000n) * 1_000_000_000n) as Nanos));

/** The builder: what of the metric, by which label. The text it makes is the truth. */
function Chosen({ metric, range, onUse }: { metric: Metric; range: Range; onUse: (query: string) => void }) {
  const [by, setBy] = useState("");
  const one = metric.type === "histogram" ? `${metric.name}_count` : metric.name;
  const labels = useLabelNames(range, one);
  const values = useLabelValues(by === "" ? "job" : by, range, one, { enabled: by !== "" });
  const keys = (labels.data ?? []).filter((label) => label !== "__name__" && label !== "le");
  return (
    <aside className={styles.detail} aria-label={metric.name}>
      <div><code style={{ overflowWrap: "anywhere" }}>{metric.name}</code>{metric.help !== "" && <p className="small dim">{metric.help}</p>}</div>
      <dl>
        {metric.sentAs !== "" && <><dt>sent as</dt><dd><code>{metric.sentAs}</code></dd></>}
        <dt>type</dt><dd>{typeWords(metric)}</dd>
        <dt>unit</dt><dd>{metric.unit === "" ? "–" : metric.unit}</dd>
        <dt>labels</dt><dd>{keys.join(", ") || "none"}</dd>
        {by !== "" && <><dt>{by}</dt><dd>{(values.data ?? []).slice(0, 12).join(", ")}{(values.data?.length ?? 0) > 12 && ` and ${group((values.data?.length ?? 0) - 12)} more`}</dd></>}
      </dl>
      <Select label="Label to split by" prefix="by" value={by} onChange={setBy} options={[{ id: "", label: "nothing: one line" }, ...keys.map((key) => ({ id: key, label: key }))]} />
      <div className="row wrap">{suggestions(metric.name, metric.type, by).map(({ label, query }) => <button key={label} type="button" className="btn" title={query} onClick={() => onUse(query)}>{label}</button>)}</div>
    </aside>
  );
}
