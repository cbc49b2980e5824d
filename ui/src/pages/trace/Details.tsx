/** What a span carries: attributes, resource, events, links, log records. A click copies a value. */

import { useMemo, useState } from "react";
import type { Span } from "@/api/trace";
import { copy } from "@/components/CopyAs";
import { Go } from "@/components/location/Go";
import { path } from "@/components/location/path";
import { statusWord, valueText } from "@/model/trace/differs";
import { holdsTrace, logsIn } from "@/model/trace/holds";
import { at, type TraceTree } from "@/model/trace/tree";
import { exact } from "@/model/time";
import { severityName } from "@/model/state";
import { count, shortId } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import styles from "./Aside.module.css";
import { took } from "./Row";

const FIRST = 5;

function Pairs({ pairs }: { pairs: [string, unknown][] }) {
  const [copied, setCopied] = useState("");
  return (
    <dl className={styles.kv}>
      {pairs.map(([key, value]) => {
        const text = valueText(value);
        return [
          <dt key={key} title={key}>{key}</dt>,
          <dd key={`${key} =`} title={text}>
            <button type="button" aria-label={`${key}: ${text}. Copy`} onClick={() => void copy(text).then(() => setCopied(key))}>{copied === key ? "copied" : text}</button>
          </dd>,
        ];
      })}
    </dl>
  );
}

export function Attributes({ span }: { span: Span }) {
  const [all, setAll] = useState(false);
  const zone = useZone();
  const own = Object.entries(span.attributes);
  const resource = Object.entries(span.resource.attributes).filter(([key]) => key !== "service.name");
  const shown = all ? own : own.slice(0, FIRST);
  const rest = own.length - shown.length + resource.length + 4;
  const facts: [string, unknown][] = [
    ["span id", span.span_id], ["start", exact(span.start_time, zone)], ["duration", `${span.duration} ns`], ["status", statusWord(span.status.code)],
    ...(span.scope.name ? [["scope", `${span.scope.name} ${span.scope.version}`.trim()] as [string, unknown]] : []),
  ];
  return (
    <>
      <section>
        <h3>Attributes <button type="button" className={styles.link} aria-expanded={all} onClick={() => setAll(!all)}>{all ? "fewer" : `${count(rest)} more`}</button></h3>
        {own.length === 0 ? <p className="small faint">None of its own.</p> : <Pairs pairs={shown} />}
      </section>
      {all && <section><h3>Resource</h3><Pairs pairs={resource} /></section>}
      {all && <section><h3>Span</h3><Pairs pairs={facts} /></section>}
    </>
  );
}

export function Events({ span }: { span: Span }) {
  if (span.events.length === 0) return null;
  return (
    <section>
      <h3>Events</h3>
      {span.events.slice(0, 100).map((event, index) => {
        const { "exception.type": type, "exception.message": message, "exception.stacktrace": stack, ...others } = event.attributes;
        const failed = event.name === "exception";
        return (
          <div key={index}>
            <dl className={styles.kv}>
              <dt>+{took(Number(event.time - span.start_time))}</dt>
              <dd className={failed ? "bad" : undefined} title={valueText(message ?? event.name)}>{failed ? `exception: ${valueText(type ?? message ?? "")}` : event.name}</dd>
            </dl>
            {Object.keys(others).length > 0 && <Pairs pairs={Object.entries(others)} />}
            {typeof stack === "string" && <details className="small"><summary className="faint">Stack trace</summary><pre className="mono" style={{ whiteSpace: "pre-wrap", margin: 0 }}>{stack.slice(0, 20_000)}</pre></details>}
          </div>
        );
      })}
    </section>
  );
}

export function Links({ span }: { span: Span }) {
  if (span.links.length === 0) return null;
  return (
    <section>
      <h3>Links to other traces</h3>
      <dl className={styles.kv}>
        {span.links.slice(0, 100).map((link, index) => [
          <dt key={index}>{valueText(link.attributes["link.kind"] ?? link.attributes["messaging.operation.type"] ?? "trace")}</dt>,
          <dd key={`${index} to`}>{link.trace_id ? <Go to={path("traces", link.trace_id)} search={{ span: link.span_id ?? "" }} title={link.trace_id}>{shortId(link.trace_id)}</Go> : "–"}</dd>,
        ])}
      </dl>
    </section>
  );
}

export function Logs({ tree, selected }: { tree: TraceTree; selected: number }) {
  const holds = useMemo(() => holdsTrace(tree), [tree]);
  const logs = tree.logs.slice(at(tree.logAt, selected), at(tree.logAt, selected + 1));
  if (logs.length === 0) return null;
  const id = tree.ids[selected] ?? "";
  return (
    <section>
      <h3>Log records <Go className={styles.link} to="/logs" search={logsIn(`span_id:${id}`, holds)}>{count(logs.length)} in Logs</Go></h3>
      <dl className={styles.kv}>
        {logs.slice(0, 8).map((log) => [
          <dt key={log.id}>+{took(log.at)}</dt>,
          <dd key={`${log.id} body`} title={log.body} className={["error", "fatal"].includes(severityName(log.severityNumber) ?? "") ? "bad" : undefined}>{log.body.slice(0, 120)}</dd>,
        ])}
      </dl>
    </section>
  );
}
