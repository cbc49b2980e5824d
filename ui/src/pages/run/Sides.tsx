/** Client against server: the same requests from both ends. */

import { type Run, seenSql, useSeen, windowOf } from "@/api/runs";
import { CopyAs } from "@/components/CopyAs";
import { Empty, FiveFaces } from "@/components/FiveFaces";
import { Go } from "@/components/location/Go";
import { Panel } from "@/components/Panel";
import { ServiceName } from "@/components/ServiceName";
import { Table, type TableColumn } from "@/components/Table";
import { type Nanos, toIso } from "@/model/time";
import { count, durationMs, group, NO_DATA, NOT_APPLICABLE, ratio } from "@/model/units";
import styles from "./run.module.css";
import { type Pair, pairsOf, type Side } from "./sides";

const ms = (ns: number | null | undefined) => (ns === null || ns === undefined ? <span className="faint">{NO_DATA}</span> : durationMs(ns / 1e6));

export function Sides({ run, now }: { run: Run; now: Nanos }) {
  const window = windowOf(run, now);
  const sql = seenSql(run, window);
  const query = useSeen(sql);
  const time = { from: toIso(window.from), to: toIso(window.to) };
  const spans = (pair: Pair) => ({ ...time, tab: "spans", q: `{ resource.service.name = ${JSON.stringify(pair.service)} && name = ${JSON.stringify(pair.span)} }` });
  const errors = (side: Side | null) => (side === null ? <span className="faint">{NOT_APPLICABLE}</span> : <span title={`${group(side.errors)} of ${group(side.requests)}`}>{ratio(side.requests === 0 ? 0 : side.errors / side.requests)}</span>);
  const columns: TableColumn<Pair>[] = [
    { id: "operation", head: "Operation", cell: (row) => <b className={row.client ? undefined : "dim"}>{row.operation}</b>, sort: (row) => row.operation },
    { id: "service", head: "Service", width: 150, cell: (row) => (row.service === "" ? <span className="faint">{NOT_APPLICABLE}</span> : <ServiceName name={row.service} />), sort: (row) => row.service },
    { id: "sent", head: "Sent", numeric: true, width: 84, cell: (row) => (row.client ? count(row.client.requests) : <span className="faint">{NOT_APPLICABLE}</span>), sort: (row) => row.client?.requests },
    { id: "seen", head: "Seen", numeric: true, width: 84, cell: (row) => (row.server ? <Go to="/traces" search={spans(row)} title={`${group(row.server.requests)} spans`}>{count(row.server.requests)}</Go> : <span className="hold">{NO_DATA}</span>), sort: (row) => row.server?.requests },
    { id: "client50", head: "p50 client", numeric: true, width: 92, cell: (row) => (row.client ? ms(row.client.p50) : NOT_APPLICABLE), sort: (row) => row.client?.p50 },
    { id: "server50", head: "p50 server", numeric: true, width: 92, cell: (row) => (row.server ? ms(row.server.p50) : NOT_APPLICABLE), sort: (row) => row.server?.p50 },
    { id: "client99", head: "p99 client", numeric: true, width: 92, cell: (row) => (row.client ? <b>{ms(row.client.p99)}</b> : NOT_APPLICABLE), sort: (row) => row.client?.p99 },
    { id: "server99", head: "p99 server", numeric: true, width: 92, cell: (row) => (row.server ? <b>{ms(row.server.p99)}</b> : NOT_APPLICABLE), sort: (row) => row.server?.p99 },
    { id: "between", head: "p99 between", numeric: true, width: 92, cell: (row) => (row.between === null ? <span className="faint">{NOT_APPLICABLE}</span> : durationMs(row.between / 1e6)), sort: (row) => row.between },
    { id: "clientErrors", head: "Errors client", numeric: true, width: 96, cell: (row) => errors(row.client), sort: (row) => row.client?.errors },
    { id: "serverErrors", head: "Errors server", numeric: true, width: 96, cell: (row) => errors(row.server), sort: (row) => row.server?.errors },
  ];
  return (
    <Panel title="Client and server" note="the same requests from both ends; between them lie network, queues, and waiting for a connection" tools={sql !== null && <CopyAs sources={{ sql }} />} flush>
      {sql === null ? (
        <Empty title="Which spans are its requests is not said.">Name its <code>services</code>, or for each of its operations <code>service</code> and <code>span_name</code>, when the run is registered.</Empty>
      ) : (
        <>
          <FiveFaces query={query} rows={3} isEmpty={(data) => run.operations.length === 0 && data.rows.length === 0} empty={<Empty title="Its services stored no span meanwhile.">They may not be instrumented, or the spans have gone with retention. <Go to="/ingest">Ingest health</Go> tells who sends.</Empty>}>
            {(data) => <Table label="Client and server" columns={columns} rows={pairsOf(run, data.rows)} rowKey={(row) => row.key} />}
          </FiveFaces>
          <details className={styles.query}><summary>The query of the server’s side</summary><pre tabIndex={0} aria-label="SQL of the server’s side">{sql}</pre><Go className="btn" to="/sql" search={{ q: sql }}>Open in the console</Go></details>
        </>
      )}
    </Panel>
  );
}
