/** What a link to the metrics reproduces. */

import { type Codec, flag, list, oneOf, text } from "@/model/url";

export interface View {
  /** Queries A, B, C, D. */
  q: string[];
  /** Of their letters: `A / B`. */
  formula: string;
  step: "auto" | "15s" | "30s" | "1m" | "5m" | "15m" | "1h";
  exemplars: boolean;
  /** All series, not only the largest. */
  all: boolean;
  shows: "graph" | "table";
  tab: "explorer" | "cardinality";
  find: string;
}

export const STEPS = ["auto", "15s", "30s", "1m", "5m", "15m", "1h"] as const;
export const QUERIES_MAX = 4;
export const LETTERS = ["A", "B", "C", "D"] as const;

export const codec: Codec<View> = {
  q: list(), formula: text(), step: oneOf(STEPS, "auto"), exemplars: flag(true), all: flag(), shows: oneOf(["graph", "table"], "graph"), tab: oneOf(["explorer", "cardinality"], "explorer"), find: text(),
};
