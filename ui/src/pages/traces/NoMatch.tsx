/** Nothing matched: how many spans there are, which condition alone matches none, and what may have been meant. */

import { useQuery } from "@tanstack/react-query";
import { askCount, askValues } from "@/api/traces";
import { Empty } from "@/components/FiveFaces";
import { braces, type Condition, conditionsOf, nearest, textOf, written } from "@/model/traceql/form";
import type { Range } from "@/model/range";
import { count, group } from "@/model/units";

const CONDITIONS = 6;

interface Counted {
  condition: Condition;
  spans: number;
  meant: { value: string; spans: number } | null;
}

async function explain(conditions: readonly Condition[], range: Range, signal: AbortSignal): Promise<{ all: number; counted: Counted[] }> {
  const all = await askCount("{ }", range, signal);
  const counted: Counted[] = [];
  for (const condition of conditions.slice(0, CONDITIONS)) {
    const spans = await askCount(braces([condition]), range, signal);
    counted.push({ condition, spans, meant: spans === 0 && condition.op === "=" && condition.value.startsWith('"') ? await meantBy(condition, range, signal) : null });
  }
  return { all, counted };
}

async function meantBy(condition: Condition, range: Range, signal: AbortSignal): Promise<Counted["meant"]> {
  const known = await askValues(condition.field, range, 1000);
  const near = nearest(condition.value.slice(1, -1), known.map((one) => one.value));
  return near === null ? null : { value: near, spans: await askCount(braces([{ ...condition, value: textOf(near) }]), range, signal) };
}

export function NoMatch({ query, range, onQuery }: { query: string; range: Range; onQuery: (text: string) => void }) {
  const conditions = conditionsOf(query) ?? [];
  const asked = useQuery({ queryKey: ["why no span", query, range.from, range.to], queryFn: ({ signal }) => explain(conditions, range, signal), staleTime: 60_000, placeholderData: undefined });
  const found = asked.data;
  if (found?.all === 0) return <Empty title="There is no span in this range.">Nothing was received, or the time is not the one you mean. Send OTLP to :4317 or :4318, or widen the time.</Empty>;
  return (
    <Empty title="No span matches." actions={found?.counted.flatMap(({ condition, meant }) => (meant ? [
      <button key={written(condition)} type="button" className="btn" onClick={() => onQuery(braces(conditions.map((one) => (one === condition ? { ...one, value: textOf(meant.value) } : one))))}>
        Did you mean {textOf(meant.value)} ({count(meant.spans)})?
      </button>,
    ] : []))}>
      {found ? <>{group(found.all)} spans are in this range. </> : "Counting what each condition matches…"}
      {found?.counted.map(({ condition, spans }) => <span key={written(condition)}><code>{written(condition)}</code> {spans === 0 ? <b className="bad">matches none</b> : <>matches {group(spans)}</>}. </span>)}
      {found && found.counted.length > 1 && found.counted.every((one) => one.spans > 0) && "No single span fulfils all of them together."}
    </Empty>
  );
}
