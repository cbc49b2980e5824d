/** What a PromQL text is about: its metrics, its unit, what is odd about it. The server parses; this only reads along. */

import type { Family } from "@/api/promql";
import type { Unit } from "@/model/units";

const WORDS = new Set(["by", "without", "on", "ignoring", "group_left", "group_right", "offset", "bool", "and", "or", "unless", "start", "end", "inf", "nan", "atan2"]);
const AGGREGATES = new Set(["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "topk", "bottomk", "quantile", "count_values", "limitk", "limit_ratio"]);

/** Texts, matchers, ranges and lists of labels do not name metrics. */
const bare = (expression: string): string =>
  expression.replaceAll(/#[^\n]*/g, "").replaceAll(/"(\\.|[^"\\])*"|'(\\.|[^'\\])*'|`[^`]*`/g, '""').replaceAll(/\{[^}]*\}/g, "").replaceAll(/\[[^\]]*\]/g, "")
    .replaceAll(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, " ");

/** Names of metrics in `expression`, each once. */
export function metricsOf(expression: string): string[] {
  const named = [...expression.matchAll(/__name__\s*=\s*"([^"]+)"/g)].flatMap(([, name]) => name ?? []);
  const found = [...bare(expression).matchAll(/[a-zA-Z_:][\w:]*(?=(\s*\()?)/g)].flatMap(([name, call]) => (call || WORDS.has(name.toLowerCase()) || AGGREGATES.has(name) ? [] : name));
  return [...new Set([...named, ...found])];
}

/** The family a metric belongs to: itself, or without the suffix of a histogram. */
export function familyOf(metric: string, families: ReadonlyMap<string, Family>): (Family & { name: string }) | null {
  for (const name of [metric, metric.replace(/_(bucket|count|sum|total)$/, ""), metric.replace(/_(bucket|count|sum)$/, "")]) {
    const family = families.get(name);
    if (family) return { ...family, name };
  }
  return null;
}

/** The unit of the answer, where the text tells. */
export function unitOf(expression: string, families: ReadonlyMap<string, Family>): Unit {
  const metrics = metricsOf(expression);
  const text = bare(expression);
  if (metrics.length === 0) return "none";
  const rates = /\b(rate|irate)\s*\(/.test(text);
  const divides = text.includes("/");
  const counts = /^\s*count\s*\(|\b(increase|count_over_time|count_values|absent)\s*\(/.test(text);
  const [first = ""] = metrics;
  const own = baseUnit(first, familyOf(first, families)?.unit ?? "");
  if (/histogram_quantile\s*\(|histogram_avg\s*\(/.test(text)) return own;
  if (divides && metrics.length === 2 && metrics.some((one) => one.endsWith("_sum")) && metrics.some((one) => one.endsWith("_count"))) return own;
  if (divides && metrics.length >= 1) return rates ? "ratio" : "none";
  if (/_bucket$|_count$|_total$/.test(first) && own !== "bytes") return rates ? "rate" : counts || first.endsWith("_count") || first.endsWith("_total") ? "count" : "none";
  if (rates) return own === "bytes" ? "bytes" : own === "seconds" ? "ratio" : "rate";
  return counts ? "count" : own;
}

function baseUnit(metric: string, unit: string): Unit {
  if (unit === "s" || /_seconds(_|$)/.test(metric)) return "seconds";
  if (unit === "By" || /_bytes(_|$)/.test(metric)) return /memory|heap|rss/.test(metric) ? "memory" : "bytes";
  if (unit === "1" || /_ratio(_|$)/.test(metric)) return "ratio";
  if (unit === "ms") return "none";
  return unit.startsWith("{") ? "count" : "none";
}

/** Quiet warnings: what computes, but seldom means what one wants. */
export function warningsOf(expression: string, families: ReadonlyMap<string, Family>): string[] {
  const out: string[] = [];
  const text = expression.replaceAll(/\{[^}]*\}/g, "");
  for (const [, call = "", metric = ""] of text.matchAll(/\b(rate|irate|increase|delta|deriv|idelta)\s*\(\s*([a-zA-Z_:][\w:]*)\s*\[/g)) {
    const family = familyOf(metric, families);
    if (!family) continue;
    const counts = ["rate", "irate", "increase"].includes(call);
    if (counts && family.type === "gauge") out.push(`${metric} is a gauge: ${call}() takes each fall for a restart. deriv() or delta() is for gauges.`);
    if (!counts && ["counter", "histogram"].includes(family.type)) out.push(`${metric} is a ${family.type}: ${call}() counts a restart as a fall. rate() or increase() is for counters.`);
  }
  for (const metric of metricsOf(expression)) {
    const family = familyOf(metric, families);
    const wrapped = new RegExp(`${metric}\\s*\\[`).test(text);
    if (family?.type === "counter" && !wrapped && !/\b(count|absent|group)\s*\(/.test(text)) out.push(`${metric} only grows: rate(${metric}[5m]) shows how fast.`);
  }
  return [...new Set(out)];
}

/** A formula of letters with the queries in their place; null where a letter has none. */
export function substitute(formula: string, queries: readonly string[]): string | null {
  const pattern = /"[^"]*"|\b([A-D])\b/g;
  const queryOf = (letter: string) => queries["ABCD".indexOf(letter)] ?? "";
  const letters = [...formula.matchAll(pattern)].flatMap(([, letter]) => letter ?? []);
  if (formula.trim() === "" || letters.some((letter) => queryOf(letter) === "")) return null;
  return formula.replaceAll(pattern, (all, letter: string | undefined) => (letter === undefined ? all : `(${queryOf(letter)})`));
}

/** What one most likely wants of a metric, by its type. `metric` is the family's name in PromQL. */
export function suggestions(metric: string, type: string, by: string): { label: string; query: string }[] {
  const grouping = by === "" ? "" : ` by (${by})`;
  switch (type) {
    case "counter":
      return [{ label: "Rate", query: `sum${grouping} (rate(${metric}[5m]))` }, { label: "Increase in 1 h", query: `sum${grouping} (increase(${metric}[1h]))` }];
    case "histogram": {
      const quantile = (q: number) => `histogram_quantile(${q}, sum by (${["le", ...(by === "" ? [] : [by])].join(", ")}) (rate(${metric}_bucket[5m])))`;
      return [
        { label: "p50", query: quantile(0.5) }, { label: "p95", query: quantile(0.95) }, { label: "p99", query: quantile(0.99) },
        { label: "Rate", query: `sum${grouping} (rate(${metric}_count[5m]))` }, { label: "Mean", query: `sum${grouping} (rate(${metric}_sum[5m])) / sum${grouping} (rate(${metric}_count[5m]))` },
      ];
    }
    case "summary":
      return [{ label: "Quantiles", query: metric }, { label: "Rate", query: `sum${grouping} (rate(${metric}_count[5m]))` }];
    default:
      return [{ label: "Value", query: by === "" ? metric : `sum${grouping} (${metric})` }, { label: "Mean", query: `avg${grouping} (${metric})` }, { label: "Max", query: `max${grouping} (${metric})` }];
  }
}
