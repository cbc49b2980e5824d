import { sparkPaths } from "@/components/sparkPaths";
import type { Outcome } from "@/model/change";
import { hm } from "@/model/time";
import type { Grid } from "@/model/traffic";
import type { Deploy } from "@/model/versions";
import { ratio } from "@/model/units";
import { useZone } from "@/preferences/preferences";
import styles from "./overview.module.css";
import { labelsOf } from "./labels";
import type { Onset } from "./sentences";

const [WIDTH, HEIGHT, TOP] = [208, 48, 14];

/** The share of bad events over the range, where it stepped up, and the deploy before it. */
export function BadRatio({ buckets, grid, onset, deploy, kind, label }: { buckets: readonly Outcome[]; grid: Grid; onset: Onset | null; deploy: Deploy | null; kind: "page" | "ticket"; label: string }) {
  const zone = useZone();
  const { line, area } = sparkPaths(buckets.map((b) => (b.total === 0 ? null : b.bad / b.total)), WIDTH, HEIGHT, 0);
  const x = (at: bigint) => (Number(at - grid.range.from) / Number(grid.range.to - grid.range.from)) * WIDTH;
  const words = onset ? `${ratio(onset.step.before)} until ${hm(onset.at, zone)}, then ${ratio(onset.step.after)}${onset.until ? ` until ${hm(onset.until, zone)}` : ""}` : "no step in this range";
  const labels = labelsOf(deploy && { x: x(deploy.at), words: deploy.to }, onset && { x: x(onset.at), words: ratio(onset.step.after) }, WIDTH);
  const [begin, end] = [hm(grid.range.from, zone), hm(grid.range.to, zone)];
  return (
    <svg className={styles.chart} width={WIDTH + 2} height={HEIGHT + TOP + 18} role="img" aria-label={`Bad events of ${label}: ${words}`}>
      <g transform={`translate(0 ${TOP})`}>
        <path className={styles.base} d={`M0 ${HEIGHT}H${WIDTH}`} />
        <path className={styles.area} d={area} />
        <path className={styles.line} data-kind={kind} d={line} />
      </g>
      {deploy && <path className={styles.mark} d={`M${x(deploy.at)} ${labels.onset?.anchor === "end" ? TOP : 0}V${HEIGHT + TOP}`} />}
      {deploy && labels.deploy && <text x={labels.deploy.x} y={11} textAnchor={labels.deploy.anchor} style={{ fill: "var(--brass)" }}>{deploy.to}</text>}
      {onset && labels.onset && <text x={labels.onset.x} y={11} textAnchor={labels.onset.anchor}>{ratio(onset.step.after)}</text>}
      <text x={0} y={HEIGHT + TOP + 14}>{begin}</text>
      <text x={WIDTH} y={HEIGHT + TOP + 14} textAnchor="end">{end}</text>
    </svg>
  );
}
