/** What the series are made of: which metric, label and sender has how many, and how fast they grow. */

import { useCardinality } from "@/api/promql";
import { FiveFaces, Partial } from "@/components/FiveFaces";
import { Tile, Tiles } from "@/components/Figure";
import { Sparkline } from "@/components/Sparkline";
import { Table } from "@/components/Table";
import { exact } from "@/model/time";
import { count, group, ratio } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import styles from "./metrics.module.css";

const ENTRIES = 20;

export function CardinalityView({ onFind }: { onFind: (text: string) => void }) {
  const query = useCardinality(ENTRIES);
  const zone = useZone();
  return (
    <FiveFaces query={query} rows={8} partial={(data) => data.overflowed > 0 && <Partial>{group(data.overflowed)} series are over the limit; their points are counted together under the label otel_metric_overflow.</Partial>}>
      {(data) => (
        <>
          <Tiles>
            <Tile label="Active series" note={`of ${count(data.limits.series)} allowed`} below={ratio(data.series / Math.max(1, data.limits.series))}>{count(data.series)}</Tile>
            <Tile label="Over the limit" tone={data.overflowed > 0 ? "bad" : undefined} below="series that were refused a place">{count(data.overflowed)}</Tile>
            <Tile label="New series by hour" below={`since ${exact(data.since, zone).slice(0, 16)}`}><Sparkline values={data.growth.map((hour) => hour.new_series)} label="New series by hour" /> {count(data.growth.at(-1)?.new_series ?? 0)}</Tile>
          </Tiles>
          <div className={styles.cards} style={{ borderTop: "1px solid var(--line)" }}>
            <div>
              <h3>Labels: values × series</h3>
              <Table
                label="Labels" rows={data.labels} rowKey={(row) => row.name} rowHeight={24} columns={[
                  { id: "name", head: "Label", cell: (row) => <code>{row.name}</code>, sort: (row) => row.name },
                  { id: "values", head: "Values", numeric: true, width: 80, cell: (row) => <span title={group(row.values)}>{count(row.values)}</span>, sort: (row) => row.values },
                  { id: "series", head: "Series", numeric: true, width: 80, cell: (row) => <span title={group(row.series)}>{count(row.series)}</span>, sort: (row) => row.series },
                ]}
              />
            </div>
            <div>
              <h3>Metrics</h3>
              <Table
                label="Metrics by series" rows={data.metrics} rowKey={(row) => row.name} rowHeight={24} onOpen={(row) => onFind(row.name)} columns={[
                  { id: "name", head: "Metric", cell: (row) => <code>{row.name}</code>, sort: (row) => row.name },
                  { id: "series", head: "Series", numeric: true, width: 80, cell: (row) => <span title={group(row.series)}>{count(row.series)}</span>, sort: (row) => row.series },
                ]}
              />
            </div>
            <div>
              <h3>Senders</h3>
              <Table
                label="Senders by series" rows={data.sources} rowKey={(row) => row.source} rowHeight={24} columns={[
                  { id: "source", head: "Sender", cell: (row) => row.source, sort: (row) => row.source },
                  { id: "series", head: "Series", numeric: true, width: 80, cell: (row) => <span title={group(row.series)}>{count(row.series)}</span>, sort: (row) => row.series },
                ]}
              />
            </div>
          </div>
        </>
      )}
    </FiveFaces>
  );
}
