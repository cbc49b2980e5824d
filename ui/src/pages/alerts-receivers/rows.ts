import type { Delivery } from "@/api/deliveries";
import type { Nanos } from "@/model/time";

export interface Receiver {
  name: string;
  delivered: number;
  waiting: number;
  failed: number;
  last: Nanos | null;
  /** What the last attempt that failed said, while it is not made good. */
  error: string | null;
}

/** Each receiver by what became of its messages, those in trouble first. `deliveries` are the newest first. */
export function receiversOf(names: readonly string[], deliveries: readonly Delivery[]): Receiver[] {
  const all = [...new Set([...names, ...deliveries.map((one) => one.receiver)])];
  const rows = all.map((name): Receiver => {
    const own = deliveries.filter((one) => one.receiver === name);
    const of = (...states: string[]) => own.filter((one) => states.includes(one.state)).length;
    return {
      name, delivered: of("delivered"), waiting: of("waiting"), failed: of("refused", "given_up"),
      last: own[0]?.created_at ?? null, error: own.find((one) => one.state !== "delivered" && one.error)?.error ?? null,
    };
  });
  return rows.sort((a, b) => b.failed - a.failed || b.waiting - a.waiting || (a.name < b.name ? -1 : 1));
}

export function headline(receivers: readonly Receiver[]): string {
  const bad = receivers.filter((one) => one.failed > 0 || one.waiting > 0);
  if (receivers.length === 0) return "Nobody is told";
  if (receivers.every((one) => one.delivered === 0 && one.failed === 0 && one.waiting === 0)) return "Nothing was sent yet";
  return bad.length === 0 ? "Everything was delivered" : `${bad.map((one) => one.name).join(" and ")} ${bad.length === 1 ? "misses" : "miss"} messages`;
}
