/** Why a query has no series: which of its selectors matches none, and what there is near it. */

import { useLabelNames, useLabelValues } from "@/api/promql";
import { Empty } from "@/components/FiveFaces";
import type { Range } from "@/model/range";
import { nearest } from "./nearest-names";

export function Nearest({ expression, range }: { expression: string; range: Range }) {
  const names = useLabelValues("__name__", range);
  const selectors = [...expression.matchAll(/([a-zA-Z_:][\w:]*)\s*(\{[^}]*\})/g)].map(([whole, metric, matchers]) => ({ whole, metric: metric ?? "", matchers: matchers ?? "" }));
  const wanted = [...new Set([...expression.replaceAll(/\{[^}]*\}|"[^"]*"|\[[^\]]*\]|\b(by|without|on|ignoring)\s*\([^)]*\)/g, " ").matchAll(/[a-zA-Z_:][\w:]*(?!\s*\()\b/g)].map(([name]) => name))];
  const missing = names.data ? wanted.filter((name) => name.includes("_") && !names.data.includes(name)) : [];
  return (
    <Empty title="No series in this range.">
      {missing.map((name) => (
        <span key={name} style={{ display: "block" }}>No metric is named <code>{name}</code>{near(name, names.data ?? [])}.</span>
      ))}
      {missing.length === 0 && selectors.map((selector) => <Matchers key={selector.whole} {...selector} range={range} />)}
      {missing.length === 0 && selectors.length === 0 && <>Its metrics have no points here, or two sides of an operator have no labels in common. Widen the range, or look at each side by itself.</>}
    </Empty>
  );
}

const near = (name: string, all: readonly string[]): string => {
  const found = nearest(name, all);
  return found.length === 0 ? "" : `; near it: ${found.join(", ")}`;
};

function Matchers({ metric, matchers, range }: { metric: string; matchers: string; range: Range }) {
  const first = /([a-zA-Z_]\w*)\s*=\s*"([^"]*)"/.exec(matchers);
  const [label, value] = [first?.[1] ?? "job", first?.[2] ?? ""];
  const values = useLabelValues(label, range, metric);
  const labels = useLabelNames(range, metric);
  if (!values.data || !labels.data) return null;
  if (!labels.data.includes(label)) return <span style={{ display: "block" }}>{metric} has no label <code>{label}</code>; it has {labels.data.filter((one) => one !== "__name__").slice(0, 8).join(", ")}.</span>;
  return <span style={{ display: "block" }}><code>{metric}{matchers}</code> matches none. Values of {label}: {(nearest(value, values.data).length > 0 ? nearest(value, values.data) : values.data.slice(0, 6)).join(", ") || "none"}.</span>;
}
