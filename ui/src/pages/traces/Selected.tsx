/** What is brushed against the rest: attributes ranked by how well they tell the two apart. */

import { X } from "lucide-react";
import { type Difference, differencesParams, differencesPath, type Selection, useDifferences } from "@/api/trace/operation";
import { urlOf } from "@/api/client";
import { curl } from "@/api/sql";
import { CopyAs } from "@/components/CopyAs";
import { FiveFaces } from "@/components/FiveFaces";
import { Panel } from "@/components/Panel";
import { type Condition, literal } from "@/model/traceql/form";
import { valueText } from "@/model/trace/differs";
import { count, group, ratio, significant } from "@/model/units";
import styles from "./traces.module.css";

const MOST = 12;
const VALUES = 4;

export interface SelectedProps {
  what: Selection;
  /** Of what, in words. */
  note: string;
  onPick: (condition: Condition) => void;
  onClose: () => void;
}

export function Selected({ what, note, onPick, onClose }: SelectedProps) {
  const asked = useDifferences({ ...what, values: VALUES }, true);
  const data = asked.data;
  const title = data ? `Selection ${group(data.selection)}${data.selection_more ? "+" : ""} against the other ${group(data.baseline)}${data.baseline_more ? "+" : ""}` : "Selection against the rest";
  return (
    <Panel
      title={title} note={note} flush
      tools={
        <>
          <span className="small faint row"><i style={{ width: 14, height: 5, background: "var(--accent)" }} /> selection <i style={{ width: 14, height: 5, background: "var(--line-strong)" }} /> rest · click filters, Alt-click excludes</span>
          <CopyAs sources={{ curl: curl(urlOf(differencesPath, differencesParams(what))) }} />
          <button type="button" className="btn quiet icon" aria-label="Close the comparison" onClick={onClose}><X className="ico" aria-hidden /></button>
        </>
      }
    >
      <FiveFaces query={asked} height={180} rows={6} isEmpty={(answer) => telling(answer.attributes).length === 0} empty={<p className="dim" style={{ padding: 12 }}>{data?.selection === 0 ? "No span lies in the selection." : data?.baseline === 0 ? "Every span that the query finds is selected: there is nothing to compare with. Select fewer, or search for more." : "No attribute is different: the selection looks like the rest."}</p>}>
        {(answer) => (
          <div className={styles.differs}>
            {telling(answer.attributes).slice(0, MOST).map((one) => <Attribute key={one.name} of={one} selection={answer.selection} baseline={answer.baseline} onPick={onPick} />)}
          </div>
        )}
      </FiveFaces>
    </Panel>
  );
}

/** Those that chance does not explain; ids and the brush's own measures tell nothing. */
const telling = (all: readonly Difference[]) => all.filter((one) => one.q_value < 0.05 && Math.abs(one.effect) > 0.05 && !/^(duration|traceDuration|span:id|trace:id|nestedSet\w+)$/.test(one.name));

function Attribute({ of, selection, baseline, onPick }: { of: Difference; selection: number; baseline: number; onPick: SelectedProps["onPick"] }) {
  return (
    <section className={styles.attribute}>
      <h3><span className="clip" title={of.name}>{of.name}</span><span className="faint" style={{ marginLeft: "auto" }} title="Probability that chance makes such a difference, corrected for all tests made">q {of.q_value < 0.0001 ? "< 0.0001" : significant(of.q_value, 2)}</span></h3>
      {of.values.map((value, index) => {
        const [here, there] = [value.selection / Math.max(1, selection), value.baseline / Math.max(1, baseline)];
        const bin = value.from !== undefined && value.to !== undefined;
        const text = bin ? `${significant(value.from ?? 0)} – ${significant(value.to ?? 0)}` : valueText(value.value);
        const pick = (exclude: boolean) => {
          if (bin) onPick({ field: of.name, op: exclude ? "<" : ">=", value: String(value.from) });
          else onPick({ field: of.name, op: exclude ? "!=" : "=", value: literal(of.name, value.value) });
        };
        return (
          <button
            key={index} type="button" className={styles.value} title={`${text}: ${count(value.selection)} of the selection, ${count(value.baseline)} of the rest`}
            onClick={(event) => pick(event.altKey)}
          >
            <span className="clip mono">{text}</span>
            <span className={styles.pair} aria-hidden><i style={{ "--v": `${here * 100}%` } as React.CSSProperties} /><i style={{ "--v": `${there * 100}%` } as React.CSSProperties} /></span>
            <span className="num">{ratio(here).replace(/\.\d+/, "")}</span>
          </button>
        );
      })}
    </section>
  );
}
