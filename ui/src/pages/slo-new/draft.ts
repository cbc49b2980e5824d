/** A new SLO from three choices: service, kind of good, objective. Its text is OpenSLO, and can be changed by hand. */

export type Good = "availability" | "latency" | "logs";

export interface Draft {
  service: string;
  /** Of spans; empty: all that the service serves. */
  operation: string;
  good: Good;
  /** Of `latency`. */
  milliseconds: number;
  /** Percent. */
  target: number;
  days: number;
  owner: string;
}

export const BLANK: Draft = { service: "", operation: "", good: "availability", milliseconds: 300, target: 99.9, days: 30, owner: "" };

const quoted = (text: string): string => JSON.stringify(text);
/** A text in YAML's single quotes. */
const yaml = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** Lower-case letters, digits and dashes, at most 63. */
export const nameOf = (draft: Draft): string =>
  [draft.service, draft.operation, draft.good === "latency" ? `under-${draft.milliseconds}ms` : draft.good === "logs" ? "logs" : "availability"]
    .join("-").toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-+|-+$/g, "").slice(0, 63).replace(/-+$/, "");

export function titleOf(draft: Draft): string {
  const of = draft.operation ? `${draft.service} ${draft.operation}` : draft.service;
  if (draft.good === "latency") return `${of} under ${draft.milliseconds} ms`;
  return draft.good === "logs" ? `${draft.service} without errors in logs` : `${of} availability`;
}

function queries(draft: Draft): { type: string; total: string; good: string } {
  if (draft.good === "logs") return { type: "logs", total: `service:${quoted(draft.service)}`, good: "severity:<error" };
  const parts = [`resource.service.name = ${quoted(draft.service)}`, "(kind = server || kind = consumer)", ...(draft.operation ? [`name = ${quoted(draft.operation)}`] : [])];
  return { type: "spans", total: `{ ${parts.join(" && ")} }`, good: draft.good === "latency" ? `{ status != error && duration <= ${draft.milliseconds}ms }` : "{ status != error }" };
}

/** What is missing of it, in words. */
export function problemOf(draft: Draft): string | null {
  if (draft.service === "") return "Choose a service.";
  if (!(draft.target > 0 && draft.target < 100)) return "The objective lies between 0 and 100 %, without both.";
  if (draft.good === "latency" && !(draft.milliseconds > 0)) return "A request is fast within some milliseconds: say how many.";
  return draft.days >= 1 && draft.days <= 90 ? null : "The window is from 1 to 90 days.";
}

export function openSlo(draft: Draft): string {
  const { type, total, good } = queries(draft);
  const name = nameOf(draft);
  const source = (query: string) => `{metricSource: {type: ${type}, spec: {query: ${yaml(query)}}}}`;
  return `apiVersion: openslo/v1
kind: SLO
metadata:
  name: ${name}
  displayName: ${yaml(titleOf(draft))}
${draft.owner.trim() === "" ? "" : `  labels: {owner: ${yaml(draft.owner.trim())}}\n`}spec:
  service: ${yaml(draft.service)}
  indicator:
    metadata: {name: ${name}-sli}
    spec:
      ratioMetric:
        total: ${source(total)}
        good: ${source(good)}
  timeWindow: [{duration: ${draft.days}d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: ${Number((draft.target / 100).toFixed(9))}}]
`;
}

/** Requests an hour below which one bad event in the shortest window is past its threshold: that tier is then meaningless. */
export function leastPerHour(target: number, threshold = 14.4, shortMinutes = 5): number {
  const budget = 1 - target / 100;
  return Math.ceil(60 / shortMinutes / Math.min(1, threshold * budget));
}
