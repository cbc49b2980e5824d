import { useMemo } from "react";
import { useArrivals } from "@/api/ingest";
import { type Heard, heardOf } from "@/model/senders";
import type { Grid } from "@/model/traffic";

/** Senders of the range, by the question of Ingest health: pages that show both count the same. */
export function useHeard(grid: Grid): Heard[] {
  const arrivals = useArrivals(grid, { poll: false });
  return useMemo(() => heardOf(arrivals.data?.rows ?? [], grid), [arrivals.data, grid]);
}
