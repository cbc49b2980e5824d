/** Was I told: every message about this alert, attempt by attempt. */

import type { Delivery } from "@/api/deliveries";
import { Attempts, deliveryState } from "@/components/alerts/Attempts";
import { Empty } from "@/components/FiveFaces";
import { Panel } from "@/components/Panel";
import { StateChip } from "@/components/StateChip";
import { type Nanos, when } from "@/model/time";
import { useZone } from "@/preferences/preferences";
import styles from "./Alert.module.css";

export function Deliveries({ deliveries, now, source }: { deliveries: readonly Delivery[]; now: Nanos; source: "firing" | "other" }) {
  return (
    <Panel title="Deliveries" note="each message, attempt by attempt" flush>
      {deliveries.length === 0 ? (
        <Empty>{source === "firing" ? "Nobody was told of it: no route leads to a receiver, it waits for its group, or it is silenced. Receivers shows the routes." : "Nobody was told of it."}</Empty>
      ) : (
        <ul className={styles.deliveries}>{deliveries.map((delivery) => <One key={delivery.id} delivery={delivery} now={now} />)}</ul>
      )}
    </Panel>
  );
}

function One({ delivery, now }: { delivery: Delivery; now: Nanos }) {
  const zone = useZone();
  const { word, tone } = deliveryState(delivery.state);
  return (
    <li>
      <div className="row wrap">
        <StateChip tone={tone}>{word}</StateChip>
        <strong>{delivery.receiver}</strong> <span className="small dim">{delivery.integration} · {delivery.status}, {delivery.reason} · {delivery.alerts} {delivery.alerts === 1 ? "alert" : "alerts"} in it · {when(delivery.created_at, now, zone)}</span>
        {delivery.next_attempt_at !== null && delivery.next_attempt_at !== undefined && <span className="small hold">next attempt {when(delivery.next_attempt_at, now, zone)}</span>}
      </div>
      <Attempts delivery={delivery} />
    </li>
  );
}
