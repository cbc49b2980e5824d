import { useMemo } from "react";
import { type Subject, useVersionTraffic } from "@/api/service";
import { TimeSeries } from "@/charts/TimeSeries";
import { Empty, FiveFaces } from "@/components/FiveFaces";
import { Panel } from "@/components/Panel";
import type { Grid } from "@/model/traffic";
import { count, ratio } from "@/model/units";
import { differs, versionSums } from "./rows";
import styles from "./service.module.css";

const MOST = 4;

/** Versions side by side: a line for each, and whether they fail equally often. */
export function Versions({ subject, grid }: { subject: Subject; grid: Grid }) {
  const query = useVersionTraffic(subject, grid, {});
  const sums = useMemo(() => versionSums(query.data?.rows ?? [], grid).slice(0, MOST), [query.data, grid]);
  const [first, second] = sums;
  const p = first && second ? differs(first, second) : 1;
  return (
    <Panel title="Versions compared" note={sums.map((one) => `${one.version}: ${count(one.count)} requests`).join(" · ")}>
      <FiveFaces query={query} rows={6} height={220} isEmpty={() => sums.length === 0} empty={<Empty>No request in this range names a version. Set service.version in its resource.</Empty>}>
        {() => (
          <>
            <p style={{ marginBottom: 8 }}>
              {!first || !second ? `Only ${first?.version ?? "one version"} ran in this range.`
                : p < 0.001 ? <><b>{second.version}</b> fails {ratio(second.errors / second.count)}, <b>{first.version}</b> {ratio(first.errors / first.count)}: they differ <span className="dim">(p &lt; 0.001)</span>.</>
                  : <>No different: {second.version} fails {ratio(second.errors / Math.max(1, second.count))}, {first.version} {ratio(first.errors / Math.max(1, first.count))} <span className="dim">(p = {p.toFixed(2)})</span>.</>}
            </p>
            <div className={styles.compare}>
              <TimeSeries label="Share of errors by version" times={grid.times} unit="ratio" lines={sums.map((one) => ({ name: one.version, values: one.ratios }))} />
              <TimeSeries label="p99 by version" times={grid.times} unit="nanos" lines={sums.map((one) => ({ name: one.version, values: one.p99 }))} />
            </div>
          </>
        )}
      </FiveFaces>
    </Panel>
  );
}
