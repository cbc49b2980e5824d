import type { SqlTable } from "@/api/sql";
import type { Panel } from "@/model/dashboard/document";
import type { Unit } from "@/model/units";
import { isNumber } from "@/components/sql/answer";

/** Units of a table's columns: those it names, and the panel's for its only column of numbers. */
export function unitsOf(panel: Pick<Panel, "unit" | "units">, table: SqlTable | null): Record<string, Unit> {
  const numbers = table?.columns.filter(isNumber) ?? [];
  const own = panel.unit && numbers.length > 0 && (numbers.length === 1 || numbers.every((column) => /^value/.test(column.name))) ? Object.fromEntries(numbers.map((column) => [column.name, panel.unit ?? "none"])) : {};
  return { ...own, ...(panel.units ?? {}) };
}
