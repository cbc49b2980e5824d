/** Every message: which alert it tells of, to whom, and on opening each attempt to say it. */

import type { Delivery } from "@/api/deliveries";
import { Attempts, deliveryState } from "@/components/alerts/Attempts";
import { Go } from "@/components/location/Go";
import { path } from "@/components/location/path";
import { StateChip } from "@/components/StateChip";
import { Table, type TableColumn } from "@/components/Table";
import { exact, type Nanos, when } from "@/model/time";
import { useZone } from "@/preferences/preferences";
import styles from "./Messages.module.css";
import { type Subject, subjectsOf } from "./subjects";

export interface MessagesProps {
  deliveries: Delivery[];
  alerts: readonly { fingerprint: string; summary: string }[];
  now: Nanos;
  open: string;
  onOpen: (id: string) => void;
}

export function Messages({ deliveries, alerts, now, open, onOpen }: MessagesProps) {
  const zone = useZone();
  const toggle = (row: Delivery) => onOpen(row.id === open ? "" : row.id);
  const columns: TableColumn<Delivery>[] = [
    { id: "state", head: "State", width: 110, cell: (row) => <StateChip tone={deliveryState(row.state).tone}>{deliveryState(row.state).word}</StateChip>, sort: (row) => row.state },
    { id: "alert", head: "Alert", cell: (row) => <First subjects={subjectsOf(row, alerts)} /> },
    { id: "to", head: "To", width: 170, cell: (row) => <>{row.receiver} <span className="faint">{row.integration}</span></>, sort: (row) => row.receiver },
    { id: "what", head: "What", width: 220, cell: (row) => <span title={`${row.status}, ${row.reason}`}>{row.status}, {row.reason}</span>, sort: (row) => row.reason },
    { id: "attempts", head: "Attempts", numeric: true, width: 90, cell: (row) => <button type="button" className="btn quiet" aria-expanded={row.id === open} aria-label={`${row.attempt_count} attempts to tell ${row.receiver}`} onClick={() => toggle(row)}>{row.attempt_count}</button>, sort: (row) => row.attempt_count },
    { id: "error", head: "Trouble", width: 200, cell: (row) => (row.error ? <span className="bad" title={row.error}>{row.error}</span> : "") },
    { id: "at", head: "Made", numeric: true, width: 110, cell: (row) => <span title={exact(row.created_at, zone)}>{when(row.created_at, now, zone)}</span>, sort: (row) => row.created_at },
  ];
  return <Table label="Messages" columns={columns} rows={deliveries} rowKey={(row) => row.id} selected={open || null} onOpen={toggle} tone={(row) => (deliveryState(row.state).tone === "bad" ? "bad" : undefined)} detail={(row) => <Opened delivery={row} subjects={subjectsOf(row, alerts)} />} />;
}

function Name({ subject }: { subject: Subject }) {
  return subject.fingerprint === null ? <span className="dim" title="The message names no alert by its fingerprint; this is its group.">{subject.name}</span> : <Go to={path("alerts", subject.fingerprint)}>{subject.name}</Go>;
}

function First({ subjects }: { subjects: readonly Subject[] }) {
  const [first] = subjects;
  if (!first) return null;
  return <span title={subjects.map((one) => one.name).join("\n")}><Name subject={first} />{subjects.length > 1 && <span className="faint"> and {subjects.length - 1} more</span>}</span>;
}

function Opened({ delivery, subjects }: { delivery: Delivery; subjects: readonly Subject[] }) {
  return (
    <div className={styles.opened}>
      {subjects.length > 1 && <ul className="row wrap small">{subjects.map((one, index) => <li key={index}><Name subject={one} /></li>)}</ul>}
      <p className="small dim">To <b>{delivery.receiver}</b> by {delivery.integration}, {delivery.status}: {delivery.reason}</p>
      <Attempts delivery={delivery} />
    </div>
  );
}
