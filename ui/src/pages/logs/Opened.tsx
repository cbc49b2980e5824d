/** A record opened in place: its own attributes, its scope's and its resource's apart, what lies around it, its trace. */

import { Braces, Clock, Copy, ListTree } from "lucide-react";
import { useState } from "react";
import { type LogRecord, type LogRow, severityClass, useLogContext, useLogRecord } from "@/api/logs";
import { copy } from "@/components/CopyAs";
import { FiveFaces } from "@/components/FiveFaces";
import { Go } from "@/components/location/Go";
import { path } from "@/components/location/path";
import { Choice } from "@/components/Tabs";
import { exact, hmsMs, type Nanos, subtract } from "@/model/time";
import { duration, MINUS, shortId } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import styles from "./logs.module.css";
import { term } from "@/components/logs/query";
import { severityColour, severityWord } from "@/components/logs/severity";

/** Whose clock a time is of that its sender did not set. */
const ORIGINS: Record<string, string> = { observed: "when a collector saw it", ingested: "when it came here" };

export interface OpenedProps {
  row: LogRow;
  search: string;
  onPick: (condition: string, exclude: boolean) => void;
  /** Finds lines like this one. */
  onPattern: (body: string) => void;
}

export function Opened({ row, search, onPick, onPattern }: OpenedProps) {
  const record = useLogRecord(search, row);
  const [json, setJson] = useState(false);
  const [around, setAround] = useState(false);
  const [copied, setCopied] = useState("");
  const whole = record.data;
  return (
    <div className={styles.opened} role="presentation" style={{ "--k": severityColour(row.severity) } as React.CSSProperties}>
      <div className={styles.acts}>
        {row.traceId && <Go className="btn" to={path("traces", row.traceId)} search={{ span: row.spanId ?? undefined }}><ListTree className="ico" aria-hidden />Open trace {shortId(row.traceId)}</Go>}
        <button type="button" className="btn" aria-pressed={around} onClick={() => setAround(!around)}><Clock className="ico" aria-hidden />Around this, ± 5 s</button>
        <button type="button" className="btn" onClick={() => onPattern(row.body)}>This pattern</button>
        <button type="button" className="btn quiet" aria-pressed={json} onClick={() => setJson(!json)}><Braces className="ico" aria-hidden />JSON</button>
        <button type="button" className="btn quiet" disabled={!whole} onClick={() => void copy(JSON.stringify(whole, plain, 2)).then((ok) => setCopied(ok ? "Copied" : "Not allowed to copy"))}>
          <Copy className="ico" aria-hidden />{copied || "Copy JSON"}
        </button>
        <span className="small faint" style={{ marginLeft: "auto", lineHeight: "28px" }}>click a value to filter, Alt-click to exclude</span>
      </div>
      <FiveFaces query={record} height={92} isEmpty={(data) => data === null} empty={<p className="dim">This record is not stored any more, or no longer where it was: run the search again.</p>}>
        {(data) => data && (json ? <pre className={styles.json}>{JSON.stringify(data, plain, 2)}</pre> : <Scopes record={data} onPick={onPick} />)}
      </FiveFaces>
      {around && whole && <Around record={whole} />}
    </div>
  );
}

const plain = (_name: string, value: unknown): unknown => (typeof value === "bigint" ? String(value) : value);

