/** Beside the map: figures of what is selected, its operations, traces that show it. */

import { useCallExamples } from "@/api/callExamples";
import { useGoldenSignals } from "@/api/red";
import type { MapEdge, MapNode } from "@/api/serviceMap";
import { Empty, FiveFaces } from "@/components/FiveFaces";
import { Figure } from "@/components/Figure";
import { Go } from "@/components/location/Go";
import { path } from "@/components/location/path";
import { Panel } from "@/components/Panel";
import { ServiceName } from "@/components/ServiceName";
import { StateIcon } from "@/components/StateIcon";
import type { Range } from "@/model/range";
import type { Tone } from "@/model/state";
import { spansPerSecond } from "@/model/traffic";
import { exact, hms, type Nanos } from "@/model/time";
import { quoted } from "@/model/quoted";
import { count, duration, group, NO_DATA, rate, ratio, shortId } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import { edgeKey } from "./graph";
import styles from "./map.module.css";

const took = (time: Nanos | null | undefined): string => (time === null || time === undefined ? NO_DATA : duration(time));

export function EdgeSide({ edge, range }: { edge: MapEdge; range: Range }) {
  const isInstrumented = edge.instrumented !== "caller";
  const measured = edge.client.count > 0 ? edge.client : edge.server;
  const traceql = isInstrumented ? `{ resource.service.name = ${quoted(edge.caller)} } >> { resource.service.name = ${quoted(edge.callee)} }` : `{ resource.service.name = ${quoted(edge.caller)} && kind = client }`;
  return (
    <>
      <Panel title={<>{edge.caller} → {edge.callee}</>} tools={<Go className="btn" to="/traces" search={{ q: traceql }}>Traces</Go>}>
        <p className="dim">{kindWords(edge)}</p>
        <dl className={styles.figures} style={{ marginTop: 8 }}>
          <dt>Calls/s</dt><dd><Figure to="/traces" search={{ q: traceql }} exact={`${group(edge.count)} calls`} label="calls per second">{rate(edge.rate_per_second)}</Figure></dd>
          <dt>Failed</dt><dd className={edge.errors > 0 ? "bad" : undefined}>{ratio(edge.error_ratio)} <span className="faint">{count(edge.errors)} of {count(edge.count)}</span></dd>
          <dt>p50, as the {edge.client.count > 0 ? "caller" : "callee"} waits</dt><dd>{took(measured.p50)}</dd>
          <dt>p95</dt><dd>{took(measured.p95)}</dd>
          <dt>p99</dt><dd>{took(measured.p99)}</dd>
          {edge.client.count > 0 && edge.server.count > 0 && <><dt>p99, as the callee works</dt><dd>{took(edge.server.p99)}</dd></>}
        </dl>
      </Panel>
      <Examples caller={edge.caller} callee={edge.callee} isInstrumented={isInstrumented} range={range} />
    </>
  );
}

const KINDS: Record<string, string> = { rpc: "Calls", messaging: "Messages, asynchronous", database: "Queries" };
const kindWords = (edge: MapEdge) => `${KINDS[edge.connection_type] ?? edge.connection_type}. ${edge.instrumented === "both" ? "Both sides send spans." : edge.instrumented === "caller" ? "Only the caller sends spans." : "Only the callee sends spans."}`;

