import { useMemo } from "react";
import type { ApiError } from "@/api/error";
import { type Matrix, useRangeQuery } from "@/api/promql";
import type { Result } from "@/api/query";
import type { Range } from "@/model/range";
import type { Nanos } from "@/model/time";
import { substitute } from "@/components/series/expression";
import { type Drawn, gridOf, onGrid } from "@/components/series/series";
import { LETTERS } from "./url";

export interface Series {
  grid: Nanos[];
  lines: Drawn[];
  /** Texts that were asked, formula last. */
  asked: string[];
  /** One per query A to D, then the formula's. */
  errors: (ApiError | null)[];
  warnings: string[][];
  loading: boolean;
  queries: Result<Matrix>[];
}

/** All queries and their formula over one grid. With a formula only its series are drawn. */
export function useSeries(texts: readonly string[], formula: string, range: Range, step: Nanos, enabled = true): Series {
  const whole = substitute(formula, texts) ?? "";
  const only = whole !== "";
  const a = useRangeQuery(texts[0] ?? "", range, step, { enabled: enabled && !only });
  const b = useRangeQuery(texts[1] ?? "", range, step, { enabled: enabled && !only });
  const c = useRangeQuery(texts[2] ?? "", range, step, { enabled: enabled && !only });
  const d = useRangeQuery(texts[3] ?? "", range, step, { enabled: enabled && !only });
  const f = useRangeQuery(whole, range, step, { enabled });
  const queries = only ? [f] : [a, b, c, d].slice(0, texts.length);
  const data = queries.map((query) => query.data);
  const grid = useMemo(() => gridOf(range, step), [range, step]);
  const lines = useMemo(() => {
    const prefixed = data.length > 1;
    return data.flatMap((one, index) => onGrid(one?.data.result ?? [], grid, prefixed ? `${LETTERS[index] ?? ""} ` : ""));
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the answers, one by one
  }, [grid, only, ...[0, 1, 2, 3].map((index) => data[index])]);
  const each = [a, b, c, d];
  return {
    grid, lines, asked: only ? [whole] : [...texts], queries,
    errors: [...each.map((query, index) => (!only && texts[index] ? query.error : null)), only ? f.error : null],
    warnings: each.map((query, index) => (!only && texts[index] ? [...(query.data?.warnings ?? []), ...(query.data?.infos ?? [])] : [])),
    loading: queries.some((query) => query.isFetching && query.data === undefined),
  };
}