function Scopes({ record, onPick }: { record: LogRecord; onPick: OpenedProps["onPick"] }) {
  const zone = useZone();
  const attributes = Object.entries(record.attributes);
  const resource = Object.entries(record.resource.attributes).filter(([key]) => key !== "service.name");
  const scope = Object.entries(record.scope.attributes ?? {});
  const body = typeof record.body === "string" ? record.body : JSON.stringify(record.body, null, 2);
  const long = body.length > 120 || body.includes("\n") || typeof record.body !== "string";
  const scopeName = `${record.scope.name}${record.scope.version ? ` ${record.scope.version}` : ""}`;
  return (
    <div className={styles.scopes}>
      {long && <pre className={styles.whole}>{body}</pre>}
      <dl aria-label="Record">
        {attributes.map(([key, value]) => <Value key={key} name={key} field={key} value={value} onPick={onPick} />)}
        {record.event_name && <Value name="event name" field="event_name" value={record.event_name} onPick={onPick} />}
        {record.trace_id && <Value name="trace id" field="trace_id" value={record.trace_id} onPick={onPick} />}
        {record.span_id && <Value name="span id" field="span_id" value={record.span_id} onPick={onPick} />}
        <dt>time</dt><dd title={record.time_origin ? "The sender set none; this one stands for it." : undefined}>{exact(record.time, zone)}{record.time_origin ? ` (${ORIGINS[record.time_origin] ?? record.time_origin})` : ""}</dd>
      </dl>
      <dl aria-label="Resource and scope">
        {resource.map(([key, value]) => <Value key={key} name={`resource ${key}`} field={`resource.${key}`} value={value} onPick={onPick} />)}
        {scopeName !== "" && <Value name="scope" field="scope" value={record.scope.name} shown={scopeName} onPick={onPick} />}
        {scope.map(([key, value]) => <Plain key={key} name={`scope ${key}`} value={value} />)}
        <dt>observed, ingested</dt><dd title={record.observed_time ? exact(record.observed_time, zone) : undefined}>{record.observed_time ? signed(subtract(record.observed_time, record.time)) : "–"}, {signed(subtract(record.ingested_at, record.time))}</dd>
      </dl>
    </div>
  );
}

const signed = (span: Nanos): string => (span < 0n ? duration(span) : `+${duration(span)}`).replace("+0", "0").replace("-", MINUS);

function Value({ name, field, value, shown, onPick }: { name: string; field: string; value: unknown; shown?: string; onPick: OpenedProps["onPick"] }) {
  const text = shown ?? (typeof value === "string" ? value : JSON.stringify(value));
  const type = value === null ? "empty" : Array.isArray(value) ? "array" : typeof value;
  return (
    <>
      <dt title={name}>{name}</dt>
      <dd><button type="button" data-type={type} title={`${text}\n${type}`} onClick={(event) => onPick(term(field, value), event.altKey)}>{text === "" ? "(empty)" : text}</button></dd>
    </>
  );
}

/** A scope's attribute: a search has no field for it, and the record's field of that name is another thing. */
function Plain({ name, value }: { name: string; value: unknown }) {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return (
    <>
      <dt title={name}>{name}</dt>
      <dd title={`${text}\nLog searches have no field for attributes of scopes; SQL reads them from scope_attributes`}>{text === "" ? "(empty)" : text}</dd>
    </>
  );
}

const EACH = 100;
const WITHIN = 5_000_000_000n;

/** What was logged within five seconds, by the same resource or by all. */
function Around({ record }: { record: LogRecord }) {
  const zone = useZone();
  const [of, setOf] = useState<"resource" | "everything">("everything");
  const context = useLogContext(record.id, of, EACH);
  return (
    <section className={styles.context} aria-label="Around this record">
      <div className="row" style={{ paddingBottom: 4 }}>
        <Choice label="Whose records" options={[{ id: "resource", label: "Same sender" }, { id: "everything", label: "Everything" }]} value={of} onChange={setOf} />
        {context.data && <span className="small faint">{within(context.data.before, record.time).length} before, {within(context.data.after, record.time).length} after, at most {EACH} each</span>}
      </div>
      <FiveFaces query={context} height={120}>
        {(data) => (
          <ol tabIndex={0} aria-label="Records around it">
            {[...within(data.before, record.time), data.record, ...within(data.after, record.time)].map((one) => (
              <li key={one.id} aria-current={one.id === record.id || undefined}>
                <time>{hmsMs(one.time, zone)}</time>
                <span className={styles.sev} data-severity={severityClass(one.severity_number, one.severity)}>{severityWord(severityClass(one.severity_number, one.severity))}</span>
                <span className="clip">{one.service}</span>
                <span className="clip" title={typeof one.body === "string" ? one.body : undefined}>{typeof one.body === "string" ? one.body : JSON.stringify(one.body)}</span>
              </li>
            ))}
          </ol>
        )}
      </FiveFaces>
    </section>
  );
}

const within = (records: readonly LogRecord[], time: Nanos): LogRecord[] =>
  records.filter((one) => (one.time > time ? one.time - time : time - one.time) <= WITHIN);
