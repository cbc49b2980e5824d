/** The query as fields; the text stays the truth, and says when it says more than these. */

import { X } from "lucide-react";
import { useState } from "react";
import { useValues } from "@/api/traces";
import { statusWord } from "@/model/trace/differs";
import { EMPTY, type Form as Fields, formOf, queryOf, written } from "@/model/traceql/form";
import type { Range } from "@/model/range";
import styles from "./traces.module.css";

const DURATION = /^\d+(\.\d+)?(ns|us|µs|ms|s|m|h)$/;

export function Form({ text, range, onChange }: { text: string; range: Range; onChange: (text: string) => void }) {
  const services = useValues("resource.service.name", range);
  const names = useValues("name", range);
  const form = formOf(text);
  if (!form) {
    return (
      <p className="small dim row">
        The query says more than a form can: edit its text. <button type="button" className="btn" onClick={() => onChange("")}>Start anew</button>
      </p>
    );
  }
  const set = (change: Partial<Fields>) => onChange(queryOf({ ...form, ...change }));
  return (
    <div className={styles.form} role="group" aria-label="Query as a form">
      <Known label="Service" value={form.service} known={services.data} onChange={(service) => set({ service })} />
      <Known label="Operation" value={form.name} known={names.data} onChange={(name) => set({ name })} />
      <label className="field">Status
        <select className="input" data-short="" value={form.status} onChange={(event) => set({ status: event.target.value })}>
          {["", "error", "ok", "unset"].map((one) => <option key={one} value={one}>{one === "" ? "any" : statusWord(one)}</option>)}
        </select>
      </label>
      <Duration label="At least" value={form.min} onChange={(min) => set({ min })} />
      <Duration label="At most" value={form.max} onChange={(max) => set({ max })} />
      <label className="row" style={{ height: 28 }}><input type="checkbox" checked={form.root} onChange={(event) => set({ root: event.target.checked })} /> roots only</label>
      <div className={styles.others}>
        {form.others.map((condition, index) => (
          <span key={written(condition)} className="chip mono">{written(condition)}
            <button type="button" aria-label={`Remove ${written(condition)}`} onClick={() => set({ others: form.others.filter((_, i) => i !== index) })}><X size={12} aria-hidden /></button>
          </span>
        ))}
        {text !== "" && <button type="button" className="btn quiet" onClick={() => onChange(queryOf(EMPTY))}>Clear</button>}
      </div>
    </div>
  );
}

/** Committed on Enter or when left, so that no half-typed name is searched. */
function Known({ label, value, known, onChange }: { label: string; value: string; known: { value: string }[] | undefined; onChange: (value: string) => void }) {
  const [draft, setDraft] = useState<{ of: string; text: string } | null>(null);
  const text = draft?.of === value ? draft.text : value;
  const commit = () => text !== value && onChange(text);
  const id = `known-${label}`;
  return (
    <label className="field">{label}
      <input
        className="input" list={id} value={text} placeholder="any"
        onChange={(event) => {
          setDraft({ of: value, text: event.target.value });
          if (known?.some((one) => one.value === event.target.value)) onChange(event.target.value);
        }}
        onBlur={commit} onKeyDown={(event) => event.key === "Enter" && commit()}
      />
      <datalist id={id}>{known?.slice(0, 300).map((one) => <option key={one.value} value={one.value} />)}</datalist>
    </label>
  );
}

function Duration({ label, value, onChange }: { label: string; value: string; onChange: (value: string) => void }) {
  const [draft, setDraft] = useState<{ of: string; text: string } | null>(null);
  const text = draft?.of === value ? draft.text : value;
  const fits = text === "" || DURATION.test(text);
  const commit = () => fits && text !== value && onChange(text);
  return (
    <label className="field">{label}
      <input className="input" data-short="" value={text} placeholder="500ms" aria-invalid={!fits} title={fits ? undefined : "A number with its unit: 500ms, 1.5s"} onChange={(event) => setDraft({ of: value, text: event.target.value })} onBlur={commit} onKeyDown={(event) => event.key === "Enter" && commit()} />
    </label>
  );
}
