import { useServiceMap } from "@/api/serviceMap";
import { Empty, FiveFaces } from "@/components/FiveFaces";
import { Go } from "@/components/location/Go";
import { Panel } from "@/components/Panel";
import { ServiceName } from "@/components/ServiceName";
import type { Range } from "@/model/range";
import { duration, NOT_APPLICABLE, rate, ratio } from "@/model/units";

import styles from "./service.module.css";

/** Who calls the service, and whom it calls: rate, errors and p99 of each. */
export function Calls({ service, range }: { service: string; range: Range }) {
  const query = useServiceMap(range, service);
  return (
    <Panel title="Callers and callees" tools={<Go className="btn" to="/service-map" search={{ focus: service }}>Map</Go>}>
      <FiveFaces query={query} rows={5} isEmpty={(data) => data.edges.length === 0} empty={<Empty>Nobody called it and it called nobody in this range.</Empty>}>
        {(data) => {
          const types = new Map(data.nodes.map((node) => [node.name, node.type]));
          const lists = [
            { title: "Called by", rows: data.edges.filter((edge) => edge.callee === service).map((edge) => ({ edge, other: edge.caller })) },
            { title: "Calls", rows: data.edges.filter((edge) => edge.caller === service).map((edge) => ({ edge, other: edge.callee })) },
          ];
          return (
            <div className={styles.calls}>
              {lists.map(({ title, rows }) => (
                <div key={title}>
                  <h3>{title}</h3>
                  <ul>
                    {rows.length === 0 && <li className="faint">nobody</li>}
                    {rows.sort((a, b) => b.edge.count - a.edge.count).map(({ edge, other }) => (
                      <li key={other}>
                        {types.get(other) === "service" ? <ServiceName name={other} /> : <span className="clip dim" title={types.get(other)}>{other === "user" ? "from outside" : other}</span>}
                        <Go className="small" style={{ color: edge.errors > 0 ? "var(--bad)" : "var(--text-2)" }} to="/service-map" search={{ selected: `${edge.caller} → ${edge.callee}`, focus: service }} title={`p99 ${p99Of(edge)}`}>
                          {rate(edge.rate_per_second)}/s{edge.errors > 0 ? ` · ${ratio(edge.error_ratio)}` : ` · ${p99Of(edge)}`}
                        </Go>
                      </li>
                    ))}
                  </ul>
                </div>
              ))}
            </div>
          );
        }}
      </FiveFaces>
    </Panel>
  );
}

function p99Of({ client, server }: { client: { p99?: bigint | null | undefined }; server: { p99?: bigint | null | undefined } }): string {
  const time = client.p99 ?? server.p99;
  return time === null || time === undefined ? NOT_APPLICABLE : duration(time as Parameters<typeof duration>[0]);
}
