import { budget } from "@/model/units";
import { budgetTone } from "@/model/state";
import styles from "./BudgetBar.module.css";

export interface BudgetBarProps {
  /** What is left, 1 being all; below 0 it is overspent. Null when never measured. */
  left: number | null;
  firing?: "page" | "ticket" | null;
  held?: boolean;
  /** Whether the figure stands beside the bar. */
  figure?: boolean;
  width?: number;
}

/** What is left of an error budget. Overspent runs leftward from zero, hatched; held is violet with the last value greyed. */
export function BudgetBar({ left, firing = null, held = false, figure = true, width = 64 }: BudgetBarProps) {
  const tone = budgetTone(left, firing, held);
  const words = left === null ? "no data" : budget(left);
  const share = left === null ? 0 : Math.min(1, Math.abs(left));
  return (
    <span className={styles.budget}>
      <span
        className={styles.bar} data-tone={tone} data-over={left !== null && left < 0 ? "" : undefined}
        style={{ width, "--share": `${share * 100}%` } as React.CSSProperties}
        role="img" aria-label={`${held ? "held, last known " : ""}${words} of the budget left`}
      />
      {figure && <span className={tone === "hold" ? "faint" : undefined}>{words}{held ? " held" : ""}</span>}
    </span>
  );
}
