/** What is chosen of a panel beside its queries. */

import { Plus, X } from "lucide-react";
import { Select } from "@/components/layers";
import { isKind, type Kind, KIND_NAMES, KINDS, LANGUAGES_OF, type Panel, type PanelQuery, REDUCTIONS, type Threshold, UNIT_NAMES, UNITS } from "@/model/dashboard/document";
import { fit } from "@/model/dashboard/layout";
import styles from "./dashboard.module.css";
import type { Change } from "./PanelEditor";

const DRAWN: readonly string[] = ["time_series", "stat", "heat_map", "table"];
const TONES = [{ id: "good", label: "well" }, { id: "warn", label: "near" }, { id: "bad", label: "over" }] as const;

export function PanelOptions({ panel, onChange }: { panel: Panel; onChange: Change }) {
  const name = panel.title || panel.id;
  const set = (change: Partial<Panel>, what: string) => onChange(change, `change ${what} of ${panel.id}`, true);
  const whole = (value: string, fallback: number) => (/^\d{1,4}$/.test(value) ? Number(value) : fallback);
  return (
    <div className={styles.options}>
      <label className="field">Title, as a sentence<input className="input" value={panel.title} onChange={(event) => set({ title: event.target.value }, "the title")} /></label>
      <label className="field">Note<input className="input" value={panel.description} onChange={(event) => set({ description: event.target.value }, "the note")} /></label>
      <div className="field">Kind<Select label="Kind" value={isKind(panel.kind) ? panel.kind : "text"} options={KINDS.map((id) => ({ id, label: KIND_NAMES[id] }))} onChange={(kind) => onChange(ofKind(panel, kind), `change the kind of ${name}`)} /></div>
      <div className={styles.four}>
        {(["x", "y", "w", "h"] as const).map((side) => (
          <label key={side} className="field">{{ x: "Column", y: "Row", w: "Width", h: "Height" }[side]}
            <input className="input" type="number" min={side === "x" || side === "y" ? 1 : 2} max={side === "y" ? 9999 : side === "h" ? 40 : 12} value={side === "x" || side === "y" ? panel[side] + 1 : panel[side]} onChange={(event) => {
              const value = whole(event.target.value, panel[side]);
              set({ ...fit({ x: panel.x, y: panel.y, w: panel.w, h: panel.h, [side]: side === "x" || side === "y" ? value - 1 : value }) }, "the size");
            }} />
          </label>
        ))}
      </div>
      {DRAWN.includes(panel.kind) && <div className="field">Unit<Select label="Unit" value={panel.unit ?? "none"} options={UNITS.map((id) => ({ id, label: UNIT_NAMES[id] }))} onChange={(unit) => set({ unit: unit === "none" ? undefined : unit }, "the unit")} /></div>}
      {panel.kind === "stat" && <div className="field">Of its values<Select label="Of its values" value={panel.reduce ?? "last"} options={REDUCTIONS.map((id) => ({ id, label: id }))} onChange={(reduce) => set({ reduce }, "the value")} /></div>}
      {(panel.kind === "stat" || panel.kind === "time_series") && <Limits panel={panel} onChange={(thresholds) => set({ thresholds }, "the limits")} />}
      {(panel.kind === "time_series" || panel.kind === "table" || panel.kind === "logs" || panel.kind === "traces") && (
        <label className="field">{panel.kind === "time_series" ? "Lines at most" : "Rows at most"}
          <input className="input" type="number" min={1} max={1000} value={panel.limit ?? ""} placeholder="as usual" onChange={(event) => set({ limit: event.target.value === "" ? undefined : Math.min(1000, Math.max(1, whole(event.target.value, 20))) }, "the limit")} />
        </label>
      )}
      {panel.kind === "slo" && <label className="field">SLOs or services, all when empty<input className="input" value={panel.slo ?? ""} placeholder="$service, checkout-availability" onChange={(event) => set({ slo: event.target.value === "" ? undefined : event.target.value }, "the SLOs")} /></label>}
      {panel.kind === "text" && <label className="field">Text<textarea className="input" rows={10} value={panel.text ?? ""} onChange={(event) => set({ text: event.target.value }, "the text")} /></label>}
    </div>
  );
}

/** Queries of languages that the new kind does not ask in begin anew; nothing is dropped before. */
function ofKind(panel: Panel, kind: Kind): Partial<Panel> {
  const languages = LANGUAGES_OF[kind];
  const fits = panel.queries.filter((query) => languages.includes(query.language));
  const [first] = languages;
  const fresh: PanelQuery[] = first ? [{ language: first, query: "" }] : [];
  return { kind, queries: languages.length === 0 ? panel.queries : fits.length > 0 ? fits : fresh };
}

function Limits({ panel, onChange }: { panel: Panel; onChange: (thresholds: Threshold[] | undefined) => void }) {
  const limits = panel.thresholds ?? [];
  const put = (next: Threshold[]) => onChange(next.length === 0 ? undefined : next);
  return (
    <div className={styles.limits}>
      <span className="small dim">Limits, in the unit of the answer</span>
      {limits.map((one, index) => (
        <div key={index}>
          <input className="input" type="number" step="any" aria-label={`Limit ${index + 1}`} value={one.value} onChange={(event) => event.target.value !== "" && put(limits.map((other, at) => (at === index ? { ...other, value: Number(event.target.value) } : other)))} />
          <Select label={`What limit ${index + 1} means`} value={one.tone} options={TONES} onChange={(tone) => put(limits.map((other, at) => (at === index ? { ...other, tone } : other)))} />
          <button type="button" className="btn quiet icon" aria-label={`Remove limit ${index + 1}`} onClick={() => put(limits.filter((_, at) => at !== index))}><X className="ico" aria-hidden /></button>
        </div>
      ))}
      <span><button type="button" className="btn quiet" onClick={() => put([...limits, { value: 1, tone: "bad" }])}><Plus className="ico" aria-hidden /> Limit</button></span>
    </div>
  );
}
