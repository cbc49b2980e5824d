/** What a link to the logs reproduces. */

import { type Codec, flag, list, oneOf, text } from "@/model/url";

export const TABS = ["rows", "patterns", "count", "compare"] as const;
export type LogTab = (typeof TABS)[number];

export interface View {
  /** The search; pipes behind it make a table. */
  q: string;
  tab: LogTab;
  /** The record that is open: its time and its place among those of one time. */
  open: string;
  /** Further columns. */
  columns: string[];
  wrap: boolean;
  /** Live tail. */
  tail: boolean;
  /** Keys to count by. */
  by: string[];
  /** Length of the spans of time to count by; empty is none. */
  per: string;
  /** The other range of a comparison: `FROM-TO` in ns. */
  other: string;
}

export const codec: Codec<View> = {
  q: text(), tab: oneOf(TABS, "rows"), open: text(), columns: list(), wrap: flag(), tail: flag(), by: list(), per: text(), other: text(),
};
