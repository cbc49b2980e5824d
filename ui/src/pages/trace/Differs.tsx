/** Attributes by which a failed or slow span stands apart from good ones of its operation. */

import type { Span } from "@/api/trace";
import { operationQuery, useDifferences } from "@/api/trace/operation";
import { Go } from "@/components/location/Go";
import { type Range, absolute } from "@/model/range";
import { differing, valueText } from "@/model/trace/differs";
import type { Nanos } from "@/model/time";
import styles from "./Aside.module.css";

const MOST = 6;

export function Differs({ span, range, slowerThan }: { span: Span; range: Range; slowerThan: Nanos | null }) {
  const selection = operationQuery(span.service, span.name, slowerThan === null ? "status = error" : `duration > ${slowerThan}ns`);
  const baseline = operationQuery(span.service, span.name, "status != error");
  const asked = useDifferences({ selection, baseline, range, values: 8, limit: 500 }, true);
  const found = asked.data ? differing(asked.data.attributes, span.attributes, span.resource.attributes) : [];
  const door = <Go className={styles.link} to="/traces" search={{ q: operationQuery(span.service, span.name), select: selection, ...absolute(range) }}>compare</Go>;
  return (
    <section>
      <h3>Differs from good spans alike {door}</h3>
      {found.length === 0 ? (
        <p className="small faint">{asked.isLoading ? "Comparing…" : asked.error ? asked.error.what : asked.data?.baseline === 0 ? "There is no good one around this time." : "No attribute stands apart."}</p>
      ) : (
        <dl className={styles.kv}>
          {found.slice(0, MOST).map(({ name, key, value, was }) => [
            <dt key={name} title={name}>{key}</dt>,
            <dd key={`${name} =`} className={styles.diff} title={valueText(value)}>{valueText(value)}{was !== undefined && <span className="faint"> was {valueText(was)}</span>}</dd>,
          ])}
        </dl>
      )}
    </section>
  );
}
