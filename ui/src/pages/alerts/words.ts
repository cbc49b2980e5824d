import type { BoardAlert, Past } from "@/components/alerts/board";
import { isPage } from "@/components/alerts/board";
import { type Nanos, nanos, when, type Zone } from "@/model/time";
import { duration } from "@/model/units";

/** The list's sentence: `2 pages and 3 tickets fire, 1 held`. */
export function headline(alerts: readonly BoardAlert[]): string {
  const of = (state: string) => alerts.filter((alert) => alert.state === state);
  const some = (n: number, word: string) => `${n} ${word}${n === 1 ? "" : "s"}`;
  const firing = of("firing").filter((alert) => alert.silencedBy.length === 0);
  const pages = firing.filter((alert) => isPage(alert.severity)).length;
  const others = firing.length - pages;
  const silenced = of("firing").length - firing.length;
  const fire = [...(pages > 0 ? [some(pages, "page")] : []), ...(others > 0 ? [some(others, pages > 0 ? "other alert" : "alert")] : [])].join(" and ");
  const rest = [
    ...(of("held").length > 0 ? [`${of("held").length} held`] : []),
    ...(of("pending").length > 0 ? [`${of("pending").length} pending`] : []),
    ...(silenced > 0 ? [`${silenced} silenced`] : []),
  ];
  const verb = firing.length === 1 ? "fires" : "fire";
  return [fire === "" ? "Nothing fires" : `${fire} ${verb}`, ...rest].join(", ");
}

/** When there was a page last. */
export function lastPage(past: readonly Past[], now: Nanos, zone: Zone): string {
  const page = past.find((one) => isPage(one.severity));
  return page ? `Last page ${when(page.from, now, zone)} (${duration(nanos(page.to - page.from))}).` : "No page is kept.";
}
