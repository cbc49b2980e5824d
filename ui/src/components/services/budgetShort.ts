import { budget } from "@/model/units";

/** What is left, in a table's narrow column: overspent once and more, a decimal says nothing. */
export const budgetShort = (left: number): string => (left <= -1 ? budget(Math.round(left * 100) / 100).replace(/\.0(?=\D)/, "") : budget(left));
