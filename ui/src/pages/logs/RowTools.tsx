import { ArrowUp, Play, Square } from "lucide-react";
import { useMemo, useState } from "react";
import { useLogRecords } from "@/api/logs";
import { Popover } from "@/components/layers";
import type { Range } from "@/model/range";
import { fieldsOf } from "@/components/logs/fieldList";
import type { View } from "./url";

export interface RowToolsProps {
  view: View;
  setView: (change: Partial<View>) => void;
  search: string;
  range: Range;
}

/** Columns, wrapping, live tail. */
export function RowTools({ view, setView, search, range, stale, onNewer }: RowToolsProps & { stale: boolean; onNewer: () => void }) {
  return (
    <span style={{ marginLeft: "auto", display: "flex", gap: 8, alignItems: "center", whiteSpace: "nowrap" }}>
      {stale ? <button type="button" className="btn quiet" onClick={onNewer}><ArrowUp className="ico" aria-hidden />Newer records</button> : <span className="small faint">newest first</span>}
      <Popover label="Columns" align="end" trigger={<button type="button" className="btn">Columns{view.columns.length > 0 && ` ${view.columns.length}`}</button>}>
        <Columns view={view} setView={setView} search={search} range={range} />
      </Popover>
      <button type="button" className="btn" aria-pressed={view.wrap} onClick={() => setView({ wrap: !view.wrap })}>Wrap</button>
      <button type="button" className="btn" aria-pressed={view.tail} onClick={() => setView({ tail: !view.tail, open: "" })}>
        {view.tail ? <Square className="ico" aria-hidden /> : <Play className="ico" aria-hidden />}{view.tail ? "Stop" : "Tail"}
      </button>
    </span>
  );
}

const COLUMNS_MAX = 6;

function Columns({ view, setView, search, range }: RowToolsProps) {
  const [wanted, setWanted] = useState("");
  const sample = useLogRecords(search, range, 200);
  const keys = useMemo(() => fieldsOf(sample.data?.logs ?? []).map((field) => field.key), [sample.data]);
  const all = [...view.columns, ...keys.filter((key) => !view.columns.includes(key))].filter((key) => key.includes(wanted));
  return (
    <div style={{ width: 280 }}>
      <input className="input" style={{ width: "100%", marginBottom: 8 }} value={wanted} onChange={(event) => setWanted(event.target.value)} placeholder="Find a field" aria-label="Find a field" />
      <ul style={{ maxHeight: 280, overflow: "auto" }}>
        {all.map((key) => {
          const on = view.columns.includes(key);
          return (
            <li key={key}>
              <label className="row" style={{ minHeight: 24 }}>
                <input type="checkbox" checked={on} disabled={!on && view.columns.length >= COLUMNS_MAX} onChange={() => setView({ columns: on ? view.columns.filter((one) => one !== key) : [...view.columns, key] })} />
                <span className="clip">{key}</span>
              </label>
            </li>
          );
        })}
      </ul>
      <p className="small faint" style={{ paddingTop: 8 }}>At most {COLUMNS_MAX} beside time, severity, service, body and trace.</p>
    </div>
  );
}
