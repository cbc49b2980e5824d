import { StateChip } from "@/components/StateChip";
import { alertTone, alertWord } from "@/model/state";
import { exact, type Nanos, nanos } from "@/model/time";
import { duration } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import type { BoardAlert } from "./board";

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

/** `Page · firing 13 min`. */
export function AlertChip({ alert, now }: { alert: Pick<BoardAlert, "state" | "severity" | "since" | "heldSince">; now: Nanos }) {
  const zone = useZone();
  const since = alert.state === "held" ? alert.heldSince : alert.since;
  const ago = since !== null && now > since && alert.state !== "resolved" ? ` ${duration(nanos(now - since - ((now - since) % 1_000_000_000n)))}` : "";
  return <StateChip tone={alertTone(alert.state, alert.severity)} {...(since !== null ? { title: exact(since, zone) } : {})}>{capital(alert.severity === "none" ? "alert" : alert.severity)} · {alertWord(alert.state)}{ago}</StateChip>;
}
