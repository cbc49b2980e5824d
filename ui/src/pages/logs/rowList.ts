/** Pages of rows as one list. */

import type { LogPage, LogRow } from "@/api/logs";

/** At most this many are kept; then the range or the search must be narrowed. */
export const ROWS_MAX = 100_000;

/** All rows, each with its place among those of one time in its key. */
export function withKeys(pages: readonly LogPage[]): LogRow[] {
  const rows: LogRow[] = [];
  let nth = 0;
  for (const page of pages) {
    for (const row of page.rows) {
      nth = rows.at(-1)?.time === row.time ? nth + 1 : 0;
      // Rows of an answer are made for this list alone; those of the first page may be seen again.
      if (nth > 0) row.key = `${row.time}.${nth}`;
      rows.push(row);
    }
  }
  return rows;
}
