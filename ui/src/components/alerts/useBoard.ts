import { useMemo } from "react";
import { useToldAlerts } from "@/api/alertmanager";
import { useActiveAlerts } from "@/api/alerts";
import { useSlos } from "@/api/slos";
import { type BoardAlert, boardOf } from "./board";

export interface Board {
  /** As one query, for the faces: it has data when what is told is known. */
  query: { data: BoardAlert[] | undefined; error: ReturnType<typeof useToldAlerts>["error"]; isFetching: boolean; dataUpdatedAt: number; refetch: () => Promise<unknown> };
  slos: NonNullable<ReturnType<typeof useSlos>["data"]>["slos"];
  /** What of it could not be read. */
  missing: string[];
}

const NO_SLOS: Board["slos"] = [];

/** All alerts there are now. */
export function useBoard(): Board {
  const told = useToldAlerts();
  const rules = useActiveAlerts();
  const slos = useSlos();
  const data = useMemo(
    () => (told.data && (rules.data || rules.error) && (slos.data || slos.error) ? boardOf(told.data, rules.data?.rows ?? [], slos.data?.slos ?? []) : undefined),
    [told.data, rules.data, rules.error, slos.data, slos.error],
  );
  const refetch = () => Promise.all([told.refetch(), rules.refetch(), slos.refetch()]);
  const missing = [...(rules.error ? ["alerts of rules"] : []), ...(slos.error ? ["which alerts are held"] : [])];
  return { query: { data, error: told.error, isFetching: told.isFetching, dataUpdatedAt: told.dataUpdatedAt, refetch }, slos: slos.data?.slos ?? NO_SLOS, missing };
}
