import { useMemo } from "react";
import type { ApiError } from "@/api/error";
import { useLogPatterns } from "@/api/logs";
import type { Range } from "@/model/range";
import { before, firstQuarter, rank, type RankedPattern } from "./ranking";

export interface Patterns {
  ranked: RankedPattern[] | undefined;
  /** Where "usual" was counted. */
  usual: Range;
  error: ApiError | null;
  isFetching: boolean;
  dataUpdatedAt: number;
  refetch: () => unknown;
}

/** Patterns of the range against as long a time before it; against its own first quarter where nothing was stored then. */
export function usePatterns(search: string, range: Range, enabled: boolean): Patterns {
  const now = useLogPatterns(search, range, { enabled });
  const past = useLogPatterns(search, before(range), { enabled });
  const none = enabled && past.data?.rows.length === 0;
  const quarter = useLogPatterns(search, firstQuarter(range), { enabled: none });
  const usual = none ? firstQuarter(range) : before(range);
  const base = none ? quarter : past;
  const ranked = useMemo(
    () => (now.data && base.data ? rank(now.data.rows, range, base.data.rows, usual) : undefined),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `usual` follows from the range and `none`
    [now.data, base.data, range, none],
  );
  return { ranked, usual, error: now.error ?? base.error, isFetching: now.isFetching || base.isFetching, dataUpdatedAt: now.dataUpdatedAt, refetch: () => now.refetch() };
}
