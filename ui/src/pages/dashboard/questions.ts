/** What a panel asks, with its variables in place. */

import type { PanelQuestion } from "@/api/panels";
import { aligned } from "@/components/series/series";
import { isKind, LANGUAGES_OF, type Panel, type PanelQuery } from "@/model/dashboard/document";
import { type Choices, type OwnValues, substitute } from "@/model/dashboard/variables";
import { type Range, stepFor } from "@/model/range";
import { type Nanos, NS_PER_S, toIso } from "@/model/time";

/** A rate needs some points: four steps, and no less than this. */
const WINDOW_SECONDS_MIN = 120;
const HEAT_POINTS = 8;
const LINE_POINTS = 20;

/** A round step for a panel of so many columns. */
export const panelStep = (panel: Pick<Panel, "kind" | "w">, range: Range): Nanos => stepFor(range, Math.max(40, panel.w * (panel.kind === "heat_map" ? HEAT_POINTS : LINE_POINTS)));

export function ownValues(range: Range, step: Nanos): OwnValues {
  const stepSeconds = Number(step / NS_PER_S);
  return {
    from: `TIMESTAMP '${toIso(range.from)}'`, to: `TIMESTAMP '${toIso(range.to)}'`, fromSeconds: Number(range.from / NS_PER_S), toSeconds: Number(range.to / NS_PER_S),
    stepSeconds, windowSeconds: Math.max(WINDOW_SECONDS_MIN, 4 * stepSeconds),
  };
}

export type Asked = { query: PanelQuery } & ({ question: PanelQuestion; problem: null } | { question: null; problem: string });

/** Queries that the kind of panel adds its own to: spans by duration, records over time. */
function completed(panel: Panel, { language, query }: PanelQuery, stepSeconds: number): string {
  if (panel.kind === "heat_map" && language === "traceql" && !/\|\s*\w+_over_time\s*\(/.test(query)) return `${query} | histogram_over_time(duration)`;
  if (panel.kind === "logs" && language === "logs") return `${query.trim() === "" ? "*" : query} | fields time, severity, service, body, trace_id, span_id`;
  if ((panel.kind === "time_series" || panel.kind === "stat") && language === "logs" && !query.includes("| ")) return `${query.trim() === "" ? "*" : query} | count by severity per ${stepSeconds}s`;
  return query;
}

/** Queries of the panel that its kind understands. Empty ones ask nothing. */
export function questionsOf(panel: Panel, range: Range, choices: Choices): Asked[] {
  if (!isKind(panel.kind)) return [];
  const languages = LANGUAGES_OF[panel.kind];
  const step = panelStep(panel, range);
  const bounds = panel.kind === "logs" || panel.kind === "traces" ? range : aligned(range, step);
  const own = ownValues(bounds, step);
  const limit = panel.limit ?? (panel.kind === "logs" ? 200 : panel.kind === "traces" ? 50 : 1000);
  return panel.queries.filter((query) => query.query.trim() !== "" || query.language === "logs").map((query): Asked => {
    if (!languages.includes(query.language)) return { query, question: null, problem: `this kind of panel does not ask in ${query.language}` };
    const found = substitute(completed(panel, query, own.stepSeconds), query.language, choices, own);
    if (!found.ok) return { query, question: null, problem: found.problem };
    return { query, problem: null, question: { language: query.language, text: found.text, range: bounds, step, limit: panel.kind === "time_series" || panel.kind === "heat_map" ? 5000 : limit } };
  });
}
