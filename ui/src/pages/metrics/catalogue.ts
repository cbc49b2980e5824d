/** Metrics under both of their names: as sent, and as PromQL says them. */

import type { Family, SentMetric } from "@/api/promql";
import type { Nanos } from "@/model/time";

export interface Metric {
  /** In PromQL; a histogram's without its suffixes. */
  name: string;
  /** As its sender named it; empty for those made of spans. */
  sentAs: string;
  type: string;
  temporality: string;
  unit: string;
  help: string;
  series: number | null;
  seen: Nanos | null;
}

const TEMPORALITIES: Record<number, string> = { 1: "delta", 2: "cumulative" };
const TYPES: Record<string, string> = { unknown: "not told", exponential_histogram: "exponential histogram", gaugehistogram: "histogram of a gauge", stateset: "set of states" };

/** `counter, since its start`: a metric's type and temporality as words. */
export const typeWords = ({ type, temporality }: Pick<Metric, "type" | "temporality">): string =>
  [TYPES[type] ?? type, temporality].filter((word) => word !== "").join(", ");

const normal = (name: string): string => name.replaceAll(/[^a-zA-Z0-9_:]/g, "_");

/** All metrics by name: those sent, then those PromQL knows besides (made of spans). */
export function catalogue(sent: readonly SentMetric[], families: ReadonlyMap<string, Family>, names: readonly string[]): Metric[] {
  const metrics = sent.map((one): Metric => {
    const plain = normal(one.name);
    const name = familyName(plain, one.description ?? "", families) ?? plain;
    return {
      name, sentAs: one.name, type: families.get(name)?.type ?? one.type, temporality: one.temporality === null ? "" : (TEMPORALITIES[one.temporality] ?? ""),
      unit: one.unit ?? "", help: one.description ?? "", series: one.series, seen: one.seen,
    };
  });
  const known = new Set(metrics.map((metric) => metric.name));
  const others = new Set(names.filter((name) => !known.has(name) && !known.has(stem(name))).map((name) => (names.includes(`${stem(name)}_bucket`) ? stem(name) : name)));
  const made = [...others].map((name): Metric => ({
    name, sentAs: "", type: names.includes(`${name}_bucket`) ? "histogram" : name.endsWith("_total") ? "counter" : "gauge", temporality: "", unit: "", help: "Made of spans.", series: null, seen: null,
  }));
  return [...metrics, ...made].sort((a, b) => (a.name < b.name ? -1 : 1));
}

const stem = (name: string): string => name.replace(/_(bucket|count|sum)$/, "");

/** The family whose name is the metric's, or begins with it and says the same: PromQL appends units and `_total`. */
function familyName(plain: string, help: string, families: ReadonlyMap<string, Family>): string | null {
  if (families.has(plain)) return plain;
  const longer = [...families].filter(([name, family]) => name.startsWith(`${plain}_`) && (help === "" || family.help === help)).map(([name]) => name);
  return longer.sort((a, b) => a.length - b.length)[0] ?? null;
}
