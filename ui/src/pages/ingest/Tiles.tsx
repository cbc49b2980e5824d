/** Five numbers: what comes in, what is refused, how late, what the log and the disk hold. */

import { CARDINALITY_PATH, type Lag, type SignalName } from "@/api/ingest";
import { curl } from "@/api/sql";
import type { Sources } from "@/components/CopyAs";
import { Figure, Tile, Tiles } from "@/components/Figure";
import { bucketQuantile, type Exposed, total } from "@/model/exposition";
import { bytes, count, durationMs, durationSeconds, group, NO_DATA, rate, ratio, THIN } from "@/model/units";
import { type DiskLeft, type Growth, ORDER, type RejectedReason, type TableSegments } from "./rows";

export const METRICS_CURL: Sources = { curl: curl("/metrics") };
export const CARDINALITY_CURL: Sources = { curl: curl(CARDINALITY_PATH) };

export interface TilesProps {
  rates: ReadonlyMap<SignalName, number[]> | null;
  arrived: number;
  reasons: RejectedReason[] | null;
  lags: Lag[] | null;
  metrics: Exposed[] | null;
  tables: TableSegments[] | null;
  growth: Growth | null;
  left: DiskLeft | null;
  sources: { arrivals: string; rejections: string; lag: string; segments: string };
}

/** Of the last five whole intervals. */
const recent = (values: readonly number[]) => values.slice(-5).reduce((sum, value) => sum + value, 0) / Math.max(1, Math.min(5, values.length));
const lagWords = (ns: number | null | undefined) => (ns === null || ns === undefined ? NO_DATA : durationMs(ns / 1e6));

export function HealthTiles(props: TilesProps) {
  return (
    <Tiles>
      <Accepted {...props} />
      <Rejected {...props} />
      <LagTile {...props} />
      <Wal {...props} />
      <Disk {...props} />
    </Tiles>
  );
}

function Accepted({ rates, sources }: TilesProps) {
  const each = [...(rates ?? [])].map(([signal, values]) => [signal, recent(values)] as const);
  const all = each.reduce((sum, [, value]) => sum + value, 0);
  return (
    <Tile label="Accepted" note="records/s" below={each.length === 0 ? "nothing in this range" : each.map(([signal, value]) => `${signal} ${rate(value)}`).join(" · ")}>
      {rates === null ? NO_DATA : <Figure sources={{ sql: sources.arrivals }} label="accepted records per second">{rate(all)}</Figure>}
    </Tile>
  );
}

function Rejected({ reasons, arrived, sources }: TilesProps) {
  if (reasons === null) return <Tile label="Rejected">{NO_DATA}</Tile>;
  const records = reasons.reduce((sum, one) => sum + one.records, 0);
  const requests = reasons.reduce((sum, one) => sum + one.requests, 0);
  const share = arrived + records === 0 ? null : records / (arrived + records);
  return (
    <Tile
      label="Rejected" tone={records + requests > 0 ? "warn" : undefined}
      note={records === 1 ? "record" : "records"}
      below={requests > 0 ? `and ${group(requests)} ${requests === 1 ? "request" : "requests"} refused whole` : share === null ? "nothing arrived" : `${ratio(share)} of what arrived`}
    >
      <Figure exact={group(records)} sources={{ sql: sources.rejections }} label="rejected records">{count(records)}</Figure>
    </Tile>
  );
}

function LagTile({ lags, sources }: TilesProps) {
  const whole = lags?.find((one) => one.signal === null && one.at === null);
  const each = ORDER.flatMap((signal) => {
    const one = lags?.find((lag) => lag.signal === signal && lag.at === null);
    return one?.p99 === null || one === undefined ? [] : [`${signal} ${lagWords(one.p99)}`];
  });
  return (
    <Tile label="Lag p99, record to stored" note={whole?.p50 === null || whole === undefined ? undefined : `p50 ${lagWords(whole.p50)}`} below={each.length === 0 ? "nothing in this range" : each.join(" · ")}>
      {whole?.p99 === null || whole === undefined ? NO_DATA : <Figure exact={`${group(Math.round(whole.p99))}${THIN}ns`} sources={{ sql: sources.lag }} label="lag">{lagWords(whole.p99)}</Figure>}
    </Tile>
  );
}

function Wal({ metrics }: TilesProps) {
  const of = (name: string) => (metrics === null ? null : total(metrics, `binnacle_storage_${name}`));
  const size = of("wal_disk_bytes");
  const fsync = metrics === null ? null : bucketQuantile(metrics, "binnacle_storage_wal_fsync_seconds", 0.99);
  const [rows, oldest] = [of("buffer_rows"), of("buffer_oldest_seconds")];
  return (
    <Tile
      label="Write-ahead log" note={fsync === null ? "no fsync yet" : `fsync p99 ${durationSeconds(fsync)}`}
      below={rows === null ? undefined : `${count(rows)} rows in memory${oldest !== null && rows > 0 ? `, oldest ${durationSeconds(oldest)}` : ""}`}
    >
      {size === null ? NO_DATA : <Figure exact={`${group(size)}${THIN}B`} sources={METRICS_CURL} label="bytes of the write-ahead log">{bytes(size)}</Figure>}
    </Tile>
  );
}

function Disk({ tables, metrics, growth, left, sources }: TilesProps) {
  const stored = tables?.reduce((sum, one) => sum + one.bytes, 0) ?? null;
  const wal = metrics === null ? null : total(metrics, "binnacle_storage_wal_disk_bytes");
  return (
    <Tile
      label="Stored on disk" note={growth === null ? undefined : `${bytes(Math.round(growth.perDay))} ${growth.days === 0 ? "today" : "a day"}`}
      below={left && <span title={left.working}>{left.words}</span>}
    >
      {stored === null ? NO_DATA : <Figure exact={`${group(stored)}${THIN}B in segments${wal === null ? "" : `, ${group(wal)}${THIN}B in the log`}`} sources={{ sql: sources.segments }} label="stored bytes">{bytes(stored)}</Figure>}
    </Tile>
  );
}
