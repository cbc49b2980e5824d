import type { Tone } from "@/model/state";
import { sparkPaths } from "./sparkPaths";
import styles from "./Sparkline.module.css";

export interface SparklineProps {
  /** Oldest first; null where nothing was measured. */
  values: readonly (number | null)[];
  tone?: Tone;
  width?: number;
  height?: number;
  /** Where the vertical axis begins; 0 for rates and ratios. */
  min?: number;
  /** Upper end when rows share a scale. */
  max?: number;
  /** Deploys, as shares of the width (0 to 1). */
  marks?: readonly number[];
  /** In words; left out when the number stands beside it. */
  label?: string;
}

export function Sparkline({ values, tone = "none", width = 82, height = 22, min = 0, max, marks = [], label }: SparklineProps) {
  const { line, area, gaps } = sparkPaths(values, width, height, min, max);
  return (
    <svg className={styles.spark} width={width} height={height} data-tone={tone} {...(label ? { role: "img", "aria-label": label } : { "aria-hidden": true })}>
      <path className={styles.area} d={area} />
      <path className={styles.line} d={line} />
      {gaps.map(([from, to]) => <path key={from} className={styles.gap} d={`M${from} ${height - 2}H${to}`} />)}
      {marks.map((at) => <path key={at} className={styles.mark} d={`M${at * width} 0V${height}`} />)}
    </svg>
  );
}
