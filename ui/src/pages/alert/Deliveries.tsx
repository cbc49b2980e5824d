/** Was I told: every message about this alert, attempt by attempt. */

import type { Attempt, Delivery } from "@/api/deliveries";
import { Panel } from "@/components/Panel";
import { Empty } from "@/components/FiveFaces";
import { StateChip } from "@/components/StateChip";
import { shortened } from "./words";
import type { Tone } from "@/model/state";
import { exact, hmsMs, type Nanos, when } from "@/model/time";
import { duration } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import styles from "./Alert.module.css";

const TONES: Record<string, Tone> = { delivered: "good", waiting: "hold", refused: "bad", given_up: "bad" };
const WORDS: Record<string, string> = { delivered: "delivered", waiting: "waiting", refused: "refused", given_up: "given up" };
const ATTEMPTS_SHOWN = 6;

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
  const hidden = Math.max(0, delivery.attempts.length - ATTEMPTS_SHOWN);
  return (
    <li>
      <div className="row wrap">
        <StateChip tone={TONES[delivery.state] ?? "none"}>{WORDS[delivery.state] ?? delivery.state}</StateChip>
        <strong>{delivery.receiver}</strong> <span className="small dim">{delivery.integration} · {delivery.status}, {delivery.reason} · {delivery.alerts} {delivery.alerts === 1 ? "alert" : "alerts"} in it · {when(delivery.created_at, now, zone)}</span>
        {delivery.next_attempt_at !== null && delivery.next_attempt_at !== undefined && <span className="small hold">next attempt {when(delivery.next_attempt_at, now, zone)}</span>}
      </div>
      <ol className={styles.attempts}>
        {hidden > 0 && <li className="small faint">{hidden} earlier attempts</li>}
        {delivery.attempts.slice(-ATTEMPTS_SHOWN).map((attempt) => <Try key={attempt.number} attempt={attempt} />)}
      </ol>
      <p className="small faint">key <code title={delivery.idempotency_key}>{shortened(delivery.idempotency_key)}</code>, the same for every attempt</p>
    </li>
  );
}

function Try({ attempt }: { attempt: Attempt }) {
  const zone = useZone();
  const fine = attempt.error === null || attempt.error === undefined;
  return (
    <li>
      <span className="faint">{attempt.number}</span>
      <span title={exact(attempt.at, zone)}>{hmsMs(attempt.at, zone)}</span>
      <span className={fine ? "good" : "bad"}>{attempt.status ?? "no answer"}</span>
      <span className="num">{duration(attempt.duration)}</span>
      <span className="dim">{attempt.error ?? "accepted"}</span>
    </li>
  );
}
