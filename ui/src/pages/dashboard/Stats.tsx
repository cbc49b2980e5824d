/** Large numbers side by side, each with its way there. */

import { Sparkline } from "@/components/Sparkline";
import type { Panel } from "@/model/dashboard/document";
import type { Tone } from "@/model/state";
import { format } from "@/model/units";
import type { StatValue } from "./frames";
import styles from "./panel.module.css";

/** The tone of the last threshold that a value reaches. */
export function toneOf(value: number | null, thresholds: Panel["thresholds"]): Tone {
  if (value === null) return "none";
  const reached = [...(thresholds ?? [])].sort((a, b) => a.value - b.value).findLast((one) => value >= one.value);
  return reached?.tone ?? "none";
}

const WORDS: Partial<Record<Tone, string>> = { bad: "over the limit", warn: "near the limit", good: "well" };

export function Stats({ panel, values, height }: { panel: Panel; values: StatValue[]; height: number }) {
  const unit = panel.unit ?? "none";
  const spark = height >= 92;
  return (
    <ul className={styles.stats} data-one={values.length === 1 || undefined}>
      {values.slice(0, 24).map((one, index) => {
        const tone = toneOf(one.value, panel.thresholds);
        return (
          <li key={`${one.name}/${index}`} title={one.value === null ? undefined : String(one.value)}>
            {(values.length > 1 || one.name !== "") && <span className="small dim clip">{one.name}</span>}
            <strong className={tone === "none" ? undefined : tone}>{format(one.value, unit)}{WORDS[tone] && <span className="visually-hidden">, {WORDS[tone]}</span>}</strong>
            {spark && one.history.length > 1 && <Sparkline values={one.history} min={0} tone={tone === "bad" || tone === "warn" ? tone : "none"} label={`${one.name || panel.title} over time`} />}
          </li>
        );
      })}
    </ul>
  );
}
