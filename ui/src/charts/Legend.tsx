import { format, type Unit } from "@/model/units";
import styles from "./Legend.module.css";
import { extentOf } from "./summary";
import type { Line } from "./TimeSeries";

export type LegendSort = "given" | "max";

export interface LegendProps {
  lines: readonly (Line & { token: string })[];
  unit: Unit;
  solo: ReadonlySet<string>;
  onPick: (name: string, adding: boolean) => void;
  /** Index of the bucket under the pointer: its values stand in place of the last. */
  pointer: number | null;
  sort: LegendSort;
}

/** The legend is a table: name, value at the pointer or last, max. A click shows one alone, Ctrl-click adds. */
export function Legend({ lines, unit, solo, onPick, pointer }: LegendProps) {
  return (
    <table className={styles.legend}>
      <thead><tr><th scope="col">Line</th><th scope="col" className="num">{pointer === null ? "Last" : "Here"}</th><th scope="col" className="num">Max</th></tr></thead>
      <tbody>
        {lines.map((line) => {
          const { last, max } = extentOf(line.values);
          const off = solo.size > 0 && !solo.has(line.name);
          return (
            <tr key={line.name} data-off={off || undefined} data-faint={line.faint}>
              <td>
                <button type="button" className={styles.name} aria-pressed={solo.has(line.name)} onClick={(event) => onPick(line.name, event.ctrlKey || event.metaKey)}>
                  <span className={styles.key} style={{ "--c": `var(${line.token})` } as React.CSSProperties} aria-hidden />
                  <span className="clip">{line.name}</span>
                </button>
              </td>
              <td className="num">{format(pointer === null ? last : line.values[pointer], unit)}</td>
              <td className="num dim">{format(max, unit)}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
