/** A message's attempts: when, what the receiver answered, how long that took, and the key they all carry. */

import type { Attempt, Delivery } from "@/api/deliveries";
import type { Tone } from "@/model/state";
import { exact, hmsMs } from "@/model/time";
import { duration } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import styles from "./Attempts.module.css";

const ATTEMPTS_SHOWN = 6;

/** What became of a message, in words. */
export const DELIVERY_STATES: Record<string, { word: string; tone: Tone }> = {
  delivered: { word: "delivered", tone: "good" },
  waiting: { word: "waiting", tone: "hold" },
  refused: { word: "refused", tone: "bad" },
  given_up: { word: "given up", tone: "bad" },
};
export const deliveryState = (state: string): { word: string; tone: Tone } => DELIVERY_STATES[state] ?? { word: state.replaceAll("_", " "), tone: "none" };

export function Attempts({ delivery }: { delivery: Pick<Delivery, "attempts" | "idempotency_key" | "receiver"> }) {
  const hidden = Math.max(0, delivery.attempts.length - ATTEMPTS_SHOWN);
  return (
    <div className={styles.attempts}>
      {delivery.attempts.length === 0 && <p className="small faint">No attempt was made yet.</p>}
      <ol aria-label={`Attempts to tell ${delivery.receiver}`}>
        {hidden > 0 && <li className="small faint">{hidden} earlier attempts</li>}
        {delivery.attempts.slice(-ATTEMPTS_SHOWN).map((attempt) => <Try key={attempt.number} attempt={attempt} />)}
      </ol>
      <p className="small faint">key <code>{delivery.idempotency_key}</code>, the same for every attempt</p>
    </div>
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
