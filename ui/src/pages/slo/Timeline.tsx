import { Panel } from "@/components/Panel";
import { exact, type Nanos, when } from "@/model/time";
import { useZone } from "@/preferences/preferences";
import styles from "./Slo.module.css";
import type { Step } from "./timeline";

export function Timeline({ steps, more, now, onAll }: { steps: Step[]; more: number; now: Nanos; onAll: () => void }) {
  const zone = useZone();
  return (
    <Panel flush>
      <ol className={styles.steps}>
        <li><h2>Timeline</h2><span>{more > 0 ? <>{more} more in the period: <button type="button" className={styles.link} onClick={onAll}>all</button></> : steps.length === 0 ? "nothing happened in the period" : "all of the period"}</span></li>
        {steps.map((step, index) => (
          <li key={index} data-kind={step.kind}><b title={exact(step.at, zone)}>{when(step.at, now, zone)} {step.title}</b><span>{step.words}</span></li>
        ))}
      </ol>
    </Panel>
  );
}