export function NodeSide({ node, edges, tone, sends, range, onSelect, onFocus }: { node: MapNode; edges: MapEdge[]; tone: Tone; sends: number | undefined; range: Range; onSelect: (key: string) => void; onFocus: () => void }) {
  const isService = node.type === "service";
  const lists: [string, MapEdge[], (edge: MapEdge) => string][] = [
    ["Called by", edges.filter((edge) => edge.callee === node.name), (edge) => edge.caller],
    ["Calls", edges.filter((edge) => edge.caller === node.name), (edge) => edge.callee],
  ];
  return (
    <>
      <Panel title={<span className="row"><StateIcon tone={tone} />{isService ? <ServiceName name={node.name} /> : node.name}</span>} tools={<><button type="button" className="btn" onClick={onFocus}>Focus</button>{isService && <Go className="btn" to={path("services", node.name)}>Open</Go>}</>}>
        <dl className={styles.figures}>
          {node.count === 0 && sends !== undefined ? <><dt>Sends</dt><dd>{spansPerSecond(sends)}</dd></>
            : <><dt>{isService ? "Requests/s" : "Calls/s"}</dt><dd title={`${group(node.count)} in the range`}>{rate(node.rate_per_second)}</dd></>}
          <dt>Failed</dt><dd className={node.errors > 0 ? "bad" : undefined}>{ratio(node.errors / Math.max(1, node.count))} <span className="faint">{count(node.errors)} of {count(node.count)}</span></dd>
          <dt>p50</dt><dd>{took(node.latency.p50)}</dd>
          <dt>p99</dt><dd>{took(node.latency.p99)}</dd>
        </dl>
        {lists.map(([title, own, other]) => own.length > 0 && (
          <div key={title}>
            <h3 className="small dim" style={{ margin: "12px 0 4px" }}>{title}</h3>
            <ul className={styles.list}>
              {own.map((edge) => (
                <li key={edgeKey(edge)}>
                  <button type="button" className="btn quiet clip" onClick={() => onSelect(edgeKey(edge))}>{other(edge)}</button>
                  <span className={edge.errors > 0 ? "bad" : "dim"}>{rate(edge.rate_per_second)}/s{edge.errors > 0 && ` · ${ratio(edge.error_ratio)}`}</span>
                </li>
              ))}
            </ul>
          </div>
        ))}
      </Panel>
      {isService && <Operations service={node.name} range={range} />}
    </>
  );
}

function Operations({ service, range }: { service: string; range: Range }) {
  const query = useGoldenSignals(range, { by: "operation", service });
  return (
    <Panel title="Operations" note="busiest first">
      <FiveFaces query={query} rows={3} isEmpty={(data) => data.signals.length === 0} empty={<Empty>It sent no spans in this range.</Empty>}>
        {(data) => (
          <ul className={styles.list}>
            {data.signals.slice(0, 8).map((one, index) => (
              <li key={index}>
                <Go className="clip" to={path("services", service)} search={{ operation: one.name ?? "" }}>{one.name}</Go>
                <span className="small dim" style={{ whiteSpace: "nowrap" }}>{rate(one.rate_per_second)}/s{one.errors > 0 && <span className="bad"> · {ratio(one.error_ratio)}</span>} · {took(one.success.p99)}</span>
              </li>
            ))}
          </ul>
        )}
      </FiveFaces>
    </Panel>
  );
}

function Examples({ range, ...call }: { caller: string; callee: string; isInstrumented: boolean; range: Range }) {
  const zone = useZone();
  const query = useCallExamples(call, range);
  return (
    <Panel title="Example traces" note="failed first, then slowest">
      <FiveFaces query={query} rows={4} isEmpty={(data) => data.rows.length === 0} empty={<Empty>No span of this call is stored in this range. Its rollups are: they are kept longer.</Empty>}>
        {(data) => (
          <ul className={styles.list}>
            {data.rows.map((one) => (
              <li key={one.span_id}>
                <time className="faint" title={exact(one.start_time, zone)}>{hms(one.start_time, zone)}</time>
                <Go className="mono" to={path("traces", one.trace_id)} search={{ span: one.span_id, paused: "1" }} title={one.trace_id}>{shortId(one.trace_id)}</Go>
                <span className="clip dim">{one.name}</span>
                <span className={one.status_code === 2 ? "bad" : "dim"} style={{ whiteSpace: "nowrap" }}>{one.status_code === 2 && "failed · "}{duration(one.duration)}</span>
              </li>
            ))}
          </ul>
        )}
      </FiveFaces>
    </Panel>
  );
}
