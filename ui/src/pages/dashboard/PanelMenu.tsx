/** The panel's ⋯: its rows, its query, where to go on, what to take away; while editing, what to do with it. */

import { MoreHorizontal } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { copyItems } from "@/components/CopyAs";
import { Dialog, Menu, type MenuItem } from "@/components/layers";
import { useGo } from "@/components/location/useGo";
import { Grid } from "@/components/sql/AnswerView";
import { Empty, Partial } from "@/components/FiveFaces";
import { LANGUAGE_NAMES, type Panel } from "@/model/dashboard/document";
import type { Choices } from "@/model/dashboard/variables";
import type { Range } from "@/model/range";
import { bytes, durationMs, group } from "@/model/units";
import { doorOf, sourcesOf } from "./explore";
import { rowsTable } from "./frames";
import styles from "./panel.module.css";
import type { PanelState } from "./usePanel";

export interface PanelActs {
  onFull: (panel: Panel) => void;
  onEdit: (panel: Panel) => void;
  onDuplicate: (panel: Panel) => void;
  onRemove: (panel: Panel) => void;
}

export interface PanelMenuProps {
  panel: Panel;
  state: PanelState;
  range: Range;
  choices: Choices;
  editing: boolean;
  full: boolean;
  acts: PanelActs;
}

const ROWS_SHOWN = 2000;

export function PanelMenu({ panel, state, range, choices, editing, full, acts }: PanelMenuProps) {
  const go = useGo();
  const [shows, setShows] = useState<"rows" | "query" | null>(null);
  const [said, setSaid] = useState("");
  useEffect(() => {
    if (said === "") return;
    const timer = setTimeout(() => setSaid(""), 2000);
    return () => clearTimeout(timer);
  }, [said]);
  const door = useMemo(() => doorOf(panel, range, choices), [panel, range, choices]);
  const asks = state.asked.length > 0;
  const drawn = state.answered.length > 0;
  const items: MenuItem[] = [
    { label: full ? "Back to the others" : "Full size", hint: "v", onSelect: () => acts.onFull(panel) },
    ...(asks ? [{ label: "Rows", onSelect: () => setShows("rows"), disabled: !drawn }, { label: "Query", onSelect: () => setShows("query") }] : []),
    ...(door ? [{ label: `Explore in ${door.name}`, onSelect: () => go(door.to, door.search) }] : asks ? [{ label: "Explore", disabled: true, hint: "no page takes this query", onSelect: () => undefined }] : []),
    ...(asks || panel.kind === "slo" ? copyItems(sourcesOf(panel, state.asked), setSaid) : []),
    ...(editing ? [
      { label: "Edit", onSelect: () => acts.onEdit(panel) }, { label: "Duplicate", hint: "d", onSelect: () => acts.onDuplicate(panel) }, { label: "Remove", hint: "Delete", onSelect: () => acts.onRemove(panel) },
    ] : []),
  ];
  return (
    <>
      <Menu trigger={<button type="button" className={`btn quiet icon ${styles.more}`} aria-label={`What can be done with ${panel.title || panel.id}`}><MoreHorizontal className="ico" aria-hidden /></button>} items={items} />
      <span className={said === "" ? "visually-hidden" : `layer ${styles.said}`} role="status">{said}</span>
      <Dialog open={shows === "rows"} onOpenChange={(open) => setShows(open ? "rows" : null)} title={`Rows of ${panel.title || panel.id}`} note="what the panel was drawn from" wide><Rows state={state} /></Dialog>
      <Dialog open={shows === "query"} onOpenChange={(open) => setShows(open ? "query" : null)} title={`Query of ${panel.title || panel.id}`} note="as it was asked, with the values of its variables in place" wide><Queries state={state} /></Dialog>
    </>
  );
}

function Rows({ state }: { state: PanelState }) {
  const table = useMemo(() => rowsTable(state.answered), [state.answered]);
  if (!table || table.rows.length === 0) return <Empty title="No row.">The question was answered: nothing fits.</Empty>;
  const shown = table.rows.length > ROWS_SHOWN ? { ...table, rows: table.rows.slice(0, ROWS_SHOWN) } : table;
  return (
    <>
      {shown !== table && <Partial>The first {group(ROWS_SHOWN)} of {group(table.rows.length)} rows.</Partial>}
      <div style={{ height: "60vh" }}><Grid table={shown} label="Rows" /></div>
    </>
  );
}

function Queries({ state }: { state: PanelState }) {
  return (
    <div className="stack">
      {state.asked.map(({ query, question, problem }, index) => {
        const answer = state.results[index]?.data;
        const stats = answer?.shape === "table" ? answer.table.stats : null;
        return (
          <section key={index} aria-label={`Query ${index + 1}`}>
            <p className="small dim">
              {LANGUAGE_NAMES[query.language]}{query.name ? ` · ${query.name}` : ""}
              {answer?.shape === "series" && ` · ${group(answer.series.length)} series, step ${durationMs(Number(question?.step ?? 0n) / 1e6)}`}
              {stats && stats.segments > 0 && ` · ${group(stats.rows_returned)} rows, ${group(stats.segments - stats.segments_pruned)} of ${group(stats.segments)} segments, ${bytes(stats.bytes_read)}, ${durationMs(stats.elapsed_ms)}`}
            </p>
            <pre className={styles.query} tabIndex={0}>{question?.text ?? query.query}</pre>
            {problem !== null && <p className="bad small">{problem}</p>}
          </section>
        );
      })}
    </div>
  );
}
