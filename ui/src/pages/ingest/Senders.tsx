/** Who sends what, how much, since when not any more, and what of it was refused. */

import { Empty } from "@/components/FiveFaces";
import { Go } from "@/components/location/Go";
import { path } from "@/components/location/path";
import { ServiceName } from "@/components/ServiceName";
import { Sparkline } from "@/components/Sparkline";
import { StateIcon } from "@/components/StateIcon";
import { Table, type TableColumn } from "@/components/Table";
import { exact, hms, type Nanos, subtract, when } from "@/model/time";
import { count, duration, group, NO_DATA, NOT_APPLICABLE, rate } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import styles from "./ingest.module.css";
import { FixText } from "./Rejections";
import { nameOf, type Sender } from "./rows";

export interface SendersProps {
  senders: Sender[];
  of: number;
  q: string;
  otlp: string;
  now: Nanos;
  open: string;
  onOpen: (name: string) => void;
  onAll: () => void;
}

const toneOf = (sender: Sender) => (sender.silentSince !== null ? "hold" : sender.rejected.length > 0 ? "warn" : undefined);

export function Senders({ senders, of, q, otlp, now, open, onOpen, onAll }: SendersProps) {
  const zone = useZone();
  if (senders.length === 0) {
    return of === 0 ? (
      <Empty title="Nobody sent anything in this range.">Point an OpenTelemetry exporter here: <code>export OTEL_EXPORTER_OTLP_ENDPOINT={otlp}</code>. Or choose a longer range above.</Empty>
    ) : (
      <Empty actions={<button type="button" className="btn" onClick={onAll}>Show all {of}</button>}>None of {of} senders is like “{q}”. It sent nothing in this range; a longer one may know when it was last seen.</Empty>
    );
  }
  const columns: TableColumn<Sender>[] = [
    {
      id: "name", head: "Sender", sort: (row) => row.name,
      cell: (row) => (
        <span className="row"><StateIcon tone={toneOf(row) ?? "good"} label={row.silentSince !== null ? "silent" : row.rejected.length > 0 ? "partly rejected" : "reporting"} />
          {row.name === "" ? <span className="dim" title="Series of recording rules and alerts, remote write without a job, or exporters that set no service.name">{nameOf("")}</span> : <ServiceName name={row.name} />}</span>
      ),
    },
    { id: "signals", head: "Signals", width: 150, cell: (row) => (row.signals.length === 0 ? <span className="faint">none stored</span> : <span className="dim">{row.signals.join(", ")}</span>), sort: (row) => row.signals.length },
    { id: "rate", head: "Records/s", numeric: true, width: 84, cell: (row) => (row.silentSince !== null ? <span className="hold">{NO_DATA}</span> : <span title={`${group(row.records)} records in this range`}>{rate(row.perSecond)}</span>), sort: (row) => row.perSecond },
    { id: "spark", head: "", label: "Records per second over the range", width: 96, cell: (row) => <Sparkline values={row.rates} tone={toneOf(row) ?? "none"} /> },
    { id: "last", head: "Last seen", width: 150, cell: (row) => <LastSeen sender={row} now={now} />, sort: (row) => row.last },
    { id: "rejected", head: "Rejected", numeric: true, width: 84, cell: (row) => (row.rejected.length === 0 ? "0" : <span className="warn">{count(row.rejectedRecords)}</span>), sort: (row) => row.rejectedRecords },
    { id: "reason", head: "Reason", cell: (row) => (row.rejected[0] === undefined ? <span className="faint">{NOT_APPLICABLE}</span> : <div className={`dim ${styles.short}`} title={row.rejected.map((one) => one.reason).join("\n")}>{row.rejected[0].reason}{row.rejected.length > 1 && `, and ${row.rejected.length - 1} more`}</div>) },
  ];
  return (
    <Table
      label="Senders" columns={columns} rows={senders} rowKey={(row) => nameOf(row.name)} tone={toneOf} selected={open || null} onOpen={(row) => onOpen(nameOf(row.name) === open ? "" : nameOf(row.name))}
      detail={(row) => (
        <div className={styles.detail}>
          {row.silentSince !== null && <p><b>Silent since {when(row.silentSince, now, zone)}</b>: three times as long as its longest pause before. Its process may have ended, its exporter may not reach this server, or it has nothing to say; SLOs on it are held, not counted as good.</p>}
          {row.rejected.map((one) => <section key={one.key}><p><b>{one.reason}</b> <span className="dim">{count(one.records)} of its {one.signal}, last at {hms(one.last, zone)}</span></p><FixText reason={one.reason} otlp={otlp} /></section>)}
          {row.silentSince === null && row.rejected.length === 0 && <p className="dim">{group(row.records)} records arrived in this range and all were stored.</p>}
          {row.name !== "" && <p className="row wrap"><Go className="btn" to={path("services", row.name)}>Service</Go><Go className="btn" to="/logs" search={{ q: `service:${JSON.stringify(row.name)}` }}>Its logs</Go><Go className="btn" to="/traces" search={{ q: `{ resource.service.name = ${JSON.stringify(row.name)} }` }}>Its traces</Go></p>}
        </div>
      )}
    />
  );
}

function LastSeen({ sender, now }: { sender: Sender; now: Nanos }) {
  const zone = useZone();
  if (sender.last === null) return <span className="faint">nothing was stored</span>;
  const ago = subtract(now, sender.last);
  return <span className={sender.silentSince !== null ? "hold" : undefined} title={exact(sender.last, zone)}>{when(sender.last, now, zone)} <span className="dim">· {ago > 0n ? duration(ago) : "0 s"} ago</span></span>;
}
