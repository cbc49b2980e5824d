import { useMemo } from "react";
import type { Range } from "@/model/range";
import type { Owner } from "@/model/trace/facts";
import type { ApiError } from "../error";
import { usePathOf } from "./flame";

/** Who owns the time of traces alike: the mean of a trace, by service. */
export function useAlikeOwners(query: string, range: Range, enabled: boolean): { data: { owners: Owner[]; traces: number } | undefined; isLoading: boolean; error: ApiError | null } {
  const { data, isLoading, error } = usePathOf(query, range, enabled);
  const summed = useMemo(() => {
    if (!data) return undefined;
    const times = new Map<string, number>();
    for (const node of data.nodes) times.set(node.service, (times.get(node.service) ?? 0) + Number(node.self_time) / Math.max(1, data.traces));
    const all = [...times.values()].reduce((sum, time) => sum + time, 0);
    const owners = [...times].map(([service, time]) => ({ service, time, share: all === 0 ? 0 : time / all })).sort((a, b) => b.time - a.time);
    return { owners, traces: data.traces };
  }, [data]);
  return { data: summed, isLoading, error };
}
