/** What was refused, why, of whom, and what to do about it. */

import { CopyButton } from "@/components/CopyButton";
import { Empty } from "@/components/FiveFaces";
import { ServiceName } from "@/components/ServiceName";
import { Table, type TableColumn } from "@/components/Table";
import { totalsBy, type Exposed } from "@/model/exposition";
import { when, type Nanos } from "@/model/time";
import { count, group, NOT_APPLICABLE } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import { fixOf, OUTCOMES } from "./fixes";
import styles from "./ingest.module.css";
import type { RejectedReason } from "./rows";

export interface RejectionsProps {
  reasons: RejectedReason[];
  otlp: string;
  now: Nanos;
  open: string;
  onOpen: (key: string) => void;
}

export function Rejections({ reasons, otlp, now, open, onOpen }: RejectionsProps) {
  const zone = useZone();
  if (reasons.length === 0) return <Empty title="Nothing was rejected in this range.">A record that cannot be stored is listed here with its reason, its sender and what to do; the rest of its request is stored.</Empty>;
  const columns: TableColumn<RejectedReason>[] = [
    { id: "reason", head: "Reason", cell: (row) => <button type="button" className={styles.reason} aria-expanded={row.key === open} onClick={() => onOpen(row.key === open ? "" : row.key)}>{row.reason}</button>, sort: (row) => row.reason },
    { id: "signal", head: "Signal", width: 84, cell: (row) => row.signal, sort: (row) => row.signal },
    { id: "sender", head: "Sender", width: 190, cell: (row) => <Who row={row} />, sort: (row) => row.sender || row.client },
    { id: "records", head: "Records", numeric: true, width: 84, cell: (row) => (row.records === 0 ? NOT_APPLICABLE : <span title={group(row.records)}>{count(row.records)}</span>), sort: (row) => row.records },
    { id: "requests", head: "Requests", label: "Requests refused whole", numeric: true, width: 84, cell: (row) => (row.requests === 0 ? NOT_APPLICABLE : count(row.requests)), sort: (row) => row.requests },
    { id: "last", head: "Last", numeric: true, width: 110, cell: (row) => when(row.last, now, zone), sort: (row) => row.last },
    { id: "fix", head: "What to do", width: "34%", cell: (row) => <span className="dim">{fixOf(row.reason, otlp).why}</span> },
  ];
  return <Table label="Rejections" columns={columns} rows={reasons} rowKey={(row) => row.key} selected={open || null} onOpen={(row) => onOpen(row.key === open ? "" : row.key)} tone={() => "warn"} detail={(row) => <FixText reason={row.reason} otlp={otlp} />} />;
}

function Who({ row }: { row: RejectedReason }) {
  if (row.sender !== "") return <ServiceName name={row.sender} />;
  return <span className="mono small" title="The request was not read far enough to know the service.">{row.client === "" ? "not known" : row.client}</span>;
}

/** A sentence, and what to paste. */
export function FixText({ reason, otlp }: { reason: string; otlp: string }) {
  const fix = fixOf(reason, otlp);
  return (
    <div className={styles.fix}>
      <p>{fix.why}</p>
      {fix.paste !== undefined && (
        <div className={styles.paste}>
          <pre tabIndex={0} aria-label="To paste into the sender’s settings">{fix.paste}</pre>
          <CopyButton label="Copy" text={() => fix.paste ?? ""} />
        </div>
      )}
    </div>
  );
}

/** Fates of all requests since the server's start. */
export function Outcomes({ metrics }: { metrics: readonly Exposed[] }) {
  const sums = [...totalsBy(metrics, "binnacle_collector_requests_total", "outcome")].filter(([, n]) => n > 0).sort(([, a], [, b]) => b - a);
  if (sums.length === 0) return <>no request since the start</>;
  return (
    <>
      requests since the start: {sums.map(([outcome, n], index) => <span key={outcome} title={OUTCOMES[outcome]?.meaning}>{index > 0 && " · "}{count(n)} {OUTCOMES[outcome]?.word ?? outcome}</span>)}
    </>
  );
}
