import { useState } from "react";
import type { Range } from "@/model/range";

/** `range`, but standing still while `holding`; a new `search` lets go. */
export function useHeld(range: Range, holding: boolean, search: string): Range {
  const [held, setHeld] = useState({ range, search });
  const stale = held.search !== search || (!holding && held.range !== range);
  if (stale) setHeld({ range, search });
  return stale ? range : held.range;
}
