import type { RefObject } from "react";
import type { LogRow } from "@/api/logs";
import { useKeys } from "@/components/keys/keys";
import { path } from "@/components/location/path";
import { useGo } from "@/components/location/useGo";
import type { ListHandle } from "@/components/logs/LogList";
import type { View } from "./url";

export interface LogKeys {
  list: RefObject<ListHandle | null>;
  rows: readonly LogRow[];
  view: View;
  setView: (change: Partial<View>) => void;
  onExclude: (row: LogRow) => void;
  onPause: () => void;
}

/** The page's keys. `j k Enter Esc` also work on the list itself. */
export function useLogKeys({ list, rows, view, setView, onExclude, onPause }: LogKeys): void {
  const go = useGo();
  const focused = (): LogRow | undefined => rows[list.current?.focused() ?? 0];
  useKeys([
    { keys: "j", does: "Next record", run: () => list.current?.move(1) },
    { keys: "k", does: "Record before", run: () => list.current?.move(-1) },
    {
      keys: "t", does: "Trace of the record",
      run: () => {
        const row = focused();
        if (row?.traceId) go(path("traces", row.traceId), { span: row.spanId ?? undefined });
      },
    },
    {
      keys: "x", does: "Exclude records like this",
      run: () => {
        const row = focused();
        if (row) onExclude(row);
      },
    },
    { keys: "w", does: "Wrap long lines", run: () => setView({ wrap: !view.wrap }) },
    { keys: "Shift-P", does: "Patterns", run: () => setView({ tab: view.tab === "patterns" ? "rows" : "patterns" }) },
    { keys: "Space", does: "Pause or go on with the tail", run: onPause },
    { keys: "Escape", does: "Close the record", run: () => setView({ open: "" }) },
  ]);
}
